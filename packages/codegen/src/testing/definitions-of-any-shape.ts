import type { JsonSchema } from '@tenon/schema';
import fc from 'fast-check';

/** Up to six definitions that refer to each other at random, with every keyword that shapes a type. */
export function definitionsOfAnyShape(): fc.Arbitrary<Record<string, JsonSchema>> {
  const names = ['A', 'B', 'C', 'D e', 'F/g', 'h"'];
  const reference = fc
    .constantFrom(...names)
    .map((name) => ({ $ref: `#/$defs/${encodeURIComponent(name.replace('/', '~1'))}` }));
  const { schema } = fc.letrec<{ schema: JsonSchema }>((tie) => {
    const list = fc.array(tie('schema'), { minLength: 1, maxLength: 3 });
    const map = fc.dictionary(fc.constantFrom('a', 'b', 'kind', '0', 'x-y'), tie('schema'), { maxKeys: 3 });
    return {
      schema: fc.oneof(
        { maxDepth: 3, depthIdentifier: 'schema', withCrossShrink: true },
        reference,
        fc.constantFrom<JsonSchema>(
          true,
          false,
          {},
          { type: 'string' },
          { type: 'null' },
          { enum: ['x', 1, null] },
        ),
        fc.record(
          {
            type: fc.constantFrom<string | string[]>(
              'object',
              'array',
              'integer',
              ['object', 'null'],
              ['string', 'array'],
            ),
            $ref: reference.map(({ $ref }) => $ref),
            properties: map,
            required: fc.subarray(['a', 'b', 'kind', 'zz']),
            additionalProperties: tie('schema'),
            patternProperties: map,
            items: tie('schema'),
            prefixItems: list,
            minItems: fc.nat(2),
            allOf: list,
            anyOf: list,
            oneOf: list,
            not: tie('schema'),
            readOnly: fc.boolean(),
            description: fc.constantFrom('*/', 'text\n * @x', ''),
          },
          { requiredKeys: [] },
        ),
      ) as fc.Arbitrary<JsonSchema>,
    };
  });
  return fc.record(Object.fromEntries(names.map((name) => [name, schema])));
}
