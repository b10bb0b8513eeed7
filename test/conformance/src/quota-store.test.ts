import { randomBytes } from 'node:crypto';
import { createClient } from '@redis/client';
import { redisQuotaStore } from '@tenon/connector';
import { sleep, systemClock } from '@tenon/model';
import { missingService } from '@tenon/testkit';
import { describe, expect, it } from 'vitest';

const missing = await missingService('Redis', 6379, process.env);

describe.skipIf(missing !== undefined)('a quota counted in Redis', () => {
  it('counts each account for itself, in windows of milliseconds, and frees all of a window at its end', async () => {
    const client = createClient({ url: 'redis://127.0.0.1:6379', disableOfflineQueue: true });
    await client.connect();
    const prefix = `tenon-test-${randomBytes(6).toString('hex')}`;
    const [one, two] = [redisQuotaStore(client, prefix), redisQuotaStore(client, prefix)];
    for (const store of [one, two, one]) expect(await store.take('acme', 3, 1_500)).toBe(0);
    const waitMs = await two.take('acme', 3, 1_500);
    expect(waitMs).toBeGreaterThan(500);
    expect(waitMs).toBeLessThanOrEqual(1_500);
    expect(await two.take('other', 3, 1_500)).toBe(0);
    await sleep(systemClock, waitMs + 20);
    expect(await two.take('acme', 3, 1_500)).toBe(0);
    // Shorter windows are counted as one second: with less, never with more than was declared.
    expect(await one.take('fast', 1, 100)).toBe(0);
    expect(await one.take('fast', 1, 100)).toBeGreaterThan(100);
    const keys = await client.keys(`${prefix}:*`);
    for (const key of keys) {
      // What is over by now is gone (-2); -1 would be one that stays for ever.
      expect(await client.pTTL(key)).not.toBe(-1);
      await client.del(key);
    }
    client.destroy();
    await expect(one.take('acme', 3, 1_500)).rejects.toThrow();
  });

  it('takes back a place of the window that it was taken in, and none of a later one', async () => {
    const client = createClient({ url: 'redis://127.0.0.1:6379', disableOfflineQueue: true });
    await client.connect();
    const prefix = `tenon-test-${randomBytes(6).toString('hex')}`;
    const store = redisQuotaStore(client, prefix);
    const count = async () => Number(await client.get((await client.keys(`${prefix}:*`))[0] ?? ''));
    await store.take('acme', 2, 2_000);
    await store.take('acme', 2, 2_000);
    // Taken less than a millisecond ago, where both are on one machine.
    await store.giveBack!('acme', 2, 2_000, 0);
    expect(await count()).toBe(1);
    expect(await store.take('acme', 2, 2_000)).toBe(0);
    expect(await store.take('acme', 2, 2_000)).toBeGreaterThan(0);
    await store.giveBack!('acme', 2, 2_000, 1_990);
    expect(await count(), 'taken before this window began').toBe(3);
    const [key] = await client.keys(`${prefix}:*`);
    await client.del(key!);
    await store.giveBack!('acme', 2, 2_000, 1);
    expect(await client.keys(`${prefix}:*`), 'of a window that is over').toEqual([]);
    client.destroy();
  });
});
