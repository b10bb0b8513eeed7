import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { parseDocument } from '@tenon/document';
import { isObject, Secret } from '@tenon/model';
import { call as callStep, failure, openBench, planFor } from '@tenon/runtime/testing';
import { expect, it } from 'vitest';
import { routes } from './operations.ts';
import { call, logged, start } from './started-server.testing.ts';

it('asks everyone but the health route for a token', async () => {
  const url = await start({ findRuns: async () => [] });
  expect((await fetch(`${url}/v1/health`)).status).toBe(200);
  expect((await fetch(`${url}/v1/runs`)).status).toBe(401);
  expect((await call(url, 'wrong', '/v1/runs')).status).toBe(401);
  expect((await call(url, 'vera-token', '/v1/runs')).status).toBe(200);
});

it('lists the runs that a query names, those of one entity too', async () => {
  const asked: unknown[] = [];
  const url = await start({
    findRuns: async (filter) => {
      asked.push(filter);
      return [];
    },
  });
  expect((await call(url, 'vera-token', '/v1/runs?pipeline=p&key=k&orderKey=acc-1&limit=7')).status).toBe(
    200,
  );
  expect(asked).toEqual([{ pipeline: 'p', key: 'k', orderKey: 'acc-1', limit: 7 }]);
  await call(url, 'vera-token', '/v1/runs?version=2&planHash=h&open=true&connection=eu');
  expect(asked.at(-1)).toEqual({ version: 2, planHash: 'h', open: true, connection: 'eu', limit: 50 });
  for (const query of ['version=two', 'version=0', 'open=false'])
    expect((await call(url, 'vera-token', `/v1/runs?${query}`)).status).toBe(400);
});

it('tells anybody that it is up, and only an operator what it runs and is connected to', async () => {
  const pipelines = [{ name: 'p', version: 7, planHash: 'sha256:7' }];
  const url = await start({ pipelinesInForce: () => pipelines }, { consumers: () => [] });
  expect(await (await fetch(`${url}/v1/health`)).json()).toEqual({ status: 'ok' });
  expect(await (await call(url, 'prom-token', '/v1/health')).json()).toEqual({ status: 'ok' });
  expect((await call(url, 'wrong', '/v1/health')).status).toBe(401);
  const known = await (await call(url, 'vera-token', '/v1/health')).json();
  expect(known).toEqual({ status: 'ok', pipelines, sources: [] });
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
    expect((await call(url, 'ada-token', '/v1/switches', { switch: wrong, reason: 'why' })).status).toBe(400);
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

it('cancels many by the set that a dry run froze, in the name of whoever asks', async () => {
  const asked: unknown[] = [];
  const url = await start({
    planCancel: async (...given) => {
      asked.push(given);
      return { ok: true, report: { token: 't1', expiresAtMs: 1, runs: [] } };
    },
    applyCancel: async (...given) => {
      asked.push(given);
      return given[0] === 't1'
        ? { ok: true, runs: [{ runId: 'r1', pipeline: 'p', key: 'k' }] }
        : { ok: false, code: 'CANCEL_UNKNOWN', message: 'no' };
    },
  });
  const planned = await call(url, 'ada-token', '/v1/cancellations', {
    filter: { pipeline: 'p', version: 2 },
    reason: 'wrong',
  });
  expect(await planned.json()).toEqual({ token: 't1', expiresAtMs: 1, runs: [] });
  const applied = await call(url, 'ada-token', '/v1/cancellations/t1/apply', { reason: 'looked' });
  expect(await applied.json()).toEqual({ runs: [{ runId: 'r1', pipeline: 'p', key: 'k' }] });
  expect(asked).toEqual([
    [{ pipeline: 'p', version: 2 }, 'ada', 'wrong'],
    ['t1', 'ada', 'looked'],
  ]);
  const unknown = await call(url, 'ada-token', '/v1/cancellations/t2/apply', { reason: 'looked' });
  expect(await unknown.json()).toMatchObject({ code: 'CANCEL_UNKNOWN', title: 'Not found' });
  const refused = await call(url, 'vera-token', '/v1/cancellations', {
    filter: { version: 2 },
    reason: 'w',
  });
  expect(refused.status).toBe(403);
  const all = await call(url, 'ada-token', '/v1/cancellations', { filter: {}, reason: 'w' });
  expect(all.status).toBe(400);
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

it('lets those see what approvers are shown who decide it', async () => {
  const asked: Record<string, readonly boolean[]> = {};
  let who = '';
  const url = await start(
    {
      approvals: (sees = () => true) => {
        asked[who] = ['sales', 'finance'].map((team) => sees(team));
        return [];
      },
    },
    {
      operators: [
        { name: 'ada', role: 'operator', token: new Secret('env:ADA', 'ada') },
        { name: 'finn', role: 'approver', teams: ['finance'], token: new Secret('env:FINN', 'finn') },
        { name: 'vera', role: 'viewer', token: new Secret('env:VERA', 'vera') },
      ],
    },
  );
  for (who of ['ada', 'finn', 'vera']) await call(url, who, '/v1/approvals');
  expect(asked).toEqual({ ada: [true, true], finn: [false, true], vera: [false, false] });
});

it('shows no stack when a handler fails', async () => {
  const url = await start({
    findRuns: () => {
      throw new Error('database is gone: /secret/path');
    },
  });
  const response = await call(url, 'ada-token', '/v1/runs');
  expect(response.status).toBe(500);
  const text = await response.text();
  expect(text).not.toContain('/secret/path');
  expect(text, 'a word of an operator may have been heeded').not.toContain('nothing was accepted');
  // What was thrown may quote what it failed on, and a connector's own code may have thrown it.
  expect(logged).toEqual([
    {
      code: 'HTTP_HANDLER_FAILED',
      message: expect.stringMatching(/^\/v1\/runs: Error at .*operations\.test\.ts:\d+:\d+$/),
    },
  ]);
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
