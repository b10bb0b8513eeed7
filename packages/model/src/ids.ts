import type { Clock, Random } from './ports.ts';

declare const brand: unique symbol;
/** A string that cannot be mistaken for another kind of string. */
export type Branded<Name extends string> = string & { readonly [brand]: Name };

export type RunId = Branded<'RunId'>;
export type EventId = Branded<'EventId'>;

const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz';

/** A 26-character id that sorts by time: 10 of milliseconds, 16 of randomness (the shape of a ULID, lower case). */
export function newId(clock: Clock, random: Random): string {
  const now = clock.now();
  // Many come in one millisecond, and dividing numbers of this size takes as long as the rest.
  if (now !== timeOf) {
    timeOf = now;
    timeDigits = digits(Math.floor(now / 2 ** 30), 4) + digits(Math.floor(now / 2 ** 10) % 2 ** 20, 4);
    timeDigits += digits(now % 2 ** 10, 2);
  }
  let id = timeDigits;
  // Four digits of 5 bits from each number: it has at least 32 random ones.
  for (let i = 0; i < 4; i++) id += digits(Math.floor(random.next() * 2 ** 20), 4);
  return id;
}

let timeOf = Number.NaN;
let timeDigits = '';

/** The last `count` digits of a number below 2^20 in base 32. */
function digits(value: number, count: 2 | 4): string {
  const low = CROCKFORD[(value >> 5) & 31]! + CROCKFORD[value & 31]!;
  return count === 2 ? low : CROCKFORD[(value >> 15) & 31]! + CROCKFORD[(value >> 10) & 31]! + low;
}
