import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@tenon/model';
import { checkWorkspace, loadWorkspace } from '@tenon/pipeline';
import { openRuntime } from '@tenon/runtime';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { runAgainst } from '../testing/fake-server.ts';
import { initFolder } from '../testing/init-folder.ts';
import { operateCommands } from './operate.ts';
import { replayCommands } from './replay.ts';

afterEach(() => vi.unstubAllGlobals());

/** The run as it is read each time: before it is told, and at each look after it. */
const told = (line: string, read: readonly object[], answer: object = {}) =>
  runAgainst(
    (before) => {
      if (before === 1) return answer;
      const look = Math.min(before === 0 ? 0 : before - 1, read.length - 1);
      return { runId: 'r1', steps: [], ...read[look] };
    },
    [...operateCommands, ...replayCommands],
    [...line.split(' '), 'r1', '--reason', 'why', '--url', 'http://127.0.0.1:1'],
    { cwd: tmpdir() },
  );
const refused = (code: string) =>
  Response.json({ title: 'Not possible any more', detail: 'no', code }, { status: 409 });

const running = { state: 'running' };
const undoing = { state: 'compensating', step: 'compensate:seats' };
const parked = {
  state: 'failed',
  step: 'compensate:seats',
  failure: {
    step: 'compensate:seats',
    class: 'validation',
    code: 'HTTP_RESPONSE_STATUS',
    message: 'the other system answered 400',
  },
};
const failedBefore = { state: 'failed', failure: { ...parked.failure, step: 'pay' } };
const ended = { state: 'cancelled', steps: [{ id: 'seats', state: 'compensated', attempts: 1 }] };

it.each([
  ['runs cancel', {}, 'cancelled; how it stands could not be read: '],
  ['dead-letters resume', {}, 'resumed; how it stands could not be read: '],
  ['runs cancel', refused('RUN_ENDED'), 'Not possible any more: no'],
])(
  '%s gives the word though the run cannot be read, and says what came of it',
  async (line, answer, says) => {
    const broken = () => Response.json({ title: 'It broke', detail: 'damaged' }, { status: 500 });
    const { text, sent } = await runAgainst(
      (before) => (before === 1 ? answer : broken()),
      [...operateCommands, ...replayCommands],
      [...line.split(' '), 'r1', '--reason', 'why', '--url', 'http://127.0.0.1:1'],
      { cwd: tmpdir() },
    );
    expect(sent[1]).toMatch(/^POST /);
    expect(text).toContain(says);
  },
);

describe('where no Tenon runs, one thing is said: what was tried, and what to do', () => {
  let root: string;
  let runId: string;
  beforeAll(async () => {
    root = await initFolder('tell');
    const { value } = await loadWorkspace(root);
    const runtime = await openRuntime({
      file: join(root, '.tenon', 'tenon.db'),
      clock: systemClock,
      random: systemRandom,
      transport: () => {
        throw new Error('nothing is called');
      },
    });
    for (const plan of checkWorkspace(value!).plans.values()) await runtime.activate(plan);
    const everything = { kind: 'kill', scope: { everything: true }, sparesCompensation: false } as const;
    await runtime.setSwitch(everything, 'ana', 'a drill');
    const payload = { id: 'e-1', orderId: 'o-1', occurredAt: '2026-11-02T10:15:00Z' };
    const event = { event: 'shop.orderPaid', payload, deliveryId: 'd-1', source: 'test' };
    await runtime.accept(event);
    runId = runtime.runs({ pipeline: 'order-paid' })[0]!.runId;
    await runtime.stop();
  });
  afterAll(() => rm(root, { recursive: true }));

  it.each([
    ['runs', 'cancel', 'RUN'],
    ['runs', 'done', 'RUN', 'shipment'],
    ['runs', 'undone', 'RUN', 'shipment'],
    ['approvals', 'approve', 'RUN', 'shipment'],
    ['in-doubt', 'settle', 'RUN', 'shipment', '--verdict', 'redo'],
    ['fixes', 'close', 'RUN', 'shipment'],
    ['dead-letters', 'resume', 'RUN'],
    ['dead-letters', 'resume', '--group', '3f9c1a'],
  ])('%s %s %s', async (...line) => {
    const { text, code } = await runAgainst(
      () => {
        const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
        throw new TypeError('fetch failed', { cause });
      },
      [...operateCommands, ...replayCommands],
      [...line.map((word) => (word === 'RUN' ? runId : word)), '--reason', 'why'],
      { cwd: root },
    );
    expect(text).toBe(
      'no Tenon answers at http://127.0.0.1:4700 (tenon.config.yaml): ECONNREFUSED; nothing was changed; start it with `tenon serve`, or name another with --url\n',
    );
    expect(code).toBe(1);
  });

  it('so it is once where it goes away as soon as it has the word, which was given', async () => {
    let isGone = false;
    const { text, code } = await runAgainst(
      (_before, request) => {
        if (isGone) {
          const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
          throw new TypeError('fetch failed', { cause });
        }
        isGone = request.startsWith('POST');
        return { runId, steps: [], state: 'waiting', step: 'shipment' };
      },
      operateCommands,
      ['approvals', 'approve', runId, 'shipment', '--reason', 'why'],
      { cwd: root },
    );
    expect(text).toBe(
      'approved; how it stands could not be read: no Tenon answers at http://127.0.0.1:4700 (tenon.config.yaml): ECONNREFUSED; start it with `tenon serve`, or name another with --url\n',
    );
    expect(code).toBe(0);
  });
});

