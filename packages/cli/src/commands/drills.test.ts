import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runAgainst } from '../testing/fake-server.ts';
import { runCommand } from '../testing/run-command.ts';
import { drillsCommands } from './drills.ts';

const NOW = Date.parse('2026-11-28T12:00:00Z');
const DAY_MS = 86_400_000;
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tenon-drills-'));
  await writeFile(join(root, 'tenon.config.yaml'), 'apiVersion: tenon/v1\n');
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await rm(root, { recursive: true });
});

const tenon = (argv: readonly string[], answer: object = {}) =>
  runAgainst(answer, drillsCommands, argv, { cwd: root, nowMs: NOW });

const passed = { id: 'd1', verdict: 'passed', endedAtMs: NOW - DAY_MS, actor: 'ada' };
const restore = {
  kind: 'restore',
  pipeline: 'orders',
  everyMs: 90 * DAY_MS,
  last: passed,
  lastPassedAtMs: NOW - DAY_MS,
  dueAtMs: NOW + 89 * DAY_MS,
  isOverdue: false,
};
const rotation = {
  kind: 'rotation',
  pipeline: 'refunds',
  connection: 'billing',
  everyMs: 30 * DAY_MS,
  dueAtMs: NOW - DAY_MS,
  isOverdue: true,
};
const result = {
  ...passed,
  kind: 'restore',
  judgedBy: 'command',
  startedAtMs: NOW - DAY_MS,
  reason: 'every night',
  findings: [],
  figures: { tookMs: 812 },
};
const report = { atMs: NOW, due: [restore, rotation], results: [result] };

describe('what is due', () => {
  it('is listed with when it was last, and ends with 3 where something is overdue', async () => {
    const { code, out } = await tenon(['drill', 'ls'], report);
    expect(code).toBe(3);
    expect(out).toMatch(/orders +restore +passed 2026-11-27 12:00:00Z +ada +2027-02-25 12:00:00Z/);
    expect(out).toMatch(/refunds +rotation of billing +never +2026-11-27 12:00:00Z +OVERDUE/);
  });

  it('of one pipeline is asked by its name, and ends with 0 where nothing of it is overdue', async () => {
    const { code, out } = await tenon(['drill', 'ls', '--pipeline', 'orders', '--format', 'json'], report);
    expect([code, JSON.parse(out)]).toEqual([0, { atMs: NOW, due: [restore], results: [result] }]);
  });

  it('says which drill is under way, and what it is at', async () => {
    const underWay = {
      ...{ id: 'd7', kind: 'killSwitch', pipeline: 'orders', startedAtMs: NOW, actor: 'ada', reason: 'x' },
      phase: 'holds orders',
    };
    const { text, out } = await tenon(['drill', 'ls', '--format', 'json'], { ...report, underWay });
    expect(text).toContain('kill-switch of orders is under way (d7, of ada): holds orders\n');
    expect(JSON.parse(out)).toMatchObject({ underWay });
  });

  it('shows the results with who judged them, and why they were held', async () => {
    const { out } = await tenon(['drill', 'ls', '--results'], report);
    expect(out).toMatch(/2026-11-27 12:00:00Z +restore +passed +tookMs 812 +ada \(command\)/);
    expect(out).toContain('every night');
  });

  it('is said to be nothing where no pipeline asks for drills', async () => {
    const { code, text } = await tenon(['drill', 'ls'], { atMs: NOW, due: [], results: [] });
    expect([code, text]).toEqual([0, 'none\n']);
  });
});

it('a live drill is stopped by whoever interrupts the command before it has heard that it began', async () => {
  const said: string[] = [];
  vi.stubGlobal('fetch', async (url: URL, { method }: RequestInit) => {
    said.push(`${method} ${url.pathname}`);
    const isOver = said.includes('POST /v1/drills/d1/stop');
    if (method === 'POST') return Response.json({ id: 'd1' });
    return Response.json(isOver ? { ...result, verdict: 'inconclusive' } : { id: 'd1', phase: 'holds' });
  });
  const { code } = await runCommand(
    drillsCommands,
    ['drill', 'live', 'kill-switch', '--pipeline', 'orders', '--reason', 'x'],
    {
      cwd: root,
      interrupted: async () => void said.push('listens'),
    },
  );
  expect(said.slice(0, 2)).toEqual(['listens', 'POST /v1/drills/live']);
  expect([code, said.filter((one) => one.endsWith('/stop'))]).toEqual([6, ['POST /v1/drills/d1/stop']]);
});

describe('a drill that people held', () => {
  const line = ['drill', 'record', 'walkthrough', '--pipeline', 'orders', '--reason', 'ticket 1'];
  const drill = { kind: 'walkthrough', pipeline: 'orders', verdict: 'failed' };

  it('is entered with who took part and what went wrong', async () => {
    const { code, sent, text } = await tenon(
      [
        ...line,
        '--verdict',
        'failed',
        '--people',
        'sales',
        '--finding',
        'no login',
        '--at',
        '2026-11-27T10:00Z',
      ],
      { ...drill, id: 'd1', endedAtMs: NOW },
    );
    const endedAtMs = Date.parse('2026-11-27T10:00:00Z');
    expect(sent).toEqual([
      `POST /v1/drills ${JSON.stringify({
        drill: { ...drill, endedAtMs, findings: ['no login'], people: ['sales'] },
        reason: 'ticket 1',
      })}`,
    ]);
    expect([code, text]).toEqual([0, 'walkthrough of orders of 2026-11-28 12:00:00Z is entered: failed\n']);
  });

  it.each([
    ['record walkthrough --pipeline orders --verdict passed', 'give --reason'],
    ['record walkthrough --pipeline orders --reason x', 'give --verdict'],
    ['record walkthrough --verdict passed --reason x', 'is of a pipeline: give --pipeline'],
    ['record rotation --verdict passed --reason x', 'is of a connection: give --connection'],
    ['record fire --verdict passed --reason x', 'there is no drill fire; there are: kill-switch'],
    ['record restore --verdict fine --reason x', '--verdict must be one of passed, failed, inconclusive'],
    ['record restore --verdict passed --at noon --reason x', '--at is no time such as'],
  ])('%s is refused before anything is sent', async (words, says) => {
    const { sent, text, code } = await tenon(['drill', ...words.split(' ')]);
    expect(text).toContain(says);
    expect([sent, code]).toEqual([[], 2]);
  });
});
