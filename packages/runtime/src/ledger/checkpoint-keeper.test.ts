import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manualClock } from '@tenon/model';
import { expect, test } from 'vitest';
import { testKey } from '../testing/bench.ts';
import { CheckpointKeeper } from './checkpoint-keeper.ts';
import type { StoredTree } from './tiles.ts';

test('what is stored after the last checkpoint sets no timer, which would keep the process', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-checkpoints-'));
  try {
    const clock = manualClock();
    const head = { size: 0, root: Buffer.alloc(32), lastSequence: 0 };
    // An empty file has no checkpoint, so that no more of its tree is asked for.
    const stored = { head } as unknown as StoredTree;
    const options = { key: testKey, file: join(folder, 'checkpoints'), onProblem: () => {} };
    const keeper = new CheckpointKeeper(options, clock, stored, async () => head);
    keeper.stored(1);
    expect(clock.next).toBeDefined();
    await keeper.close();
    keeper.stored(1);
    expect(clock.next).toBeUndefined();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
