import { isSchemaObject, type JsonSchema, type SchemaObject } from './schema.ts';
import { canMatch, type TextPart } from './text-pattern.ts';

export type { TextPart } from './text-pattern.ts';

/**
 * Why no text that is put together so can fit, whatever is put in: its fixed parts are too long already, or stand where
 * the pattern or the format has something else. `undefined` says nothing: some text may fit, or the schema says too much
 * to tell. As of a validator, a sentence without its subject.
 */
export function textMisfit(parts: readonly TextPart[], schema: JsonSchema): string | undefined {
  if (!isSchemaObject(schema)) return undefined;
  const { maxLength, pattern, format } = schema;
  const least = parts.reduce((sum, part) => sum + leastLength(part), 0);
  if (typeof maxLength === 'number' && least > maxLength)
    return `must have at most ${maxLength} characters; what is written out of it has ${least}`;
  if (typeof pattern === 'string' && !canMatch(parts, pattern)) return `must match the pattern ${pattern}`;
  const shape = typeof format === 'string' && Object.hasOwn(SHAPES, format) ? SHAPES[format] : undefined;
  return shape !== undefined && !canMatch(parts, shape) ? `must be a valid ${format}` : undefined;
}

function leastLength(part: TextPart): number {
  if (part === undefined) return 0;
  return Math.min(...[part].flat().map((text) => [...text].length));
}

const DATE = String.raw`\d{4}-\d\d-\d\d`;
const TIME = String.raw`\d\d:\d\d:\d\d(?:\.\d+)?(?:[zZ]|[+-]\d\d(?::?\d\d)?)?`;

/** What a text of each format has at least: looser than the format, never stricter. */
const SHAPES: Readonly<Record<NonNullable<SchemaObject['format']>, string>> = {
  date: `^${DATE}$`,
  time: `^${TIME}$`,
  'date-time': String.raw`^${DATE}[tT\s]${TIME}$`,
  uuid: '^(?:urn:uuid:)?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$',
  email: String.raw`^[^\s@]+@[^\s@]+$`,
  ipv4: '^[0-9.]+$',
  ipv6: '^[0-9a-fA-F:.]+$',
  hostname: '^[a-zA-Z0-9.-]+$',
  uri: String.raw`^[a-zA-Z][a-zA-Z0-9+.-]*:\S*$`,
  'uri-reference': String.raw`^\S*$`,
};
