import type { Json, Random } from '@tenon/model';
import type { JsonSchema } from './schema.ts';

export interface SampleOptions {
  readonly random: Random;
  readonly definitions?: Readonly<Record<string, JsonSchema>>;
  /** Optional properties are present with this probability. Default 1 (to depth 3, then 0). */
  readonly optional?: number;
}

/** A value that fits the schema, the same for the same seed; `undefined` when none was found. */
export declare function sample(schema: JsonSchema, options: SampleOptions): Json | undefined;
