import { definitionName, isSchemaObject, type JsonSchema } from '@tenon/schema';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { definitionsOfAnyShape } from '../testing/definitions-of-any-shape.ts';
import { withoutEmptyLoops } from './loops.ts';

const ref = (name: string) => ({ $ref: `#/$defs/${name}` });

test('a reference that leads back to its own value is taken out, one through data stays', () => {
  expect(
    withoutEmptyLoops({
      Self: ref('Self'),
      A: { anyOf: [ref('B'), { type: 'string' }] },
      B: { allOf: [ref('A'), { minLength: 1 }] },
      Tree: { type: 'object', properties: { left: ref('Tree') }, additionalProperties: ref('Tree') },
    }),
  ).toEqual({
    Self: {},
    A: { anyOf: [ref('B'), { type: 'string' }] },
    B: { allOf: [{}, { minLength: 1 }] },
    Tree: { type: 'object', properties: { left: ref('Tree') }, additionalProperties: ref('Tree') },
  });
});

test('without loops nothing changes', () => {
  const definitions = { A: { allOf: [ref('B')] }, B: { type: 'string' } };
  expect(withoutEmptyLoops(definitions)['A']).toBe(definitions.A);
});

test('whatever the schemas, no way leads from a definition back to itself without passing through data', () => {
  fc.assert(
    fc.property(definitionsOfAnyShape(), (definitions) => {
      const opened = withoutEmptyLoops(definitions);
      const targets = new Map(Object.entries(opened).map(([name, schema]) => [name, sameValue(schema)]));
      for (const name of targets.keys()) {
        const reached = new Set<string>();
        const queue = [...targets.get(name)!];
        for (let here = queue.pop(); here !== undefined; here = queue.pop()) {
          if (reached.has(here)) continue;
          reached.add(here);
          queue.push(...(targets.get(here) ?? []));
        }
        expect(reached.has(name)).toBe(false);
      }
    }),
    { numRuns: 200 },
  );
});

function sameValue(schema: JsonSchema | undefined): string[] {
  if (!isSchemaObject(schema)) return [];
  const name = definitionName(schema);
  const parts = [...(schema.allOf ?? []), ...(schema.anyOf ?? []), ...(schema.oneOf ?? []), schema.not];
  return [...(name === undefined ? [] : [name]), ...parts.flatMap(sameValue)];
}
