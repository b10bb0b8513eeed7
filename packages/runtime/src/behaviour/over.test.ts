import type { Json } from '@tenon/model';
import type { Plan } from '@tenon/pipeline';
import { afterEach, describe, expect, test } from 'vitest';
import { callsOf } from '../loaded-plan.ts';
import { type Bench, openBench, refused } from '../testing/bench.ts';
import { call, childPlan, literal, planFor, probe, retry, run, step, undoable } from '../testing/plan.ts';
import { setSwitch } from '../testing/switching.ts';

let bench: Bench;
afterEach(() => bench.close());

const same = { over: 'connection', among: ['eu', 'us'] } as const;
const identity = { key: { expression: "connection + ':' + event.id" }, retainMs: 86_400_000 };

/** What was called over which connection. */
let over: string[];

async function open(...plans: Plan[]): Promise<void> {
  over = [];
  bench = await openBench(...plans);
  bench.guard = (inner, connection) => ({
    ...inner,
    call: (request) => {
      over.push(`${connection} ${request.operation.operation}`);
      return inner.call(request);
    },
  });
}

let deliveries = 0;
const accept = (source: string, event = 'shop.ordered', payload: Json = { id: 'x' }) =>
  bench.runtime.accept({ event, payload, deliveryId: `o-${++deliveries}`, source });

describe('a step that goes over the connection of its event', () => {
  test('does so after a kill too', async () => {
    const pause = step('wait', 'pause', { for: { durationMs: 60_000 } });
    await open(planFor({ identity, steps: [pause, call('one', 'acme.put', { connection: same })] }));
    await accept('eu');
    await accept('us/orders');
    await bench.runtime.idle();
    await bench.crash();
    await bench.pass(60_000);
    expect(over.toSorted()).toEqual(['eu put', 'us put']);
    const [one] = bench.runtime.runs();
    expect(bench.runtime.trace({ runId: one!.runId })).toContainEqual(
      expect.objectContaining({ kind: 'intent', details: expect.objectContaining({ connection: 'us' }) }),
    );
  });

  test('is probed, looked at and undone over that one', async () => {
    const checked = call('made', 'acme.createBlind', {
      connection: same,
      probe,
      compensate: {
        operation: 'acme.remove',
        connection: same,
        with: { object: { id: { expression: 'steps.made.id' } } },
        retry,
        guard: {
          operation: 'acme.get',
          connection: same,
          with: literal({ id: 'made' }),
          retry,
          unchanged: 'true',
        },
      },
    });
    await open(planFor({ identity, steps: [checked, call('bad', 'acme.put', { connection: same })] }));
    bench.target.script = {
      createBlind: [{ loseAnswer: true }],
      put: [{ fail: refused }],
    };
    await accept('us');
    await bench.pass(10_000);
    expect(over).toEqual(['us createBlind', 'us find', 'us put', 'us get', 'us remove']);
  });

  test('is undone over the one that it was made over, whatever is read by then', async () => {
    const chosen = {
      over: "steps.set.members.exists(m, m == 'moved') ? 'us' : 'eu'",
      among: ['eu', 'us'],
    } as const;
    const made = undoable('made', 'acme.create', { connection: chosen });
    const { compensate } = made;
    await open(
      planFor({
        steps: [
          call('set', 'acme.getAccount', { with: literal({ id: 'shared' }) }),
          { ...made, ...(compensate && { compensate: { ...compensate, connection: chosen } }) },
          call('write', 'acme.setAccount', {
            with: literal({ id: 'shared', members: ['moved'] }),
            basedOn: { read: 'set', again: [], attempts: 5 },
          }),
          call('bad', 'acme.put'),
        ],
      }),
    );
    bench.target.script = { put: [{ fail: refused }] };
    let isMoved = false;
    bench.target.onCall = (when, request) => {
      if (when !== 'before' || request.operation.operation !== 'setAccount' || isMoved) return;
      isMoved = true;
      bench.target.accounts.set('shared', { version: 9, undone: 0, members: ['moved'] });
    };
    await accept('eu');
    await bench.pass(60_000);
    expect(over.filter((one) => /create|remove/.test(one))).toEqual(['eu create', 'eu remove']);
  });

  test('that is held by a switch or a maintenance window of that one alone', async () => {
    await open(planFor({ identity, steps: [call('one', 'acme.put', { connection: same })] }));
    bench.connections = { eu: 'acme', us: 'acme' };
    await bench.restart();
    await setSwitch(bench, { kind: 'kill', scope: { connection: 'us' }, sparesCompensation: false });
    bench.closedUntil = (connection) => (connection === 'eu' ? bench.clock.now() + 1_000 : undefined);
    await accept('us');
    await accept('eu');
    await bench.runtime.idle();
    expect(over).toEqual([]);
    bench.closedUntil = () => undefined;
    await bench.pass(2_000);
    expect(over).toEqual(['eu put']);
  });

  test('sends nothing where it is told of none that the plan knows', async () => {
    await open(
      planFor({ identity, onFailure: 'hold', steps: [call('one', 'acme.put', { connection: same })] }),
    );
    await accept('asia');
    await bench.runtime.idle();
    expect(over).toEqual([]);
    expect(bench.runtime.deadLetters()).toMatchObject([
      { step: 'one', failure: { code: 'CONNECTION_NOT_AMONG' } },
    ]);
  });

  test('is named to who must find out what became of its effect, and to who decides on its undoing', async () => {
    const made = call('made', 'acme.createBlind', {
      connection: same,
      compensate: { operation: 'acme.remove', connection: same, with: literal({ id: 'x' }), retry },
    });
    await open(planFor({ identity, steps: [made] }));
    bench.target.script = { createBlind: [{ loseAnswer: true }, { loseAnswer: true }] };
    await accept('us');
    await bench.runtime.idle();
    const [doubt] = bench.runtime.inDoubt();
    expect(doubt?.evidence).toMatchObject({ connection: 'us' });
    await bench.runtime.settle(doubt!.runId, 'made', 'compensate', 'ana', 'nobody can tell');
    await bench.runtime.idle();
    expect(bench.runtime.forwardFixes()).toMatchObject([
      { task: expect.stringContaining('whether made (acme.createBlind over us) happened') },
    ]);
  });

  test('is named to who is asked whether what somebody has changed is undone', async () => {
    const guard = {
      operation: 'acme.get',
      connection: same,
      with: literal({ id: 'x' }),
      retry,
      unchanged: 'false',
    };
    const made = call('made', 'acme.create', {
      connection: same,
      compensate: { operation: 'acme.remove', connection: same, with: literal({ id: 'x' }), retry, guard },
    });
    await open(planFor({ identity, steps: [made, call('bad', 'acme.put')] }));
    bench.target.script = { put: [{ fail: refused }] };
    await accept('us');
    await bench.pass(1_000);
    expect(bench.runtime.approvals()).toMatchObject([{ show: { did: 'acme.create', over: 'us' } }]);
  });

  test('may be one of a pipeline that is run, by what that is given', async () => {
    const child = childPlan({
      steps: [call('one', 'acme.put', { connection: { over: 'event.account', among: ['eu', 'us'] } })],
    });
    const input = {
      object: { id: { expression: 'event.id' }, account: { expression: 'connection' } },
    } as const;
    await open(child, planFor({ identity, steps: [run('child', child, input)] }));
    await accept('us');
    await bench.runtime.idle();
    expect(over).toEqual(['us put']);
  });
});

