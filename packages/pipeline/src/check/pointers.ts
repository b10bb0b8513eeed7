import type { Contract } from '@tenon/contract';
import { fromPointer, toPointer } from '@tenon/model';
import { definitionName, isSchemaObject, type JsonSchema } from '@tenon/schema';

/**
 * How deep fields are looked for, and how many nodes are looked at: payloads of large vendors refer to each other
 * without end. The nearest come first, so what is given up is what is farthest from the root.
 */
const DEPTH_MAX = 12;
const VISITS_MAX = 20_000;

interface Visit {
  readonly schema: JsonSchema;
  readonly path: readonly string[];
  /** Definitions on the way here, innermost first, so that a cycle is walked once. */
  readonly within: Within | undefined;
}

interface Within {
  readonly name: string;
  readonly outer: Within | undefined;
}

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
  let level: Visit[] = [{ schema, path: [], within: undefined }];
  for (let visits = 0; level.length > 0 && visits < VISITS_MAX; ) {
    const next: Visit[] = [];
    for (const here of level) {
      if (++visits > VISITS_MAX) break;
      if (!isSchemaObject(here.schema) || here.path.length > DEPTH_MAX) continue;
      const origin = contract.originOf(here.schema);
      const own = origin && about(origin.pointer);
      if (own !== undefined) {
        const pointer = toPointer(here.path);
        if (!found.has(pointer)) found.set(pointer, own);
      }
      next.push(...below(contract, here));
    }
    level = next;
  }
  return found;
}

/** Where the fields at one place of a payload came from: pointers into the document, one for each variant. */
export function originsAt(contract: Contract, schema: JsonSchema, pointer: string): readonly string[] {
  if (!isSchemaObject(schema)) return [];
  const asked = originsAsked.get(schema) ?? new Map<string, readonly string[]>();
  originsAsked.set(schema, asked);
  const known = asked.get(pointer);
  if (known) return known;
  const wanted = fromPointer(pointer);
  const found: string[] = [];
  let level: Visit[] = [{ schema, path: [], within: undefined }];
  for (let visits = 0; level.length > 0 && visits < VISITS_MAX; visits += level.length) {
    for (const { schema: here, path } of level) {
      const origin =
        isSchemaObject(here) && path.length === wanted.length ? contract.originOf(here) : undefined;
      if (origin) found.push(origin.pointer);
    }
    level = level
      .flatMap((here) => below(contract, here))
      .filter(({ path }) => path.length <= wanted.length && path.every((token, i) => token === wanted[i]));
  }
  if (asked.size >= ORIGINS_KEPT_MAX) asked.clear();
  asked.set(pointer, found);
  return found;
}

/** Fields of a contract that pipelines write, asked for again with every check. */
const originsAsked = new WeakMap<object, Map<string, readonly string[]>>();
const ORIGINS_KEPT_MAX = 1_000;

function below(contract: Contract, { schema, path, within }: Visit): readonly Visit[] {
  if (!isSchemaObject(schema)) return [];
  const found: Visit[] = [];
  const name = definitionName(schema);
  const target = name === undefined || isWithin(name, within) ? undefined : contract.definitions[name];
  if (name !== undefined && target !== undefined)
    found.push({ schema: target, path, within: { name, outer: within } });
  for (const [property, value] of Object.entries(schema.properties ?? {}))
    found.push({ schema: value, path: [...path, property], within });
  for (const keyword of ['items', 'additionalProperties'] as const)
    if (isSchemaObject(schema[keyword]))
      found.push({ schema: schema[keyword], path: [...path, '*'], within });
  for (const keyword of ['allOf', 'anyOf', 'oneOf', 'prefixItems'] as const)
    for (const part of schema[keyword] ?? [])
      found.push({ schema: part, path: keyword === 'prefixItems' ? [...path, '*'] : path, within });
  return found;
}

function isWithin(name: string, within: Within | undefined): boolean {
  for (let here = within; here; here = here.outer) if (here.name === name) return true;
  return false;
}
