import { isObject } from '@tenon/model';
import { definitionName, isSchemaObject, type JsonSchema } from '@tenon/schema';

/**
 * The definitions without loops that pass through no data: `A` is `B`, and `B` is `A`. Such a loop says nothing of any
 * value, and a validator that follows it never ends (Ajv: at compile time for bare references, at run time for others).
 * The reference that closes it is taken out; a loop through a property or a list's items is left as it is.
 */
export function withoutEmptyLoops(
  definitions: Readonly<Record<string, JsonSchema>>,
): Readonly<Record<string, JsonSchema>> {
  const opened = new Map(Object.entries(definitions));
  const done = new Set<string>();
  for (const name of opened.keys()) open(name, opened, [], done);
  return Object.fromEntries(opened);
}

/** Keywords whose schemas judge the same value as the schema they stand in. */
const SAME_VALUE = ['allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else'];

/** Depth first along references to the same value. Paths are as long as inheritance is deep, which is not very. */
function open(
  name: string,
  definitions: Map<string, JsonSchema>,
  path: readonly string[],
  done: Set<string>,
): void {
  if (done.has(name)) return;
  const here = [...path, name];
  const next = new Set<string>();
  const opened = withoutClosing(definitions.get(name)!, new Set(here), next);
  definitions.set(name, opened);
  for (const target of next) if (definitions.has(target)) open(target, definitions, here, done);
  done.add(name);
}

function withoutClosing(schema: JsonSchema, closing: ReadonlySet<string>, next: Set<string>): JsonSchema {
  if (!isSchemaObject(schema)) return schema;
  let here: Record<string, unknown> = schema;
  const name = definitionName(schema);
  if (name !== undefined && closing.has(name)) {
    const { $ref: _closing, ...rest } = schema;
    here = rest;
  } else if (name !== undefined) next.add(name);
  for (const keyword of SAME_VALUE) {
    const value = here[keyword];
    const opened = Array.isArray(value)
      ? value.map((part) => withoutClosing(part, closing, next))
      : isObject(value)
        ? withoutClosing(value, closing, next)
        : value;
    const isChanged = Array.isArray(opened)
      ? opened.some((part, index) => part !== (value as unknown[])[index])
      : opened !== value;
    if (isChanged) here = { ...here, [keyword]: opened };
  }
  return here;
}
