import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PIPELINE, testFiles } from '../test-workspace.ts';
import { parseSpec, type SpecDocument, type SpecNode } from './spec-document.ts';
import { createYamlMemory, parseParts } from './yaml-parts.ts';

const SAMPLE = `# yaml-language-server: $schema=x
apiVersion: tenon/v1
limits: { deadline: 15m } # a comment
steps:
  # the first
  - id: a
    set: >-
      folded ${'$'}{ event.a }

      text

  - { id: b, call: x.y, with: { "k": 'it''s' } }
  # before the last
  - id: c
    choose:
      - when: |
          literal
        steps:
          - id: d
            set: 1

success: ${'$'}{ steps.a != '' }
onFailure: hold # last
`;

const shape = (node: SpecNode | undefined): unknown => {
  if (node === undefined) return undefined;
  const at = [node.start, node.end];
  if (node.kind === 'scalar') return { at, value: node.value, style: node.style };
  if (node.kind === 'list') return { at, items: node.items.map(shape) };
  return { at, entries: node.entries.map(({ key, value }) => [shape(key), shape(value)]) };
};
const all = ({ root, diagnostics, isBroken }: SpecDocument) => ({ root: shape(root), diagnostics, isBroken });

test('a spec parsed step by step is the spec parsed whole', () => {
  const memory = createYamlMemory();
  for (const text of [SAMPLE, testFiles[PIPELINE]!]) {
    expect(parseParts(text, createYamlMemory())).toBeDefined();
    expect(all(parseSpec('a', text, memory))).toEqual(all(parseSpec('a', text)));
  }
});

test('the same after any edit, whatever it breaks', () => {
  const edit = fc.record({
    at: fc.nat(),
    drop: fc.nat({ max: 12 }),
    put: fc.constantFrom(
      '',
      ' ',
      '\n',
      '  ',
      '- ',
      '#',
      '# x',
      '"',
      "'",
      '{',
      '}',
      '[',
      ':',
      ': ',
      '|',
      '>',
      '&a ',
      '*a',
      '!x ',
      '\nsteps:\n',
      '\n  - id: z\n',
      '\n- id: z',
      '\t',
      '---\n',
      'x',
    ),
  });
  let parts = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(SAMPLE, testFiles[PIPELINE]!),
      fc.array(edit, { minLength: 1, maxLength: 3 }),
      (base, edits) => {
        const memory = createYamlMemory();
        let text = base;
        parseSpec('a', text, memory);
        for (const { at, drop, put } of edits) {
          const start = at % (text.length + 1);
          text = text.slice(0, start) + put + text.slice(start + drop);
          if (parseParts(text, createYamlMemory())) parts++;
          expect(all(parseSpec('a', text, memory))).toEqual(all(parseSpec('a', text)));
        }
      },
    ),
    { numRuns: 100 },
  );
  expect(parts).toBeGreaterThan(20);
});
