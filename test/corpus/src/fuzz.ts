import { diffSchemas } from '@tenon/diff';
import { type Json, type Random, seededRandom } from '@tenon/model';
import type { JsonSchema } from '@tenon/schema';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { choose } from './equivalence.ts';

export interface FuzzResult {
  readonly pairs: number;
  readonly included: number;
  readonly broken: number;
  readonly undecided: number;
  readonly crashes: readonly string[];
  /** Claimed inclusions that a random value refutes. */
  readonly refuted: readonly { readonly sub: JsonSchema; readonly sup: JsonSchema; readonly value: Json }[];
  readonly slowestMs: number;
}

const VALUES_PER_PAIR = 200;

/** Random pairs of small schemas, half of them related; each claimed inclusion is attacked with random values. */
export function runFuzz(pairs: number, seed: number, now: () => number): FuzzResult {
  const random = seededRandom(seed);
  const crashes: string[] = [];
  const refuted: FuzzResult['refuted'][number][] = [];
  const counts = { included: 0, broken: 0, undecided: 0 };
  let slowestMs = 0;
  let ajv = new Ajv2020({ strict: false, logger: false });
  for (let i = 0; i < pairs; i++) {
    if (i % 500 === 0) ajv = new Ajv2020({ strict: false, logger: false });
    const sub = randomSchema(random, 3);
    const sup = random.next() < 0.5 ? related(sub, random) : randomSchema(random, 3);
    const start = now();
    try {
      const { request } = diffSchemas(sub, sup, 'request');
      slowestMs = Math.max(slowestMs, now() - start);
      counts[request!.is]++;
      if (request!.is !== 'included') continue;
      const [inSub, inSup] = [ajv.compile(sub), ajv.compile(sup)];
      for (let k = 0; k < VALUES_PER_PAIR; k++) {
        const value = randomValue(random, 3);
        if (inSub(value) && !inSup(value)) {
          refuted.push({ sub, sup, value });
          break;
        }
      }
      ajv.removeSchema();
    } catch (error) {
      crashes.push(`${String(error)} ${JSON.stringify([sub, sup]).slice(0, 300)}`);
    }
  }
  return { pairs, ...counts, crashes, refuted, slowestMs };
}

const NAMES = ['a', 'b', 'c'];
const PATTERNS = ['^a', 'b$', '^[ab]*$', '^.{2}$', 'a|b'];
const CONSTANTS: readonly Json[] = [
  0,
  1,
  2,
  -1,
  0.5,
  'a',
  'b',
  'ab',
  '',
  null,
  true,
  false,
  [],
  {},
  [1],
  { a: 1 },
];

function randomSchema(random: Random, depth: number): JsonSchema {
  if (random.next() < 0.04) return random.next() < 0.7;
  const make = choose(depth <= 0 ? LEAVES : [...LEAVES, ...BRANCHES, ...BRANCHES], random)!;
  const made = make(random, depth);
  return random.next() < 0.25 ? { ...made, ...choose(LEAVES, random)!(random, depth) } : made;
}

type Maker = (random: Random, depth: number) => Exclude<JsonSchema, boolean>;

const small = (random: Random, max: number): number => Math.floor(random.next() * (max + 1));
const some = (random: Random, max: number, make: () => JsonSchema): JsonSchema[] =>
  Array.from({ length: 1 + small(random, max - 1) }, make);

const LEAVES: readonly Maker[] = [
  (random) => ({
    type: choose(['string', 'integer', 'number', 'boolean', 'null', 'array', 'object'], random)!,
  }),
  (random) => ({
    type: [
      ...new Set([choose(['string', 'integer'], random)!, choose(['null', 'object', 'number'], random)!]),
    ],
  }),
  (random) => ({ minimum: small(random, 4) - 2 }),
  (random) => ({ exclusiveMaximum: small(random, 4) - 1 }),
  (random) => ({ multipleOf: choose([1, 2, 3, 0.5, 4], random)! }),
  (random) => ({ minLength: small(random, 3) }),
  (random) => ({ maxLength: small(random, 3) }),
  (random) => ({ pattern: choose(PATTERNS, random)! }),
  (random) => ({
    enum: [...new Set([choose(CONSTANTS, random)!, choose(CONSTANTS, random)!, choose(CONSTANTS, random)!])],
  }),
  (random) => ({ const: choose(CONSTANTS, random)! }),
  (random) => ({ required: [choose(NAMES, random)!] }),
  (random) => ({ minProperties: small(random, 2) }),
  (random) => ({ maxProperties: small(random, 2) }),
  (random) => ({ minItems: small(random, 3) }),
  (random) => ({ maxItems: small(random, 3) }),
  () => ({ uniqueItems: true }),
  (random) => ({ dependentRequired: { [choose(NAMES, random)!]: [choose(NAMES, random)!] } }),
];

