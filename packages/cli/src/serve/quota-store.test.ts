import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { sleep, systemClock } from '@tenon/model';
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

test('a server that lets nobody in is told of as that, not as one that is not ready', async () => {
  const server = createServer((socket) =>
    socket.on('data', () => socket.write('-NOAUTH Authentication required.\r\n'.repeat(4))),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  // Listening on TCP, so the address is one with a port.
  const { port } = server.address() as AddressInfo;
  try {
    await using opened = await openQuotaStore({ redis: `redis://127.0.0.1:${port}` }, secrets, { env: {} });
    const asked = async () => {
      for (let look = 0; look < 40; look++) {
        const said = await opened.store.take('a', 1, 1_000).then(String, (error: Error) => error.message);
        if (!said.includes('not ready')) return said;
        await sleep(systemClock, 50);
      }
      return 'it stayed not ready';
    };
    expect(await asked()).toMatch(/^NOAUTH/);
  } finally {
    server.close();
  }
});
