import type { Switch } from '@tenon/runtime';
import { expect, it } from 'vitest';
import { start } from './started-server.testing.ts';

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
    expect((await post('/v1/switches', { switch: wrong, reason: 'why' })).status, JSON.stringify(wrong)).toBe(
      400,
    );
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
