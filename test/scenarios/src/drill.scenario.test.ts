import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { repoRoot } from './demo/child.ts';
import { tenon } from './tenon.ts';

describe('the reference workspace', () => {
  it('keeps every promise in each way in which its runs may fail', { timeout: 300_000 }, async () => {
    const { code, out, err } = await tenon(repoRoot, ['drill', '--format', 'json']);
    expect(err).toBe('');
    const { runs, findings, pipelines } = JSON.parse(out);
    expect(findings).toEqual([]);
    expect(runs).toBeGreaterThan(250);
    expect(pipelines.map(({ unreached }: { unreached: readonly string[] }) => unreached)).toEqual([[], []]);
    expect(code).toBe(0);
  });

  it('is drilled from the beginning that the page about drills gives', async () => {
    const page = readFileSync(join(repoRoot, 'docs/drills.md'), 'utf8');
    const [, given] = /^```yaml\n# upgrade\.yaml[^\n]*\n(.*?)^```/ms.exec(page) ?? [];
    const folder = mkdtempSync(join(tmpdir(), 'tenon-drill-start-'));
    try {
      const file = join(folder, 'upgrade.yaml');
      writeFileSync(file, given!);
      const line = ['drill', 'subscription-upgraded', '--start', file, '--only', 'nothing goes wrong'];
      const { code, out } = await tenon(repoRoot, line);
      expect(out).toMatch(/ended {3}\d succeeded\n/);
      expect(code).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
