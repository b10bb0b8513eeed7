import type { Json, JsonObject } from '@tenon/model';
import { afterEach, describe, expect, test } from 'vitest';
import { eventParts, storedEvent } from '../embedded/file/event-value.ts';
import { type Bench, openBench } from '../testing/bench.ts';
import { call, planFor, step } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const headers = {
  type: 'object',
  required: ['tenant'],
  properties: { tenant: { type: 'string' }, attempt: { type: 'integer' } },
} as const;
const base = planFor({ steps: [] });
const events = { ...base.events, 'shop.ordered': { ...base.events['shop.ordered']!, headers } };
const reading = planFor({
  events,
  identity: { key: { expression: "headers.tenant + ':' + event.id" }, retainMs: 86_400_000 },
  trigger: { event: 'shop.ordered', where: 'default(headers.attempt, 0) < 3' },
  redact: { headers: ['/tenant'] },
  steps: [
    step('wait', 'pause', { for: { durationMs: 60_000 } }),
    call('set', 'acme.put', { with: { object: { tenant: { expression: 'headers.tenant' } } } }),
  ],
});

let deliveries = 0;
const accept = (given: JsonObject | undefined, payload: Json = { id: 'x' }, invalid?: 'quarantine') =>
  bench.runtime.accept({
    event: 'shop.ordered',
    payload,
    ...(given && { headers: given }),
    deliveryId: `h-${++deliveries}`,
    source: 'shop',
    ...(invalid && { invalid }),
  });

