import { type Clock, Secret } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import { TokenCache } from './token-cache.ts';

function cache(expiresInMs: number | undefined, maxTtlMs?: number) {
  const state = { nowMs: 0, fetched: 0 };
  const clock: Clock = { now: () => state.nowMs, setTimer: () => () => {} };
  const tokens = new TokenCache(clock, maxTtlMs);
  const fetch = async () => {
    state.fetched++;
    return {
      token: new Secret('t', `t${state.fetched}`),
      ...(expiresInMs !== undefined && { expiresInMs }),
    };
  };
  return { state, get: () => tokens.get(fetch), refused: (token: Secret) => tokens.refused(token) };
}

describe('TokenCache', () => {
  it.each([
    ['its stated life less the skew', 3_600_000, undefined, 3_570_000],
    ['nine tenths of a short life', 10_000, undefined, 9_000],
    ['the ceiling set on it', 3_600_000, 100_000, 90_000],
    ['five minutes when the server states none', undefined, undefined, 270_000],
  ])('keeps a token for %s', async (_name, expiresInMs, maxTtlMs, lifeMs) => {
    const { state, get } = cache(expiresInMs, maxTtlMs);
    await get();
    state.nowMs = lifeMs - 1;
    await get();
    expect(state.fetched).toBe(1);
    state.nowMs = lifeMs;
    await get();
    expect(state.fetched).toBe(2);
  });

  it('does not keep a token for longer because the clock was set back', async () => {
    const { state, get } = cache(3_600_000);
    state.nowMs = 86_400_000;
    await get();
    state.nowMs = 0;
    await get();
    expect(state.fetched).toBe(2);
    state.nowMs = 3_600_000;
    await get();
    expect(state.fetched).toBe(3);
  });

  it('drops a refused token only while it is the one held', async () => {
    const { state, get, refused } = cache(3_600_000);
    const first = await get();
    refused(first);
    await get();
    refused(first);
    await get();
    expect(state.fetched).toBe(2);
  });

  it('tries again after a failed fetch', async () => {
    let fail = true;
    const tokens = new TokenCache({ now: () => 0, setTimer: () => () => {} });
    const fetch = async () => {
      if (fail) throw new Error('down');
      return { token: new Secret('t', 'ok') };
    };
    await expect(tokens.get(fetch)).rejects.toThrow('down');
    fail = false;
    expect((await tokens.get(fetch)).reveal()).toBe('ok');
  });
});
