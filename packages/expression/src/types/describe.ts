import { membersOf, type Type } from './type.ts';

const VALUES_SHOWN_MAX = 5;
const FIELDS_SHOWN_MAX = 4;

/** A type in a few words, for messages and hover: `a string`, `"open" or "paid"`, `a list of objects`, `… or null`. */
export function describeType(type: Type): string {
  switch (type.kind) {
    case 'any':
      return 'anything';
    case 'never':
      return 'nothing';
    case 'null':
      return 'null';
    case 'boolean':
      return type.values ? type.values.map(String).join(' or ') : 'a boolean';
    case 'number':
      if (type.values) return alternatives(type.values.map(String));
      return type.isInteger ? 'an integer' : 'a number';
    case 'string':
      return type.values ? alternatives(type.values.map((value) => JSON.stringify(value))) : 'a string';
    case 'timestamp':
    case 'duration':
      return `a ${type.kind}`;
    case 'list':
      return 'a list';
    case 'object': {
      if (type.title !== undefined) return `an object (${type.title})`;
      const names = [...type.fields.keys()];
      if (names.length === 0) return 'an object';
      const shown = names.slice(0, FIELDS_SHOWN_MAX).join(', ');
      return `an object with ${shown}${names.length > FIELDS_SHOWN_MAX ? ' …' : ''}`;
    }
    case 'union': {
      const texts = [...new Set(membersOf(type).map(describeType))];
      return texts.length > VALUES_SHOWN_MAX
        ? `one of ${texts.length} variants`
        : [...texts.filter((text) => text !== 'null'), ...texts.filter((text) => text === 'null')].join(
            ' or ',
          );
    }
    case 'optional':
      return `${describeType(type.value)}, if there is one`;
  }
}

function alternatives(texts: readonly string[]): string {
  if (texts.length <= VALUES_SHOWN_MAX) return texts.join(' or ');
  return `one of ${texts.slice(0, VALUES_SHOWN_MAX).join(', ')} …`;
}
