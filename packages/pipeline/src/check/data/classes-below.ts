import type { Contract, DataClass } from '@tenon/contract';
import { definitionName, isSchemaObject, type JsonSchema, subschemas } from '@tenon/schema';

/** Classes of a node, and of all that its data may hold, however deep: definitions that come back to themselves are looked at once. */
export function classesBelow(contract: Contract, schema: JsonSchema): ReadonlySet<DataClass> {
  const ofDefinitions = known.get(contract) ?? ofEachDefinition(contract);
  known.set(contract, ofDefinitions);
  const { own, names } = within(contract, schema);
  return new Set([...own, ...names.flatMap((name) => [...(ofDefinitions.get(name) ?? [])])]);
}

const known = new WeakMap<Contract, ReadonlyMap<string, ReadonlySet<DataClass>>>();

/** By name: from those that hold a classed field itself, on to those that refer to them. */
function ofEachDefinition(contract: Contract): ReadonlyMap<string, ReadonlySet<DataClass>> {
  const found = new Map<string, Set<DataClass>>();
  const users = new Map<string, string[]>();
  const news: (readonly [name: string, one: DataClass])[] = [];
  for (const [name, schema] of Object.entries(contract.definitions)) {
    const { own, names } = within(contract, schema);
    for (const one of own) news.push([name, one]);
    for (const used of names) {
      const known = users.get(used);
      if (known === undefined) users.set(used, [name]);
      else known.push(name);
    }
  }
  for (let next = news.pop(); next !== undefined; next = news.pop()) {
    const [name, one] = next;
    const classes = found.get(name) ?? new Set();
    if (classes.has(one)) continue;
    found.set(name, classes.add(one));
    for (const user of users.get(name) ?? []) news.push([user, one]);
  }
  return found;
}

/** Of a node and the nodes written inside it: their classes, and the definitions that they refer to. */
function within(
  contract: Contract,
  schema: JsonSchema,
): { readonly own: ReadonlySet<DataClass>; readonly names: readonly string[] } {
  const classes = contract.policy?.classes ?? {};
  const own = new Set<DataClass>();
  const names: string[] = [];
  const queue: JsonSchema[] = [schema];
  for (let here = queue.pop(); here !== undefined; here = queue.pop()) {
    const pointer = isSchemaObject(here) ? contract.originOf(here)?.pointer : undefined;
    const one = pointer !== undefined && Object.hasOwn(classes, pointer) ? classes[pointer] : undefined;
    if (one !== undefined) own.add(one);
    const name = definitionName(here);
    if (name !== undefined) names.push(name);
    for (const child of subschemas(here)) queue.push(child.schema);
  }
  return { own, names };
}
