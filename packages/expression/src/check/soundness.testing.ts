import fc from 'fast-check';
import type { SchemaInput } from '../types/from-schema.ts';

/** Contracts, data that fits them and expressions over both, for the soundness test. */
export const definitions: Readonly<Record<string, SchemaInput>> = {
  card: {
    type: 'object',
    required: ['kind', 'last'],
    properties: { kind: { const: 'card' }, last: { type: 'string' }, n: { type: 'integer' } },
  },
  bank: {
    type: 'object',
    required: ['kind'],
    properties: { kind: { const: 'bank' }, b: { type: 'string' }, n: { type: 'number' } },
  },
  tree: {
    type: 'object',
    required: ['n'],
    properties: {
      n: { type: 'integer' },
      a: { $ref: '#/$defs/tree' },
      items: { type: 'array', items: { $ref: '#/$defs/tree' } },
    },
  },
};

/** Names are few, so that expressions often hit fields that are there. */
const NAMES = ['a', 'b', 'n', 's', 'items', 'kind', 'last'] as const;

export function anEventSchema(): fc.Arbitrary<SchemaInput> {
  return fc.letrec<{ schema: SchemaInput; object: SchemaInput }>((tie) => ({
    schema: fc.oneof(
      { depthSize: 'small' },
      scalar,
      fc.constantFrom(
        { $ref: '#/$defs/tree' },
        { oneOf: [{ $ref: '#/$defs/card' }, { $ref: '#/$defs/bank' }] },
      ),
      tie('object'),
      fc.record({ type: fc.constant('array'), items: tie('schema') }, { requiredKeys: ['type', 'items'] }),
      fc
        .tuple(tie('object'), fc.nat({ max: 2 }))
        .map(([object, itemsMin]) => ({ type: 'array', items: object, minItems: itemsMin })),
      fc.tuple(tie('schema'), tie('schema')).map((anyOf) => ({ anyOf })),
      tie('schema').map((schema) => ({ anyOf: [schema, { type: 'null' }] })),
      tie('schema').map((additionalProperties) => ({ type: 'object', additionalProperties })),
    ),
    object: fc
      .tuple(fc.dictionary(fc.constantFrom(...NAMES), tie('schema'), { minKeys: 1, maxKeys: 5 }), fc.nat())
      .map(([properties, choice]) => ({
        type: 'object',
        properties,
        required: Object.keys(properties).filter((_, index) => ((choice >> index) & 1) === 1),
      })),
  })).object;
}

const scalar: fc.Arbitrary<SchemaInput> = fc.constantFrom(
  { type: 'string' },
  { type: 'integer' },
  { type: 'number' },
  { type: 'boolean' },
  { enum: ['a', 'b', 'c'] },
  { enum: [1, 2, null] },
  { const: 'a' },
  { type: ['string', 'null'] },
  { type: ['integer', 'string'] },
);

/** Data that fits a schema of the kind above. */
export function anEvent(schema: SchemaInput, depth = 0): fc.Arbitrary<unknown> {
  if (typeof schema === 'boolean') return fc.constant(null);
  const { $ref, anyOf, oneOf, type, properties, required, items, minItems, additionalProperties } =
    schema as Record<string, never> & {
      $ref?: string;
      anyOf?: SchemaInput[];
      oneOf?: SchemaInput[];
      type?: string | string[];
      properties?: Record<string, SchemaInput>;
      required?: string[];
      items?: SchemaInput;
      minItems?: number;
      additionalProperties?: SchemaInput;
    };
  if ($ref !== undefined) return anEvent(definitions[$ref.slice('#/$defs/'.length)]!, depth + 1);
  if (anyOf ?? oneOf) return fc.oneof(...(anyOf ?? oneOf)!.map((one) => anEvent(one, depth)));
  if ('const' in schema) return fc.constant(schema['const']);
  if ('enum' in schema) return fc.constantFrom(...(schema['enum'] as unknown[]));
  if (Array.isArray(type)) return fc.oneof(...type.map((one) => anEvent({ type: one }, depth)));
  switch (type) {
    case 'object': {
      if (additionalProperties !== undefined)
        return fc.dictionary(fc.constantFrom(...NAMES), anEvent(additionalProperties, depth + 1), {
          maxKeys: 3,
        });
      const fields = Object.entries(properties ?? {}).filter(
        ([name]) => required?.includes(name) || depth < 4,
      );
      return fc.record(Object.fromEntries(fields.map(([name, one]) => [name, anEvent(one, depth + 1)])), {
        requiredKeys: (required ?? []).filter((name) => fields.some(([field]) => field === name)) as never,
      });
    }
    case 'array':
      return fc.array(anEvent(items!, depth + 1), {
        minLength: minItems ?? 0,
        maxLength: depth > 3 ? (minItems ?? 0) : 3,
      });
    case 'string':
      return fc.constantFrom('a', 'b', '', 'zz', '3', '2026-01-01T00:00:00Z');
    case 'integer':
      return fc.integer({ min: -3, max: 5 });
    case 'number':
      return fc.constantFrom(0, 1, -2, 1.5, 0.25);
    case 'boolean':
      return fc.boolean();
    default:
      return fc.constant(null);
  }
}

