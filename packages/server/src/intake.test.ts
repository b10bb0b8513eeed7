import { once } from 'node:events';
import { connect } from 'node:net';
import { SecretUnavailableError } from '@tenon/connector';
import { systemClock } from '@tenon/model';
import type { AcceptResult, IncomingEvent, Runtime } from '@tenon/runtime';
import { call as callStep, openBench, planFor, step as planStep } from '@tenon/runtime/testing';
import { expect, it } from 'vitest';
import { deliver, logged, run, start, stop, webhook } from './started-server.testing.ts';

it('asks to be tried again where its secret is not at hand, and tells the operator alone which one', async () => {
  const webhooks = { upgraded: webhook };
  const missing = (): Promise<never> =>
    Promise.reject(new SecretUnavailableError('SECRET_ENV_UNSET', 'env:CRM_SECRET', 'set CRM_SECRET'));
  const url = await start(
    {},
    { connections: new Map([['crm', { contract: 'crm', webhooks, secrets: missing }]]) },
  );
  const response = await deliver(url, '{}');
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '60']);
  const said = await response.text();
  expect(said).toContain('SECRET_ENV_UNSET');
  expect(said).not.toContain('CRM_SECRET');
  expect(logged).toMatchObject([{ code: 'SECRET_ENV_UNSET', connection: 'crm', event: 'upgraded' }]);
  expect(logged[0]!.message).toContain('set CRM_SECRET');
});

