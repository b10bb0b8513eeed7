import { createHmac, hash, randomFillSync } from 'node:crypto';
import { canonicalJson, digestOf, type Json } from '@tenon/model';

/** Enough that nobody tries them all. */
const SALT_BYTES = 32;
/**
 * How a salt is used. Runs keep the way they began with: earlier ones were hashed with the value as one JSON list, later
 * ones keyed an HMAC. A digest here is compared with one made of the same data and never taken from a stranger, so that
 * hashing the salt before the text hides as much, in an eighth of an HMAC's time.
 */
const BEFORE = 's.';
const KEYED = 'k.';
/** Filled for many at once: asking the system for each costs as much as a digest. */
const pool = Buffer.alloc(SALT_BYTES * 512);
let poolAt = pool.length;

/** A secret of one run that keys its digests; stored with the run's data, and gone with it. */
export function newSalt(): string {
  if (poolAt === pool.length) {
    randomFillSync(pool);
    poolAt = 0;
  }
  poolAt += SALT_BYTES;
  return `${BEFORE}${pool.toString('base64url', poolAt - SALT_BYTES, poolAt)}`;
}

/**
 * A digest that shows whether data is the same as before, and from which nobody who lacks the run's salt can find out what
 * it was by trying: an amount, a name or a postcode has few possible values. Runs of older files have no salt.
 */
export function saltedDigest(salt: string | null, value: Json): string {
  if (salt === null) return digestOf(value);
  if (salt.startsWith(BEFORE)) return `salted-sha256:${saltedText(salt, canonicalJson(value))}`;
  return salt.startsWith(KEYED)
    ? `hmac-sha256:${saltedText(salt, canonicalJson(value))}`
    : digestOf([salt, value]);
}

/** Hex digits that are the same for the same text within one run, and say nothing without its salt. */
export function saltedText(salt: string, text: string): string {
  return salt.startsWith(BEFORE)
    ? hash('sha256', `${salt}\0${text}`)
    : createHmac('sha256', salt).update(text).digest('hex');
}