describe('of a step that a person has said something of, it is said how its run stands', () => {
  /** The first is how it was before. */
  const said = (line: string, looks: readonly object[]) =>
    runAgainst(
      (before, request) =>
        request.startsWith('POST')
          ? {}
          : { runId: 'r1', steps: [], ...looks[Math.min(Math.max(0, before - 1), looks.length - 1)] },
      operateCommands,
      [...line.split(' '), '--reason', 'why', '--url', 'http://127.0.0.1:1'],
      { cwd: tmpdir() },
    );
  const cause = { class: 'permission', code: 'APPROVAL_REJECTED', message: 'rejected by ana' };

  it.each([
    ['approvals approve r1 go', 'approved', { state: 'waiting', step: 'go' }],
    ['approvals reject r1 go', 'rejected', { state: 'waiting', step: 'go' }],
    ['in-doubt settle r1 go --verdict redo', 'settled: redo', { state: 'inDoubt', step: 'go' }],
  ])('after %s', async (line, done, at) => {
    const running = { state: 'running' };
    const ended = await said(line, [at, running, { state: 'succeeded' }]);
    expect([ended.text, ended.code]).toEqual([`${done}; it has succeeded\n`, 0]);
    const on = await said(line, [at, { state: 'waiting', step: 'pause' }]);
    expect(on.text).toBe(`${done}; it is waiting at pause: \`tenon runs show r1\`\n`);
    expect(on.code).toBe(0);
    const doubted = await said(line, [at, { state: 'inDoubt', step: 'pay' }]);
    expect([doubted.text, doubted.code]).toEqual([`${done}; it is in doubt at pay: \`tenon in-doubt\`\n`, 6]);
    const failed = await said(line, [at, { state: 'failed', failure: { ...cause, step: 'go' } }]);
    expect(failed.text).toContain(
      `${done}; it failed at go: permission, rejected by ana (APPROVAL_REJECTED)`,
    );
    expect(failed.code).toBe(6);
    const deaf = await said(line, [at]);
    expect([deaf.text, deaf.code]).toEqual([`${done}; it has not gone on yet: \`tenon runs show r1\`\n`, 0]);
  });

  it('that the run failed after it, and was undone', async () => {
    const at = { state: 'waiting', step: 'go' };
    const failure = {
      class: 'notFound',
      code: 'MESSAGE_REFUSED',
      message: 'no queue takes it',
      step: 'told',
    };
    const { text, code } = await said('approvals approve r1 go', [at, { state: 'compensated', failure }]);
    expect([text, code]).toEqual([
      'approved; it failed at told: notFound, no queue takes it (MESSAGE_REFUSED), and what it did is undone: `tenon runs show r1`\n',
      0,
    ]);
    const rejected = await said('approvals reject r1 go', [
      at,
      { state: 'compensated', failure: { ...cause, step: 'go' } },
    ]);
    expect(rejected.text).toBe('rejected; it is compensated: `tenon runs show r1`\n');
  });

  it('that an approval is one of several, and what is left', async () => {
    const at = { state: 'waiting', step: 'go' };
    const awaits = { for: 'approval', by: 'finance', count: 3, given: [{ actor: 'ana' }] };
    const steps = [{ id: 'go', state: 'waiting', attempts: 1, awaits }];
    const { text, code } = await said('approvals approve r1 go', [at, { ...at, steps }]);
    expect([text, code]).toEqual([
      'approved, which is 1 of 3; it goes on when 2 more persons of finance have approved it: `tenon runs show r1`\n',
      0,
    ]);
  });

  it('that it was given up without knowing whether it happened: somebody has to look', async () => {
    const at = { state: 'inDoubt', step: 'go' };
    const steps = [{ id: 'go', state: 'givenUp', attempts: 1 }];
    const { text, code } = await said('in-doubt settle r1 go --verdict compensate', [
      at,
      { state: 'compensated', steps },
    ]);
    expect(text).toBe(
      'settled: compensate; it is compensated, but whether go happened is not known, and nothing undoes it: look in the other system, undo it there if it is, then `tenon fixes` (`tenon runs show r1`)\n',
    );
    expect(code).toBe(6);
    const seen = [{ id: 'go', state: 'compensated', attempts: 1 }];
    const known = await said('in-doubt settle r1 go --verdict compensate --result {}', [
      at,
      { state: 'compensated', steps: seen },
    ]);
    expect([known.text, known.code]).toEqual([
      'settled: compensate; it is compensated: `tenon runs show r1`\n',
      0,
    ]);
  });

  it('that it was sent again, and is in doubt once more', async () => {
    const at = { state: 'inDoubt', step: 'go', updatedAtMs: 1 };
    const { text, code } = await said('in-doubt settle r1 go --verdict redo', [
      at,
      { ...at, updatedAtMs: 2 },
    ]);
    expect([text, code]).toEqual(['settled: redo; it is in doubt at go: `tenon in-doubt`\n', 6]);
  });

  it('and nothing that its failure would have the terminal do', async () => {
    const failure = { ...cause, message: 'no\u001b[2K\napproved; it has succeeded', step: 'go' };
    const { text } = await said('approvals approve r1 go', [{ state: 'failed', failure }]);
    expect(text).toBe(
      'approved; it failed at go: permission, no\uFFFD[2K approved; it has succeeded (APPROVAL_REJECTED)\n',
    );
  });

  it('also where that cannot be read: it was said', async () => {
    const broken = () => Response.json({ title: 'It broke' }, { status: 500 });
    const { text, code } = await runAgainst(
      (_before, request) => (request.startsWith('POST') ? {} : broken()),
      operateCommands,
      ['approvals', 'approve', 'r1', 'go', '--reason', 'why', '--url', 'http://127.0.0.1:1'],
      { cwd: tmpdir() },
    );
    expect([text, code]).toEqual(['approved; how it stands could not be read: It broke\n', 0]);
  });
});

