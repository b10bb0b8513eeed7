import { type Field, membersOf, type Type, union } from '../types/type.ts';

/** What reading a field of a value can mean. */
export interface Lookup {
  /** Type of the field, in the variants that have it; `undefined` when none has. */
  readonly type: Type | undefined;
  /** Some variant that has the field does not require it. */
  readonly mayBeAbsent: boolean;
  /** Variants (but null) that cannot have the field at all. */
  readonly without: readonly Type[];
  readonly field?: Field;
}

export function lookup(type: Type, name: string): Lookup {
  const types: Type[] = [];
  const without: Type[] = [];
  let mayBeAbsent = false;
  let found: Field | undefined;
  for (const member of membersOf(type)) {
    if (member.kind === 'null') continue;
    if (member.kind === 'any') return { type: member, mayBeAbsent: false, without: [] };
    const field = member.kind === 'object' ? member.fields.get(name) : undefined;
    const rest = member.kind === 'object' && field === undefined ? member.rest?.(name) : undefined;
    const fieldType = field?.type() ?? rest;
    // A field of type "nothing" can only be absent.
    if (fieldType === undefined || fieldType.kind === 'never') without.push(member);
    else {
      types.push(fieldType);
      found ??= field;
      if (field?.required !== true) mayBeAbsent = true;
    }
  }
  return {
    type: types.length === 0 ? undefined : union(types),
    mayBeAbsent,
    without,
    ...(found && { field: found }),
  };
}

/** Names of fields that any variant has, for "did you mean" and completion. */
export function fieldNames(type: Type): readonly string[] {
  const names = new Set<string>();
  for (const member of membersOf(type))
    if (member.kind === 'object') for (const name of member.fields.keys()) names.add(name);
  return [...names];
}
