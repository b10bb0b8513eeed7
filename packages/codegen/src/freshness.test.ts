import { expect, test } from 'vitest';
import { freshnessDigest } from './freshness.ts';

const sources = new Map([
  ['pipelines/a.pipeline.yaml', 'a'],
  ['contracts/a/openapi.yaml', 'b'],
]);
const existing = new Map([['generated/a/index.js', 'c']]);

test('is the same for the same texts, in whatever order they were read', () => {
  expect(freshnessDigest(new Map([...sources].reverse()), existing)).toBe(freshnessDigest(sources, existing));
});

test.each([
  ['a source changes', new Map([...sources, ['pipelines/a.pipeline.yaml', 'x']]), existing],
  ['a source is added', new Map([...sources, ['contracts/b/openapi.yaml', '']]), existing],
  ['a generated file changes', sources, new Map([['generated/a/index.js', 'x']])],
  ['a generated file goes', sources, new Map<string, string>()],
])('is another when %s', (_what, otherSources, otherExisting) => {
  expect(freshnessDigest(otherSources, otherExisting)).not.toBe(freshnessDigest(sources, existing));
});
