import type { Json, Random } from '@tenon/model';
import { generate, newGeneration } from './sample-generate.ts';
import { isSchemaObject, type JsonSchema } from './schema.ts';
import { validatorFor } from './validator-for.ts';

export interface SampleOptions {
  readonly random: Random;
  readonly definitions?: Readonly<Record<string, JsonSchema>>;
  /** Optional properties are present with this probability. Default 1 (to depth 3, then 0). */
  readonly optional?: number;
  /** Plain values that the author wrote as examples are taken with this probability. Default 0.5. */
  readonly examples?: number;
}

const EXAMPLE_SHARE = 0.5;

/**
 * How often each attempt fills in what is optional, as a share of what was asked for. What is optional causes most
 * of the refusals (a `oneOf` matched twice, a recursion too deep), so later attempts leave it out.
 */
const ATTEMPTS = [1, 1, 1, 0.7, 0.7, 0.4, 0.4, 0.2, 0.2, 0, 0, 0];

/**
 * A value that fits the schema, the same for the same seed; `undefined` when none was found. Generation follows the
 * schema where it can and guesses where it cannot (`not`, `if`, overlapping `oneOf`, two patterns at once), so every
 * value is checked by the validator before it is returned: what comes back is true, or nothing does.
 */
export function sample(schema: JsonSchema, options: SampleOptions): Json | undefined {
  const definitions = options.definitions ?? {};
  const fits = validatorFor(schema, definitions);
  for (const share of ATTEMPTS) {
    const optional = (options.optional ?? 1) * share;
    const { random, examples = EXAMPLE_SHARE } = options;
    const value = generate(schema, newGeneration({ random, definitions, optional, examples }), 0);
    if (value !== undefined && fits(value).length === 0) return value;
  }
  return writtenExamples(schema).find((example) => fits(example).length === 0);
}

function writtenExamples(schema: JsonSchema): readonly Json[] {
  if (!isSchemaObject(schema)) return [];
  const listed = Array.isArray(schema.examples) ? schema.examples : [];
  return schema.default === undefined ? listed : [...listed, schema.default];
}