/** Paths that some value of the schema has, so that expressions are about what is there. */
function pathsOf(schema: SchemaInput, path: string, depth: number, found: string[]): void {
  if (typeof schema === 'boolean' || depth > 4) return;
  const { $ref, anyOf, oneOf, properties, additionalProperties } = schema as {
    $ref?: string;
    anyOf?: SchemaInput[];
    oneOf?: SchemaInput[];
    properties?: Record<string, SchemaInput>;
    additionalProperties?: SchemaInput;
  };
  if ($ref !== undefined) pathsOf(definitions[$ref.slice('#/$defs/'.length)]!, path, depth + 1, found);
  for (const one of [...(anyOf ?? []), ...(oneOf ?? [])]) pathsOf(one, path, depth + 1, found);
  if (additionalProperties !== undefined) pathsOf(additionalProperties, `${path}.a`, depth + 1, found);
  for (const [name, one] of Object.entries(properties ?? {})) {
    found.push(`${path}.${name}`);
    pathsOf(one, `${path}.${name}`, depth + 1, found);
  }
}

/** Texts of expressions: mostly guards and reads of the same few paths, which is where narrowing can go wrong. */
export function aTypedExpression(schema: SchemaInput): fc.Arbitrary<string> {
  const paths: string[] = [];
  pathsOf(schema, 'event', 0, paths);
  const name = fc.constantFrom(...NAMES);
  const real = fc.constantFrom(...paths);
  const plain = fc.oneof(
    { arbitrary: real, weight: 12 },
    {
      arbitrary: fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => ['event', ...parts].join('.')),
      weight: 1,
    },
  );
  const path = fc.tuple(plain, fc.nat({ max: 5 })).map(([one, at]) => {
    const parts = one.split('.');
    const [before, after] = [parts.slice(0, at), parts.slice(at)];
    return before.length === 0 || after.length === 0 ? one : `${before.join('.')}.?${after.join('.')}`;
  });
  const literal = fc.constantFrom("'a'", "'b'", "'card'", '1', '2', '1.5', 'null', 'true');
  return fc.letrec<{ e: string; c: string }>((tie) => ({
    c: fc.oneof(
      { depthSize: 'small' },
      plain.map((one) => `has(${one})`),
      fc.tuple(path, fc.constantFrom('==', '!='), literal).map((parts) => parts.join(' ')),
      fc.tuple(path, fc.constantFrom('==', '!='), path).map((parts) => parts.join(' ')),
      fc.tuple(path, literal, literal).map(([one, a, b]) => `${one} in [${a}, ${b}]`),
      fc.tuple(plain, name).map(([one, field]) => `'${field}' in ${one}`),
      fc
        .tuple(plain, fc.constantFrom('>', '>=', '<', '==', '!='), fc.constantFrom('0', '1', '2'))
        .map(([one, op, n]) => `size(${one}) ${op} ${n}`),
      path.map((one) => `${one}.hasValue()`),
      plain,
      fc.tuple(tie('c'), fc.constantFrom('&&', '||'), tie('c')).map(([a, op, b]) => `(${a} ${op} ${b})`),
      tie('c').map((one) => `!(${one})`),
      fc
        .tuple(plain, fc.constantFrom('all', 'exists', 'exists_one'), name, literal)
        .map(([one, macro, field, value]) => `${one}.${macro}(x, has(x.${field}) && x.${field} == ${value})`),
      fc
        .tuple(tie('e'), fc.constantFrom('<', '>='), tie('e'))
        .map((parts) => parts.join(' '))
        .map((one) => `(${one})`),
    ),
    e: fc.oneof(
      { depthSize: 'small' },
      path,
      plain,
      literal,
      fc.tuple(tie('c'), tie('e'), tie('e')).map(([c, a, b]) => `(${c} ? ${a} : ${b})`),
      // The guard and the read of one path: the case that must work.
      fc.tuple(plain, literal).map(([one, other]) => `(has(${one}) ? ${one} : ${other})`),
      fc
        .tuple(plain, tie('c'), literal)
        .map(([one, c, other]) => `(has(${one}) && ${c} ? ${one} : ${other})`),
      fc
        .tuple(plain, name, literal)
        .map(([one, field, kind]) => `(has(${one}) && ${one}.kind == ${kind} ? ${one}.${field} : ${one})`),
      fc.tuple(plain, literal).map(([one, other]) => `default(${one}, ${other})`),
      fc.tuple(plain, name, literal).map(([one, field, other]) => `${one}.?${field}.orValue(${other})`),
      fc
        .tuple(plain, fc.nat({ max: 2 }))
        .map(([one, index]) => `(size(${one}) > ${index} ? ${one}[${index}] : ${one})`),
      fc
        .tuple(plain, fc.nat({ max: 2 }), literal)
        .map(([one, index, other]) => `${one}[?${index}].orValue(${other})`),
      fc
        .tuple(tie('e'), fc.constantFrom('+', '-', '*', '/', '%'), tie('e'))
        .map(([a, op, b]) => `(${a} ${op} ${b})`),
      fc.tuple(plain, name).map(([one, field]) => `${one}.map(x, x.${field})`),
      fc.tuple(plain, name, name).map(([one, a, b]) => `${one}.filter(x, has(x.${a})).map(x, x.${b})`),
      fc
        .tuple(plain, name, literal, name)
        .map(
          ([one, a, value, b]) =>
            `${one}.filter(x, x.?${a} == ${value}).map(x, x.${a} == ${value} ? x.${b} : x.${a})`,
        ),
      fc
        .tuple(fc.constantFrom('string', 'int', 'size', 'round', 'abs', 'double'), tie('e'))
        .map(([f, one]) => `${f}(${one})`),
      fc
        .tuple(tie('e'), fc.constantFrom('trim()', "split('')", "contains('a')", "join(',')", 'size()'))
        .map(([one, f]) => `${one}.${f}`),
      fc
        .tuple(plain, tie('e'))
        .map(([one, value]) => `{'a': ${value}, ?'b': ${one.replace(/\.(\w+)$/, '.?$1')}}`),
      fc.tuple(tie('e'), tie('e')).map(([a, b]) => `[${a}, ${b}]`),
      fc.tuple(plain, tie('e')).map(([one, body]) => `${one}.map(x, ${body})`),
    ),
  })).e;
}

