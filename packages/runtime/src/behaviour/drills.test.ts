import { afterEach, describe, expect, test } from 'vitest';
import { neededDrills } from '../embedded/drills/needed-drills.ts';
import { type Bench, openBench } from '../testing/bench.ts';
import { call, planFor, step } from '../testing/plan.ts';

const DAY_MS = 86_400_000;
const DRILLED = planFor({ drills: { everyMs: 90 * DAY_MS }, steps: [call('put', 'acme.put')] });

let bench: Bench;
afterEach(() => bench?.close());

async function opened(watchEveryMs = 10_000): Promise<void> {
  bench = await openBench(DRILLED);
  bench.limits = { watchEveryMs };
  bench.hasCredential = (connection) => connection === 'acme';
  await bench.restart();
  await bench.pass(2 * watchEveryMs);
}

const due = (kind: string) => bench.runtime.drills().due.find((one) => one.kind === kind)!;
const record = (
  kind: 'walkthrough' | 'restore' | 'flag',
  verdict: 'passed' | 'failed' | 'inconclusive',
  more: object = {},
) =>
  bench.runtime.recordDrill(
    { kind, verdict, ...(kind !== 'restore' && { pipeline: 'orders' }), ...more },
    'ana',
    'ticket 4711',
  );

describe('what a pipeline has to have drilled', () => {
  const kinds = (plan: Parameters<typeof neededDrills>[0], credential = true) =>
    neededDrills(plan, () => credential).map(({ kind, connection }) =>
      connection === undefined ? kind : `${kind} ${connection}`,
    );

  test('follows from what it has', () => {
    expect(kinds(DRILLED)).toEqual([
      'killSwitch',
      'flag',
      'rotation acme',
      'replay',
      'restore',
      'walkthrough',
    ]);
    expect(kinds(DRILLED, false)).not.toContain('rotation acme');
  });

  test('is no flag where people start it, no replay where it changes nothing, and no switch where nothing goes out', () => {
    const manual = planFor({
      trigger: { manual: true, input: { type: 'object' } },
      operations: { 'acme.get': DRILLED.operations['acme.get']! },
      steps: [call('get', 'acme.get')],
    });
    expect(kinds(manual, false)).toEqual(['killSwitch', 'restore', 'walkthrough']);
    const silent = planFor({ operations: {}, steps: [step('wait', 'nap', { for: { durationMs: 1_000 } })] });
    expect(kinds(silent)).toEqual(['flag', 'restore', 'walkthrough']);
    const emitting = planFor({
      operations: {},
      steps: [step('emit', 'tell', { event: 'shop.paid', with: { object: {} } })],
    });
    expect(kinds(emitting)).toEqual(['killSwitch', 'flag', 'replay', 'restore', 'walkthrough']);
  });
});

test('a drill is due one round after its pipeline began to ask for it, over restarts', async () => {
  await opened();
  const { dueAtMs } = due('walkthrough');
  expect(dueAtMs - bench.clock.now()).toBeGreaterThan(90 * DAY_MS - 60_000);
  await bench.pass(DAY_MS);
  await bench.restart();
  expect(due('walkthrough')).toMatchObject({ dueAtMs, isOverdue: false });
  expect(bench.runtime.flow().drills.map(({ kind }) => kind)).toContain('walkthrough');
});

test('a drill that is passed is in the ledger with who, why and when, and due again a round later', async () => {
  await opened();
  const endedAtMs = bench.clock.now() - DAY_MS;
  const entered = await record('walkthrough', 'passed', { endedAtMs, people: ['sales', 'platform'] });
  expect(entered).toMatchObject({ ok: true, drill: { judgedBy: 'person', endedAtMs, actor: 'ana' } });
  const [entry] = bench.runtime.trace({ system: true }).filter(({ kind }) => kind === 'drill');
  expect(entry?.details).toMatchObject({
    action: 'ended',
    kind: 'walkthrough',
    pipeline: 'orders',
    verdict: 'passed',
    actor: 'ana',
    reason: 'ticket 4711',
    people: ['sales', 'platform'],
    endedAtMs,
  });
  await bench.restart();
  expect(due('walkthrough')).toMatchObject({
    lastPassedAtMs: endedAtMs,
    dueAtMs: endedAtMs + 90 * DAY_MS,
    last: { verdict: 'passed', actor: 'ana' },
  });
});

