import { isObject, type Json } from '@tenon/model';
import type { SchemaObject } from './schema.ts';

/** The types a flat schema allows; where it names none, the one its keywords speak of; `[]`: any. */
export function typesOf(schema: SchemaObject): readonly string[] {
  if (schema.type !== undefined) return [schema.type].flat();
  const spoken = Object.entries(SPEAKS_OF).find(([, keywords]) =>
    keywords.some((keyword) => schema[keyword] !== undefined),
  );
  return spoken === undefined ? [] : [spoken[0]];
}

const SPEAKS_OF: Readonly<Record<string, readonly string[]>> = {
  object: [
    'properties',
    'required',
    'additionalProperties',
    'patternProperties',
    'minProperties',
    'maxProperties',
    'dependentRequired',
    'dependentSchemas',
    'propertyNames',
  ],
  array: ['items', 'prefixItems', 'minItems', 'maxItems', 'uniqueItems', 'contains'],
  string: ['pattern', 'format', 'minLength', 'maxLength'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
};

/** Is it of this JSON Schema type? */
export function isOfType(value: Json, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}
