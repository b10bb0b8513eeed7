import { expect, test } from 'vitest';
import { openQuotaStore } from './quota-store.ts';

const secrets = { resolve: () => Promise.reject(new Error('nothing is asked for')) };

test('an address that is none is refused, and none of it is told', async () => {
  const open = (redis: string, env: Record<string, string> = {}) =>
    openQuotaStore({ redis }, secrets, { env });
  const wrong = 'redis//user:hushhush@127.0.0.1:6379';
  for (const opening of [
    open(wrong),
    open('env:QUOTA_REDIS', { QUOTA_REDIS: wrong }),
    open('env:QUOTA_REDIS'),
  ]) {
    await expect(opening).rejects.toThrow('expected the address of a Redis server');
    await expect(opening).rejects.not.toThrow('hushhush');
  }
  await expect(open('env:QUOTA_REDIS')).rejects.toThrow('in env:QUOTA_REDIS');
});
