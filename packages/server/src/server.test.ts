import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { SecretUnavailableError, signWebhook, type WebhookManifest } from '@tenon/connector';
import { parseDocument } from '@tenon/document';
import { type Failure, isObject, Secret, systemClock } from '@tenon/model';
import type { AcceptResult, FlowReport, IncomingEvent, Runtime, Switch } from '@tenon/runtime';
import { call as callStep, failure, openBench, planFor, step as planStep } from '@tenon/runtime/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { routes } from './operations.ts';
import type { Operator } from './operators.ts';
import { type ServerLogEvent, type ServerOptions, startServer, type TenonServer } from './server.ts';

const webhook: WebhookManifest = { verify: 'standard-webhooks', toleranceMs: 300_000, id: 'webhook-id' };
const secret = new Secret('env:HOOK', `whsec_${Buffer.from('0123456789abcdef').toString('base64')}`);
const next = new Secret('env:HOOK_NEXT', `whsec_${Buffer.from('fedcba9876543210').toString('base64')}`);
const operators: readonly Operator[] = [
  { name: 'ada', role: 'operator', token: new Secret('env:ADA', 'ada-token') },
  { name: 'vera', role: 'viewer', token: new Secret('env:VERA', 'vera-token') },
  { name: 'prom', role: 'scraper', token: new Secret('env:PROM', 'prom-token') },
];
const run = {
  runId: 'r1',
  pipeline: 'p',
  key: 'private@example.com',
  started: true,
  state: 'accepted',
} as const;

let server: TenonServer | undefined;
const logged: ServerLogEvent[] = [];
afterEach(async () => {
  await server?.close();
  server = undefined;
  logged.length = 0;
});

async function start(runtime: Partial<Runtime>, more: Partial<ServerOptions> = {}): Promise<string> {
  server = await startServer({
    // Each test hands in the members that its route calls.
    runtime: { intakeRefusal: () => undefined, ...runtime } as Runtime,
    clock: systemClock,
    host: '127.0.0.1',
    port: 0,
    connections: new Map([
      ['crm', { contract: 'crm', webhooks: { upgraded: webhook }, secrets: async () => [next, secret] }],
    ]),
    operators,
    pipelines: [{ name: 'p', version: 1, planHash: 'sha256:0' }],
    log: (event) => logged.push(event),
    ...more,
  });
  return server.url;
}

