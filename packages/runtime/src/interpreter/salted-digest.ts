import { digestOf, type Json } from '@tenon/model';

/**
 * A digest that shows whether data is the same as before, and from which nobody who lacks the run's salt can find out what
 * it was by trying: an amount, a name or a postcode has few possible values. Runs of older files have no salt.
 */
export function saltedDigest(salt: string | null, value: Json): string {
  return digestOf(salt === null ? value : [salt, value]);
}
