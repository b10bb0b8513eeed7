import type { DrillResult } from '@tenon/runtime';
import { expect, it } from 'vitest';
import { call, start } from './started-server.testing.ts';

it('enters a drill in the name of the token, and lists what is due to whoever may read', async () => {
  const seen: unknown[] = [];
  const report = { atMs: 0, due: [], results: [] };
  const url = await start({
    drills: () => report,
    recordDrill: async (...args) => {
      seen.push(args);
      // The answer is handed on as it is.
      return { ok: true, drill: { id: 'd1' } as DrillResult };
    },
  });
  const drill = { kind: 'walkthrough', pipeline: 'p', verdict: 'passed', people: ['sales'] };
  const made = await call(url, 'ada-token', '/v1/drills', { drill, reason: 'ticket 1' });
  expect([made.status, await made.json()]).toEqual([201, { id: 'd1' }]);
  expect(seen).toEqual([[drill, 'ada', 'ticket 1']]);
  expect(await (await call(url, 'vera-token', '/v1/drills')).json()).toEqual(report);
  expect((await call(url, 'prom-token', '/v1/drills')).status).toBe(403);
  expect((await call(url, 'vera-token', '/v1/drills', { drill, reason: 'x' })).status).toBe(403);
  for (const wrong of [
    {},
    { ...drill, kind: 'earthquake' },
    { ...drill, verdict: 'fine' },
    { ...drill, figures: { tookMs: 'long' } },
    { ...drill, actor: 'somebody else' },
  ])
    expect((await call(url, 'ada-token', '/v1/drills', { drill: wrong, reason: 'x' })).status).toBe(400);
  expect((await call(url, 'ada-token', '/v1/drills', { drill, reason: ' ' })).status).toBe(400);
  expect(seen).toHaveLength(1);
});

it.each([
  ['DRILL_SUBJECT_UNKNOWN', 404],
  ['DRILL_TIME_INVALID', 409],
])('answers %s with %i', async (code, status) => {
  const url = await start({ recordDrill: async () => ({ ok: false, code, message: 'why' }) });
  const drill = { kind: 'restore', verdict: 'passed' };
  const answer = await call(url, 'ada-token', '/v1/drills', { drill, reason: 'x' });
  expect([answer.status, await answer.json()]).toMatchObject([status, { code, detail: 'why' }]);
});

it('begins, shows and stops a drill that the runtime holds, in the name of the token', async () => {
  const seen: unknown[] = [];
  const underWay = {
    id: 'd1',
    kind: 'killSwitch',
    pipeline: 'p',
    startedAtMs: 0,
    actor: 'ada',
    reason: 'x',
    phase: 'begins',
  } as const;
  const url = await start({
    beginDrill: async (...args) => {
      seen.push(args);
      return { ok: true, drill: underWay };
    },
    drill: (id) => (id === 'd1' ? underWay : undefined),
    stopDrill: async (...args) => {
      seen.push(args);
      return args[0] === 'd1' ? { ok: true } : { ok: false, code: 'DRILL_UNKNOWN', message: 'none' };
    },
  });
  const drill = { kind: 'killSwitch', pipeline: 'p', holdMs: 5_000, trial: { payload: { id: 'a' } } };
  const begun = await call(url, 'ada-token', '/v1/drills/live', { drill, reason: 'x' });
  expect([begun.status, await begun.json()]).toEqual([202, underWay]);
  expect(await (await call(url, 'vera-token', '/v1/drills/d1')).json()).toEqual(underWay);
  expect((await call(url, 'vera-token', '/v1/drills/d2')).status).toBe(404);
  expect((await call(url, 'ada-token', '/v1/drills/d1/stop', { reason: 'y' })).status).toBe(204);
  expect((await call(url, 'ada-token', '/v1/drills/d2/stop', { reason: 'y' })).status).toBe(409);
  expect(seen).toEqual([
    [drill, 'ada', 'x'],
    ['d1', 'ada', 'y'],
    ['d2', 'ada', 'y'],
  ]);
  expect((await call(url, 'vera-token', '/v1/drills/live', { drill, reason: 'x' })).status).toBe(403);
  expect((await call(url, 'vera-token', '/v1/drills/d1/stop', { reason: 'x' })).status).toBe(403);
  for (const wrong of [
    { ...drill, holdMs: 1_000 },
    { ...drill, holdMs: 3_600_000 },
    { ...drill, pipeline: undefined },
    { ...drill, kind: 'restore' },
    { ...drill, trial: {} },
    { kind: 'flag', pipeline: 'p' },
    { kind: 'replay', pipeline: 'p', fromMs: 0 },
    { kind: 'rotation', connection: 'c', waitMs: 0 },
    { kind: 'rotation', pipeline: 'p' },
  ])
    expect((await call(url, 'ada-token', '/v1/drills/live', { drill: wrong, reason: 'x' })).status).toBe(400);
});
