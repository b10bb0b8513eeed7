import type { Contract } from '@tenon/contract';
import { toPointer } from '@tenon/model';
import { definitionName, isSchemaObject, type JsonSchema } from '@tenon/schema';

/** How deep fields are looked for; a recursive schema would go on for ever. */
const DEPTH_MAX = 12;

/**
 * Fields of a payload that a contract's policy speaks of: JSON Pointer into the data (`*` for list items) → what
 * `about` says of the schema's own pointer in its document. The schema must be the contract's own, not a bundled
 * copy: a node is known by where it came from.
 */
export function fieldsAbout<T>(
  contract: Contract,
  schema: JsonSchema,
  about: (pointer: string) => T | undefined,
): ReadonlyMap<string, T> {
  const found = new Map<string, T>();
  visit(schema, [], new Set());
  return found;

  function visit(here: JsonSchema, path: readonly string[], within: ReadonlySet<string>): void {
    if (!isSchemaObject(here) || path.length > DEPTH_MAX) return;
    const origin = contract.originOf(here);
    const own = origin && about(origin.pointer);
    if (own !== undefined) found.set(toPointer(path), own);
    const name = definitionName(here);
    if (name !== undefined && !within.has(name)) {
      const target = contract.definitions[name];
      if (target !== undefined) visit(target, path, new Set(within).add(name));
    }
    for (const [property, value] of Object.entries(here.properties ?? {}))
      visit(value, [...path, property], within);
    for (const keyword of ['items', 'additionalProperties'] as const)
      if (isSchemaObject(here[keyword])) visit(here[keyword], [...path, '*'], within);
    for (const keyword of ['allOf', 'anyOf', 'oneOf', 'prefixItems'] as const)
      for (const part of here[keyword] ?? [])
        visit(part, keyword === 'prefixItems' ? [...path, '*'] : path, within);
  }
}
