import type { ContractUsage } from '@tenon/contract';
import { presentOf, type Type } from '@tenon/expression';
import type { Json } from '@tenon/model';

/** All values that a type has, where they are few. */
export function valuesOf(type: Type, most: number = VALUES_MAX): ContractUsage['values'] {
  const present = presentOf(type);
  switch (present.kind) {
    case 'null':
      return [null];
    case 'boolean':
      return present.values ?? [true, false];
    case 'string':
    case 'number':
      return present.values !== undefined && present.values.length <= most ? present.values : undefined;
    case 'union': {
      const all = present.members.map((one) => valuesOf(one, most));
      return all.every((values) => values !== undefined) ? all.flat() : undefined;
    }
    default:
      return undefined;
  }
}

export function valuesOfLiteral(value: Json): ContractUsage['values'] {
  return value === null || typeof value !== 'object' ? [value] : undefined;
}

/** More are no choice that somebody made. */
const VALUES_MAX = 100;
