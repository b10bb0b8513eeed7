import { fromPointer, isObject, type Json } from '@tenon/model';

const REDACTED = '[redacted]';

/** A copy of `value` in which what the pointers name (`*` for every item or member) is replaced. */
export function redacted(value: Json, pointers: readonly string[]): Json {
  return pointers.reduce((result, pointer) => replaced(result, fromPointer(pointer)), value);
}

function replaced(value: Json, [token, ...rest]: readonly string[]): Json {
  if (token === undefined) return value === null ? null : REDACTED;
  if (Array.isArray(value))
    return value.map((item: Json, index) =>
      token === '*' || token === String(index) ? replaced(item, rest) : item,
    );
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value as Record<string, Json>).map(([name, member]) => [
      name,
      token === '*' || token === name ? replaced(member, rest) : member,
    ]),
  );
}