test('one that failed is due at once until it is passed, and one that nothing came of is none', async () => {
  await opened();
  await record('restore', 'passed', { figures: { tookMs: 900 } });
  await bench.pass(1_000);
  await record('restore', 'failed', { figures: { tookMs: 900 }, findings: ['3 problems'] });
  expect(due('restore')).toMatchObject({ isOverdue: true, last: { verdict: 'failed' } });
  await bench.pass(1_000);
  await record('restore', 'inconclusive');
  expect(due('restore')).toMatchObject({ isOverdue: true, last: { verdict: 'failed' } });
  await bench.pass(1_000);
  await record('restore', 'passed', { figures: { tookMs: 900 } });
  expect(due('restore')).toMatchObject({ isOverdue: false });
  expect(bench.runtime.drills().results.map(({ verdict, judgedBy }) => [verdict, judgedBy])).toEqual([
    ['passed', 'command'],
    ['inconclusive', 'person'],
    ['failed', 'command'],
    ['passed', 'command'],
  ]);
});

test('what is told of last month does not stand before what was drilled since', async () => {
  await opened();
  await record('flag', 'passed');
  const { lastPassedAtMs } = due('flag');
  await record('flag', 'failed', { endedAtMs: bench.clock.now() - 30 * DAY_MS });
  expect(due('flag')).toMatchObject({ lastPassedAtMs, last: { verdict: 'passed' }, isOverdue: false });
});

test('overdue drills are one alarm of the owner, told once a day, and over when they are passed', async () => {
  await opened(3_600_000);
  await bench.pass(90 * DAY_MS);
  const told = () =>
    bench.entries.filter(({ kind, details }) => kind === 'alarm' && details['alarm'] === 'drillOverdue');
  expect(told().map(({ details }) => details)).toMatchObject([
    {
      pipeline: 'orders',
      owner: 'sales',
      escalation: 'pager:sales',
      next: 'tenon drill ls --pipeline orders',
      message: expect.stringContaining('restore (never passed)'),
    },
  ]);
  await bench.pass(20 * 3_600_000);
  expect(told()).toHaveLength(1);
  await bench.pass(5 * 3_600_000);
  expect(told()).toHaveLength(2);
  for (const { kind, pipeline, connection } of bench.runtime.drills().due) {
    const subject = kind === 'restore' ? {} : connection === undefined ? { pipeline } : { connection };
    await bench.runtime.recordDrill({ kind, verdict: 'passed', ...subject }, 'ana', 'all of them');
  }
  await bench.pass(2 * 3_600_000);
  expect(bench.runtime.flow().alarms).toEqual([]);
});

test('the last result of a thing stays at hand, however many came of another since', async () => {
  await opened();
  await record('walkthrough', 'passed');
  const { lastPassedAtMs } = due('walkthrough');
  for (let nth = 0; nth < 120; nth++) {
    await bench.pass(1);
    await record('restore', 'passed', { figures: { tookMs: nth } });
  }
  await bench.restart();
  expect(due('walkthrough')).toMatchObject({ lastPassedAtMs });
  expect(bench.runtime.drills().results.length).toBeLessThan(110);
  expect(bench.runtime.trace({ system: true }).filter(({ kind }) => kind === 'drill')).toHaveLength(121);
});

test('a rotation counts for every pipeline that uses the connection', async () => {
  await opened();
  await bench.runtime.activate(
    planFor({ pipeline: 'refunds', drills: { everyMs: 30 * DAY_MS }, steps: [call('put', 'acme.put')] }),
  );
  await bench.runtime.recordDrill(
    { kind: 'rotation', connection: 'acme', verdict: 'passed' },
    'ana',
    'ticket 1',
  );
  const rotations = bench.runtime.drills().due.filter(({ kind }) => kind === 'rotation');
  expect(rotations.map(({ pipeline, last }) => [pipeline, last?.verdict])).toEqual([
    ['orders', 'passed'],
    ['refunds', 'passed'],
  ]);
});
