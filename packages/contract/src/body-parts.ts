import { isSchemaObject, type JsonSchema, type SchemaObject, settle } from '@tenon/schema';
import type { Header, MediaType, PropertyEncoding } from './ir.ts';

/** How one property of a form or multipart body travels: OpenAPI's `encoding`, with what the schema says by itself. */
export interface BodyPart extends Partial<Omit<PropertyEncoding, 'contentType' | 'headers'>> {
  /** Its value is bytes; of a list, each item's. */
  readonly isBytes: boolean;
  /** Media types that it may have, `image/*` among them; none: by its value. */
  readonly types: readonly string[];
  readonly headers: readonly Header[];
}

type Definitions = Readonly<Record<string, JsonSchema>>;

/** The properties of a body in parts of which there is something to say; empty for any other media type. */
export function bodyParts(media: MediaType, definitions: Definitions): Readonly<Record<string, BodyPart>> {
  const isMultipart = media.type.startsWith('multipart/form-data');
  if (!isMultipart && !media.type.startsWith('application/x-www-form-urlencoded')) return {};
  const properties = flat(media.schema ?? true, definitions).properties ?? {};
  const names = new Set([...Object.keys(properties), ...Object.keys(media.encoding ?? {})]);
  const found: [string, BodyPart][] = [];
  for (const name of names) {
    // A property that only the encoding knows is none (OpenAPI 3.1 §4.8.15).
    const schema = Object.hasOwn(properties, name) ? properties[name]! : undefined;
    if (schema === undefined) continue;
    const said = media.encoding && Object.hasOwn(media.encoding, name) ? media.encoding[name]! : undefined;
    const { contentType, headers = [], ...style } = said ?? {};
    // Where a style is given the media type says nothing (OpenAPI 3.1 §4.8.15.1).
    const types = Object.keys(style).length > 0 ? [] : typesOf(contentType);
    const isBytes = isMultipart && Object.keys(style).length === 0 && holdsBytes(schema, types, definitions);
    if (isBytes || said !== undefined)
      found.push([name, { isBytes, types, headers: isMultipart ? headers : [], ...style }]);
  }
  return Object.fromEntries(found);
}

/** A text of `format: binary`, or a schema without a type that is sent as a media type of bytes. */
function holdsBytes(schema: JsonSchema, types: readonly string[], definitions: Definitions): boolean {
  const own = flat(schema, definitions);
  if (isOnly(own, 'array') || own.items !== undefined) {
    const { items } = own;
    return items !== undefined && holdsBytes(items, types, definitions);
  }
  if (isOnly(own, 'string')) {
    if (own.format === 'binary') return true;
    const media = own['contentMediaType'];
    return typeof media === 'string' && own['contentEncoding'] === undefined && !isText(media);
  }
  const isUntyped = own.type === undefined && own.properties === undefined && own.enum === undefined;
  const kinds =
    types.length > 0 ? types : [own['contentMediaType']].filter((type) => typeof type === 'string');
  return isUntyped && own.const === undefined && kinds.length > 0 && !kinds.some(isText);
}

function isOnly({ type }: SchemaObject, wanted: string): boolean {
  return (
    [type]
      .flat()
      .filter((one) => one !== 'null')
      .join() === wanted
  );
}

function isText(type: string): boolean {
  return /^(?:text\/|application\/(?:json|xml|x-www-form-urlencoded)\b|[^;]+\+(?:json|xml)\b|\*\/\*)/i.test(
    type,
  );
}

function typesOf(contentType: string | undefined): string[] {
  return (contentType ?? '')
    .split(',')
    .map((type) => type.trim().toLowerCase())
    .filter((type) => type !== '');
}

function flat(schema: JsonSchema, definitions: Definitions): SchemaObject {
  const settled = settle(schema, {
    definitions,
    pick: (branches) => branches.find((one) => !isSchemaObject(one) || one.type !== 'null') ?? true,
    takeThen: () => true,
  });
  return settled.schema === false ? {} : settled.schema;
}
