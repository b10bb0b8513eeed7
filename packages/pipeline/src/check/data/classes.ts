import type { Contract, DataClass } from '@tenon/contract';
import { isSchemaObject, type JsonSchema } from '@tenon/schema';
import { classesBelow } from './classes-below.ts';
import { fieldsAbout, saidOnTheWay } from './pointers.ts';

const cache = new WeakMap<object, ReadonlyMap<string, DataClass>>();
const recordCache = new WeakMap<object, ReadonlySet<string>>();

/** The classed fields of a payload: JSON Pointer into the data (`*` for list items) → class. */
export function classPointers(contract: Contract, schema: JsonSchema): ReadonlyMap<string, DataClass> {
  const classes = contract.policy?.classes ?? {};
  if (!isSchemaObject(schema) || Object.keys(classes).length === 0) return new Map();
  const known = cache.get(schema);
  if (known) return known;
  const found = fieldsAbout(contract, schema, classOf(contract), (node) => {
    const all = classesBelow(contract, node);
    return STRICTEST_FIRST.find((one) => all.has(one));
  });
  cache.set(schema, found);
  return found;
}

const STRICTEST_FIRST: readonly DataClass[] = ['secret', 'personal', 'financial'];

/**
 * Classes of what is at a place of a payload. `within`: of the field itself, or of one around it; `touching`: of fields that it holds, too. Followed
 * along the pointer, so it is exact where the list of classed fields has an end that a payload has not.
 */
export function classesAt(
  contract: Contract,
  schema: JsonSchema,
  pointer: string,
  how: 'within' | 'touching',
): ReadonlySet<DataClass> {
  if (!isSchemaObject(schema) || Object.keys(contract.policy?.classes ?? {}).length === 0) return NONE;
  const asked = classesAsked.get(schema) ?? { within: new Map(), touching: new Map() };
  classesAsked.set(schema, asked);
  const known = asked[how].get(pointer);
  if (known) return known;
  const found = saidOnTheWay(
    contract,
    schema,
    pointer,
    classOf(contract),
    how === 'touching' ? (node) => classesBelow(contract, node) : undefined,
  );
  if (asked[how].size >= PATHS_KEPT_MAX) asked[how].clear();
  asked[how].set(pointer, found);
  return found;
}

const NONE: ReadonlySet<DataClass> = new Set();
/** Answers about the classed fields of a payload, which are asked for again with every check. */
const classesAsked = new WeakMap<
  object,
  Record<'within' | 'touching', Map<string, ReadonlySet<DataClass>>>
>();
const PATHS_KEPT_MAX = 1_000;

function classOf({ policy }: Contract): (pointer: string) => DataClass | undefined {
  const classes = policy?.classes ?? {};
  return (pointer) => (Object.hasOwn(classes, pointer) ? classes[pointer] : undefined);
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
