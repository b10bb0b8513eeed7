import { isSchemaObject, type JsonSchema, type SchemaObject, settle } from '@tenon/schema';

/** Headers that the transport sets, whatever the contract says of them. */
const OWN = /^(?:content-type|traceparent|tracestate|x-correlation-id|ce[-_].*)$/i;

/**
 * The headers of messages as one flat object: each by its name as the contract has it. `sent`: as an input, without those that
 * the transport sets. `undefined` where nothing is declared.
 */
export function headersSchema(
  schemas: readonly (JsonSchema | undefined)[],
  definitions: Readonly<Record<string, JsonSchema>>,
  sent?: { readonly keyHeader: string | undefined },
): SchemaObject | undefined {
  const properties: Record<string, JsonSchema> = {};
  let required: ReadonlySet<string> | undefined;
  let isOpen = false;
  for (const schema of schemas) {
    const flat = schema === undefined ? {} : flattened(schema, definitions);
    const own = Object.entries(flat.properties ?? {}).filter(
      ([name]) => !sent || !isOwn(name, sent.keyHeader),
    );
    for (const [name, one] of own) {
      const known = properties[name];
      properties[name] = known === undefined || same(known, one) ? one : { anyOf: [known, one] };
    }
    const names = new Set(flat.required ?? []);
    // Of several messages only what each of them needs is sure.
    const before = required;
    required = before === undefined ? names : new Set([...names].filter((name) => before.has(name)));
    isOpen ||= flat.additionalProperties !== undefined && flat.additionalProperties !== false;
  }
  if (Object.keys(properties).length === 0) return undefined;
  return {
    type: 'object',
    properties,
    required: [...(required ?? [])].filter((name) => Object.hasOwn(properties, name)),
    additionalProperties: isOpen,
  };
}

function isOwn(name: string, keyHeader: string | undefined): boolean {
  return OWN.test(name) || name.toLowerCase() === keyHeader;
}

function same(a: JsonSchema, b: JsonSchema): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

function flattened(schema: JsonSchema, definitions: Readonly<Record<string, JsonSchema>>): SchemaObject {
  const settled = settle(schema, {
    definitions,
    pick: (branches) => branches.find((one) => !isSchemaObject(one) || one.type !== 'null') ?? true,
    takeThen: () => true,
  });
  return settled.schema === false ? {} : settled.schema;
}
