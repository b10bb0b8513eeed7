import { digestOf, type Json, type Location } from '@tenon/model';
import {
  diffSchemas,
  type SchemaDiff,
  type SchemaDiffOptions,
  type SchemaDirection,
} from './diff-schemas.ts';
import type { DiffReport, Finding, Place, Undecided } from './finding.ts';
import { changeRules } from './rules/registry.ts';
import { refusalIn } from './schema/check.ts';
import { dialectOf } from './schema/dialect.ts';
import type { Inclusion } from './schema/includes.ts';

/** A bare schema document that knows where its parts stand. */
export interface SchemaDocument {
  readonly value: unknown;
  /** The place of the value at a JSON Pointer, or of the nearest one around it. */
  locate(pointer: string): Location;
}

/**
 * The comparison of two bare schemas as a report like that of two contracts, so that every format can print it. Each
 * direction that breaks is one finding, at the keyword of the document that refuses the witness.
 */
export function schemaReport(
  name: string,
  base: SchemaDocument,
  revision: SchemaDocument,
  direction: SchemaDirection,
  options: SchemaDiffOptions = {},
): { readonly diff: SchemaDiff; readonly report: DiffReport } {
  const diff = diffSchemas(base.value, revision.value, direction, options);
  const findings: Finding[] = [];
  const undecided: Undecided[] = [];
  const digests = [digestOf(base.value), digestOf(revision.value)] as const;
  const add = (way: 'request' | 'response', answer: Inclusion | undefined): void => {
    if (!answer || answer.is === 'included') return;
    const refusing = way === 'request' ? revision : base;
    const fingerprint = (subject: string): string => digestOf([way, subject, ...digests]).slice(7, 23);
    if (answer.is === 'undecided') {
      const message = `it is not known whether every value of the ${way === 'request' ? 'base is one of the revision' : 'revision is one of the base'}`;
      undecided.push({
        ...placed(way, base.locate(''), revision.locate(''), ['', '']),
        keyword: answer.keyword,
        message,
        fingerprint: fingerprint(answer.keyword),
      });
      return;
    }
    const refusal = refusalOf(refusing, answer.witness, options);
    const at = refusal?.keywordAt ?? '';
    const rule = way === 'request' ? 'schema-narrowed' : 'schema-widened';
    const places = [base.locate(at), revision.locate(at)] as const;
    findings.push({
      ...placed(way, places[0], places[1], [at, at]),
      rule,
      severity: changeRules[rule].severity,
      message: `the ${way === 'request' ? 'revision' : 'base'} refuses a value of the ${way === 'request' ? 'base' : 'revision'}${refusal ? `: ${refusal.valueAt === '' ? 'it' : refusal.valueAt} ${refusal.message}` : ''}`,
      witness: answer.witness,
      witnessAt: refusal?.valueAt ?? '',
      acceptedBy: way === 'request' ? 'base' : 'revision',
      usage: [],
      impact: 'unknown',
      fingerprint: fingerprint(at),
    });
  };
  add('request', diff.request);
  add('response', diff.response);
  const report: DiffReport = {
    contract: name,
    base: { version: '', digest: digests[0] },
    revision: { version: '', digest: digests[1] },
    checked: { operations: 0, messages: 0, schemas: 1 },
    findings,
    undecided,
  };
  return { diff, report };
}

function refusalOf(document: SchemaDocument, witness: Json, options: SchemaDiffOptions) {
  // What was compared is an object or a boolean; Ajv says no to anything else.
  const schema = document.value as boolean | Record<string, unknown>;
  return refusalIn(schema, dialectOf(schema, options.dialect), witness);
}

function placed(
  direction: 'request' | 'response',
  base: Location,
  revision: Location,
  pointers: readonly [string, string],
): Pick<Finding, 'direction' | 'operation' | 'operations' | 'pointer' | 'at' | 'locations'> {
  return {
    direction,
    operation: null,
    operations: [],
    pointer: { base: pointers[0], revision: pointers[1] },
    at: { base: placeOf(base), revision: placeOf(revision) },
    locations: { base, revision },
  };
}

function placeOf({ file, range }: Location): Place {
  return { file, line: range.start.line, column: range.start.column };
}
