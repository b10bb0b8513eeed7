import { canonicalJson } from '@tenon/model';
import { definitionName, isSchemaObject, type JsonSchema } from '@tenon/schema';
import type { SchemaDiffer } from './schemas.ts';
import { followed, unwrapped } from './view.ts';

export interface AlignedUnion {
  readonly pairs: readonly (readonly [JsonSchema, JsonSchema])[];
  readonly removed: readonly JsonSchema[];
  readonly added: readonly JsonSchema[];
}

/** Says which variant of the one union is which of the other: alike, same component, same constants, same type. */
export function alignUnion(
  before: readonly JsonSchema[],
  after: readonly JsonSchema[],
  differ: SchemaDiffer,
): AlignedUnion {
  const left = new Set(before);
  const right = new Set(after);
  const pairs: [JsonSchema, JsonSchema][] = [];
  const match = (keyOf: (schema: JsonSchema, side: 0 | 1) => string | undefined): void => {
    const byKey = new Map<string, JsonSchema[]>();
    for (const schema of right) {
      const key = keyOf(schema, 1);
      if (key === undefined) continue;
      const list = byKey.get(key);
      if (list) list.push(schema);
      else byKey.set(key, [schema]);
    }
    for (const schema of [...left]) {
      const key = keyOf(schema, 0);
      const other = key === undefined ? undefined : byKey.get(key)?.shift();
      if (other === undefined) continue;
      pairs.push([schema, other]);
      left.delete(schema);
      right.delete(other);
    }
  };
  match((schema, side) => differ.colours.signature(side, schema));
  match((schema) => definitionName(unwrapped(schema)));
  match((schema, side) => tagOf(followed(schema, differ.contracts[side].definitions)));
  match((schema) => (isSchemaObject(schema) ? schema.title : undefined));
  match((schema, side) => {
    const here = followed(schema, differ.contracts[side].definitions);
    return isSchemaObject(here) && here.type !== undefined
      ? canonicalJson([here.type, here.format ?? null])
      : undefined;
  });
  match((schema) => builtLike(schema));
  return { pairs, removed: [...left], added: [...right] };
}

/** Variants written inline that say the same kind of thing, in order: a union within a union, most of all. */
function builtLike(schema: JsonSchema): string | undefined {
  if (!isSchemaObject(schema) || schema.$ref !== undefined) return undefined;
  const keywords = Object.keys(schema).filter((keyword) => STRUCTURE.has(keyword));
  return keywords.length === 0 ? undefined : keywords.sort().join(' ');
}

const STRUCTURE = new Set([
  'type',
  'properties',
  'items',
  'allOf',
  'anyOf',
  'oneOf',
  'not',
  'if',
  'additionalProperties',
]);

/** The constants that tell a variant from its siblings. */
function tagOf(schema: JsonSchema): string | undefined {
  if (!isSchemaObject(schema)) return undefined;
  const tags: [string, unknown][] = [];
  for (const [name, of] of Object.entries(schema.properties ?? {})) {
    if (!isSchemaObject(of)) continue;
    const value = of.const ?? (of.enum?.length === 1 ? of.enum[0] : undefined);
    if (value !== undefined) tags.push([name, value]);
  }
  return tags.length === 0 ? undefined : canonicalJson(tags.sort((a, b) => (a[0] < b[0] ? -1 : 1)));
}
