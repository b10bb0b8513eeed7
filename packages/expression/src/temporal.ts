/** A point in time, exact to the nanosecond. Holds its value privately, so that no expression can read into it. */
export class Timestamp {
  readonly #ns: bigint;
  constructor(ns: bigint) {
    this.#ns = ns;
  }
  static ns(timestamp: Timestamp): bigint {
    return timestamp.#ns;
  }
}

/** A signed length of time, exact to the nanosecond. */
export class Duration {
  readonly #ns: bigint;
  constructor(ns: bigint) {
    this.#ns = ns;
  }
  static ns(duration: Duration): bigint {
    return duration.#ns;
  }
}

const NS_PER_MS = 1_000_000n;
const NS_PER_S = 1_000_000_000n;
/** CEL's range: years 1 to 9999. */
const EARLIEST_NS = BigInt(new Date('0001-01-01T00:00:00Z').getTime()) * NS_PER_MS;
const LATEST_NS = BigInt(new Date('9999-12-31T23:59:59.999Z').getTime()) * NS_PER_MS + 999_999n;
/** CEL's range of durations: about ±10,000 years. */
const LONGEST_NS = 315_576_000_000n * NS_PER_S;

const RFC3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

/** Reads an RFC 3339 date-time; `undefined` when it is none (the 30th of February is none). */
export function parseTimestamp(text: string): Timestamp | undefined {
  const match = RFC3339.exec(text);
  if (!match) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second, 0);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const offset = offsetMinutes(match[8], match[9], match[10]);
  if (offset === undefined) return undefined;
  const fraction = BigInt((match[7] ?? '').padEnd(9, '0'));
  return timestampOf(BigInt(date.getTime() - offset * 60_000) * NS_PER_MS + fraction);
}

function offsetMinutes(sign?: string, hours?: string, minutes?: string): number | undefined {
  if (sign === undefined) return 0;
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}

/** `undefined` outside the years 1 to 9999. */
export function timestampOf(ns: bigint): Timestamp | undefined {
  return ns < EARLIEST_NS || ns > LATEST_NS ? undefined : new Timestamp(ns);
}

/** `undefined` beyond ±10,000 years. */
export function durationOf(ns: bigint): Duration | undefined {
  return ns < -LONGEST_NS || ns > LONGEST_NS ? undefined : new Duration(ns);
}

const UNITS_NS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  ms: NS_PER_MS,
  s: NS_PER_S,
  m: 60n * NS_PER_S,
  h: 3600n * NS_PER_S,
};
const DURATION = /^[+-]?(?:\d{1,15}(?:\.\d{1,9})?(?:ns|us|ms|s|m|h))+$/;

/** Reads a CEL duration: `1h30m`, `1.5s`, `-250ms`; `undefined` when it is none. */
export function parseDuration(text: string): Duration | undefined {
  if (text === '0') return new Duration(0n);
  if (text.length > 100 || !DURATION.test(text)) return undefined;
  let ns = 0n;
  for (const [, whole, fraction = '', unit] of text.matchAll(/(\d+)(?:\.(\d+))?(ns|us|ms|s|m|h)/g)) {
    const unitNs = UNITS_NS[unit!]!;
    ns += BigInt(whole!) * unitNs + (BigInt(fraction.padEnd(9, '0')) * unitNs) / NS_PER_S;
  }
  return durationOf(text.startsWith('-') ? -ns : ns);
}

/** RFC 3339 in UTC, with as much fraction as there is. */
export function formatTimestamp(timestamp: Timestamp): string {
  const ns = Timestamp.ns(timestamp);
  const seconds = floorDivide(ns, NS_PER_S);
  const date = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${date}${fractionText(ns - seconds * NS_PER_S)}Z`;
}

/** Seconds with as much fraction as there is: `5400s`, `-0.25s`. */
export function formatDuration(duration: Duration): string {
  const ns = Duration.ns(duration);
  const size = ns < 0n ? -ns : ns;
  return `${ns < 0n ? '-' : ''}${size / NS_PER_S}${fractionText(size % NS_PER_S)}s`;
}

function fractionText(ns: bigint): string {
  return ns === 0n ? '' : `.${ns.toString().padStart(9, '0').replace(/0+$/, '')}`;
}

export function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b < 0n ? quotient - 1n : quotient;
}

/** The parts of a time in UTC, or at a fixed offset such as `+02:00`; `undefined` for an offset that is none. */
export function calendarDate(timestamp: Timestamp, zone: string): Date | undefined {
  const match = /^([+-])?(\d{2}):(\d{2})$/.exec(zone);
  const isUtc = zone === 'UTC' || zone === 'Z';
  const offset = isUtc ? 0 : match ? offsetMinutes(match[1] ?? '+', match[2], match[3]) : undefined;
  if (offset === undefined) return undefined;
  const ms = Number(floorDivide(Timestamp.ns(timestamp), NS_PER_MS));
  return new Date(ms + offset * 60_000);
}
