import { didYouMean, isObject, type Json, type JsonObject } from '@tenon/model';
import { isSchemaObject, type JsonSchema, schemaOfProperty } from '@tenon/schema';
import type { SchemaSide } from './contract-schemas.ts';
import { own } from './shape.ts';

/** Rows by resource. */
export type Rows = Readonly<Record<string, readonly JsonObject[]>>;

/** Why a row cannot stand as it was given, and in which member. */
export interface Unfit {
  readonly words: string;
  readonly member: string;
}

/** Rows as they come from a file or over HTTP: `{ invoices: [{ id: inv_1 }] }`; a text says what is wrong with them. */
export function readRows(value: unknown): Rows | string {
  if (!isObject(value)) return 'expected an object: lists of rows, by resource';
  for (const [name, rows] of Object.entries(value)) {
    if (!Array.isArray(rows)) return `\`${name}\` is no list of rows`;
    const strange = rows.findIndex((row) => !isObject(row));
    if (strange !== -1) return `\`${name}\`: row ${strange + 1} is no object`;
  }
  // Looked at just above; what came as JSON or YAML holds nothing else.
  return value as Rows;
}

/**
 * Why a row that was given cannot stand as it is in the one that was made of it: a member that the contract lacks, or a value that does
 * not fit. A sandbox shows only what its contract allows, and would show something else in its place. No value is in the words.
 */
export function untaken(
  given: JsonObject,
  made: JsonObject,
  schema: JsonSchema,
  side: SchemaSide,
): Unfit | undefined {
  const member = Object.keys(given).find((name) => !isWithin(given[name]!, made[name]));
  if (member === undefined) return undefined;
  return { member, words: wordsOf(member, given[member]!, schema, side) };
}

function wordsOf(member: string, value: Json, schema: JsonSchema, side: SchemaSide): string {
  const { properties = {}, ...flat } = side.flat(schema);
  const property = schemaOfProperty({ ...flat, properties }, member);
  if (own(properties, member) === undefined && !isSchemaObject(property)) {
    const near = didYouMean(member, Object.keys(properties));
    return `the contract has no such \`${member}\`${near === undefined ? '' : `; did you mean \`${near}\`?`}`;
  }
  if (side.flat(property).writeOnly === true) return `\`${member}\` is only ever sent: no answer shows it`;
  const [issue] = side.issues(property, value);
  return issue === undefined
    ? `\`${member}\` does not fit what else is in the row`
    : `\`${member}${issue.pointer}\` ${issue.message}`;
}

/** What is given may be more in what is made: objects inside are filled in as well. */
function isWithin(given: Json, made: Json | undefined): boolean {
  if (Array.isArray(given))
    return (
      Array.isArray(made) &&
      made.length === given.length &&
      given.every((item, index) => isWithin(item, made[index]))
    );
  if (!isObject(given)) return given === made;
  return (
    isObject(made) &&
    // Both are JSON, so each member is.
    Object.keys(given).every((name) => isWithin(given[name] as Json, made[name] as Json | undefined))
  );
}
