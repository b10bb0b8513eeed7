import { tmpdir } from 'node:os';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runAgainst } from '../testing/fake-server.ts';
import { HERE } from '../testing/operated-run.ts';
import { dataCommands } from './data.ts';

afterEach(() => vi.unstubAllGlobals());

describe('data', () => {
  const protection = { encrypted: true, olderLeft: 0, shredsLeft: 0, retention: [] };
  const shown = async (more: object): Promise<string> =>
    (await runAgainst({ ...protection, ...more }, dataCommands, ['data', ...HERE], { cwd: tmpdir() })).text;

  it('says while a key is changed which is the current one, and what is left to do', async () => {
    const text = await shown({ current: 'k2', keyFiles: { k1: 5 } });
    expect(text).toContain('  k2 (current): 0 files of data keys\n');
    expect(text).toContain('  k1: 5 files of data keys\n');
    expect(text).toContain('`tenon data rewrap --reason …` wraps these by k2; then k1 can be taken away');
  });

  it('says of nothing more to do where all are wrapped by the current one', async () => {
    const text = await shown({ current: 'k2', keyFiles: { k2: 5 } });
    expect(text).toContain('  k2 (current): 5 files of data keys\n');
    expect(text).not.toContain('rewrap');
  });
});
