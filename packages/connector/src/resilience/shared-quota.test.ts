import { systemClock } from '@tenon/model';
import { expect, it } from 'vitest';
import { type QuotaStore, SharedQuota } from './shared-quota.ts';

/** A store in this process that two quotas share, as two processes share Redis. */
function store() {
  let taken = 0;
  const state = {
    mode: 'there' as 'there' | 'failing' | 'silent',
    asked: 0,
    take: ((_account, quota) => {
      state.asked++;
      if (state.mode === 'failing')
        return Promise.reject(new Error('NOAUTH Authentication required for 10.0.0.1.'));
      if (state.mode === 'silent') return new Promise(() => {});
      taken++;
      return Promise.resolve(taken <= quota ? 0 : 60_000);
    }) satisfies QuotaStore['take'],
  };
  return state;
}

async function takeAll(quota: SharedQuota, times: number): Promise<number> {
  let got = 0;
  for (let n = 0; n < times; n++) if ((await waitOf(quota)) === 0) got++;
  return got;
}

/** Milliseconds to wait; 0: a place was taken, and its call sent. */
async function waitOf(quota: SharedQuota): Promise<number> {
  const taken = await quota.take();
  if (typeof taken === 'number') return taken;
  taken.leave(true);
  return 0;
}

it('is one quota for all that share it', async () => {
  const shared = store();
  const [one, two] = [1, 2].map(
    () => new SharedQuota({ store: shared, account: 'a', share: 0.5 }, 10, 60_000, systemClock),
  );
  const got = (await takeAll(one!, 7)) + (await takeAll(two!, 7));
  expect(got).toBe(10);
  // Those who wait come one after another, so that no process is first with all of its own.
  const waits = await Promise.all(Array.from({ length: 20 }, () => waitOf(one!)));
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(60_000);
  expect(Math.max(...waits)).toBeLessThanOrEqual(60_100);
  expect(new Set(waits).size).toBeGreaterThan(15);
});

it('is the share of each while the store fails, with what was taken in the window counted', async () => {
  const shared = store();
  const told: unknown[] = [];
  const quota = new SharedQuota(
    { store: shared, account: 'a', share: 0.5, onStore: (...what) => told.push(what) },
    10,
    60_000,
    systemClock,
  );
  expect(await takeAll(quota, 3)).toBe(3);
  shared.mode = 'failing';
  expect(await takeAll(quota, 10)).toBe(2);
  // It was asked once, and is left alone for a while.
  expect(shared.asked).toBe(4);
  expect(told).toEqual([[false, 'NOAUTH']]);
  const waitMs = await waitOf(quota);
  expect(waitMs).toBeGreaterThan(0);
  expect(waitMs).toBeLessThanOrEqual(60_000);
});

it('does not let a call wait for a store that is silent, and uses it again when it answers', async () => {
  const shared = store();
  shared.mode = 'silent';
  const told: boolean[] = [];
  const quota = new SharedQuota(
    { store: shared, account: 'a', share: 0.2, onStore: (isThere) => told.push(isThere) },
    10,
    60_000,
    systemClock,
  );
  const from = performance.now();
  expect(await takeAll(quota, 5)).toBe(2);
  expect(performance.now() - from).toBeLessThan(900);
  shared.mode = 'there';
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  expect(await waitOf(quota)).toBe(0);
  expect(told).toEqual([false, true]);
});

it('lets one call through where a share would be less than one', async () => {
  const shared = store();
  shared.mode = 'failing';
  const quota = new SharedQuota({ store: shared, account: 'a', share: 0.01 }, 10, 60_000, systemClock);
  expect(await takeAll(quota, 3)).toBe(1);
});