describe('of a run that is cancelled it is said', () => {
  it('that its undoing failed, with the cause and what to do', async () => {
    const { text, sent, code } = await told('runs cancel', [running, undoing, parked]);
    expect(text).toBe(
      'cancelled, but the undoing failed at compensate:seats: validation, the other system answered 400 (HTTP_RESPONSE_STATUS); mend it, then `tenon dead-letters resume r1 --reason …`; or undo it by hand, then `tenon runs undone r1 seats --reason …`\n',
    );
    expect(sent).toEqual([
      'GET /v1/runs/r1',
      'POST /v1/runs/r1/cancel {"reason":"why"}',
      'GET /v1/runs/r1',
      'GET /v1/runs/r1',
    ]);
    expect(code).toBe(6);
  });

  it.each([
    ['that it is undone', ended, 'cancelled and undone: 1 step, see `tenon runs show r1`'],
    ['that nothing was', { state: 'cancelled' }, 'cancelled; it had done nothing that can be undone'],
    [
      'that it is under way',
      undoing,
      'cancelled; it is being undone at compensate:seats: `tenon runs show r1`',
    ],
    ['that it is in doubt', { state: 'inDoubt', step: 'pay' }, 'cancelled; it is in doubt at pay', 6],
    [
      'where it waits',
      { state: 'waiting', step: 'compensate:seats' },
      'cancelled; its undoing waits at compensate:seats',
    ],
    [
      'that nobody can read what was to be undone',
      {
        state: 'cancelled',
        owner: 'sales',
        failure: { step: 'pay', code: 'RUN_CANCELLED_NOT_UNDONE', message: 'pay#1: not what was written' },
      },
      'cancelled, and it ended as it stood: pay#1: not what was written\nwhat it did may still be there, and is owed by sales: `tenon fixes`',
      6,
    ],
    [
      'that an internal error keeps it from being undone',
      {
        state: 'failed',
        failure: { step: 'run', code: 'RUN_INVARIANT_BROKEN', message: 'TypeError: x' },
      },
      'cancelled once more, it ends as it stands',
      6,
    ],
    [
      'what holds it',
      { state: 'accepted', heldBy: ['pause/p'] },
      'cancelled; it is held by pause/p, and is undone once that lets it',
    ],
    [
      'that it came too late',
      { state: 'succeeded' },
      'cancelled, but too late: the run has ended: succeeded',
      1,
    ],
  ])('%s', async (_name, end, says, exits = 0) => {
    const { text, code } = await told('runs cancel', [running, end]);
    expect(text).toContain(says);
    expect(code).toBe(exits);
  });

  it('nothing of where it was parked or waited before, which it leaves a moment later', async () => {
    expect((await told('runs cancel', [failedBefore, failedBefore, ended])).text).toContain('undone: 1 step');
    const waiting = { state: 'waiting', step: 'pause' };
    expect((await told('runs cancel', [waiting, waiting, ended])).text).toContain('undone: 1 step');
    expect((await told('runs cancel', [waiting])).text).toContain('cancelled; its undoing has not begun');
  });
});

