import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type CallRequest, type CallResult, calledOff, type Transport } from '@tenon/connector';
import { manualClock, seededRandom, sleep } from '@tenon/model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openRuntime } from '../embedded/open-runtime.ts';
import type { Runtime } from '../runtime.ts';
import { failure } from '../testing/bench.ts';
import { call, planFor } from '../testing/plan.ts';

let folder: string;
let runtime: Runtime;
const clock = manualClock();
const calls: CallRequest[] = [];
let answer: (call: number) => CallResult | Promise<never>;
let known: unknown;
/** How long a call stands in the guard's line. */
let lineMs: number;

const fine: CallResult = { ok: true, status: 200, body: { id: 'x' }, headers: {} };
const open: CallResult = {
  ok: false,
  postponed: true,
  failure: failure('transient', 'CONNECTION_BREAKER_OPEN', 'notSent', { retryAfterMs: 15_000 }),
};

/** A guard that knows how many calls it has sent. */
function guard(): Transport {
  let seen = 0;
  return {
    call: async (request) => {
      if (lineMs > 0) await sleep(clock, lineMs, undefined);
      if (request.isCalledOff?.() === true) return calledOff;
      seen++;
      calls.push(request);
      return answer(calls.length);
    },
    close: async () => {},
    snapshot: () => ({ seen }),
    restore: (snapshot) => {
      known = snapshot;
      seen = (snapshot as { seen: number }).seen;
    },
  };
}

async function start(): Promise<void> {
  runtime = await openRuntime({
    file: join(folder, 'runtime.db'),
    clock,
    random: seededRandom(1),
    transport: guard,
  });
}

async function pass(ms: number): Promise<void> {
  const untilMs = clock.now() + ms;
  await runtime.idle();
  for (let next = clock.next; next !== undefined && next <= untilMs; next = clock.next) {
    clock.advance(Math.max(0, next - clock.now()));
    await runtime.idle();
  }
  clock.advance(untilMs - clock.now());
}

const order = async (id: string): Promise<string> => {
  const result = await runtime.accept({
    event: 'shop.ordered',
    payload: { id },
    deliveryId: id,
    source: 's',
  });
  if (!result.ok) throw new Error(result.failure.message);
  return result.runs[0]!.runId;
};

/** Until all has happened that needs no time, while a call is under way. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tenon-guards-'));
  calls.length = 0;
  known = undefined;
  lineMs = 0;
  answer = () => fine;
  await start();
  await runtime.activate(
    planFor({ limits: { concurrency: 5, deadlineMs: 600_000 }, steps: [call('one', 'acme.create')] }),
  );
});

afterEach(async () => {
  await runtime.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('a call that its connection cannot take waits, without an attempt or a dead letter, and goes when it can', async () => {
  answer = () => open;
  const runId = await order('a');
  // Four attempts in two minutes is all that the step allows: this outage is longer.
  await pass(400_000);
  expect(runtime.run(runId)).toMatchObject({ state: 'waiting', steps: [{ attempts: 0 }] });
  expect(calls.length).toBeGreaterThan(15);
  answer = () => fine;
  await pass(20_000);
  expect(runtime.run(runId)).toMatchObject({ state: 'succeeded', steps: [{ attempts: 1 }] });
  expect(calls.some(({ isRetry }) => isRetry)).toBe(false);
});

test('and it ends with the deadline of its run, parked for a retry', async () => {
  answer = () => open;
  const runId = await order('a');
  await pass(700_000);
  expect(runtime.run(runId)?.failure).toMatchObject({ code: 'RUN_DEADLINE_EXCEEDED' });
  expect(runtime.deadLetters()).toMatchObject([{ runId, queue: 'retry' }]);
});

test('a call that was attempted before says so to the guard', async () => {
  answer = (nth) =>
    nth === 1 ? { ok: false, failure: failure('transient', 'X', 'answered', { status: 503 }) } : fine;
  await order('a');
  await pass(10_000);
  expect(calls.map(({ isRetry }) => isRetry)).toEqual([undefined, true]);
});

test('what a guard knows of a call is on the disk before that is answered', async () => {
  answer = () => new Promise<never>(() => {});
  await order('a');
  await turns();
  clock.advance(600);
  await turns();
  const db = new DatabaseSync(join(folder, 'runtime.db'), { readOnly: true });
  expect(db.prepare('SELECT connection FROM guards').all()).toEqual([{ connection: 'acme' }]);
  db.close();
  // Nothing is left to wait for as it stops.
  clock.advance(60_000);
});

test('nor is what it sends after a line forgotten, however long that was', async () => {
  lineMs = 2_000;
  answer = () => new Promise<never>(() => {});
  await order('a');
  await turns();
  clock.advance(2_000);
  await turns();
  expect(calls).toHaveLength(1);
  clock.advance(500);
  await turns();
  const db = new DatabaseSync(join(folder, 'runtime.db'), { readOnly: true });
  const stored = db.prepare('SELECT snapshot FROM guards').all();
  db.close();
  clock.advance(60_000);
  expect(stored).toEqual([{ snapshot: expect.stringContaining('{"seen":1}') }]);
});

test('nothing is at rest while what a guard knows is on its way to the disk', async () => {
  await order('a');
  await runtime.idle();
  clock.advance(600);
  await runtime.idle();
  const db = new DatabaseSync(join(folder, 'runtime.db'), { readOnly: true });
  const stored = db.prepare('SELECT connection FROM guards').all();
  db.close();
  expect(stored).toEqual([{ connection: 'acme' }]);
});

test('a call that stands in a line when the runtime stops is never sent: what the guard knows is stored by then', async () => {
  lineMs = 20_000;
  await order('a');
  await turns();
  const stopped = runtime.stop();
  await turns();
  clock.advance(10_000);
  await stopped;
  clock.advance(10_000);
  await turns();
  expect(calls).toHaveLength(0);
});

test('what a guard knows is there after a stop, and half a second after a call at the latest', async () => {
  await order('a');
  await pass(600);
  await order('b');
  await runtime.idle();
  await runtime.stop();
  await start();
  await order('c');
  await runtime.idle();
  expect(known).toEqual({ seen: 2 });
  await pass(600);
  const { openLedger } = await import('../embedded/file/open-ledger.ts');
  openLedger(join(folder, 'runtime.db')).close();
});
