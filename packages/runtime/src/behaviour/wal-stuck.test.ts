import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemClock, systemRandom } from '@tenon/model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openRuntime } from '../embedded/open-runtime.ts';
import type { Runtime } from '../runtime.ts';
import { planFor } from '../testing/plan.ts';

let folder: string;
let runtime: Runtime | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenon-wal-stuck-'));
});
afterEach(async () => {
  await runtime?.stop();
  rmSync(folder, { recursive: true });
});

test('a reader that stays in the write-ahead log is said once, and once it is gone the log is emptied', async () => {
  const file = join(folder, 'runtime.db');
  const problems: string[] = [];
  runtime = await openRuntime({
    file,
    clock: systemClock,
    random: systemRandom,
    transport: () => {
      throw new Error('nothing is called');
    },
    onProblem: (message, code) => problems.push(`${code}: ${message}`),
  });
  await runtime.activate(planFor({ steps: [] }));
  const reader = new DatabaseSync(file);
  reader.exec('BEGIN; SELECT count(*) FROM runs');
  const walBytes = () => statSync(`${file}-wal`).size;
  let events = 0;
  const order = async (bytes: number): Promise<void> => {
    const payload = { id: `o${++events}`, filler: 'x'.repeat(bytes) };
    const taken = await runtime!.accept({
      event: 'shop.ordered',
      payload,
      deliveryId: `d${events}`,
      source: 'shop',
    });
    expect(taken).toMatchObject({ ok: true });
  };
  while (walBytes() < TOO_LONG_BYTES) await order(8 << 20);
  await until(() => problems.length > 0);
  expect(problems).toEqual([
    `RUNTIME_WAL_STUCK: the WAL of ${file} cannot be moved into it: a reader stays in it, so it cannot begin anew, and grows with each commit`,
  ]);
  reader.exec('ROLLBACK');
  await until(() => walBytes() < TOO_LONG_BYTES);
  await order(10);
  reader.close();
  expect(problems).toHaveLength(1);
  expect(runtime.runs({ state: 'succeeded', limit: 100 })).toHaveLength(events);
});

/** From here on the writer is to stand aside. */
const TOO_LONG_BYTES = 128 << 20;

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 20));
}