it('answers 202 only when accept has resolved, and tells no business key', async () => {
  let finish: (result: AcceptResult) => void = () => {};
  const seen: IncomingEvent[] = [];
  const taken = Promise.withResolvers<void>();
  const url = await start({
    accept: (event) => {
      seen.push(event);
      taken.resolve();
      return new Promise((resolve) => {
        finish = resolve;
      });
    },
  });
  const answer = deliver(url, '{"plan":"team"}');
  await taken.promise;
  const early = await Promise.race([
    answer.then(() => 'answered'),
    new Promise((resolve) => systemClock.setTimer(100, () => resolve('waiting'))),
  ]);
  expect(early).toBe('waiting');
  // On a busy machine the event may be on its way for longer than that.
  while (seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
  finish({ ok: true, duplicateDelivery: false, runs: [run] });
  const response = await answer;
  expect(response.status).toBe(202);
  expect(await response.text()).not.toContain('private@example.com');
  expect(seen).toMatchObject([
    { event: 'crm.upgraded', payload: { plan: 'team' }, deliveryId: 'msg_1', source: 'crm' },
  ]);
});

it('answers a duplicate with what became of the first, and of a dead one how it goes on; no result, no key', async () => {
  const dead = { ...run, started: false, state: 'failed' } as const;
  const failure = { class: 'validation', code: 'HTTP_RESPONSE_STATUS', message: 'secret', step: 'pay' };
  const url = await start({
    accept: async () => ({ ok: true, duplicateDelivery: true, runs: [dead] }),
    run: () =>
      ({
        ...dead,
        acceptedAtMs: 1,
        updatedAtMs: 2,
        failure,
        canBeDone: ['lines[private@example.com].pay'],
        steps: [{ id: 'order', state: 'succeeded', attempts: 1, result: { name: 'private@example.com' } }],
        // A whole run is more than the answer looks at.
      }) as unknown as ReturnType<Runtime['run']>,
  });
  const response = await deliver(url, '{"plan":"team"}');
  expect(response.status).toBe(202);
  const text = await response.text();
  expect(text).not.toContain('private@example.com');
  expect(text).not.toContain('secret');
  expect(JSON.parse(text)).toEqual({
    duplicateDelivery: true,
    runs: [
      {
        runId: dead.runId,
        pipeline: dead.pipeline,
        started: false,
        state: 'failed',
        duplicate: {
          by: 'delivery',
          acceptedAtMs: 1,
          updatedAtMs: 2,
          isEnded: true,
          failure: { class: 'validation', code: 'HTTP_RESPONSE_STATUS' },
          next: {
            what: expect.stringMatching(
              /a person does by hand .* \(tenon runs done r1\), or resumes that run$/,
            ),
            path: `/v1/runs/${dead.runId}/resume`,
            command: expect.stringContaining(`dead-letters resume ${dead.runId}`),
          },
        },
      },
    ],
  });
});

it('says of a dead run that has lost its child that only another event can do its work', async () => {
  const dead = { ...run, started: false, state: 'failed' } as const;
  const url = await start({
    accept: async () => ({ ok: true, duplicateDelivery: true, runs: [dead] }),
    run: () =>
      ({
        ...dead,
        failure: { class: 'permanent', code: 'RUN_CHILD_CANCELLED', message: 'no', step: 'sub' },
        steps: [],
        children: [{ runId: 'r2', pipeline: 'child', step: 'sub', state: 'cancelled' }],
        // A whole run is more than the answer looks at.
      }) as unknown as ReturnType<Runtime['run']>,
  });
  expect(await (await deliver(url, '{"plan":"team"}')).json()).toMatchObject({
    runs: [
      {
        duplicate: {
          next: {
            what: expect.stringContaining('only an event with another business key'),
            command: expect.stringContaining(`runs cancel ${dead.runId}`),
          },
        },
      },
    ],
  });
});

it('says of a run that is parked at undoing that it is undone, not carried on', async () => {
  const dead = { ...run, started: false, state: 'failed' } as const;
  const url = await start({
    accept: async () => ({ ok: true, duplicateDelivery: true, runs: [dead] }),
    run: () =>
      ({
        ...dead,
        failure: {
          class: 'permanent',
          code: 'HTTP_RESPONSE_STATUS',
          message: 'no',
          step: 'compensate:pay',
        },
        steps: [],
        // A whole run is more than the answer looks at.
      }) as unknown as ReturnType<Runtime['run']>,
  });
  expect(await (await deliver(url, '{"plan":"team"}')).json()).toMatchObject({
    runs: [
      {
        duplicate: {
          next: {
            what: expect.stringMatching(
              /parked at undoing .* by hand what it is parked at \(tenon runs undone /,
            ),
            command: expect.stringContaining(`dead-letters resume ${dead.runId}`),
          },
        },
      },
    ],
  });
});

it('carries a business event out once, and answers its repeats from what is stored', async () => {
  const plan = planFor({
    steps: [callStep('one', 'acme.create')],
    trigger: { event: 'crm.upgraded' },
    events: {
      'crm.upgraded': {
        contract: { name: 'crm', version: '1.0.0', digest: 'sha256:0' },
        event: 'upgraded',
        payload: { type: 'object', required: ['id'] },
      },
    },
  });
  const bench = await openBench(plan);
  try {
    const url = await start(bench.runtime);
    // The answer's own form is what the test is about.
    const first = (await (await deliver(url, '{"id":"a"}')).json()) as { runs: { runId: string }[] };
    await bench.runtime.idle();
    const again = await (await deliver(url, '{"id":"a"}')).json();
    expect(first).toMatchObject({ runs: [{ started: true }] });
    expect(again).toMatchObject({
      duplicateDelivery: true,
      runs: [
        {
          runId: first.runs[0]?.runId,
          started: false,
          state: 'succeeded',
          duplicate: { by: 'delivery', isEnded: true },
        },
      ],
    });
    const other = await (await deliver(url, '{"id":"a"}', '{"id":"a"}', 'msg_2')).json();
    expect(other, 'another delivery of the same business key').toMatchObject({
      duplicateDelivery: false,
      runs: [
        {
          runId: first.runs[0]?.runId,
          started: false,
          state: 'succeeded',
          duplicate: { by: 'businessKey', isEnded: true },
        },
      ],
    });
    const mixedUp = await (await deliver(url, '{"id":"b"}')).json();
    expect(mixedUp, 'another event under the first delivery id').toMatchObject({
      duplicateDelivery: true,
      payloadDiffers: true,
      runs: [{ runId: first.runs[0]?.runId, started: false, duplicate: { by: 'delivery' } }],
    });
    const changed = await (await deliver(url, '{"id":"a","n":2}', '{"id":"a","n":2}', 'msg_3')).json();
    expect(changed, 'another payload of the same business key').toMatchObject({
      duplicateDelivery: false,
      runs: [{ duplicate: { by: 'businessKey', payloadDiffers: true } }],
    });
    expect(bench.target.count('create')).toBe(1);
  } finally {
    await bench.close();
  }
});

it('says of an event that starts nothing who hears such events', async () => {
  const heard = {
    'crm.upgraded': {
      contract: { name: 'crm', version: '1.0.0', digest: 'sha256:0' },
      event: 'upgraded',
      payload: { type: 'object' },
    },
  };
  const gold = planFor({
    pipeline: 'gold',
    trigger: { event: 'crm.upgraded', where: 'event.id == "gold"' },
    events: heard,
    steps: [callStep('one', 'acme.create')],
  });
  const waiting = planFor({
    pipeline: 'waiting',
    trigger: { event: 'shop.ordered' },
    events: { ...planFor({ steps: [] }).events, ...heard },
    steps: [
      planStep('wait', 'upgrade', {
        for: {
          event: 'crm.upgraded',
          match: 'signal.id == event.id',
          withinMs: 60_000,
          onExpiry: 'continue',
        },
      }),
    ],
  });
  const bench = await openBench(gold, waiting);
  let delivery = 0;
  const send = async (url: string, id: string): Promise<unknown> => {
    const body = JSON.stringify({ id });
    return (await deliver(url, body, body, `m${++delivery}`)).json();
  };
  try {
    const url = await start(bench.runtime);
    const unheard = { duplicateDelivery: false, runs: [] };
    expect(await send(url, 'tin')).toEqual({
      ...unheard,
      unstarted: { leftOut: ['gold'], waits: ['waiting'], isAwaited: false },
    });
    const runId = await bench.order({ id: 'tin' });
    await bench.runtime.idle();
    expect(await send(url, 'tin')).toEqual({
      ...unheard,
      unstarted: { leftOut: ['gold'], waits: ['waiting'], isAwaited: true },
    });
    await bench.runtime.idle();
    expect(bench.state(runId)).toBe('succeeded');
    expect(await send(url, 'tin'), 'once its run has ended').toMatchObject({
      unstarted: { isAwaited: false },
    });
    const flag = { kind: 'flag', pipeline: 'gold', keys: [], events: [], share: 0 } as const;
    await bench.runtime.setSwitch({ ...flag, expiresAtMs: bench.clock.now() + 60_000 }, 'ana', 'a test');
    expect(await send(url, 'gold')).toMatchObject({ flaggedOff: ['gold'], unstarted: { leftOut: [] } });
    await bench.runtime.liftSwitch('flag/gold', 'ana', 'done');
    const started = await send(url, 'gold');
    expect(started).toMatchObject({ runs: [{ started: true }] });
    expect(started).not.toHaveProperty('unstarted');
    expect(bench.runtime.hearers('crm.other')).toEqual({ starts: [], waits: [], isAwaited: false });
  } finally {
    await bench.close();
  }
});

it('refuses an altered body before it reaches the runtime, and logs the refusal without the payload', async () => {
  const url = await start({});
  const response = await deliver(url, '{"plan":"enterprise"}', '{"plan":"team"}');
  expect(response.status).toBe(401);
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  expect(logged).toHaveLength(1);
  expect(JSON.stringify(logged)).not.toContain('enterprise');
});

it('answers 429 with Retry-After while a pipeline has too many waiting', async () => {
  const url = await start({
    accept: async () => ({
      ok: false,
      failure: {
        class: 'rateLimited',
        code: 'PIPELINE_BACKLOG_FULL',
        message: 'many wait',
        delivery: 'notSent',
        retryAfterMs: 9_500,
      },
    }),
  });
  const response = await deliver(url, '{}');
  expect([response.status, response.headers.get('retry-after')]).toEqual([429, '10']);
});

it('refuses what is too much at a time before it reads it, and takes it again afterwards', async () => {
  let finish: () => void = () => {};
  let asked = 0;
  const url = await start(
    {
      accept: async () => {
        asked++;
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        return { ok: true, duplicateDelivery: false, runs: [run] };
      },
    },
    { intakeInFlightMax: 1 },
  );
  const first = deliver(url, '{}');
  while (asked === 0) await new Promise((resolve) => setImmediate(resolve));
  const second = await deliver(url, '{}');
  expect([second.status, second.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await second.json()).toMatchObject({ code: 'INTAKE_BUSY' });
  const disguised = await fetch(`${url}/%68ooks/crm/upgraded`, { method: 'POST', body: '{}' });
  expect(disguised.status).toBe(503);
  expect((await fetch(`${url}/v1/health`)).status).toBe(200);
  finish();
  expect((await first).status).toBe(202);
  const third = deliver(url, '{}');
  while (asked === 1) await new Promise((resolve) => setImmediate(resolve));
  finish();
  expect((await third).status).toBe(202);
});

it('gives the place of one that sends slowly to another, once it has had its time', async () => {
  let aheadMs = 0;
  const clock = { ...systemClock, steady: () => systemClock.steady() + aheadMs };
  const url = await start(
    { accept: async () => ({ ok: true, duplicateDelivery: false, runs: [run] }) },
    { intakeInFlightMax: 1, clock },
  );
  const slow = connect(Number(new URL(url).port), '127.0.0.1');
  slow.on('error', () => {});
  const ended = once(slow, 'close');
  // A stranger: nothing of it is signed, and the rest of the body never comes.
  slow.write('POST /hooks/crm/upgraded HTTP/1.1\r\nhost: t\r\ncontent-length: 9\r\n\r\n{');
  while ((await deliver(url, '{}')).status !== 503) await new Promise((resolve) => setImmediate(resolve));
  aheadMs = 1_000;
  expect((await deliver(url, '{}')).status).toBe(202);
  await ended;
});

it('logs an address that nobody listens to without what a terminal would obey', async () => {
  const url = await start({});
  expect((await fetch(`${url}/hooks/%C2%9B31m/%E2%80%AEx`, { method: 'POST' })).status).toBe(404);
  expect(logged).toMatchObject([{ code: 'WEBHOOK_EVENT_UNKNOWN' }]);
  // JSON leaves both as they are: the one begins a command to a terminal, the other turns the direction of writing.
  expect(JSON.stringify(logged)).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
});

it('stops while somebody is still sending, and answers whom it has heard', async () => {
  let finish: () => void = () => {};
  const asked = Promise.withResolvers<void>();
  const url = await start({
    accept: async () => {
      asked.resolve();
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return { ok: true, duplicateDelivery: false, runs: [run] };
    },
  });
  const heads = ['POST /hooks/crm/upgraded HTTP/1.1\r\nhost: t\r\ncontent-length: 9\r\n\r\n{', 'POST /hooks'];
  const ends = heads.map(async (head) => {
    const slow = connect(Number(new URL(url).port), '127.0.0.1');
    slow.on('error', () => {});
    slow.write(head);
    await once(slow, 'close');
  });
  const heard = deliver(url, '{}');
  await asked.promise;
  const stopped = stop();
  await Promise.all(ends);
  finish();
  expect((await heard).status).toBe(202);
  await stopped;
});

it('says which field violates the contract, with 422', async () => {
  const failure = {
    class: 'contract',
    code: 'EVENT_PAYLOAD_INVALID',
    message: '/plan is required',
    delivery: 'answered',
    pointer: '/plan',
  } as const;
  const url = await start({ accept: async () => ({ ok: false, failure }) });
  const response = await deliver(url, '{}');
  expect(response.status).toBe(422);
  expect(await response.json()).toMatchObject({ code: 'EVENT_PAYLOAD_INVALID', pointer: '/plan' });
});

it('pushes back with 503 and Retry-After when the runtime is full', async () => {
  const failure = {
    class: 'transient',
    code: 'INTAKE_QUEUE_FULL',
    message: 'full',
    delivery: 'notSent',
    retryAfterMs: 2_500,
  } as const;
  const url = await start({ accept: async () => ({ ok: false, failure }) });
  const response = await deliver(url, '{}');
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '3']);
});

it.each(['/hooks/crm/unknown', '/hooks/nobody/upgraded', '/hooks/crm/constructor'])(
  '%s is not found',
  async (path) => {
    const url = await start({});
    expect((await fetch(url + path, { method: 'POST', body: '{}' })).status).toBe(404);
  },
);

it.each(['/hooks/%zz/upgraded', `/hooks/crm/${'private'.repeat(100)}`])(
  'an address the router cannot take is a problem that does not repeat it: %s',
  async (path) => {
    const url = await start({});
    const response = await fetch(url + path, { method: 'POST', body: '{}' });
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(await response.text()).not.toContain(path);
  },
);

it('refuses a body past its bound', async () => {
  const url = await start({});
  expect((await deliver(url, JSON.stringify({ text: 'x'.repeat(1_100_000) }))).status).toBe(413);
});
