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