describe('cancelled again, it is said', () => {
  it('that it is already, and what its undoing needs', async () => {
    const { text, code } = await told('runs cancel', [parked], refused('RUN_CANCELLED_ALREADY'));
    expect(text).toMatch(
      /^cancelled already, but the undoing failed at compensate:seats: .*; mend it, then `tenon dead-letters resume r1/,
    );
    expect(code).toBe(1);
  });

  it('that it is being undone', async () => {
    const { text } = await told('runs cancel', [undoing], refused('RUN_COMPENSATING'));
    expect(text).toContain('it is being undone already: `tenon runs show r1` says how it stands');
  });

  it('that its undoing is parked, and how it comes to an end', async () => {
    const { text, code } = await told('runs cancel', [parked], refused('RUN_COMPENSATING'));
    expect(text).toMatch(
      /^it is being undone already, and that is parked at compensate:seats: .*: mend it, then .*; or undo it by hand, then `tenon runs undone r1 seats --reason …` \(RUN_COMPENSATING\)\n$/,
    );
    expect(code).toBe(1);
  });

  it('how it has ended', async () => {
    const { text } = await told('runs cancel', [ended], refused('RUN_ENDED'));
    expect(text).toBe('the run has ended: cancelled (RUN_ENDED)\n');
  });

  it('in the words of the server, what else keeps it', async () => {
    const { text } = await told('runs cancel', [running], refused('RUN_KEPT'));
    expect(text).toBe('Not possible any more: no (RUN_KEPT)\n');
  });

  it('that an effect of it is in doubt, and what settles it', async () => {
    const doubtful = { state: 'inDoubt', step: 'lines[a b].pay' };
    const { text, code } = await told('runs cancel', [doubtful], refused('RUN_IN_DOUBT'));
    expect(text).toBe(
      "the run is in doubt: say first what became of its effect: `tenon in-doubt settle r1 'lines[a b].pay' --verdict … --reason …` (RUN_IN_DOUBT)\n",
    );
    expect(code).toBe(1);
  });
});

describe('for programs, how it stands is on stdout', () => {
  it.each(['runs cancel', 'dead-letters resume'])('%s', async (command) => {
    const { out } = await told(`${command} --format json`, [parked]);
    expect(JSON.parse(out)).toEqual({
      runId: 'r1',
      state: 'failed',
      step: 'compensate:seats',
      failureCode: 'HTTP_RESPONSE_STATUS',
    });
    expect((await told(command, [parked])).out).toBe('');
  });

  it('also where it was cancelled already', async () => {
    const { out } = await told('runs cancel --format json', [ended], refused('RUN_ENDED'));
    expect(JSON.parse(out)).toEqual({ runId: 'r1', state: 'cancelled' });
  });
});

describe('of a step that was undone by hand it is said', () => {
  const said = (place: string, read: readonly object[], answer: object = {}) =>
    runAgainst(
      (before) => (before === 1 ? answer : { runId: 'r1', steps: [], ...read[before === 0 ? 0 : 1] }),
      operateCommands,
      ['runs', 'undone', 'r1', place, '--reason', 'why', '--url', 'http://127.0.0.1:1'],
      { cwd: tmpdir() },
    );

  it.each([
    ['that the run has ended', { state: 'compensated' }, 'it is compensated: `tenon runs show r1`', 0],
    [
      'where the next undoing failed',
      { ...parked, failure: { ...parked.failure, step: 'compensate:car' } },
      'it failed at compensate:car: validation',
      6,
    ],
  ])('%s', async (_name, end, says, exits) => {
    const { text, sent, code } = await said('seats', [parked, end]);
    expect(text).toContain(`taken as undone by hand; ${says}`);
    expect(sent[1]).toBe('POST /v1/runs/r1/undone {"step":"compensate:seats","reason":"why"}');
    expect(code).toBe(exits);
  });

  it('that the run is not parked there', async () => {
    const { text, code } = await said('compensate:pay', [parked, parked], refused('RUN_NOT_AT_UNDOING'));
    expect(text).toMatch(
      /^the run is not parked at undoing that step: it failed at compensate:seats: .*\(RUN_NOT_AT_UNDOING\)\n$/,
    );
    expect(code).toBe(1);
  });
});

it('who comes too late is told what was said before, where the words are the command’s own, too', async () => {
  const before = 'ben resumed it at 2026-10-01T09:04:00Z: mended';
  const answer = Response.json({ title: 'No', code: 'RUN_NOT_RESUMABLE', before }, { status: 409 });
  const { text, code } = await told('dead-letters resume', [{ state: 'succeeded' }], answer);
  expect([text, code]).toEqual([`the run has succeeded (RUN_NOT_RESUMABLE)\nbefore you, ${before}\n`, 1]);
});

describe('of a run that was closed as it stood it is said', () => {
  const steps = [
    { id: 'one', state: 'succeeded', attempts: 1, idempotencyKey: 'k' },
    { id: 'put', state: 'failed', attempts: 1, idempotencyKey: 'l' },
  ];
  const closed = { runId: 'r1', state: 'cancelled', steps };
  const told = (answers: (before: number) => object) =>
    runAgainst(
      answers,
      operateCommands,
      ['runs', 'close', 'r1', '--reason', 'why', '--url', 'http://127.0.0.1:1'],
      {
        cwd: tmpdir(),
      },
    );

  it('that nothing more is done, and what stays', async () => {
    const { text, sent, code } = await told((before) => (before === 1 ? {} : closed));
    expect(text).toBe('closed as it stood: nothing more is done, and what it did stays: one\n');
    expect(sent[1]).toBe('POST /v1/runs/r1/close {"reason":"why"}');
    expect(code).toBe(0);
  });

  it('that the run above is still parked, and how that ends', async () => {
    const parent = { runId: 'r0', pipeline: 'orders', step: 'sub' };
    const above = { ...parent, state: 'failed', failure: { ...parked.failure, step: 'sub' }, steps: [] };
    const answers = [closed, {}, closed, above];
    const { text } = await told((before) => ({ ...answers[before]!, ...(before !== 3 && { parent }) }));
    expect(text).toContain(
      'its parent, run r0 (orders), is parked at sub and can only fail there: `tenon runs close r0 --reason …` leaves that as it is too',
    );
  });

  it('that it is not parked, and what to do', async () => {
    const refused = Response.json({ title: 'Not possible now', code: 'RUN_NOT_PARKED' }, { status: 409 });
    const { text, code } = await told((before) =>
      before === 1 ? refused : { ...closed, state: 'inDoubt', step: 'one' },
    );
    expect(text).toContain(
      'say what became of its effect: `tenon in-doubt settle r1 one --verdict … --reason …`',
    );
    expect(code).toBe(1);
  });
});

describe('of an effect that was done by hand it is said', () => {
  const atItem = {
    state: 'failed',
    failure: { ...parked.failure, step: 'lines' },
    canBeDone: ['lines[y].book'],
  };
  const said = (words: readonly string[], read: readonly object[], answer: object = {}) =>
    runAgainst(
      (before) => (before === 1 ? answer : { runId: 'r1', steps: [], ...read[before === 0 ? 0 : 1] }),
      operateCommands,
      ['runs', 'done', 'r1', 'lines[y].book', '--reason', 'why', '--url', 'http://127.0.0.1:1', ...words],
      { cwd: tmpdir() },
    );

  it('how the run stands, and its result is sent', async () => {
    const { text, sent, code } = await said(['--result', '{"id":"B-7"}'], [atItem, { state: 'succeeded' }]);
    expect(text).toBe('taken as done by hand; it has succeeded\n');
    expect(sent[1]).toBe(
      'POST /v1/runs/r1/done {"step":"lines[y].book","result":{"id":"B-7"},"reason":"why"}',
    );
    expect(code).toBe(0);
  });

  it('where it failed next, and that this too can be done by hand', async () => {
    const { text, sent, code } = await said([], [atItem, { ...atItem, canBeDone: ['lines[z].book'] }]);
    expect(code).toBe(6);
    // Which was never tried before.
    expect(text).toContain('taken as done by hand; it failed at lines: validation');
    const both = { ...atItem, canBeDone: ['lines[y].book', 'lines[z].book'] };
    expect((await said([], [both, { ...atItem, canBeDone: ['lines[z].book'] }])).text).toContain(
      'it failed again at lines: validation',
    );
    expect(text).toContain(
      "do it by hand in the other system, then `tenon runs done r1 'lines[z].book' --result '<json>' --reason …`\n",
    );
    expect(sent[1]).toBe('POST /v1/runs/r1/done {"step":"lines[y].book","reason":"why"}');
  });

  it('that a doubt is settled instead, and in the words of the server what else it is not taken for', async () => {
    const doubtful = { state: 'inDoubt', step: 'pay' };
    expect((await said([], [doubtful, doubtful], refused('RUN_IN_DOUBT'))).text).toBe(
      'the run is in doubt, not parked: say what became of its effect: `tenon in-doubt settle r1 pay --verdict … --reason …` (RUN_IN_DOUBT)\n',
    );
    const { text, code } = await said([], [atItem, atItem], refused('RUN_NOT_AT_EFFECT'));
    expect(text).toContain('Not possible any more: no');
    expect(code).toBe(1);
  });

  it('what came of a result in a file, and what is wrong with one', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'tenon-done-'));
    onTestFinished(() => rm(cwd, { recursive: true }));
    await writeFile(join(cwd, 'booked.json'), '{"id":"B-9"}');
    const given = (words: readonly string[]) =>
      runAgainst(
        () => ({ runId: 'r1', state: 'succeeded', steps: [] }),
        operateCommands,
        ['runs', 'done', 'r1', 'book', '--reason', 'why', '--url', 'http://127.0.0.1:1', ...words],
        { cwd },
      );
    const { sent } = await given(['--result-file', 'booked.json']);
    expect(sent[1]).toBe('POST /v1/runs/r1/done {"step":"book","result":{"id":"B-9"},"reason":"why"}');
    for (const [words, says] of [
      [['--result-file', 'absent.json'], 'there is no file absent.json'],
      [['--result-file', 'booked.json', '--result', '1'], 'not both'],
      [['--result', '{'], '--result is not JSON'],
    ] as const)
      expect((await given(words)).text).toContain(says);
  });
});

it.each([
  ['0 where it has succeeded', { state: 'succeeded' }, 0],
  ['0 where it waits', { state: 'waiting', step: 'pause' }, 0],
  ['0 while it is under way', running, 0],
  ['6 where it is parked again', failedBefore, 6],
  ['6 where its undoing is', parked, 6],
  ['6 where it is in doubt', { state: 'inDoubt', step: 'pay' }, 6],
])('a run that is resumed ends the command with %s, in words and as JSON', async (_name, end, exits) => {
  for (const command of ['dead-letters resume', 'dead-letters resume --format json'])
    expect((await told(command, [failedBefore, end])).code).toBe(exits);
});

describe('a run that a switch holds when it is told something', () => {
  const held = { state: 'compensating', step: 'compensate:seats', heldBy: ['kill/everything'] };
  it.each([
    ['runs cancel', held, 'cancelled; it is held by kill/everything, and is undone once that lets it\n'],
    [
      'dead-letters resume',
      { ...running, heldBy: ['pause/p', 'kill/everything'] },
      'resumed; it is held by pause/p, kill/everything, and goes on once they let it\n',
    ],
  ])('needs no other word, so that the command ends with 0: %s', async (command, end, says) => {
    const { text, code } = await told(command, [failedBefore, end]);
    expect([text, code]).toEqual([says, 0]);
    const asData = await told(`${command} --format json`, [failedBefore, end]);
    expect(JSON.parse(asData.out)).toMatchObject({ state: end.state, heldBy: end.heldBy });
    expect(asData.code).toBe(0);
  });

  it.each([
    'runs done r1 seats',
    'runs undone r1 seats',
    'approvals approve r1 go',
    'in-doubt settle r1 pay --verdict redo',
  ])('so it is of %s', async (line) => {
    const { text, code } = await runAgainst(
      (before) => (before === 1 ? {} : { runId: 'r1', steps: [], ...(before === 0 ? failedBefore : held) }),
      operateCommands,
      [...line.split(' '), '--reason', 'why', '--url', 'http://127.0.0.1:1'],
      { cwd: tmpdir() },
    );
    expect(text).toMatch(/; it is held by kill\/everything, and goes on once that lets it\n$/);
    expect(code).toBe(0);
  });

  it('ends with 6 where the run below that keeps its undoing needs one', async () => {
    const child = { runId: 'c1', pipeline: 'billing', step: 'seats', state: 'failed' };
    const { text, code } = await runAgainst(
      (_before, request) => {
        if (request.startsWith('POST')) return {};
        return request.endsWith('/c1')
          ? { runId: 'c1', pipeline: 'billing', steps: [], ...parked }
          : { runId: 'r1', steps: [], children: [child], ...held };
      },
      operateCommands,
      ['runs', 'cancel', 'r1', '--reason', 'why', '--url', 'http://127.0.0.1:1'],
      { cwd: tmpdir() },
    );
    expect(text).toMatch(/^cancelled; its undoing waits at compensate:seats for run c1 \(billing\), whose/);
    expect(code).toBe(6);
  });
});

it('says of a resumed run that another goes before it by its order key', async () => {
  expect((await told('dead-letters resume', [{ state: 'running', behind: 'r2' }])).text).toBe(
    'resumed; it goes on once run r2 lets it, which has the same order key: `tenon runs show r2`\n',
  );
});

it('says of a resumed run that failed again for its child, which is cancelled, that it can only do so', async () => {
  const failure = {
    step: 'bill',
    class: 'permanent',
    code: 'RUN_CHILD_CANCELLED',
    message: 'run c1 cancelled',
  };
  const children = [{ runId: 'c1', pipeline: 'billing', step: 'bill', state: 'cancelled' }];
  const { text } = await told('dead-letters resume', [{ state: 'failed', failure, children }]);
  expect(text).toBe(
    'resumed; it failed again at bill: permanent, run c1 cancelled (RUN_CHILD_CANCELLED)\nit can only fail there again, however often it is resumed, as its child c1 (billing) is cancelled: `tenon runs cancel r1 --reason …` undoes what it did, and its event is to be sent again under a new business key; `tenon runs close r1 --reason …` leaves it as it is\n',
  );
});

describe('of a run that is not parked, resumed, it is said', () => {
  const resumed = (run: object) => told('dead-letters resume', [run], refused('RUN_NOT_RESUMABLE'));

  it('that an effect of it is in doubt, and how that is settled', async () => {
    const { text, code } = await resumed({ state: 'inDoubt', step: 'lines[a b].pay' });
    expect(text).toBe(
      "the run is in doubt, not failed: say what became of its effect, and it goes on: `tenon in-doubt settle r1 'lines[a b].pay' --verdict … --reason …` (RUN_NOT_RESUMABLE)\n",
    );
    expect(code).toBe(1);
  });

  it.each([
    [{ state: 'succeeded' }, 'the run has succeeded (RUN_NOT_RESUMABLE)\n'],
    [{ state: 'failed' }, 'the run was cancelled before, and is undone as soon as it goes on'],
    [{ state: 'waiting' }, 'the run is waiting: `tenon runs show r1` says how it stands'],
  ])('how it stands: %j', async (run, says) => {
    expect((await resumed(run)).text).toContain(says);
  });
});

describe('of a child that is resumed by itself', () => {
  const parent = { runId: 'p1', pipeline: 'orders', step: 'sub' };
  const failed = { ...parked.failure, step: 'sub' };
  const atSub = { runId: 'p1', pipeline: 'orders', steps: [], state: 'failed', failure: failed };
  const said = async (child: object, above: object, answer: object = {}): Promise<string> => {
    const { text } = await runAgainst(
      (_before, request) => {
        if (request.startsWith('POST')) return answer;
        return request === 'GET /v1/runs/p1' ? above : { runId: 'r1', steps: [], parent, ...child };
      },
      replayCommands,
      ['dead-letters', 'resume', 'r1', '--reason', 'why', '--url', 'http://127.0.0.1:1'],
      { cwd: tmpdir() },
    );
    return text;
  };
  const stillParked =
    'its parent, run p1 (orders), is still parked at sub: `tenon dead-letters resume p1 --reason …` goes on with what comes of this one\n';

  it.each(['succeeded', 'waiting', 'running', 'inDoubt'])(
    'it is said that its parent is still parked, and how that goes on: %s',
    async (state) => {
      expect(await said({ state, step: 'pay' }, atSub)).toMatch(/^resumed; it .*\n/);
      expect((await said({ state, step: 'pay' }, atSub)).split('\n').slice(1).join('\n')).toBe(stillParked);
    },
  );

  it('so it is where there was nothing to resume', async () => {
    expect(await said({ state: 'succeeded' }, atSub, refused('RUN_NOT_RESUMABLE'))).toBe(
      `the run has succeeded (RUN_NOT_RESUMABLE)\n${stillParked}`,
    );
  });

  it.each([
    ['its parent waits for it', { state: 'succeeded' }, { ...atSub, state: 'waiting', failure: undefined }],
    ['its parent is parked at undoing', { state: 'succeeded' }, { ...atSub, failure: parked.failure }],
    ['it failed again', { state: 'failed', failure: parked.failure }, atSub],
    ['its parent cannot be read', { state: 'succeeded' }, Response.json({ title: 'No' }, { status: 500 })],
  ])('nothing is said of its parent where %s', async (_name, child, above) => {
    expect(await said(child, above)).not.toContain('its parent');
  });
});

describe('of a run that waits for the undoing of its child it is said', () => {
  const child = (runId: string, step: string, state: string) => ({ runId, pipeline: 'billing', step, state });
  const at = (runId: string, below: object, more: object = {}) => ({
    runId,
    pipeline: 'billing',
    state: 'compensating',
    step: 'compensate:bill',
    steps: [],
    children: [child('other', 'first', 'succeeded'), below],
    ...more,
  });
  /** Every run as it stands, whenever it is read. */
  const said = (line: string, runs: readonly { readonly runId: string }[], answer: object = {}) =>
    runAgainst(
      (_before, request) =>
        request.startsWith('POST')
          ? answer
          : (runs.find(({ runId }) => request === `GET /v1/runs/${runId}`) ??
            Response.json({ title: 'No such run' }, { status: 404 })),
      [...operateCommands, ...replayCommands],
      [...line.split(' '), '--reason', 'why', '--url', 'http://127.0.0.1:1'],
      { cwd: tmpdir() },
    );
  const stuck = { runId: 'c1', pipeline: 'billing', steps: [], ...parked };
  const whose =
    'run c1 (billing), whose undoing failed at compensate:seats: validation, the other system answered 400 (HTTP_RESPONSE_STATUS); mend it, then `tenon dead-letters resume c1 --reason …`; or undo it by hand, then `tenon runs undone c1 seats --reason …`';

  it('which one is parked, and what that needs', async () => {
    const { text, code } = await said('runs cancel r1', [at('r1', child('c1', 'bill', 'failed')), stuck]);
    expect(text).toBe(`cancelled; its undoing waits at compensate:bill for ${whose}\n`);
    expect(code).toBe(6);
  });

  it('also of a child of its child', async () => {
    const runs = [
      at('r1', child('m1', 'bill', 'compensating')),
      at('m1', child('c1', 'bill', 'failed')),
      stuck,
    ];
    expect((await said('runs cancel r1', runs)).text).toContain(`for ${whose}`);
    expect((await said('runs cancel r1', runs, refused('RUN_COMPENSATING'))).text).toBe(
      `it is being undone already, and waits at compensate:bill for ${whose} (RUN_COMPENSATING)\n`,
    );
    expect((await said('dead-letters resume r1', runs)).text).toContain(`for ${whose}`);
    expect((await said('runs undone r1 bill', runs, refused('RUN_NOT_AT_UNDOING'))).text).toBe(
      `the run is not parked at undoing that step: it waits at compensate:bill for ${whose} (RUN_NOT_AT_UNDOING)\n`,
    );
  });

  it.each([
    [
      'that it is in doubt, and how that is settled',
      { state: 'inDoubt', step: 'pay' },
      'which is in doubt at pay: `tenon in-doubt settle c1 pay --verdict … --reason …`\n',
    ],
    [
      'where it waits for a word',
      { state: 'waiting', step: 'compensate:seats' },
      'which waits at compensate:seats: `tenon runs show c1`\n',
    ],
  ])('%s', async (_name, more, says) => {
    const runs = [at('r1', child('c1', 'bill', more.state)), { ...stuck, failure: undefined, ...more }];
    expect((await said('runs cancel r1', runs)).text).toContain(`for run c1 (billing), ${says}`);
  });

  it('nothing of a child that has not heeded its word yet, or that cannot be read', async () => {
    const run = at('r1', child('c1', 'bill', 'failed'));
    const yet = { ...stuck, failure: { ...parked.failure, step: 'pay' }, step: 'pay' };
    const underWay =
      'cancelled; it is being undone at compensate:bill: `tenon runs show r1` says how it stands\n';
    expect(await said('runs cancel r1', [run, yet])).toMatchObject({ text: underWay, code: 0 });
    expect(await said('runs cancel r1', [run])).toMatchObject({ text: underWay, code: 0 });
  });
});