test('a wait hears what came over the connection that it names, and nothing else', async () => {
  const paid = step('wait', 'paid', {
    for: {
      event: 'shop.paid',
      over: 'connection',
      match: 'signal.id == event.id',
      withinMs: 3_600_000,
      onExpiry: 'fail',
    },
  });
  await open(planFor({ identity, steps: [paid, call('one', 'acme.put', { connection: same })] }));
  await accept('eu');
  await accept('us');
  await bench.runtime.idle();
  await accept('us/payments', 'shop.paid');
  await bench.runtime.idle();
  await bench.crash();
  await bench.runtime.idle();
  expect(over).toEqual(['us put']);
  await accept('eu', 'shop.paid');
  await bench.runtime.idle();
  expect(over).toEqual(['us put', 'eu put']);
});

/** What sends `shop.shipped` out over a connection, as a publication does. */
const sender = (connection: string): Plan =>
  planFor({
    pipeline: `publish-${connection}-shipped`,
    trigger: { event: 'shop.shipped', over: connection },
    identity: { key: { expression: 'delivery' }, retainMs: 86_400_000 },
    steps: [call('publish', 'acme.put', { connection })],
  });
const told = (id: string, parts: object = {}) =>
  step('emit', id, { event: 'shop.shipped', with: { object: { id: { expression: 'event.id' } } }, ...parts });

test('what is published over one connection goes out over that one alone, and without over each', async () => {
  await open(
    planFor({ identity, steps: [told('one', { over: same }), told('all', { when: "connection == 'us'" })] }),
    sender('eu'),
    sender('us'),
  );
  await accept('eu');
  await bench.runtime.idle();
  await bench.crash();
  await bench.runtime.idle();
  expect(over).toEqual(['eu put']);
  await accept('us/orders');
  await bench.runtime.idle();
  expect(over.toSorted()).toEqual(['eu put', 'eu put', 'us put', 'us put']);
  // What comes in, and was not published by a pipeline, is passed on by all.
  over.length = 0;
  await accept('eu', 'shop.shipped');
  await bench.runtime.idle();
  expect(over.toSorted()).toEqual(['eu put', 'us put']);
});

test('who hears what was published over a connection knows it, and whom the plan may not tell is told nothing', async () => {
  const heard = planFor({
    pipeline: 'heard',
    trigger: { event: 'shop.shipped', where: "connection == 'eu'" },
    identity,
    steps: [call('heard', 'acme.put', { connection: same })],
  });
  await open(planFor({ identity, onFailure: 'hold', steps: [told('one', { over: same })] }), heard);
  await accept('us');
  await accept('eu');
  await accept('asia');
  await bench.runtime.idle();
  expect(over).toEqual(['eu put']);
  expect(bench.runtime.deadLetters()).toMatchObject([
    { step: 'one', failure: { code: 'CONNECTION_NOT_AMONG' } },
  ]);
});

test('what a publication cannot take is held for the connection that it was to go out over', async () => {
  await open(planFor({ identity, steps: [told('one', { over: same })] }), sender('eu'), sender('us'));
  const plan = planFor({ steps: [] }).events['shop.shipped']!;
  const narrow = { 'shop.shipped': { ...plan, payload: { type: 'object', required: ['parcel'] } } } as const;
  for (const one of [sender('eu'), sender('us')])
    await bench.runtime.activate(planFor({ ...one, version: 2, events: { ...one.events, ...narrow } }));
  await accept('us');
  await bench.runtime.idle();
  expect(bench.runtime.deadLetters().map(({ pipeline }) => pipeline)).toEqual(['publish-us-shipped']);
});

test('all connections that a plan may choose are calls of it', () => {
  const plan = planFor({ steps: [call('one', 'acme.createBlind', { connection: same, probe })] });
  expect(callsOf(plan)).toEqual([
    { connection: 'eu', operation: 'acme.createBlind' },
    { connection: 'eu', operation: 'acme.find' },
    { connection: 'us', operation: 'acme.createBlind' },
    { connection: 'us', operation: 'acme.find' },
  ]);
});
