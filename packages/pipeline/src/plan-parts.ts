import type { PartBinding } from '@tenon/connector';
import { type BodyPart, bodyParts, type Header, type MediaType } from '@tenon/contract';
import { definitionName, isSchemaObject, type JsonSchema, type SchemaObject } from '@tenon/schema';

type Definitions = Readonly<Record<string, JsonSchema>>;

/** A body as its input takes it, and how its properties travel. */
export interface PlannedBody {
  readonly schema: JsonSchema;
  readonly parts?: Readonly<Record<string, PartBinding>>;
}

/**
 * The body of a media type as the input of a call: bytes as base64 or as a file with a name and a type of its own, and a
 * part with headers of its own as content beside them. Every other body is as the contract has it.
 */
export function plannedBody(media: MediaType, definitions: Definitions): PlannedBody {
  const schema = media.schema ?? true;
  const found = Object.entries(bodyParts(media, definitions));
  if (found.length === 0) return { schema };
  const parts = Object.fromEntries(found.map(([name, part]) => [name, binding(part)]));
  const changed = new Map(found.filter(([name]) => parts[name]!.bytes || parts[name]!.wrapped));
  return {
    schema: changed.size === 0 ? schema : withProperties(schema, changed, definitions, new Set()),
    parts,
  };
}

function binding({ isBytes, types, headers, style, explode, allowReserved }: BodyPart): PartBinding {
  const isStyled = style !== undefined || explode !== undefined || allowReserved !== undefined;
  return {
    ...(types.length > 0 && { types }),
    ...(isBytes && { bytes: true }),
    ...(!isBytes && headers.some((header) => fixed(header) === undefined) && { wrapped: true }),
    ...(headers.length > 0 && {
      headers: headers.map((header) => {
        const value = fixed(header);
        return { name: header.name, ...(value !== undefined && { fixed: value }) };
      }),
    }),
    ...(isStyled && { style: style ?? 'form' }),
    ...(explode !== undefined && { explode }),
    ...(allowReserved !== undefined && { allowReserved }),
  };
}

/** What a header always says, or says unless told otherwise. */
function fixed({ schema }: Header): SchemaObject['const'] {
  if (!isSchemaObject(schema)) return undefined;
  return schema.const ?? schema.default ?? (schema.enum?.length === 1 ? schema.enum[0] : undefined);
}

/** The schema with some of its properties replaced, wherever it declares them; shares what needs no change. */
function withProperties(
  schema: JsonSchema,
  changed: ReadonlyMap<string, BodyPart>,
  definitions: Definitions,
  seen: ReadonlySet<string>,
): JsonSchema {
  if (!isSchemaObject(schema)) return schema;
  const name = definitionName(schema);
  if (name !== undefined) {
    const target = definitions[name];
    if (target === undefined || seen.has(name)) return schema;
    const inner = withProperties(target, changed, definitions, new Set([...seen, name]));
    if (inner === target) return schema;
    const { $ref: _ref, ...siblings } = schema;
    return Object.keys(siblings).length === 0
      ? inner
      : { ...siblings, allOf: [...(siblings.allOf ?? []), inner] };
  }
  let result: SchemaObject = schema;
  const { properties } = schema;
  if (properties !== undefined && Object.keys(properties).some((property) => changed.has(property)))
    result = {
      ...result,
      properties: Object.fromEntries(
        Object.entries(properties).map(([property, given]) => {
          const part = changed.get(property);
          return [property, part === undefined ? given : partInput(given, part, definitions)];
        }),
      ),
    };
  for (const key of ['allOf', 'anyOf', 'oneOf'] as const) {
    const branches = schema[key];
    const made = branches?.map((branch) => withProperties(branch, changed, definitions, seen));
    if (made?.some((branch, index) => branch !== branches?.[index])) result = { ...result, [key]: made };
  }
  return result;
}

/** Standard base64, with its padding. */
const BASE64 = {
  type: 'string',
  contentEncoding: 'base64',
  pattern: '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$',
} as const;

function partInput(schema: JsonSchema, part: BodyPart, definitions: Definitions): JsonSchema {
  const own = resolved(schema, definitions);
  const { description } = own;
  const isList = [own.type].flat().includes('array') || own.items !== undefined;
  const isNullable = [own.type].flat().includes('null');
  const bytes = base64Input(isList ? resolved(own.items ?? true, definitions) : own);
  const one = part.isBytes
    ? fileInput(part, bytes)
    : wrappedInput(isList ? (own.items ?? true) : schema, part);
  const value = isList ? { ...own, items: one } : one;
  const whole: SchemaObject = isNullable && !isList ? { anyOf: [value, { type: 'null' }] } : value;
  return description === undefined || isList ? whole : { ...whole, description };
}

/** The contract counts bytes, and three of them are four characters. */
function base64Input({ minLength, maxLength }: SchemaObject): SchemaObject {
  const characters = (bytes: number): number => Math.ceil(bytes / 3) * 4;
  return {
    ...BASE64,
    ...(minLength !== undefined && { minLength: characters(minLength) }),
    ...(maxLength !== undefined && { maxLength: characters(maxLength) }),
  };
}

function fileInput(part: BodyPart, bytes: SchemaObject): SchemaObject {
  const headers = headersInput(part);
  const file: SchemaObject = {
    type: 'object',
    required: ['content', ...(headers?.required ? ['headers'] : [])],
    properties: {
      content: { ...bytes, description: 'The bytes, as base64.' },
      filename: { type: 'string', description: 'Default: the name of the property.' },
      contentType: {
        type: 'string',
        description: part.types.length === 0 ? 'Its media type.' : `One of ${part.types.join(', ')}.`,
      },
      ...(headers && { headers }),
    },
    additionalProperties: false,
  };
  return headers?.required ? file : { anyOf: [bytes, file] };
}

function wrappedInput(content: JsonSchema, part: BodyPart): SchemaObject {
  const headers = headersInput(part);
  return {
    type: 'object',
    required: ['content', ...(headers?.required ? ['headers'] : [])],
    properties: { content, ...(headers && { headers }) },
    additionalProperties: false,
  };
}

/** `required` only where there is one that must be given. */
function headersInput({ headers }: BodyPart): SchemaObject | undefined {
  if (headers.length === 0) return undefined;
  const required = headers.filter((header) => header.required && fixed(header) === undefined);
  return {
    type: 'object',
    properties: Object.fromEntries(headers.map(({ name, schema }) => [name, schema])),
    ...(required.length > 0 && { required: required.map(({ name }) => name) }),
    additionalProperties: false,
  };
}

function resolved(schema: JsonSchema, definitions: Definitions): SchemaObject {
  const seen = new Set<string>();
  let here: JsonSchema = schema;
  for (;;) {
    if (!isSchemaObject(here)) return {};
    const name = definitionName(here);
    if (name === undefined || seen.has(name) || definitions[name] === undefined) return here;
    seen.add(name);
    here = definitions[name];
  }
}
