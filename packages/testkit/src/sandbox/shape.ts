import { isObject, type Json, type JsonObject, type Random, seededRandom, sha256 } from '@tenon/model';
import { isSchemaObject, type JsonSchema, sample, schemaOfProperty } from '@tenon/schema';
import type { SchemaSide } from './contract-schemas.ts';

/**
 * `lean`: what is required, read-only (the server's to fill) or has a default, as a real system answers about a thing
 * just made; `full`: every property, for things that were always there.
 */
export type Fill = 'lean' | 'full';

/**
 * A value that fits the schema and holds as many of the facts as it can: facts at places the schema does not declare,
 * or that do not fit there, are left out. `undefined` when no value was found at all.
 */
export function shape(
  schema: JsonSchema,
  facts: Json,
  side: SchemaSide,
  random: Random,
  fill: Fill,
): Json | undefined {
  const fits = (value: Json) => side.issues(schema, value).length === 0;
  const base = sample(schema, { random, definitions: side.definitions, optional: fill === 'full' ? 1 : 0 });
  if (!isJsonObject(facts) || (base !== undefined && !isJsonObject(base))) {
    const isWanted = facts !== null || base === undefined;
    return isWanted && fits(facts) ? facts : base;
  }
  const declared = declaredFacts(schema, facts, side);
  const filled = { ...(fill === 'lean' ? serverFilled(schema, side, random) : {}), ...declared };
  const whole = [{ ...base, ...filled }, { ...base, ...declared }, filled, declared].find(fits);
  return whole ?? greedy(schema, base ?? {}, filled, side, random, fits);
}

/** One fact after the other, each kept where the whole still fits. */
function greedy(
  schema: JsonSchema,
  base: JsonObject,
  facts: JsonObject,
  side: SchemaSide,
  random: Random,
  fits: (value: Json) => boolean,
): Json | undefined {
  const flat = side.flat(schema);
  let result = base;
  for (const [name, fact] of Object.entries(facts)) {
    const inner = isJsonObject(fact)
      ? shape(schemaOfProperty(flat, name), fact, side, random, 'lean')
      : undefined;
    const next = [fact, inner]
      .flatMap((value) => (value === undefined ? [] : [{ ...result, [name]: value }]))
      .find(fits);
    result = next ?? result;
  }
  return fits(result) ? result : undefined;
}

/** Facts that the schema knows a place for; all of them where it declares no property. A write-only one never shows. */
function declaredFacts(schema: JsonSchema, facts: JsonObject, side: SchemaSide): JsonObject {
  const { properties, patternProperties, additionalProperties } = side.flat(schema);
  const isOpen =
    properties === undefined || patternProperties !== undefined || isSchemaObject(additionalProperties);
  return Object.fromEntries(
    Object.entries(facts).filter(([name]) => {
      const property = own(properties, name);
      if (property === undefined) return isOpen;
      return side.flat(property).writeOnly !== true;
    }),
  );
}

/** What the server fills in of itself: read-only properties, and defaults. */
function serverFilled(schema: JsonSchema, side: SchemaSide, random: Random): JsonObject {
  const filled: Record<string, Json> = {};
  for (const [name, property] of Object.entries(side.flat(schema).properties ?? {})) {
    const flat = side.flat(property);
    const isReadOnly = flat.readOnly === true || (isSchemaObject(property) && property.readOnly === true);
    const value =
      flat.default !== undefined
        ? flat.default
        : isReadOnly
          ? sample(property, { random, definitions: side.definitions, optional: 0 })
          : undefined;
    if (value !== undefined) filled[name] = value;
  }
  return filled;
}

/** Randomness of one place: it depends on the seed and the place alone, never on what was asked before. */
export function randomFor(seed: number, ...place: readonly string[]): Random {
  return seededRandom(Number.parseInt(sha256(JSON.stringify([seed, ...place])).slice(7, 15), 16));
}

/** `value` under `tokens`: `wrap(['invoice'], row)` → `{ invoice: row }`. */
export function wrap(tokens: readonly (string | number)[], value: Json): Json {
  return tokens.reduceRight<Json>(
    (inner, token) => (typeof token === 'number' ? [inner] : { [token]: inner }),
    value,
  );
}

export function isJsonObject(value: unknown): value is JsonObject {
  return isObject(value);
}

export function own<T>(map: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return map !== undefined && Object.hasOwn(map, name) ? map[name] : undefined;
}
