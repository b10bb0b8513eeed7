import { createHmac, randomFillSync } from 'node:crypto';
import { canonicalJson, digestOf, type Json } from '@tenon/model';

/** Enough that nobody tries them all. */
const SALT_BYTES = 32;
/** Salts that key a digest; earlier ones, without it, were hashed before the value. */
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
  return `${KEYED}${pool.toString('base64url', poolAt - SALT_BYTES, poolAt)}`;
}

/**
 * A digest that shows whether data is the same as before, and from which nobody who lacks the run's salt can find out what
 * it was by trying: an amount, a name or a postcode has few possible values. Runs of older files have no salt.
 */
export function saltedDigest(salt: string | null, value: Json): string {
  if (salt === null) return digestOf(value);
  if (!salt.startsWith(KEYED)) return digestOf([salt, value]);
  return `hmac-sha256:${createHmac('sha256', salt).update(canonicalJson(value)).digest('hex')}`;
}
