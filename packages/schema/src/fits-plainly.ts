import type { Json } from '@tenon/model';
import { isSchemaObject, type JsonSchema } from './schema.ts';

/** Keywords that refuse nothing. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  'title',
  'description',
  'default',
  'example',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
  '$comment',
]);

/**
 * Is it plain that a text, number, boolean or null fits, by the simplest keywords alone? `false` says nothing: a
 * validator has to be asked. Most values that people write out are of this kind, and compiling a validator for each
 * costs a hundred times as much as this.
 */
export function fitsPlainly(schema: JsonSchema, value: Json): boolean {
  if (!isSchemaObject(schema)) return schema;
  if (typeof value === 'object' && value !== null) return false;
  return Object.entries(schema).every(([keyword, argument]) => {
    if (keyword === 'type')
      return (Array.isArray(argument) ? argument : [argument]).some((type) => isOf(type, value));
    if (keyword === 'enum') return Array.isArray(argument) && argument.includes(value);
    if (keyword === 'const') return argument === value;
    if (keyword === 'minLength') return typeof value !== 'string' || [...value].length >= Number(argument);
    if (keyword === 'maxLength') return typeof value !== 'string' || [...value].length <= Number(argument);
    if (keyword === 'minimum') return typeof value !== 'number' || value >= Number(argument);
    if (keyword === 'maximum') return typeof value !== 'number' || value <= Number(argument);
    return ANNOTATIONS.has(keyword) || keyword.startsWith('x-');
  });
}

function isOf(type: unknown, value: Json): boolean {
  if (type === 'null') return value === null;
  if (type === 'integer') return Number.isInteger(value);
  return (type === 'string' || type === 'number' || type === 'boolean') && typeof value === type;
}
