import { afterEach, describe, expect, test } from 'vitest';
import type { EncryptionOptions } from '../embedded/file/data-keys.ts';
import { type Bench, openBenchWith, refused } from '../testing/bench.ts';
import { keysNamed } from '../testing/keys.ts';
import { call, planFor } from '../testing/plan.ts';

/** What is done by the business entity that events are ordered by (C63, C72). */
let bench: Bench;
afterEach(() => bench.close());

async function open(encryption?: EncryptionOptions): Promise<void> {
  bench = await openBenchWith({ ...(encryption && { encryption }) }, [
    planFor({
      identity: {
        key: { expression: 'event.id' },
        orderBy: { expression: 'event.account' },
        retainMs: 86_400_000,
      },
      onFailure: 'hold',
      steps: [call('put', 'acme.put')],
    }),
    planFor({ pipeline: 'unordered', steps: [] }),
  ]);
}

async function send(id: string, account: string): Promise<string> {
  const payload = { id, account };
  const accepted = await bench.runtime.accept({
    event: 'shop.ordered',
    payload,
    deliveryId: id,
    source: 'shop',
  });
  if (!accepted.ok) throw new Error(accepted.failure.message);
  await bench.runtime.idle();
  return accepted.runs.find(({ pipeline }) => pipeline === 'orders')!.runId;
}

describe.each([
  ['in a file as it is', undefined],
  ['in an encrypted file', keysNamed('k1')],
])('%s', (_where, encryption) => {
  test('runs of one entity are found by its order key, and name it', async () => {
    await open(encryption);
    const first = await send('a', 'acc-1');
    await send('b', 'acc-2');
    const second = await send('c', 'acc-1');
    expect(await bench.runtime.findRuns({ orderKey: 'acc-1' })).toMatchObject([
      { runId: second, key: 'c', orderKey: 'acc-1' },
      { runId: first, key: 'a', orderKey: 'acc-1' },
    ]);
    expect(bench.runtime.run(first)).toMatchObject({ orderKey: 'acc-1' });
    expect(await bench.runtime.findRuns({ orderKey: 'a' })).toEqual([]);
    expect(bench.runtime.runs({ pipeline: 'unordered' })[0]).not.toHaveProperty('orderKey');
  });

  test('a dead letter names the entity, and those of one are replayed by it', async () => {
    await open(encryption);
    bench.target.script = { put: [{ fail: refused }, { fail: refused }, { fail: refused }] };
    const first = await send('a', 'acc-1');
    await send('b', 'acc-2');
    const second = await send('c', 'acc-1');
    expect(bench.runtime.deadLetters().map(({ orderKey }) => orderKey)).toEqual(['acc-1', 'acc-2', 'acc-1']);
    for (const filter of [{ orderKey: 'acc-1' }, { orderKey: 'acc-1', queue: 'repair' as const }]) {
      const planned = await bench.runtime.planReplay(filter, 'ana', 'mended');
      expect(planned).toMatchObject({ ok: true, report: { runs: [{ runId: first }, { runId: second }] } });
    }
    const other = await bench.runtime.planReplay({ orderKey: 'acc-3' }, 'ana', 'mended');
    expect(other).toMatchObject({ ok: true, report: { runs: [] } });
  });
});

test('an entity whose name is a document is held for the owner, under the event’s own key', async () => {
  await open();
  const runId = await send('a', 'x'.repeat(1_001));
  expect(bench.runtime.run(runId)).toMatchObject({ key: 'a', state: 'failed' });
  expect(bench.runtime.deadLetters()).toMatchObject([
    { runId, failure: { code: 'IDENTITY_KEY_TOO_LONG', message: expect.stringContaining('order key') } },
  ]);
  expect(bench.target.calls).toEqual([]);
});
