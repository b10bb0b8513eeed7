import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runAgainst } from '../testing/fake-server.ts';
import { controlCommands } from './control.ts';

const NOW = Date.parse('2026-11-28T12:00:00Z');
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tenon-control-'));
  await writeFile(join(root, 'tenon.config.yaml'), 'apiVersion: tenon/v1\n');
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await rm(root, { recursive: true });
});

/** What a command line sends, prints and exits with. */
const tenon = (line: string, answer: object = {}) =>
  runAgainst(answer, controlCommands, line.split(' '), { cwd: root, nowMs: NOW });

describe('switching from the command line', () => {
  it.each([
    ['kill --all', { kind: 'kill', scope: { everything: true }, sparesCompensation: false }],
    [
      'kill --pipeline orders --spare-compensation',
      { kind: 'kill', scope: { pipeline: 'orders' }, sparesCompensation: true },
    ],
    ['kill --connection acme', { kind: 'kill', scope: { connection: 'acme' }, sparesCompensation: false }],
    ['kill --connector acme', { kind: 'kill', scope: { connector: 'acme' }, sparesCompensation: false }],
    ['rollback orders', { kind: 'rollback', pipeline: 'orders' }],
    ['rollback orders --to 3', { kind: 'rollback', pipeline: 'orders', version: 3 }],
    ['scale orders --concurrency 40', { kind: 'scale', pipeline: 'orders', concurrency: 40 }],
    ['pause orders', { kind: 'pause', pipeline: 'orders', onlyKeys: [] }],
    ['pause orders --only a --only b', { kind: 'pause', pipeline: 'orders', onlyKeys: ['a', 'b'] }],
    [
      'switches flag orders --share 12.5% --key vip --until 1d',
      {
        kind: 'flag',
        pipeline: 'orders',
        keys: ['vip'],
        events: [],
        share: 0.125,
        expiresAtMs: NOW + 86_400_000,
      },
    ],
  ])('%s', async (line, request) => {
    const made = { ...request, id: 'some/switch' };
    const { sent, code } = await tenon(`${line} --reason why`, made);
    expect(sent).toEqual([`POST /v1/switches ${JSON.stringify({ switch: request, reason: 'why' })}`]);
    expect(code).toBe(0);
  });

  it.each([
    ['resume orders', 'pause/orders'],
    ['kill lift --all', 'kill/everything'],
    ['kill lift --pipeline orders', 'kill/pipeline/orders'],
    ['kill lift --connection acme', 'kill/connection/acme'],
    ['kill lift --connector acme', 'kill/connector/acme'],
    ['switches lift flag/orders', 'flag/orders'],
  ])('%s lifts %s', async (line, id) => {
    const { sent } = await tenon(`${line} --reason why`);
    expect(sent).toEqual([`POST /v1/switches/lift ${JSON.stringify({ id, reason: 'why' })}`]);
  });

  it.each([
    ['kill --all', 'give --reason'],
    ['kill --reason why', 'give one of --all, --pipeline, --connection and --connector'],
    ['kill --all --pipeline orders --reason why', 'give one of'],
    ['rollback orders --to two --reason why', '--to is the number of a version, such as 3'],
    ['scale orders --reason why', 'give --concurrency'],
    ['scale orders --concurrency 0 --reason why', '--concurrency is a number of runs'],
    ['switches flag orders --share 10% --reason why', 'give --until'],
    ['switches flag orders --share 10 --until 1d --reason why', 'a percentage such as 10%'],
    ['switches flag orders --share 101% --until 1d --reason why', 'a percentage such as 10%'],
    [
      'switches flag orders --until soon --reason why',
      '--until is no time such as 2026-11-21T09:00:00Z, and no duration such as 14d',
    ],
  ])('%s is refused before anything is sent', async (line, says) => {
    const { sent, text, code } = await tenon(line);
    expect(text).toContain(says);
    expect([sent, code]).toEqual([[], 2]);
  });

  it.each([
    [
      'rollback orders',
      { kind: 'rollback', version: 2 },
      'in force: what comes starts version 2; runs that have begun',
    ],
    [
      'scale orders --concurrency 40',
      { kind: 'scale', concurrency: 40 },
      'orders has 40 places for runs at work',
    ],
  ])('%s says what is so now', async (line, made, says) => {
    const { text } = await tenon(`${line} --reason why`, { ...made, id: 'some/switch', pipeline: 'orders' });
    expect(text).toContain(says);
  });

  it('says of a kill where no Tenon runs that nothing goes out, and how one starts that is killed', async () => {
    const nobody = (code: string) => () => {
      throw new TypeError('fetch failed', { cause: Object.assign(new Error('no'), { code }) });
    };
    const run = (code: string, line: string) =>
      runAgainst(nobody(code), controlCommands, [...line.split(' '), '--reason', 'why'], { cwd: root });
    const { text, code } = await run('ECONNREFUSED', 'kill --all');
    expect(text).toContain('nothing was changed; ');
    expect(text).toMatch(
      /; where none runs, nothing goes out; `tenon serve --killed "<reason>"` starts with everything killed\n$/,
    );
    expect(code).toBe(1);
    expect((await run('ECONNREFUSED', 'pause orders')).text).not.toContain('--killed');
    expect((await run('ECONNRESET', 'kill --all')).text).not.toContain('nothing goes out');
    for (const code of ['EHOSTUNREACH', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT']) {
      const { text } = await run(code, 'kill --all');
      expect(text).toMatch(/; one that runs and is not reached from here goes on sending\n$/);
      expect(text).not.toContain('nothing goes out');
    }
  });

  it('lists who switched what, since when and why, and which flag has expired', async () => {
    const common = { actor: 'ada', reason: 'drill', sinceMs: NOW - 60_000, revision: 'r' };
    const { text } = await tenon('switches', {
      switches: [
        {
          ...common,
          id: 'kill/everything',
          kind: 'kill',
          scope: { everything: true },
          sparesCompensation: true,
        },
        { ...common, id: 'pause/a', kind: 'pause', pipeline: 'a', onlyKeys: ['k'] },
        {
          ...common,
          id: 'flag/a',
          kind: 'flag',
          pipeline: 'a',
          keys: [],
          events: ['crm.upgraded'],
          share: 0.1,
          expiresAtMs: NOW - 1,
        },
      ],
    });
    expect(text).toContain('no new effects, undoing goes on');
    expect(text).toContain('only k');
    expect(text).toContain('on for crm.upgraded, 10% of its keys, EXPIRED 2026-11-28 11:59Z');
    expect(text).toMatch(/1m +ada +drill/);
  });
});

describe('flow', () => {
  const flow = {
    intake: { backlog: 0, writesWaiting: 0, bytesWaiting: 0, refused: {} },
    pipelines: [],
    connections: [],
    reconciliations: [],
    runs: {},
    deadLetters: [],
  };
  const shown = (more: object, width?: number) =>
    runAgainst(
      (_, request) => (request.startsWith('GET /v1/flow') ? { ...flow, ...more } : { sources: [] }),
      controlCommands,
      ['flow', '--url', 'http://127.0.0.1:1'],
      { cwd: root, nowMs: NOW, ...(width !== undefined && { width }) },
    );

  it('begins with the alarms that stand: for how long, whose, and the command to begin with', async () => {
    const alarm = {
      alarm: 'deadLetters',
      sinceMs: NOW - 3_600_000,
      message: 'dead letters of orders in the queue repair: 40',
      next: 'tenon dead-letters groups --pipeline orders --queue repair',
      owner: 'sales',
      escalation: 'pager:sales',
    };
    const { text } = await shown({ alarms: [alarm] });
    expect(text).toMatch(
      /deadLetters +1h +sales +pager:sales +dead letters of orders .*: 40 +tenon dead-letters groups/,
    );
    expect((await shown({ alarms: [] })).text).not.toContain('ALARM');
  });

  it('fits the terminal, each of its tables', async () => {
    const pipeline = 'subscription-upgraded-in-europe-and-elsewhere';
    const { text } = await shown(
      {
        pipelines: [{ pipeline, tier: 'low', backlog: 0, lagMs: 0, active: 0, concurrency: 1, switches: [] }],
        inDoubt: [{ pipeline, count: 2, oldestMs: NOW }],
        deadLetters: [{ pipeline, queue: 'repair', class: 'auth', count: 1, oldestMs: NOW }],
      },
      56,
    );
    expect(Math.max(...text.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(56);
  });

  it('tells a lag of less than a second from none', async () => {
    const lagging = (pipeline: string, lagMs: number) => ({
      pipeline,
      tier: 'low',
      backlog: 0,
      lagMs,
      active: 0,
      concurrency: 1,
      switches: [],
    });
    const { text } = await shown({ pipelines: [lagging('late', 400), lagging('idle', 0)] });
    expect(text).toMatch(/^late +low +0 +<1s /m);
    expect(text).toMatch(/^idle +low +0 +0s /m);
  });

  it('tells how many effects are in doubt, and since when', async () => {
    const { text } = await shown({ inDoubt: [{ pipeline: 'orders', count: 2, oldestMs: NOW - 60_000 }] });
    expect(text).toMatch(/^IN DOUBT OF +COUNT +OLDEST\n.*\norders +2 +1m$/m);
  });

  it('goes without it where an earlier server does not say it', async () => {
    const { text, code } = await shown({});
    expect(text).not.toContain('IN DOUBT OF');
    expect(code).toBe(0);
  });
});

it('a switch that replaces another says whose that was and why, and what is otherwise now', async () => {
  const before = {
    id: 'kill/everything',
    kind: 'kill',
    actor: 'ana',
    reason: 'invoices doubled',
    sinceMs: 0,
  };
  const scope = { everything: true };
  const replaced = { ...before, scope, sparesCompensation: true };
  const made = { ...before, scope, sparesCompensation: false, replaced };
  const { text } = await runAgainst(
    made,
    controlCommands,
    ['kill', '--all', '--reason', 'x', '--url', 'http://127.0.0.1:1'],
    {
      cwd: root,
      nowMs: 3_600_000,
    },
  );
  expect(text).toContain(
    'it replaces what ana set 1h ago: invoices doubled; undoing, which went on, is held too',
  );
});
