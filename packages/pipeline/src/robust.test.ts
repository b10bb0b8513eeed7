import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CONFIG, CONNECTOR, PIPELINE, POLICIES, testFiles, testWorkspace } from './test-workspace.ts';

const FILES = [PIPELINE, POLICIES, CONFIG, CONNECTOR, 'owners.yaml'] as const;
const SNIPPETS = [
  ' ',
  '\n',
  ':',
  '- ',
  '{',
  '}',
  '[',
  ']',
  '"',
  "'",
  '${ ',
  '#',
  '!',
  '&a ',
  '*a',
  'null',
  '1e400',
  '~',
  '\t',
  '|',
  '>',
  '?',
  '%',
];

/** A file with some pieces cut out, doubled, moved or put in. */
const broken = fc
  .record({
    file: fc.constantFrom(...FILES),
    edits: fc.array(
      fc.record({
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        cut: fc.nat(60),
        put: fc.constantFrom('', ...SNIPPETS),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  })
  .map(({ file, edits }) => {
    const text = edits.reduce((here, { at, cut, put }) => {
      const start = Math.floor(at * here.length);
      return here.slice(0, start) + put + here.slice(start + (put === '' ? cut : 0));
    }, testFiles[file]!);
    return { file, text };
  });

test('whatever is broken, there are findings with places or a plan, and never an exception', async () => {
  await fc.assert(
    fc.asyncProperty(broken, async ({ file, text }) => {
      const { diagnostics, check, workspace } = await testWorkspace({ [file]: text });
      for (const one of diagnostics) {
        expect(one.message).not.toMatch(/undefined|\[object/);
        if (one.file !== file || !one.range) continue;
        expect(one.range.end.offset).toBeGreaterThanOrEqual(one.range.start.offset);
        expect(one.range.end.offset).toBeLessThanOrEqual(text.length);
      }
      const isClean = diagnostics.every(({ severity }) => severity !== 'error');
      if (isClean && workspace.pipelineFiles.size === 1) expect(check.plans.size).toBe(1);
    }),
    { numRuns: 100 },
  );
});
