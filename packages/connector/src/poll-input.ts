import { fromPointer, type Json, type JsonObject } from '@tenon/model';
import { definitionName, isSchemaObject, type JsonSchema, type SchemaObject } from '@tenon/schema';
import { inputPointer, withInput } from './input-place.ts';
import type { PollPlan } from './source-plan.ts';

/** What a poll's listing is asked with: from where the one before ended (`from`), or else where the manifest has the first one begin. */
export function pollInput(
  poll: Pick<PollPlan, 'with' | 'cursor'> & { readonly operation: Pick<PollPlan['operation'], 'input'> },
  from: string | undefined = poll.cursor.initial,
): JsonObject {
  // A manifest's `with` is JSON.
  const input = poll.with as JsonObject;
  return from === undefined ? input : withInput(input, poll.cursor.in, overlapped(from, poll));
}

/** A number stays one; a time goes back by the overlap. */
function overlapped(from: string, { cursor, operation }: Parameters<typeof pollInput>[0]): Json {
  if (/^-?\d+(\.\d+)?$/.test(from)) {
    return isText(operation.input, inputPointer(cursor.in)) ? from : Number(from);
  }
  const at = Date.parse(from);
  return cursor.overlapMs === 0 || Number.isNaN(at) ? from : new Date(at - cursor.overlapMs).toISOString();
}

/** Does the contract take text alone there? */
function isText(input: JsonSchema, pointer: string): boolean {
  const root = isSchemaObject(input) ? input : {};
  let here: readonly JsonSchema[] = [root];
  for (const token of fromPointer(pointer))
    here = here
      .flatMap((one) => partsOf(one, root))
      .flatMap((part) => {
        const property = part.properties?.[token] ?? (/^\d+$/.test(token) ? part.items : undefined);
        return property === undefined ? [] : [property];
      });
  const types = here.flatMap((one) => partsOf(one, root)).flatMap(({ type }) => type ?? []);
  return types.length > 0 && types.every((type) => type === 'string');
}

/** A schema, with what it refers to and is put together from: as deep as plans nest them. */
function partsOf(schema: JsonSchema, root: SchemaObject, depth = 0): readonly SchemaObject[] {
  if (!isSchemaObject(schema) || depth > PARTS_DEPTH_MAX) return [];
  const name = definitionName(schema);
  const target = name === undefined ? undefined : root.$defs?.[name];
  const others = [
    ...(target === undefined ? [] : [target]),
    ...(schema.allOf ?? []),
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
  ];
  return [schema, ...others.flatMap((one) => partsOf(one, root, depth + 1))];
}

const PARTS_DEPTH_MAX = 8;