const BRANCHES: readonly Maker[] = [
  (random, depth) => ({
    properties: {
      [choose(NAMES, random)!]: randomSchema(random, depth - 1),
      [choose(NAMES, random)!]: randomSchema(random, depth - 1),
    },
  }),
  (random, depth) => ({
    properties: { [choose(NAMES, random)!]: true },
    additionalProperties: randomSchema(random, depth - 1),
  }),
  (random, depth) => ({
    patternProperties: { [choose(PATTERNS, random)!]: randomSchema(random, depth - 1) },
  }),
  (random, depth) => ({ propertyNames: randomSchema(random, depth - 1) }),
  (random, depth) => ({ items: randomSchema(random, depth - 1) }),
  (random, depth) => ({
    prefixItems: some(random, 2, () => randomSchema(random, depth - 1)),
    items: randomSchema(random, depth - 1),
  }),
  (random, depth) => ({
    contains: randomSchema(random, depth - 1),
    minContains: small(random, 2),
    maxContains: 1 + small(random, 2),
  }),
  (random, depth) => ({ allOf: some(random, 3, () => randomSchema(random, depth - 1)) }),
  (random, depth) => ({ anyOf: some(random, 3, () => randomSchema(random, depth - 1)) }),
  (random, depth) => ({ oneOf: some(random, 3, () => randomSchema(random, depth - 1)) }),
  (random, depth) => ({ not: randomSchema(random, depth - 1) }),
  (random, depth) => ({
    if: randomSchema(random, depth - 1),
    // biome-ignore lint/suspicious/noThenProperty: `then` is a keyword of JSON Schema, and data here.
    then: randomSchema(random, depth - 1),
    else: randomSchema(random, depth - 1),
  }),
  (random, depth) => ({ dependentSchemas: { [choose(NAMES, random)!]: randomSchema(random, depth - 1) } }),
  (random, depth) => ({
    anyOf: some(random, 2, () => randomSchema(random, depth - 1)),
    unevaluatedProperties: random.next() < 0.5,
  }),
];

/** Another schema that has something to do with the first: mostly wider, sometimes narrower. */
function related(schema: JsonSchema, random: Random): JsonSchema {
  const other = randomSchema(random, 2);
  const kind = random.next();
  if (kind < 0.35) return { anyOf: [other, schema] };
  if (kind < 0.5) return { allOf: [schema, other] };
  if (kind < 0.65) return { not: { allOf: [other, { not: schema }] } };
  if (kind < 0.8 && typeof schema === 'object') {
    const keywords = Object.keys(schema);
    const dropped = choose(keywords, random);
    return Object.fromEntries(Object.entries(schema).filter(([keyword]) => keyword !== dropped));
  }
  return { oneOf: [schema, { allOf: [other, { not: schema }] }] };
}

function randomValue(random: Random, depth: number): Json {
  const kind = random.next();
  if (depth <= 0 || kind < 0.3) return choose(CONSTANTS, random)!;
  if (kind < 0.45) return small(random, 12) - 4;
  if (kind < 0.6)
    return Array.from({ length: small(random, 3) }, () => choose(['a', 'b', 'c'], random)!).join('');
  if (kind < 0.8) return Array.from({ length: small(random, 3) }, () => randomValue(random, depth - 1));
  return Object.fromEntries(
    Array.from({ length: small(random, 3) }, () => [
      choose([...NAMES, 'ab', 'x'], random)!,
      randomValue(random, depth - 1),
    ]),
  );
}
