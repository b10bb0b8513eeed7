import type { Json } from '@tenon/model';

/** What orders the events of one entity: a number, a moment (RFC 3339), or a text that grows (a ULID, digits of any length). */
export type EntityVersion = number | string;

export function isVersion(value: Json): value is EntityVersion {
  return typeof value === 'number' || (typeof value === 'string' && value !== '');
}

/**
 * Is `one` older than `other`? Moments compare as moments, whatever their zone and fraction; digits as whole numbers, whatever
 * their length; other texts by their characters. What cannot be compared (the sender has changed what it sends) is not older.
 */
export function isOlder(one: EntityVersion, other: EntityVersion): boolean {
  const [a, b] = [comparable(one), comparable(other)];
  return a.as === b.as && a.value < b.value;
}

function comparable(version: EntityVersion): {
  readonly as: string;
  readonly value: number | bigint | string;
} {
  if (typeof version === 'number') return { as: 'number', value: version };
  if (/^\d{1,100}$/.test(version)) return { as: 'digits', value: BigInt(version) };
  const moment = MOMENT.exec(version);
  const ms = moment === null ? Number.NaN : Date.parse(`${moment[1]}${moment[3]}`);
  if (moment === null || Number.isNaN(ms)) return { as: 'text', value: version };
  // Nanoseconds: some senders tell events apart by more than the milliseconds that a date holds.
  const nanos = BigInt((moment[2] ?? '').padEnd(9, '0').slice(0, 9));
  return { as: 'moment', value: BigInt(ms) * 1_000_000n + nanos };
}

const MOMENT = /^(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)$/;
