import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openStaging } from './staging.ts';

test('a thread that runs out of memory is told, and leaves no file behind', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-staging-'));
  try {
    const file = join(folder, 'records.db');
    const staging = openStaging(file, 32);
    const record = {
      side: 'source',
      key: 'A',
      id: null,
      changedAtMs: null,
      values: ['x'.repeat(1024 * 1024)],
      totals: [],
      starts: [],
    } as const;
    const all = async (): Promise<void> => {
      for (let count = 0; count < 80; count++) await staging.add([record]);
      for (let part = 0; part < 256; part++)
        await staging.comparePart(part, { compare: [], settledBeforeMs: 0 }, 'only');
    };
    await expect(all()).rejects.toThrow('memory limit');
    await staging.close();
    expect(existsSync(file)).toBe(false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
