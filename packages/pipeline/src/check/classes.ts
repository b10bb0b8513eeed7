import type { Contract, DataClass } from '@tenon/contract';
import { isSchemaObject, type JsonSchema } from '@tenon/schema';
import { fieldsAbout } from './pointers.ts';

const cache = new WeakMap<object, ReadonlyMap<string, DataClass>>();
const recordCache = new WeakMap<object, ReadonlySet<string>>();

/** The classed fields of a payload: JSON Pointer into the data (`*` for list items) → class. */
export function classPointers(contract: Contract, schema: JsonSchema): ReadonlyMap<string, DataClass> {
  const classes = contract.policy?.classes ?? {};
  if (!isSchemaObject(schema) || Object.keys(classes).length === 0) return new Map();
  const known = cache.get(schema);
  if (known) return known;
  const found = fieldsAbout(contract, schema, (pointer) =>
    Object.hasOwn(classes, pointer) ? classes[pointer] : undefined,
  );
  cache.set(schema, found);
  return found;
}

/** Fields of a payload that the contract's system is the record of, by pointer into the data. */
export function recordPointers(contract: Contract, schema: JsonSchema): ReadonlySet<string> {
  const records = new Set(contract.policy?.systemOfRecord ?? []);
  if (records.size === 0 || !isSchemaObject(schema)) return new Set();
  const known = recordCache.get(schema);
  if (known) return known;
  const found = new Set(fieldsAbout(contract, schema, (pointer) => records.has(pointer) || undefined).keys());
  recordCache.set(schema, found);
  return found;
}
