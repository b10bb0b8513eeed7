import type { JsonSchema } from './schema.ts';

/** One way in which a value does not fit its schema. Never holds the value itself: it may be personal. */
export interface SchemaIssue {
  /** JSON Pointer of the field at fault in the value; for a missing field, of the field that is missing. */
  readonly pointer: string;
  /** The keyword that refused (`required`, `type`, `enum` …). */
  readonly keyword: string;
  /** A sentence for a person: `must be a string`, `is required`, `must be one of "open", "paid"`. */
  readonly message: string;
}

/** Checks one value: an empty list when it fits. */
export type Validator = (value: unknown) => readonly SchemaIssue[];

export interface ValidatorOptions {
  /** The definitions that `#/$defs/…` references name. */
  readonly definitions?: Readonly<Record<string, JsonSchema>>;
  /** Issues listed at most. Default 10. */
  readonly issuesMax?: number;
}

/** Compiles a schema with Ajv (draft 2020-12, formats checked, unknown keywords and formats tolerated). Lazy: the first call pays. */
export declare function compileValidator(schema: JsonSchema, options?: ValidatorOptions): Validator;
