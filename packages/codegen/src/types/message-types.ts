import { definitionName } from '@tenon/schema';
import type { JSONSchema } from 'json-schema-to-typescript';
import { identifierNames } from '../names.ts';
import { definitionReference, type Surface } from '../surface.ts';
import { compilable } from './compilable.ts';
import { resolvable } from './recursion.ts';
import { type TypeableObject, type TypeableSchema, typeable } from './typeable.ts';

/**
 * Types of an AsyncAPI contract: `Operations` and `Events`, and a named type for each definition they use, by
 * json-schema-to-typescript. It is given the same normal form as openapi-typescript: without it, a declared property
 * that differs from its index signature (TS2411) or a type that is only itself (TS2456) does not compile.
 */
export async function messageTypes(surface: Surface): Promise<string> {
  const { compile } = await import('json-schema-to-typescript');
  const { definitions } = resolvable(
    new Map(Object.entries(surface.definitions).map(([name, schema]) => [name, typeable(schema)])),
  );
  const names = identifierNames(ROOTS);
  const typeNames = new Map([...definitions.keys()].map((name) => [name, typeName(names.make(name))]));
  const convert = (schema: TypeableSchema): JSONSchema => upstreamSchema(schema, typeNames);
  const roots = {
    Operations: objectOf(
      surface.operations.map(({ operation, input, results }) => [
        operation.id,
        objectOf([
          ['input', convert(typeable(input))],
          ['results', objectOf(results.map(({ status, schema }) => [status, convert(typeable(schema))]))],
        ]),
      ]),
    ),
    Events: objectOf(surface.events.map(({ event, payload }) => [event.id, convert(typeable(payload))])),
  };
  const text = await compile(
    {
      ...objectOf(Object.entries(roots).map(([name, schema]) => [name, { ...schema, title: name }])),
      $defs: Object.fromEntries(
        [...definitions].map(([name, schema]) => [typeNames.get(name)!, convert(schema)]),
      ),
    },
    'Contract',
    {
      additionalProperties: false,
      bannerComment: '',
      // Its formatter, prettier, is three quarters of the time, and what it printed would change with its version.
      format: false,
      // All references are local; nothing is read, least of all from the network.
      $refOptions: { resolve: { external: false } },
    },
  );
  return compilable(indented(text));
}

/** Two spaces for each brace that a line leaves open; nothing is wrapped or joined. */
function indented(text: string): string {
  let depth = 0;
  let isComment = false;
  const lines = text
    .trim()
    .split('\n')
    .map((line) => {
      const content = line.trim();
      if (content.startsWith('/*')) isComment = true;
      if (!isComment && /^[)}\]]/.test(content)) depth = Math.max(0, depth - 1);
      const indent = '  '.repeat(depth) + (isComment && content.startsWith('*') ? ' ' : '');
      if (!isComment && /[({[]$/.test(content)) depth += 1;
      if (content.endsWith('*/')) isComment = false;
      return content === '' ? '' : indent + content;
    });
  return `${lines.join('\n').replace(/\n{3,}/g, '\n\n')}\n`;
}

/** Types that the rest of the generated code names. */
const ROOTS = ['Contract', 'Operations', 'Events'];

function typeName(identifier: string): string {
  return identifier.charAt(0).toUpperCase() + identifier.slice(1);
}

function objectOf(members: readonly (readonly [string, JSONSchema])[]): JSONSchema {
  return {
    type: 'object',
    properties: Object.fromEntries(members),
    required: members.map(([name]) => name),
    additionalProperties: false,
  };
}

function upstreamSchema(schema: TypeableSchema, typeNames: ReadonlyMap<string, string>): JSONSchema {
  // Upstream prints `never` for an empty enum, and has no word for the schema `false`.
  if (schema === false) return { tsType: 'never' };
  const convert = (part: TypeableSchema): JSONSchema => upstreamSchema(part, typeNames);
  const {
    title: _title,
    $ref,
    allOf,
    anyOf,
    items,
    prefixItems,
    properties,
    additionalProperties,
    ...rest
  } = schema;
  const name = $ref === undefined ? undefined : definitionName({ $ref });
  const isOpen = schema.type === 'object' && properties === undefined && additionalProperties === undefined;
  return {
    ...(rest as TypeableObject & { required?: string[]; enum?: JSONSchema['enum'] & object }),
    ...(name !== undefined && { $ref: definitionReference(typeNames.get(name) ?? name) }),
    ...(allOf && { allOf: allOf.map(convert) }),
    ...(anyOf && { anyOf: anyOf.map(convert) }),
    ...(prefixItems
      ? { items: prefixItems.map(convert), additionalItems: items === undefined ? true : convert(items) }
      : items !== undefined && { items: convert(items) }),
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, convert(value)])),
    }),
    ...(isOpen && { additionalProperties: true }),
    ...(additionalProperties !== undefined && { additionalProperties: convert(additionalProperties) }),
  } as JSONSchema;
}
