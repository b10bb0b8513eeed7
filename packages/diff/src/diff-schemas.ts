import type { Json } from '@tenon/model';
import { checkOfBundle } from './schema/check.ts';
import { bundleSchema, type Dialect, dialectOf } from './schema/dialect.ts';
import { type Inclusion, includes } from './schema/includes.ts';

/** Which way the values of a bare schema travel; `both`: either version may send. */
export type SchemaDirection = 'request' | 'response' | 'both';

export interface SchemaDiff {
  /** `request`: is every value of the old a value of the new? Absent for direction `response`. */
  readonly request?: Inclusion;
  /** `response`: is every value of the new a value of the old? */
  readonly response?: Inclusion;
  readonly verdict: 'safe' | 'breaking' | 'undecided';
  /** A value that one version accepts and the other refuses. */
  readonly witness?: Json;
  readonly acceptedBy?: 'base' | 'revision';
}

export interface SchemaDiffOptions {
  /** For documents that do not name theirs by `$schema`. Default 2020-12. */
  readonly dialect?: Dialect;
  readonly stepsMax?: number;
}

/**
 * Compares two bare JSON Schema documents by what they accept. Where a specification before 2020-12 leaves a reading
 * open (`format` as an annotation, `\w` by Unicode), a verdict is given only if it holds under each.
 */
export function diffSchemas(
  base: unknown,
  revision: unknown,
  direction: SchemaDirection = 'both',
  options: SchemaDiffOptions = {},
): SchemaDiff {
  const [old, now] = [base, revision].map((document) => {
    const bundle = bundleSchema(document, dialectOf(document, options.dialect));
    // A schema document is an object or a boolean; Ajv says no to anything else.
    return { bundle, check: checkOfBundle(document as boolean | Record<string, unknown>, bundle) };
  });
  const ask = (sub: typeof old, sup: typeof now): Inclusion =>
    includes(sub!.bundle, sup!.bundle, {
      checks: [sub!.check, sup!.check],
      ...(options.stepsMax !== undefined && { stepsMax: options.stepsMax }),
    });
  const request = direction === 'response' ? undefined : ask(old, now);
  const response = direction === 'request' ? undefined : ask(now, old);
  const answers = [request, response].filter((answer) => answer !== undefined);
  const broken = answers.find((answer) => answer.is === 'broken');
  return {
    ...(request && { request }),
    ...(response && { response }),
    verdict: broken ? 'breaking' : answers.some((answer) => answer.is === 'undecided') ? 'undecided' : 'safe',
    ...(broken && { witness: broken.witness, acceptedBy: broken === request ? 'base' : 'revision' }),
  };
}
