import { type QuotaStore, redisQuotaStore } from '@tenon/connector';
import type { SecretStore } from '@tenon/model';
import type { QuotasConfig } from '@tenon/pipeline';
import type { Io } from '../io.ts';

/** What is wrong with the configuration of the store. */
export class QuotaStoreError extends Error {}

export interface OpenQuotaStore extends AsyncDisposable {
  readonly store: QuotaStore;
}

/** Between attempts to reach the store again: calls go on meanwhile, within their process's share. */
const RECONNECT_MS = 1_000;
const CONNECT_MS = 2_000;

/** The store that counts the quotas of accounts for several processes. One that is away is no error: see `SharedQuota`. */
export async function openQuotaStore(
  config: QuotasConfig,
  secrets: SecretStore,
  io: Pick<Io, 'env'>,
): Promise<OpenQuotaStore> {
  const url = config.redis.startsWith('env:') ? io.env[config.redis.slice('env:'.length)] : config.redis;
  if (url === undefined || !/^rediss?:\/\//.test(url) || !URL.canParse(url))
    throw new QuotaStoreError(
      // Not what stands there: a mistyped address may hold its password.
      `quotas.redis: expected the address of a Redis server, such as redis://127.0.0.1:6379${config.redis.startsWith('env:') ? `, in ${config.redis}` : ''}`,
    );
  const password =
    config.password && (await secrets.resolve(config.password, { connection: 'quotas', use: 'quota store' }));
  // Loaded by those who share a quota.
  const { createClient } = await import('@redis/client');
  const client = createClient({
    url,
    name: 'tenon-quotas',
    // A command that waited would be counted when nobody waits for it any more.
    disableOfflineQueue: true,
    socket: { connectTimeout: CONNECT_MS, reconnectStrategy: () => RECONNECT_MS },
    ...(password && { password: password.reveal() }),
  });
  // Whoever counts hears of it; without a listener it would end the process.
  let broken: unknown;
  client.on('error', (error: unknown) => {
    broken = error;
  });
  client.on('ready', () => {
    broken = undefined;
  });
  client.connect().catch(() => {});
  const counted = redisQuotaStore(client, config.prefix);
  return {
    store: {
      // That the connection is not ready says less than why it is not.
      ...counted,
      take: (...asked) => counted.take(...asked).catch((error: unknown) => Promise.reject(broken ?? error)),
    },
    [Symbol.asyncDispose]: async () => {
      client.destroy();
    },
  };
}
