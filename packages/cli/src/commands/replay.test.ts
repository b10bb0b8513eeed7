import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runAgainst } from '../testing/fake-server.ts';
import { operateCommands } from './operate.ts';
import { reconcileCommands } from './reconcile.ts';
import { replayCommands } from './replay.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tenon-replay-'));
  await writeFile(join(root, 'tenon.config.yaml'), 'apiVersion: tenon/v1\n');
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await rm(root, { recursive: true });
});

const commands = [...operateCommands, ...replayCommands, ...reconcileCommands];
const tenon = (line: string, answer: object = {}) =>
  runAgainst(answer, commands, line.split(' '), { cwd: root });

const report = {
  token: 't1',
  expiresAtMs: 86_400_000,
  runs: [
    { runId: 'r1', pipeline: 'p', key: 'a', effectsSkipped: ['one'], effectsToSend: ['two'], goesOn: true },
    {
      runId: 'r2',
      pipeline: 'p',
      key: 'b',
      effectsSkipped: [],
      effectsToSend: [],
      goesOn: false,
      refused: 'cancelled',
    },
  ],
};

describe('a replay', () => {
  it('is a dry run whose token applies exactly what it shows', async () => {
    const { sent, text, code } = await tenon('replay --pipeline p --state failed --reason why', report);
    expect(sent).toEqual([
      `POST /v1/replays ${JSON.stringify({ filter: { pipeline: 'p', state: 'failed' }, reason: 'why' })}`,
    ]);
    expect(text).toContain('1 of 2 runs would go on, refused 1; tenon replay apply t1');
    expect(code).toBe(5);
  });

  it('has changes pending where a run would go on that has nothing to send', async () => {
    const runs = [{ ...report.runs[0]!, effectsToSend: [] }];
    expect((await tenon('replay --run r1 --reason why', { ...report, runs })).code).toBe(5);
  });

  it.each([
    ['nothing fits', [], 'nothing to do (no run fits)'],
    ['all is refused', [report.runs[1]], 'nothing to do (1 run, refused 1)'],
    [
      'all has happened',
      [{ ...report.runs[0], effectsToSend: [], goesOn: false }],
      'nothing to do (1 run, refused 0)',
    ],
  ])('gives no token and ends with 0 where %s', async (_, runs, says) => {
    for (const line of ['replay --pipeline p', 'dead-letters resume --class permanent']) {
      const { text, code } = await tenon(`${line} --reason why`, { ...report, runs });
      expect(text).toContain(says);
      expect([text.includes('t1'), code]).toEqual([false, 0]);
    }
  });

  it('is applied by its token, at a rate', async () => {
    const { sent } = await tenon('replay apply t1 --rate 5 --reason why');
    expect(sent).toEqual(['POST /v1/replays/t1/apply {"reason":"why","perSecond":5}']);
  });

  it('tells how far it is', async () => {
    const status = {
      token: 't1',
      filter: { pipeline: 'p' },
      actor: 'ana',
      reason: 'mended',
      atMs: 0,
      applied: { actor: 'ben', reason: 'looked', atMs: 0, perSecond: 10 },
      runs: { done: 2, waiting: 3 },
    };
    const { text } = await tenon('replay status t1', status);
    expect(text).toContain('by ben: looked (10 a second)');
    expect(text).toContain('2 done, 3 waiting');
  });

  it.each([
    ['replay --reason why', 'say what to replay'],
    ['replay --pipeline p', 'give --reason'],
    ['replay --state faild --reason why', '--state must be one of'],
    ['runs ls --state faild', '--state must be one of'],
    ['replay apply t1 --rate 0 --reason why', '--rate is a number'],
    ['reconcile apply t1 --rate many --reason why', '--rate is a number'],
    ['dead-letters resume --reason why', 'name a run, or those of'],
    ['dead-letters resume r1 --group g --reason why', 'name a run, or those of'],
  ])('%s is refused before anything is sent', async (line, says) => {
    const { sent, text, code } = await tenon(line);
    expect(text).toContain(says);
    expect([sent, code]).toEqual([[], 2]);
  });
});

describe('dead letters', () => {
  it('of a group are listed, and resumed by a dry run of those that failed', async () => {
    expect((await tenon('dead-letters --limit 5', { deadLetters: [] })).sent).toEqual([
      'GET /v1/dead-letters?limit=5',
    ]);
    const wrong = await tenon('dead-letters --limit many');
    expect([wrong.code, wrong.sent]).toEqual([2, []]);
    expect((await tenon('dead-letters --group g', { deadLetters: [] })).sent).toEqual([
      'GET /v1/dead-letters?fingerprint=g',
    ]);
    const { sent } = await tenon('dead-letters resume --group g --reason why', report);
    expect(sent).toEqual([
      `POST /v1/replays ${JSON.stringify({ filter: { fingerprint: 'g', state: 'failed' }, reason: 'why' })}`,
    ]);
  });

  it.each([
    ['CHECK_NOT_MET', true],
    ['HTTP_RESPONSE_STATUS', false],
  ])(
    'of one run are resumed at once; failed with %s, it is told what to do instead: %s',
    async (code, isTold) => {
      const failure = { step: 'seats', class: 'validation', code, message: 'too many seats' };
      const { sent, text } = await tenon('dead-letters resume r1 --reason why', { failure });
      expect(sent).toEqual(['GET /v1/runs/r1', 'POST /v1/runs/r1/resume {"reason":"why"}']);
      expect(text).toContain('resumed');
      expect(text.includes('it had failed at the check seats')).toBe(isTold);
      expect(text.includes('tenon runs cancel r1')).toBe(isTold);
    },
  );

  it('are grouped by cause, with a count', async () => {
    const failure = { class: 'validation', code: 'X', message: 'field refused', delivery: 'answered' };
    const group = {
      fingerprint: '3f9c1a',
      pipeline: 'p',
      queue: 'repair',
      step: 'put',
      failure,
      owner: 'sales',
      count: 12,
      resumable: 10,
      oldestMs: 0,
      newestMs: 0,
    };
    const { text } = await tenon('dead-letters groups --queue repair', { groups: [group] });
    expect(text).toMatch(/3f9c1a +12 +10 +p +repair +put +validation +field refused +.* +sales/);
  });
});
