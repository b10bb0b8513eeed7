import type { Contract, DataClass } from '@tenon/contract';
import { toPointer } from '@tenon/model';
import { definitionName, isSchemaObject, type JsonSchema } from '@tenon/schema';

/** How deep classed fields are looked for; a recursive schema would go on for ever. */
const DEPTH_MAX = 12;

const cache = new WeakMap<object, ReadonlyMap<string, DataClass>>();

/**
 * The classed fields of a payload: JSON Pointer into the data (`*` for list items) → class. The schema must be the
 * contract's own, not a bundled copy: classes are found by where a node came from.
 */
export function classPointers(contract: Contract, schema: JsonSchema): ReadonlyMap<string, DataClass> {
  const classes = contract.policy?.classes ?? {};
  if (!isSchemaObject(schema) || Object.keys(classes).length === 0) return new Map();
  const known = cache.get(schema);
  if (known) return known;
  const found = new Map<string, DataClass>();
  visit(schema, [], new Set());
  cache.set(schema, found);
  return found;

  function visit(here: JsonSchema, path: readonly string[], within: ReadonlySet<string>): void {
    if (!isSchemaObject(here) || path.length > DEPTH_MAX) return;
    const origin = contract.originOf(here);
    const own = origin && Object.hasOwn(classes, origin.pointer) ? classes[origin.pointer] : undefined;
    if (own) found.set(toPointer(path), own);
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