/** Does a value fit a schema of the kind above? Written plainly, as the judge of what the checker says. */
export function fits(schema: SchemaInput, value: unknown): boolean {
  if (typeof schema === 'boolean') return schema;
  const { $ref, anyOf, oneOf, type, properties, required, items, minItems, additionalProperties } =
    schema as {
      $ref?: string;
      anyOf?: SchemaInput[];
      oneOf?: SchemaInput[];
      type?: string | string[];
      properties?: Record<string, SchemaInput>;
      required?: string[];
      items?: SchemaInput;
      minItems?: number;
      additionalProperties?: SchemaInput;
    };
  if ($ref !== undefined) return fits(definitions[$ref.slice('#/$defs/'.length)]!, value);
  if (anyOf) return anyOf.some((one) => fits(one, value));
  if (oneOf) return oneOf.filter((one) => fits(one, value)).length === 1;
  if ('const' in schema) return schema['const'] === value;
  if ('enum' in schema) return (schema['enum'] as unknown[]).includes(value);
  const types = Array.isArray(type) ? type : [type];
  if (Array.isArray(value))
    return (
      types.includes('array') && value.length >= (minItems ?? 0) && value.every((item) => fits(items!, item))
    );
  if (typeof value === 'object' && value !== null)
    return (
      types.includes('object') &&
      (required ?? []).every((name) => Object.hasOwn(value, name)) &&
      Object.entries(value).every(([name, inner]) => {
        const listed = properties?.[name] ?? additionalProperties;
        return listed === undefined || fits(listed, inner);
      })
    );
  if (value === null) return types.includes('null');
  if (typeof value === 'number')
    return types.includes('number') || (types.includes('integer') && Number.isInteger(value));
  return types.includes(typeof value);
}

/** A schema like another: a receiver that takes a little more, or less, than what is sent. */
export function aSchemaLike(schema: SchemaInput): fc.Arbitrary<SchemaInput> {
  return fc.array(fc.nat({ max: 99 }), { minLength: 40, maxLength: 40 }).map((choices) => {
    let next = 0;
    const choose = (): number => choices[next++ % choices.length]!;
    return JSON.parse(JSON.stringify(schema), (_key, node) => {
      if (typeof node !== 'object' || node === null || Array.isArray(node)) return node;
      const choice = choose();
      if (node.type === 'integer' && choice < 30) return { type: 'number' };
      if (node.type === 'number' && choice < 5) return { type: 'integer' };
      if (node.type === 'string' && choice < 5) return { enum: ['a', 'b'] };
      if (node.enum && choice < 40)
        return choice < 20
          ? { ...node, enum: [...node.enum, 'd', null] }
          : { type: ['string', 'number', 'null'] };
      if (node.enum && choice < 50) return { ...node, enum: node.enum.slice(1) };
      if (node.required && choice < 40) return { ...node, required: node.required.slice(choice % 2) };
      if (node.required && node.properties && choice < 50)
        return { ...node, required: Object.keys(node.properties) };
      if (node.type !== undefined && choice > 85) return { anyOf: [{ type: 'null' }, node] };
      return node;
    });
  });
}