function deliver(url: string, body: string, signedBody: string = body, id = 'msg_1'): Promise<Response> {
  const headers = signWebhook(webhook, secret, {
    id,
    body: new TextEncoder().encode(signedBody),
    sentAtMs: systemClock.now(),
  });
  return fetch(`${url}/hooks/crm/upgraded`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
}

describe('webhook intake', () => {
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
});

describe('operations', () => {
  const call = (url: string, token: string, path: string, body?: unknown): Promise<Response> =>
    fetch(url + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${token}` },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });

  it('asks everyone but the health route for a token', async () => {
    const url = await start({ runs: () => [] });
    expect((await fetch(`${url}/v1/health`)).status).toBe(200);
    expect((await fetch(`${url}/v1/runs`)).status).toBe(401);
    expect((await call(url, 'wrong', '/v1/runs')).status).toBe(401);
    expect((await call(url, 'vera-token', '/v1/runs')).status).toBe(200);
  });

  it('lists the runs that a query names, those of one entity too', async () => {
    const asked: unknown[] = [];
    const url = await start({
      runs: (filter) => {
        asked.push(filter);
        return [];
      },
    });
    expect((await call(url, 'vera-token', '/v1/runs?pipeline=p&key=k&orderKey=acc-1&limit=7')).status).toBe(
      200,
    );
    expect(asked).toEqual([{ pipeline: 'p', key: 'k', orderKey: 'acc-1', limit: 7 }]);
  });

  it('tells anybody that it is up, and only an operator what it runs and is connected to', async () => {
    const url = await start({ switches: () => [] }, { consumers: () => [] });
    expect(await (await fetch(`${url}/v1/health`)).json()).toEqual({ status: 'ok' });
    expect(await (await call(url, 'prom-token', '/v1/health')).json()).toEqual({ status: 'ok' });
    expect((await call(url, 'wrong', '/v1/health')).status).toBe(401);
    const known = await (await call(url, 'vera-token', '/v1/health')).json();
    expect(known).toMatchObject({ status: 'ok', pipelines: expect.any(Array), sources: [] });
  });

  it('tells of a pipeline that was rolled back which version is in force', async () => {
    const back = {
      id: 'rollback/p',
      kind: 'rollback',
      pipeline: 'p',
      version: 7,
      planHash: 'sha256:7',
    } as const;
    const said = { actor: 'ana', reason: 'why', sinceMs: 0, revision: 'r' };
    const url = await start({ switches: () => [{ ...back, ...said }] });
    expect(await (await call(url, 'vera-token', '/v1/health')).json()).toMatchObject({
      pipelines: [{ name: 'p', version: 7, planHash: 'sha256:7' }],
    });
  });

  it.each([
    ['rollback', { kind: 'rollback', pipeline: 'p' }],
    ['rollback to a version', { kind: 'rollback', pipeline: 'p', version: 2 }],
    ['scale', { kind: 'scale', pipeline: 'p', concurrency: 40 }],
  ])('sets a %s', async (_which, asked) => {
    const seen: unknown[] = [];
    const url = await start({
      setSwitch: async (request) => {
        seen.push(request);
        return { ok: false, code: 'ROLLBACK_IMPOSSIBLE', message: 'p has no version 2; there are 1' };
      },
    });
    const answer = await call(url, 'ada-token', '/v1/switches', { switch: asked, reason: 'why' });
    expect(seen).toEqual([asked]);
    expect([answer.status, await answer.json()]).toMatchObject([
      409,
      { code: 'ROLLBACK_IMPOSSIBLE', detail: 'p has no version 2; there are 1' },
    ]);
    for (const wrong of [
      { ...asked, version: 0 },
      { ...asked, concurrency: 0 },
      { ...asked, pipeline: '' },
    ])
      expect((await call(url, 'ada-token', '/v1/switches', { switch: wrong, reason: 'why' })).status).toBe(
        400,
      );
  });

  it.each([
    ['/v1/approvals/r1/gate', undefined, 401],
    ['/v1/approvals/r1/gate', 'vera-token', 403],
    ['/v1/nothing', 'ada-token', 404],
    ['/hooks/crm/unknown', undefined, 404],
  ])('refuses %s (token: %s) with %i before its body has come', async (path, token, status) => {
    const url = new URL(await start({}));
    const asked = request({
      host: url.hostname,
      port: url.port,
      path,
      method: 'POST',
      headers: { 'content-length': '100000', ...(token && { authorization: `Bearer ${token}` }) },
    });
    // It never sends the rest: an answer is all there can be.
    asked.on('error', () => {});
    asked.write('{');
    const [answer] = await once(asked, 'response');
    expect([answer.statusCode, answer.headers.connection]).toEqual([status, 'close']);
    asked.destroy();
  });

  it('lists no more dead letters than asked for, and says which number it takes', async () => {
    const asked: unknown[] = [];
    const url = await start({
      deadLetters: (filter) => {
        asked.push(filter);
        return [];
      },
    });
    expect((await call(url, 'vera-token', '/v1/dead-letters?limit=3&queue=repair')).status).toBe(200);
    expect(asked).toEqual([{ limit: 3, queue: 'repair' }]);
    const refused = await call(url, 'vera-token', '/v1/dead-letters?limit=1001');
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ detail: 'limit must be a whole number from 1 to 1000' });
  });

  it('lets a role do what it may, names the actor by the token, and logs what it may not', async () => {
    const decided: unknown[] = [];
    const url = await start({
      decide: async (...args) => {
        decided.push(args);
        return { ok: true };
      },
    });
    const body = { decision: 'approve', reason: 'checked' };
    expect((await call(url, 'vera-token', '/v1/approvals/r1/gate', body)).status).toBe(403);
    expect(logged).toMatchObject([{ code: 'ACCESS_ROLE_REFUSED' }]);
    expect((await call(url, 'ada-token', '/v1/approvals/r1/gate', body)).status).toBe(204);
    expect(decided).toEqual([['r1', 'gate', 'approve', 'ada', 'checked', undefined]]);
  });

  it('refuses a decision without a reason, saying so', async () => {
    const url = await start({});
    const response = await call(url, 'ada-token', '/v1/approvals/r1/gate', { decision: 'approve' });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'HTTP_BODY_INVALID', detail: '/reason is required' });
  });

  it('refuses a blank reason, whatever is asked for', async () => {
    const url = await start({});
    const asked = [
      ['/v1/approvals/r1/gate', { decision: 'approve' }],
      ['/v1/runs/r1/done', { step: 'book' }],
      ['/v1/switches/lift', { id: 'kill/everything' }],
    ] as const;
    for (const [path, body] of asked) {
      const response = await call(url, 'ada-token', path, { ...body, reason: ' \n\t' });
      expect([response.status, await response.json()]).toMatchObject([
        400,
        { code: 'HTTP_BODY_INVALID', pointer: '/reason' },
      ]);
    }
  });

  it('answers an action that is not possible now with 409 and its code', async () => {
    const url = await start({
      resume: async () => ({ ok: false, code: 'RUN_STATE_TERMINAL', message: 'it has succeeded' }),
    });
    const response = await call(url, 'ada-token', '/v1/runs/r1/resume', { reason: 'fixed' });
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([
      409,
      'RUN_STATE_TERMINAL',
    ]);
  });

  it('says that something is not possible now of what may be later alone', async () => {
    const codes: Record<string, string> = { r1: 'RUN_ENDED', r2: 'RUN_IN_DOUBT', r3: 'RUN_NOT_FOUND' };
    const url = await start({
      cancel: async (runId) => ({ ok: false, code: codes[runId]!, message: 'no' }),
      applyReplay: async (token) => ({ ok: false, code: token, message: 'no' }),
    });
    const applied = async (token: string) =>
      (await call(url, 'ada-token', `/v1/replays/${token}/apply`, { reason: 'again' })).json();
    expect(await applied('REPLAY_APPLIED_ALREADY')).toMatchObject({ title: 'Not possible any more' });
    expect(await applied('REPLAY_EXPIRED')).toMatchObject({ title: 'Not possible any more' });
    const cancelled = async (runId: string) =>
      (await call(url, 'ada-token', `/v1/runs/${runId}/cancel`, { reason: 'mistake' })).json();
    expect(await cancelled('r1')).toMatchObject({ title: 'Not possible any more' });
    expect(await cancelled('r2')).toMatchObject({ title: 'Not possible now' });
    expect(await cancelled('r3')).toMatchObject({ title: 'Not found' });
  });

  it('a token that no dry run has given is unknown by one code, looked at or applied', async () => {
    const unknown = async (code: string) => ({ ok: false, code, message: 'no' }) as const;
    const url = await start({
      replayStatus: () => undefined,
      repairStatus: () => undefined,
      applyReplay: () => unknown('REPLAY_UNKNOWN'),
      applyRepair: () => unknown('REPAIR_UNKNOWN'),
    });
    for (const [path, code] of [
      ['/v1/replays/nope', 'REPLAY_UNKNOWN'],
      ['/v1/repairs/nope', 'REPAIR_UNKNOWN'],
    ] as const) {
      const looked = await call(url, 'ada-token', path);
      expect([looked.status, await looked.json()]).toMatchObject([
        404,
        { code, title: 'Not found', detail: expect.stringMatching(/has given the token nope$/) },
      ]);
      const applied = await call(url, 'ada-token', `${path}/apply`, { reason: 'again' });
      expect(await applied.json()).toMatchObject({ code, title: 'Not found' });
    }
  });

  it('shows no stack when a handler fails', async () => {
    const url = await start({
      runs: () => {
        throw new Error('database is gone: /secret/path');
      },
    });
    const response = await call(url, 'ada-token', '/v1/runs');
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).not.toContain('/secret/path');
    expect(text, 'a word of an operator may have been heeded').not.toContain('nothing was accepted');
    expect(logged).toMatchObject([{ code: 'HTTP_HANDLER_FAILED' }]);
  });

  it('names the disk, and what to do, when it refuses what an operator asks', async () => {
    const bench = await openBench(planFor({ onFailure: 'hold', steps: [callStep('one', 'acme.create')] }));
    try {
      bench.target.script = { create: [{ fail: failure('validation', 'HTTP_RESPONSE_STATUS') }] };
      const runId = await bench.order({ id: 'a' });
      await bench.runtime.idle();
      expect(bench.state(runId)).toBe('failed');
      const reason = 'a drill';
      const dry = await bench.runtime.planReplay({ state: 'failed' }, 'ada', reason);
      const url = await start(bench.runtime);
      bench.failDisk();
      for (const [path, body] of [
        ['/v1/switches', { switch: { kind: 'kill', scope: { everything: true } } }],
        [`/v1/runs/${runId}/resume`, {}],
        [`/v1/runs/${runId}/cancel`, {}],
        ['/v1/replays', { filter: { state: 'failed' } }],
        [`/v1/replays/${dry.ok && dry.report.token}/apply`, {}],
        ['/v1/quarantine/recheck', { apply: true }],
        ['/v1/erasures', { subject: 'a', apply: true }],
      ] as const) {
        const response = await call(url, 'ada-token', path, { ...body, reason });
        expect([path, response.status, await response.json()]).toMatchObject([
          path,
          503,
          {
            code: 'RUNTIME_DISK_FAILED',
            title: 'The disk refused a write, and the runtime has stopped',
            detail: expect.stringMatching(/^Free or repair the disk, then restart the process/),
          },
        ]);
      }
      expect(new Set(logged.map(({ code }) => code))).toEqual(new Set(['RUNTIME_DISK_FAILED']));
      expect(await (await call(url, 'vera-token', '/v1/switches')).json()).toEqual({ switches: [] });
      expect(bench.state(runId)).toBe('failed');
    } finally {
      await bench.close();
    }
  });

  it('does not say of an erasure that was cut short that nothing was done', async () => {
    const bench = await openBench(planFor({ steps: [] }));
    try {
      bench.onTend = () => Promise.reject(new Error('no space left'));
      const url = await start(bench.runtime);
      const asked = { subject: 'a', apply: true, reason: 'asked for it' };
      const response = await call(url, 'ada-token', '/v1/erasures', asked);
      expect([response.status, await response.json()]).toMatchObject([
        500,
        {
          code: 'RUNTIME_CHORE_UNFINISHED',
          detail: expect.stringMatching(/^data keys are still to be destroyed: no space left\. Mend what/),
        },
      ]);
    } finally {
      await bench.close();
    }
  });

  it('sets and lifts a switch in the name of the token, with its defaults', async () => {
    const seen: unknown[] = [];
    const url = await start({
      setSwitch: async (...args) => {
        seen.push(args);
        // The answer is handed on as it is.
        return { ok: true, switch: { id: 'pause/p' } as Switch };
      },
      liftSwitch: async (id, ...args) => {
        seen.push([id, ...args]);
        return id === 'pause/p' ? { ok: true } : { ok: false, code: 'SWITCH_NOT_SET', message: 'none' };
      },
    });
    const post = (path: string, body: object, token = 'ada-token') =>
      fetch(`${url}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
        body: JSON.stringify(body),
      });
    const request = { kind: 'pause', pipeline: 'p' };
    expect((await post('/v1/switches', { switch: request, reason: 'why' })).status).toBe(200);
    expect((await post('/v1/switches/lift', { id: 'pause/p', reason: 'well' })).status).toBe(204);
    expect((await post('/v1/switches/lift', { id: 'x', reason: 'well' })).status).toBe(409);
    expect(seen).toEqual([
      [{ ...request, onlyKeys: [] }, 'ada', 'why'],
      ['pause/p', 'ada', 'well'],
      ['x', 'ada', 'well'],
    ]);
    for (const wrong of [
      { kind: 'pause' },
      { kind: 'kill', scope: {} },
      { kind: 'kill', scope: { everything: true, pipeline: 'p' } },
      { kind: 'flag', pipeline: 'p' },
      { kind: 'flag', pipeline: 'p', expiresAtMs: 1, share: 2 },
    ])
      expect(
        (await post('/v1/switches', { switch: wrong, reason: 'why' })).status,
        JSON.stringify(wrong),
      ).toBe(400);
    expect((await post('/v1/switches', { switch: request, reason: 'why' }, 'vera-token')).status).toBe(403);
    expect(seen).toHaveLength(3);
  });

  it('says that nothing of a name can be switched, rather than switching nothing', async () => {
    const url = await start({
      setSwitch: async () => ({ ok: false, code: 'SWITCH_SUBJECT_UNKNOWN', message: 'did you mean p?' }),
    });
    const response = await fetch(`${url}/v1/switches`, {
      method: 'POST',
      headers: { authorization: 'Bearer ada-token' },
      body: JSON.stringify({ switch: { kind: 'pause', pipeline: 'q' }, reason: 'why' }),
    });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({
      code: 'SWITCH_SUBJECT_UNKNOWN',
      detail: 'did you mean p?',
    });
  });

  it('shows the flow to Prometheus, for whoever may read', async () => {
    const overrides = { done: 2, undone: 1, close: 0, confirm: 0, redo: 0, compensate: 0 };
    const flow: FlowReport = {
      atMs: 60_000,
      checkpoints: { everyMs: 60_000, keptAtMs: 55_000, witnessedAtMs: 20_000 },
      alarms: [
        {
          alarm: 'deadLetters',
          sinceMs: 40_000,
          message: 'dead letters of p',
          next: 'tenon dead-letters',
          pipeline: 'p',
          queue: 'repair',
          owner: 'sales',
          escalation: 'pager:sales',
        },
      ],
      intake: { backlog: 3, writesWaiting: 2, bytesWaiting: 10, refused: { RUNTIME_BACKLOG_FULL: 4 } },
      pipelines: [
        {
          pipeline: 'p"1',
          version: 1,
          tier: 'high',
          backlog: 3,
          lagMs: 1_500,
          active: 2,
          concurrency: 20,
          switches: ['pause/p'],
        },
      ],
      connections: [
        { connection: 'acme', breaker: 'open', inFlight: 1, waiting: 5, heldUntilMs: 62_000, switches: [] },
      ],
      reconciliations: [
        {
          reconciliation: 'agree',
          isComparing: false,
          lastEndedAtMs: 45_000,
          differences: 3,
          counts: { missing: 2, extra: 1, mismatched: 0, duplicate: 0, withoutKey: 0 },
          isAboveAlarm: true,
        },
      ],
      runs: { waiting: 7 },
      counts: { accepted: 9, ended: { succeeded: 8 }, retries: 6, held: 1, older: 4, overrides },
      inDoubt: [{ pipeline: 'p', count: 1, oldestMs: 45_000 }],
      deadLetters: [{ pipeline: 'p', queue: 'repair', class: 'validation', count: 2, oldestMs: 30_000 }],
    };
    const url = await start({ flow: () => flow });
    expect((await fetch(`${url}/metrics`)).status).toBe(401);
    expect((await call(url, 'prom-token', '/metrics')).status).toBe(200);
    const response = await fetch(`${url}/metrics`, { headers: { authorization: 'Bearer vera-token' } });
    expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    const lines = (await response.text()).split('\n');
    for (const line of [
      '# TYPE tenon_queue_depth gauge',
      'tenon_queue_depth{pipeline="p\\"1",tier="high"} 3',
      'tenon_queue_lag_seconds{pipeline="p\\"1",tier="high"} 1.5',
      'tenon_alarm{alarm="deadLetters",pipeline="p",queue="repair",owner="sales",escalation="pager:sales"} 1',
      'tenon_ledger_checkpoint_age_seconds{at="file"} 5',
      'tenon_ledger_checkpoint_age_seconds{at="witness"} 40',
      'tenon_runs{state="waiting"} 7',
      'tenon_runs_ended_total{state="succeeded"} 8',
      'tenon_runs_ended_total{state="cancelled"} 0',
      'tenon_retries_total 6',
      'tenon_events_older_total 4',
      'tenon_overrides_total{outcome="done"} 2',
      'tenon_overrides_total{outcome="redo"} 0',
      'tenon_effects_in_doubt{pipeline="p"} 1',
      'tenon_effects_in_doubt_oldest_seconds{pipeline="p"} 15',
      'tenon_dead_letters{pipeline="p",queue="repair",class="validation"} 2',
      'tenon_dead_letters_oldest_seconds{pipeline="p",queue="repair",class="validation"} 30',
      'tenon_connection_breaker{connection="acme",state="open"} 1',
      'tenon_connection_breaker{connection="acme",state="closed"} 0',
      'tenon_connection_held_seconds{connection="acme"} 2',
      'tenon_intake_refused_total{code="RUNTIME_BACKLOG_FULL"} 4',
      'tenon_reconciliation_differences{reconciliation="agree",kind="missing"} 2',
      'tenon_reconciliation_alarm{reconciliation="agree"} 1',
      'tenon_reconciliation_age_seconds{reconciliation="agree"} 15',
    ])
      expect(lines).toContain(line);
    // Each sample is a name, labels and a number; each name was introduced.
    const introduced = new Set(lines.flatMap((line) => /^# TYPE (\w+)/.exec(line)?.[1] ?? []));
    for (const line of lines.filter((one) => one !== '' && !one.startsWith('#'))) {
      const name = /^(\w+)(?:\{[^}]*\})? -?[\d.]+$/.exec(line)?.[1];
      expect(introduced, line).toContain(name);
    }
  });

  it('hands on for which teams somebody decides, and refuses who decides for another', async () => {
    const decided: unknown[] = [];
    const finn = {
      name: 'finn',
      role: 'approver',
      teams: ['finance'],
      token: new Secret('env:F', 'finn-token'),
    } as const;
    const url = await start(
      {
        decide: async (...args) => {
          decided.push(args);
          return { ok: false, code: 'APPROVAL_TEAM_REFUSED', message: 'gate is asked of stock' };
        },
      },
      { operators: [finn] },
    );
    const response = await fetch(`${url}/v1/approvals/r1/gate`, {
      method: 'POST',
      headers: { authorization: 'Bearer finn-token' },
      body: JSON.stringify({ decision: 'approve', reason: 'checked' }),
    });
    expect(decided).toEqual([['r1', 'gate', 'approve', 'finn', 'checked', ['finance']]]);
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ code: 'APPROVAL_TEAM_REFUSED', title: 'Not allowed' });
  });

  it('tells anybody whether events are taken, while the process is up all the same', async () => {
    let refusal: Failure | undefined;
    const url = await start({ intakeRefusal: () => refusal });
    const ready = await fetch(`${url}/v1/ready`);
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'ok' }]);
    refusal = {
      class: 'transient',
      code: 'RUNTIME_DISK_LOW',
      message: '9 MiB are free',
      delivery: 'notSent',
      retryAfterMs: 30_000,
    };
    const closed = await fetch(`${url}/v1/ready`);
    expect([closed.status, closed.headers.get('retry-after')]).toEqual([503, '30']);
    expect(await closed.json()).toMatchObject({ code: 'RUNTIME_DISK_LOW', detail: '9 MiB are free' });
    const health = await fetch(`${url}/v1/health`);
    expect([health.status, await health.json()]).toEqual([
      200,
      { status: 'refusing', code: 'RUNTIME_DISK_LOW' },
    ]);
  });

  it('lets a scraper have the metrics, and nothing else of what it serves', async () => {
    const url = await start({});
    for (const { method, path, operationId } of routes.filter((one) => one.path !== '/metrics')) {
      const response = await fetch(url + path, {
        method,
        headers: { authorization: 'Bearer prom-token' },
      });
      expect([operationId, response.status]).toEqual([operationId, 403]);
    }
  });

  it('serves exactly the operations of contracts/operations', () => {
    const file = join(import.meta.dirname, '../../../contracts/operations/openapi.yaml');
    const document = parseDocument(file, readFileSync(file, 'utf8')).value?.value;
    const paths = isObject(document) && isObject(document['paths']) ? document['paths'] : {};
    const declared = Object.entries(paths).flatMap(([path, item]) =>
      Object.entries(item as Record<string, { operationId: string }>).map(
        ([method, { operationId }]) => `${method.toUpperCase()} ${path} ${operationId}`,
      ),
    );
    const served = routes.map(
      (route) => `${route.method} ${route.path.replaceAll(/:(\w+)/g, '{$1}')} ${route.operationId}`,
    );
    const edges = [
      'POST /hooks/{connection}/{event} receiveWebhook',
      'GET /v1/health getHealth',
      'GET /v1/ready getReadiness',
    ];
    expect([...served, ...edges].sort()).toEqual(declared.sort());
  });
});
