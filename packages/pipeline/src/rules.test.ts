import { describe, expect, test } from 'vitest';
import { type RuleCase, ruleCases } from './rules.cases.ts';
import { pipelineRules } from './rules.ts';
import { testFiles, testWorkspace } from './test-workspace.ts';

// `satisfies` above each case proves the type; the entries are read as cases only.
const cases = Object.entries(ruleCases) as readonly (readonly [string, RuleCase])[];

describe.each(cases)('%s', (code, { fires, on, also, silent }) => {
  test('fires, and nothing else does', async () => {
    const { diagnostics } = await testWorkspace(fires);
    const [found] = diagnostics.filter((one) => one.code === code);
    expect(found, summary(diagnostics)).toBeDefined();
    expect(diagnostics.filter((one) => one.code !== code && !also?.includes(one.code)).map(brief)).toEqual(
      [],
    );
    if (on !== undefined) expect(textUnder(found!, fires), summary(diagnostics)).toBe(on);
  });

  test('stays silent', async () => {
    const { diagnostics } = await testWorkspace(silent);
    expect(diagnostics.map(brief)).toEqual([]);
  });
});

test('every rule says why it matters and what to do, and shows it', () => {
  for (const [code, rule] of Object.entries(pipelineRules)) {
    expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
    for (const text of [rule.title, rule.why, rule.fix]) expect(text.length).toBeGreaterThan(8);
    expect(rule.example.bad, code).not.toBe(rule.example.good);
  }
});

type Found = Awaited<ReturnType<typeof testWorkspace>>['diagnostics'][number];

function brief(one: Found): string {
  return `${one.code} ${one.file}:${one.range?.start.line} ${one.message}`;
}

function summary(found: readonly Found[]): string {
  return found.map(brief).join('\n');
}

function textUnder(found: Found, edits: RuleCase['fires']): string {
  const file = found.file ?? '';
  const change = edits[file];
  const base = testFiles[file] ?? '';
  const text = typeof change === 'function' ? change(base) : (change ?? base);
  return text.slice(found.range?.start.offset, found.range?.end.offset);
}
