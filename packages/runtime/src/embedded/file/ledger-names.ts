import type { Json, JsonObject } from '@tenon/model';
import type { Fact } from '../../engine.ts';
import { saltedText } from '../../interpreter/salted-digest.ts';
import type { Names } from './names.ts';
import { INDEX, ITEM } from './places.ts';

/** Enough to tell the items of a list apart. */
const NAME_DIGITS = 12;

/**
 * A fact as the ledger keeps it, for ever: what business keys stand in (places of list items, the key of an effect, which
 * is made of the run's key) becomes a digest that is keyed with the run's salt, `lines[#3f9c1a20b7de].book`. It is the same
 * in all entries of the run, and says nothing once the salt is gone. So does a delivery id, where the file hides names.
 */
export function forLedger(fact: Fact, salt: string | null, names: Names): Fact {
  const { step, details } = fact;
  const { deliveryId, [EFFECT_KEY]: effectKey } = details;
  const hidesDelivery = typeof deliveryId === 'string' && names.isHidden;
  const isNamed = step?.includes('[') || holdsNames(details, effectKey);
  if (!isNamed && !hidesDelivery) {
    if (effectKey === undefined) return fact;
    // Of every intent: no more is made anew than must be.
    return { ...fact, details: { ...details, [EFFECT_KEY]: `#${digest(String(effectKey), salt)}` } };
  }
  return {
    ...fact,
    ...(step !== undefined && { step: named(step, salt) }),
    details: {
      // An object stays one.
      ...(hidden(details, salt) as JsonObject),
      ...(hidesDelivery && { deliveryId: `#${digest(deliveryId, salt)}` }),
    },
  };
}

/** A fact of no run: where the file hides names, they are digests here as there. */
export function systemForLedger(fact: Fact, names: Names): Fact {
  if (!names.isHidden) return fact;
  const { deliveryId, keys, onlyKeys, exceptKeys, version, newest } = fact.details;
  const digests = (of: Json | undefined) =>
    Array.isArray(of) && of.map((key: Json) => names.stored('key', String(key)));
  const [keyDigests, onlyDigests, exceptDigests] = [digests(keys), digests(onlyKeys), digests(exceptKeys)];
  return {
    ...fact,
    details: {
      ...fact.details,
      ...(typeof deliveryId === 'string' && { deliveryId: names.stored('delivery', deliveryId) }),
      ...(keyDigests && { keys: keyDigests }),
      ...(onlyDigests && { onlyKeys: onlyDigests }),
      ...(exceptDigests && { exceptKeys: exceptDigests }),
      // Values of payloads. Another fact's version is that of a pipeline.
      ...(fact.kind === 'olderSkipped' && {
        version: names.stored('version', String(version)),
        newest: names.stored('version', String(newest)),
      }),
    },
  };
}

/** `known`: a member that is looked at elsewhere. */
function holdsNames(value: Json, known?: Json): boolean {
  if (typeof value === 'string') return value.includes('[');
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some((item: Json) => holdsNames(item));
  for (const name in value) {
    const member = (value as JsonObject)[name]!;
    if (name === EFFECT_KEY ? member !== known : holdsNames(member)) return true;
  }
  return false;
}

const EFFECT_KEY = 'idempotencyKey';

function hidden(value: Json, salt: string | null): Json {
  if (typeof value === 'string') return named(value, salt);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: Json) => hidden(item, salt));
  const members: Record<string, Json> = {};
  for (const [name, member] of Object.entries(value as JsonObject))
    members[name] = name === EFFECT_KEY ? `#${digest(String(member), salt)}` : hidden(member, salt);
  return members;
}

function named(text: string, salt: string | null): string {
  if (!text.includes('[')) return text;
  return text.replaceAll(ITEM, (whole, list: string, key: string) =>
    INDEX.test(key) ? whole : `${list}[#${digest(key, salt)}]`,
  );
}

/** Without a salt (runs of older files, and erased ones) nothing is said. */
function digest(key: string, salt: string | null): string {
  return salt === null ? '' : saltedText(salt, key).slice(0, NAME_DIGITS);
}
