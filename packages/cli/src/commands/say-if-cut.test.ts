import { tmpdir } from 'node:os';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runAgainst } from '../testing/fake-server.ts';
import { HERE, operatedRun as run } from '../testing/operated-run.ts';
import { operateCommands } from './operate.ts';
import { quarantineCommands } from './quarantine.ts';
import { reconcileCommands } from './reconcile.ts';

afterEach(() => vi.unstubAllGlobals());

describe('a list that may be cut off', () => {
  const listed = async (count: number, ...argv: string[]) => {
    const runs = Array.from({ length: count }, (_, nth) => ({ ...run, runId: `r${nth}` }));
    const { text, out } = await runAgainst({ runs }, operateCommands, ['runs', 'ls', ...argv, ...HERE], {
      cwd: tmpdir(),
    });
    return { said: text.slice(out.length), out };
  };

  it('says so beside it, and how to see more', async () => {
    const says = 'the newest 50; there may be more: filters narrow it down, --limit shows more, up to 1000\n';
    expect((await listed(50)).said).toBe(says);
    expect((await listed(49)).said).toBe('');
    expect((await listed(3, '--limit', '3')).said).toMatch(/^the newest 3; /);
    expect((await listed(1_000, '--limit', '1000')).said).not.toContain('--limit');
  });

  it.each([
    ['quarantine', 1_000, /^the oldest 1000; there may be more: filters narrow it down$/m],
    ['reconcile reports', 50, /^the newest 50; .* --limit shows more, up to 1000$/m],
  ])('so it is of %s', async (line, most, says) => {
    const failure = { class: 'contract', code: 'X', message: 'no' };
    const said = async (count: number) => {
      const all = Array.from({ length: count }, () => ({ ...run, failure, begunAtMs: 0, records: {} }));
      const { text } = await runAgainst(
        { deadLetters: all, reports: all },
        [...quarantineCommands, ...reconcileCommands],
        [...line.split(' '), ...HERE],
        { cwd: tmpdir() },
      );
      return text;
    };
    expect(await said(most)).toMatch(says);
    expect(await said(most - 1)).not.toContain('there may be more');
  });

  it('as data is the list alone', async () => {
    expect(JSON.parse((await listed(50, '--format', 'json')).out)).toHaveLength(50);
  });
});
