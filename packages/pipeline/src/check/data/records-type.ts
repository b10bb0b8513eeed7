import { lookup, membersOf, presentOf, type Type, union } from '@tenon/expression';

/** The type of a field of an answer where it is there: whether it is, is seen when it is read. */
export function lookedUp(type: Type, name: string): Type | undefined {
  const found = lookup(presentOf(type), name).type;
  return found && thereOf(found);
}

/** Without `null` and absence. */
export function thereOf(type: Type): Type {
  return union(membersOf(presentOf(type)).filter(({ kind }) => kind !== 'null'));
}
