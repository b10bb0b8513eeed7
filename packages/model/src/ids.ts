import type { Clock, Random } from './ports.ts';

declare const brand: unique symbol;
/** A string that cannot be mistaken for another kind of string. */
export type Branded<Name extends string> = string & { readonly [brand]: Name };

export type RunId = Branded<'RunId'>;
export type EventId = Branded<'EventId'>;

const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz';

/** A 26-character id that sorts by time: 10 of milliseconds, 16 of randomness (the shape of a ULID, lower case). */
export function newId(clock: Clock, random: Random): string {
  let time = '';
  let rest = clock.now();
  for (let i = 0; i < 10; i++) {
    time = CROCKFORD[rest % 32] + time;
    rest = Math.floor(rest / 32);
  }
  let tail = '';
  for (let i = 0; i < 16; i++) tail += CROCKFORD[Math.floor(random.next() * 32)];
  return time + tail;
}
