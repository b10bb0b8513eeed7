import { isObject } from '@tenon/model';
import { isSchemaObject, type JsonSchema } from '@tenon/schema';

/** What the references in a schema of a plan point at; empty where there are none. */
export function definitionsOf(schema: JsonSchema): Readonly<Record<string, JsonSchema>> {
  const found = isSchemaObject(schema) ? schema.$defs : undefined;
  // `$defs` of a plan hold schemas, as every plan's do.
  return isObject(found) ? (found as Readonly<Record<string, JsonSchema>>) : {};
}
