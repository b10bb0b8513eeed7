import { fromPointer, isObject, type Json } from '@tenon/model';
import type { Fault } from './faults.ts';

/** An answer as a provider would give it that changed its contract without telling. */
export function drifted(body: Json, fault: Extract<Fault, { kind: 'drift' }>): Json {
  let result = body;
  for (const pointer of fault.remove ?? []) result = changed(result, fromPointer(pointer), () => undefined);
  for (const pointer of fault.retype ?? []) result = changed(result, fromPointer(pointer), otherType);
  for (const [pointer, name] of Object.entries(fault.rename ?? {}))
    result = renamed(result, fromPointer(pointer), name);
  for (const [pointer, value] of Object.entries(fault.add ?? {}))
    result = added(result, fromPointer(pointer), value);
  return result;
}

function changed(value: Json, tokens: readonly string[], change: (value: Json) => Json | undefined): Json {
  const [token, ...rest] = tokens;
  if (token === undefined) return change(value) ?? null;
  if (Array.isArray(value)) {
    // Array.isArray loses the item type of a readonly list.
    const items = value as readonly Json[];
    return items.map((item, index) =>
      token === '*' || token === String(index) ? changed(item, rest, change) : item,
    );
  }
  if (!isObject(value) || !Object.hasOwn(value, token)) return value;
  const object = value as Readonly<Record<string, Json>>;
  const next = rest.length === 0 ? change(object[token]!) : changed(object[token]!, rest, change);
  const { [token]: _old, ...others } = object;
  return next === undefined ? others : { ...object, [token]: next };
}

function renamed(value: Json, tokens: readonly string[], name: string): Json {
  const last = tokens.at(-1);
  if (last === undefined) return value;
  return changed(value, tokens.slice(0, -1), (parent) => {
    if (!isObject(parent) || !Object.hasOwn(parent, last)) return parent;
    const { [last]: moved, ...others } = parent as Readonly<Record<string, Json>>;
    return { ...others, [name]: moved! };
  });
}

/** Only objects grow: a pointer into a list item or a scalar that is not there changes nothing. */
function added(value: Json, tokens: readonly string[], grown: Json): Json {
  const last = tokens.at(-1);
  if (last === undefined) return value;
  const grow = (parent: Json): Json =>
    isObject(parent) ? { ...(parent as Readonly<Record<string, Json>>), [last]: grown } : parent;
  return tokens.length === 1 ? grow(value) : changed(value, tokens.slice(0, -1), grow);
}

function otherType(value: Json): Json {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return {};
  if (value === null) return 0;
  return isObject(value) ? JSON.stringify(value) : String(value);
}
