import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AnswerTo, runAgainst } from '../testing/fake-server.ts';
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
const tenon = (line: string, answer: object | AnswerTo = {}) =>
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

  it('is of the runs of one entity', async () => {
    const { sent } = await tenon('replay --order-key acc-1 --reason why', report);
    expect(sent).toEqual([
      `POST /v1/replays ${JSON.stringify({ filter: { orderKey: 'acc-1' }, reason: 'why' })}`,
    ]);
  });

  it('is of the runs of one account', async () => {
    const { sent } = await tenon('replay --connection shop-us --reason why', report);
    expect(sent).toEqual([
      `POST /v1/replays ${JSON.stringify({ filter: { connection: 'shop-us' }, reason: 'why' })}`,
    ]);
  });

  it('has changes pending where a run would go on that has nothing to send', async () => {
    const runs = [{ ...report.runs[0]!, effectsToSend: [] }];
    expect((await tenon('replay --run r1 --reason why', { ...report, runs })).code).toBe(5);
  });

  it('says of what was erased or let go that its effects are not known any more', async () => {
    const runs = [
      {
        ...report.runs[0]!,
        effectsToSend: [],
        goesOn: false,
        effectsUnknown: [{ because: 'erased' }, { step: 'sub', because: 'pastRetention' }],
      },
    ];
    const { text } = await tenon('replay --run r1 --reason why', { ...report, runs });
    expect(text).toContain(
      ' one, not known any more (erased), sub › not known any more (past its retention)  –',
    );
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
      const { out } = await tenon(`${line} --reason why --format json`, { ...report, runs });
      expect(Object.keys(JSON.parse(out)), 'to a program too').not.toContain('token');
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
    const earlier = await tenon('replay status t1', status);
    expect(earlier.text).toContain('by ben: looked (10 a second)');
    expect(earlier.text).toContain('runs      2 done, 3 waiting\n');
    const standing = { toBeSent: 3, failedAgain: 1, succeeded: 1 };
    const listed = [
      { runId: 'r1', pipeline: 'p', stands: 'failedAgain', state: 'failed' },
      { runId: 'r2', pipeline: 'p', stands: 'toBeSent', state: 'failed' },
    ];
    const { text } = await tenon('replay status t1', { ...status, standing, listed });
    expect(text).toContain('runs      1 succeeded, 1 failed again, 3 not let out yet\n');
    expect(text).toMatch(
      /^r1 +p +failed again\nr2 +p +not let out yet\nand 3 more; --format json names 2\n$/m,
    );
  });

  it('and so does the status of a repair', async () => {
    const status = {
      token: 'k1',
      report: 'j1',
      actor: 'ana',
      reason: 'mended',
      atMs: 0,
      starts: 0,
      startsRefused: [],
    };
    const earlier = await tenon('reconcile status k1', { ...status, runs: { done: 1 }, isDone: true });
    expect(earlier.text).toContain('runs      1 done\n');
    const listed = [{ runId: 'r1', pipeline: 'p', stands: 'failedAgain', state: 'failed' }];
    const now = { ...status, runs: { done: 1 }, isDone: true, standing: { failedAgain: 1 }, listed };
    const { text } = await tenon('reconcile status k1', now);
    expect(text).toContain('runs      1 failed again\n');
    expect(text).toMatch(/^r1 +p +failed again$/m);
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
    expect((await tenon('dead-letters --group g', { deadLetters: [] })).sent[0]).toBe(
      'GET /v1/dead-letters?fingerprint=g',
    );
    const { sent } = await tenon('dead-letters resume --group g --reason why', report);
    expect(sent).toEqual([
      `POST /v1/replays ${JSON.stringify({ filter: { fingerprint: 'g', state: 'failed' }, reason: 'why' })}`,
    ]);
  });

  it.each([80, 100, 120])(
    'of %d columns say who owns each, in which queue it is, and since when',
    async (width) => {
      const letter = {
        runId: '01m8px7x8n6zj3rmwzwb6raqv2',
        pipeline: 'subscription-upgraded-in-europe',
        queue: 'repair',
        key: 'customer-eu-0000004711-2026-11',
        step: 'compensate:shipment',
        failure: { class: 'validation', code: 'X', message: 'field refused' },
        attempts: 3,
        settled: '2 of 3',
        owner: 'revenue-operations',
        fingerprint: '3f9c1a',
        sinceMs: 0,
      };
      const { text } = await runAgainst(
        { deadLetters: [letter] },
        commands,
        ['dead-letters', '--url', 'http://127.0.0.1:1'],
        { cwd: tmpdir(), width, nowMs: 7_500_000 },
      );
      expect(text).toContain('01m8px7x8n6zj3rmwzwb6raqv2 ');
      expect(text).toContain('revenue-operations');
      expect(text).toContain('repair');
      expect(text).toMatch(/\b2h 5m\b/);
      expect(text).toContain('  └ cause: field refused\n');
      expect(text).not.toMatch(/^not shown: .*(OWNER|QUEUE|SINCE)/m);
      for (const line of text.split('\n').filter((one) => !one.startsWith('  └')))
        expect(line.length).toBeLessThanOrEqual(width);
    },
  );

  describe('of one run are resumed at once, and it is said', () => {
    const failed = (code: string, step = 'seats') => ({
      runId: 'r1',
      state: 'failed',
      failure: { step, class: 'validation', code, message: 'too many seats' },
      steps: [],
    });
    /** The run as it is read each time: before it is resumed, and at each look after it. */
    const resumed = (...read: object[]) =>
      tenon('dead-letters resume r1 --reason why', (before) =>
        before === 1 ? {} : (read[Math.min(before === 0 ? 0 : before - 1, read.length - 1)] ?? {}),
      );

    it('that it failed again, with the failure', async () => {
      const { sent, text, code } = await resumed(failed('HTTP_RESPONSE_STATUS'));
      expect(sent).toEqual([
        'GET /v1/runs/r1',
        'POST /v1/runs/r1/resume {"reason":"why"}',
        'GET /v1/runs/r1',
      ]);
      expect(text).toBe(
        'resumed; it failed again at seats: validation, too many seats (HTTP_RESPONSE_STATUS)\n',
      );
      expect(code).toBe(6);
    });

    it('what a check that failed again needs', async () => {
      const { text } = await resumed(failed('CHECK_NOT_MET'));
      expect(text).toContain('failed again at seats');
      expect(text).toContain('tenon runs cancel r1');
    });

    it.each([
      [['account'], true],
      [[], false],
    ])('to mend the record only where a check reads it again: %j', async (again, isToBeMended) => {
      const steps = [{ id: 'seats', state: 'failed', attempts: 1, again }];
      const { text } = await resumed({ ...failed('CHECK_NOT_MET'), steps });
      expect(text.includes('Mend the record')).toBe(isToBeMended);
      expect(text.includes('so it fails again')).toBe(!isToBeMended);
      expect(text).toContain('tenon runs cancel r1');
    });

    it.each([
      [[['account'], []], 'nothing that the check lines[2].enough looks at is read again'],
      [[['account'], ['account']], 'Mend the record'],
    ])('the same of checks in a block that it failed at: %j', async (agains, says) => {
      const steps = agains.map((again, nth) => ({ id: `lines[${nth + 1}].enough`, state: 'failed', again }));
      const { text } = await resumed({ ...failed('CHECK_NOT_MET', 'lines'), steps });
      expect(text).toContain(says);
    });

    it('where else it failed', async () => {
      const { text } = await resumed(failed('CHECK_NOT_MET'), failed('HTTP_RESPONSE_STATUS', 'ticket'));
      expect(text).toContain('it failed at ticket');
      expect(text).not.toContain('again');
    });

    it.each([
      [{ state: 'succeeded' }, 'it has succeeded'],
      [{ state: 'waiting', step: 'pause' }, 'it is waiting at pause'],
      [{ state: 'inDoubt', step: 'ticket' }, 'it is in doubt at ticket: `tenon in-doubt`'],
      [{ state: 'accepted', heldBy: ['pause/orders'] }, 'it is held by pause/orders'],
    ])('how it stands once it has come so far: %j', async (end, says) => {
      const running = { runId: 'r1', state: 'running' };
      const { sent, text } = await resumed(failed('CHECK_NOT_MET'), running, running, {
        runId: 'r1',
        ...end,
      });
      expect(text).toContain(`resumed; ${says}`);
      expect(text).not.toContain('check');
      expect(sent).toHaveLength(5);
    });

    it('that it is, where it cannot be looked at', async () => {
      const { text, code } = await tenon('dead-letters resume r1 --reason why', (before) => {
        if (before === 2) throw new Error('the line is down');
        return before === 0 ? failed('CHECK_NOT_MET') : {};
      });
      expect(text).toMatch(/^resumed; how it stands could not be read: no Tenon answers/);
      expect(code).toBe(0);
    });

    it('how to see it, where it is long under way', async () => {
      const { sent, text } = await resumed(failed('CHECK_NOT_MET'), { runId: 'r1', state: 'running' });
      expect(text).toContain('resumed; it is under way: `tenon runs show r1` says how it stands\na check is');
      expect(sent.length).toBeLessThan(20);
    });
  });

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
    expect(text).toMatch(/3f9c1a +12 +10 +p +repair +put +validation +.* +sales +field refused$/m);
  });
});