describe('headers of an event', () => {
  test('are in key, condition and steps, and still there after a crash', async () => {
    bench = await openBench(reading);
    expect(await accept({ tenant: 'a', attempt: 1 })).toMatchObject({
      ok: true,
      runs: [{ key: 'a:x', started: true }],
    });
    expect(await accept({ tenant: 'b', attempt: 3 })).toMatchObject({ ok: true, runs: [] });
    await bench.runtime.idle();
    await bench.crash();
    await bench.pass(60_000);
    expect(bench.target.calls.map(({ input }) => input)).toEqual([{ tenant: 'a' }]);
    const [run] = bench.runtime.runs();
    expect(bench.runtime.run(run!.runId)).toMatchObject({
      state: 'succeeded',
      input: { id: 'x' },
      headers: { tenant: '[redacted]', attempt: 1 },
    });
  });

  test('are not asked of an event that a run only waits for: nothing reads them there', async () => {
    const waits = planFor({
      events,
      identity: { key: { expression: "headers.tenant + ':' + event.id" }, retainMs: 86_400_000 },
      steps: [
        step('wait', 'next', {
          for: {
            event: 'shop.ordered',
            match: 'signal.id != event.id',
            withinMs: 3_600_000,
            onExpiry: 'fail',
          },
        }),
        call('set', 'acme.put', { with: { object: { next: { expression: 'steps.next.id' } } } }),
      ],
    });
    bench = await openBench(waits);
    await accept({ tenant: 'a' });
    await bench.runtime.idle();
    // From now on nobody reads them, so none are kept.
    await bench.runtime.activate(planFor({ version: 2, steps: [] }));
    expect(await accept({ tenant: 'a' }, { id: 'y' })).toMatchObject({ ok: true });
    await bench.runtime.idle();
    expect(bench.target.calls.map(({ input }) => input)).toEqual([{ next: 'y' }]);
  });

  test('that are not what the contract says are refused, or held with an owner', async () => {
    bench = await openBench(reading);
    expect(await accept({})).toMatchObject({
      ok: false,
      failure: { class: 'contract', code: 'EVENT_HEADERS_INVALID' },
    });
    expect(await accept(undefined)).toMatchObject({ ok: false, failure: { code: 'EVENT_HEADERS_INVALID' } });
    expect(await accept({ tenant: 'a', attempt: 'x' }, { id: 'x' }, 'quarantine')).toMatchObject({
      ok: true,
      quarantined: { code: 'EVENT_HEADERS_INVALID', pointer: '/attempt' },
    });
    await bench.runtime.idle();
    expect(bench.runtime.deadLetters()).toMatchObject([{ failure: { code: 'EVENT_HEADERS_INVALID' } }]);
  });

  test('that no pipeline reads are not kept, and change nothing', async () => {
    bench = await openBench(planFor({ steps: [call('set', 'acme.put')] }));
    const taken = await accept({ tenant: 'hush' });
    await bench.runtime.idle();
    const runId = taken.ok ? taken.runs[0]!.runId : '';
    expect(bench.runtime.run(runId)).not.toHaveProperty('headers');
  });

  test('of an event that is held are kept, for a plan that reads them once it is released', async () => {
    bench = await openBench(planFor({ steps: [call('set', 'acme.put')] }));
    await accept({ tenant: 'a' }, { id: 'x', amount: 'much' }, 'quarantine');
    await bench.runtime.idle();
    const [held] = bench.runtime.runs();
    expect(bench.runtime.run(held!.runId), 'whose plan does not know them').not.toHaveProperty('headers');
    const anyAmount = { ...events['shop.ordered'], payload: { type: 'object' } } as const;
    const mended = planFor({ ...reading, version: 2, events: { ...events, 'shop.ordered': anyAmount } });
    await bench.runtime.activate(mended);
    const { events: released } = await bench.runtime.recheck({ apply: true }, 'ana', 'mended');
    expect(released).toMatchObject([{ outcome: 'released' }]);
    await bench.pass(60_000);
    expect(bench.target.calls.map(({ input }) => input)).toEqual([{ tenant: 'a' }]);
  });

  test('that one pipeline reads are not shown of the run of another, which does not know what of them is classed', async () => {
    const other = planFor({ pipeline: 'others', steps: [call('set', 'acme.put')] });
    bench = await openBench(reading, other);
    await accept({ tenant: 'hush' });
    await bench.runtime.idle();
    const [run] = bench.runtime.runs({ pipeline: 'others' });
    expect(bench.runtime.run(run!.runId)).not.toHaveProperty('headers');
  });

  test('go with what a pipeline emits, and a step without them gives none', async () => {
    const told = planFor({
      pipeline: 'told',
      trigger: { event: 'shop.told' },
      events: { 'shop.told': { ...base.events['shop.ordered']!, event: 'told', headers } },
      steps: [call('set', 'acme.put', { with: { object: { tenant: { expression: 'headers.tenant' } } } })],
    });
    const telling = (given?: Json) =>
      planFor({
        events: { ...events, 'shop.told': { ...base.events['shop.ordered']!, event: 'told', headers } },
        steps: [
          step('emit', 'tell', {
            event: 'shop.told',
            with: { expression: 'event' },
            ...(given !== undefined && { headers: { literal: given } }),
          }),
        ],
      });
    bench = await openBench(telling({ tenant: 'a' }), told);
    await accept({ tenant: 'z' }, { id: 'x' });
    await bench.runtime.idle();
    expect(bench.target.calls.map(({ input }) => input)).toEqual([{ tenant: 'a' }]);
    await bench.runtime.activate(telling());
    await accept({ tenant: 'z' }, { id: 'y' });
    await bench.runtime.idle();
    expect(bench.runtime.deadLetters()).toMatchObject([{ failure: { code: 'EVENT_HEADERS_INVALID' } }]);
  });

  test('cannot be sent in a payload', async () => {
    const spoof = { '$tenon.event': 1, payload: { id: 'evil' }, headers: { tenant: 'evil' } };
    expect(eventParts(storedEvent({ payload: spoof }))).toEqual({ payload: spoof });
    expect(eventParts(storedEvent({ payload: spoof, headers: { a: 1 } }))).toEqual({
      payload: spoof,
      headers: { a: 1 },
    });
    for (const payload of [null, 'x', [1], { a: 1 }]) expect(storedEvent({ payload })).toBe(payload);
    bench = await openBench(reading);
    expect(await accept(undefined, { ...spoof, id: 'x' })).toMatchObject({
      ok: false,
      failure: { code: 'EVENT_HEADERS_INVALID' },
    });
  });
});
