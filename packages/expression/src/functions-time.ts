import type { Span } from './ast.ts';
import { fail } from './failure.ts';
import type { FunctionSpec, Overload } from './functions.ts';
import { mismatch, type Value } from './operators.ts';
import { calendarDate, Duration, parseDuration, parseTimestamp, Timestamp, timestampOf } from './temporal.ts';

const ZONE: readonly Overload[] = [
  {
    receiver: 'timestamp',
    parameters: [{ name: 'offset', type: 'string', optional: true }],
    result: 'integer',
  },
];
const ZONE_OR_DURATION: readonly Overload[] = [
  ...ZONE,
  { receiver: 'duration', parameters: [], result: 'integer' },
];

export const times = {
  timestamp: {
    origin: 'CEL',
    group: 'times',
    doc: 'A point in time from RFC 3339 text, or from seconds since 1970; becomes RFC 3339 text in UTC when it leaves the expression.',
    example: ["timestamp('2026-01-02T03:04:05+01:00')", '"2026-01-02T02:04:05Z"'],
    overloads: [
      { parameters: [{ name: 'text', type: 'string' }], result: 'timestamp' },
      { parameters: [{ name: 'seconds', type: 'integer' }], result: 'timestamp' },
      { parameters: [{ name: 'time', type: 'timestamp' }], result: 'timestamp' },
    ],
    run: (_frame, span, a) => {
      if (a instanceof Timestamp) return a;
      if (typeof a === 'number') return fromSeconds(a, span);
      if (typeof a !== 'string') mismatch('`timestamp` needs a string or an integer', a, span);
      return (
        parseTimestamp(a) ??
        fail(
          'EXPRESSION_ARGUMENT_INVALID',
          '`timestamp` is given text that is no RFC 3339 date and time',
          span,
        )
      );
    },
  },
  duration: {
    origin: 'CEL',
    group: 'times',
    doc: 'A length of time from text such as `1h30m`, `90s`, `-250ms`; becomes seconds such as `5400s` when it leaves the expression.',
    example: ["timestamp('2026-01-01T00:00:00Z') + duration('1h30m')", '"2026-01-01T01:30:00Z"'],
    overloads: [
      { parameters: [{ name: 'text', type: 'string' }], result: 'duration' },
      { parameters: [{ name: 'time', type: 'duration' }], result: 'duration' },
    ],
    run: (_frame, span, a) => {
      if (a instanceof Duration) return a;
      if (typeof a !== 'string') mismatch('`duration` needs a string', a, span);
      return (
        parseDuration(a) ??
        fail('EXPRESSION_ARGUMENT_INVALID', '`duration` is given text that is no duration', span)
      );
    },
  },
  getFullYear: part('The year.', 'getFullYear', (date) => date.getUTCFullYear(), '2026'),
  getMonth: part('The month, from 0 (January).', 'getMonth', (date) => date.getUTCMonth(), '0'),
  getDate: part('The day of the month, from 1.', 'getDate', (date) => date.getUTCDate(), '2'),
  getDayOfMonth: part('The day of the month, from 0.', 'getDayOfMonth', (date) => date.getUTCDate() - 1, '1'),
  getDayOfWeek: part(
    'The day of the week, from 0 (Sunday).',
    'getDayOfWeek',
    (date) => date.getUTCDay(),
    '5',
  ),
  getDayOfYear: part(
    'The day of the year, from 0.',
    'getDayOfYear',
    (date) => Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000),
    '1',
  ),
  getHours: part(
    'The hour, from 0; of a duration, all of it in hours.',
    'getHours',
    (date) => date.getUTCHours(),
    '3',
    3_600_000_000_000n,
  ),
  getMinutes: part(
    'The minute, from 0; of a duration, all of it in minutes.',
    'getMinutes',
    (date) => date.getUTCMinutes(),
    '4',
    60_000_000_000n,
  ),
  getSeconds: part(
    'The second, from 0; of a duration, all of it in seconds.',
    'getSeconds',
    (date) => date.getUTCSeconds(),
    '5',
    1_000_000_000n,
  ),
  getMilliseconds: part(
    'The milliseconds of the second; of a duration, those after the last whole second.',
    'getMilliseconds',
    (date) => date.getUTCMilliseconds(),
    '0',
    1_000_000n,
  ),
} as const satisfies Readonly<Record<string, FunctionSpec>>;

/** A part of a timestamp, in UTC or at a fixed offset (names of zones need a database that changes: refused). */
function part(
  doc: string,
  name: string,
  read: (date: Date) => number,
  result: string,
  unitNs?: bigint,
): FunctionSpec {
  return {
    origin: 'CEL',
    group: 'times',
    doc: `${doc} In UTC, or at an offset such as \`+02:00\`.`,
    example: [`timestamp('2026-01-02T03:04:05Z').${name}()`, result],
    overloads: unitNs === undefined ? ZONE : ZONE_OR_DURATION,
    run: (_frame, span, a, b) => {
      if (a instanceof Duration && unitNs !== undefined) return durationPart(name, a, unitNs);
      if (!(a instanceof Timestamp)) mismatch(`\`${name}\` needs a timestamp`, a, span);
      return read(dateAt(name, a, b, span));
    },
  };
}

function fromSeconds(seconds: number, span: Span): Timestamp {
  if (!Number.isSafeInteger(seconds)) mismatch('`timestamp` needs whole seconds', seconds, span);
  return (
    timestampOf(BigInt(seconds) * 1_000_000_000n) ??
    fail('EXPRESSION_NUMBER_OUT_OF_RANGE', '`timestamp` is given seconds outside the years 1 to 9999', span)
  );
}

function durationPart(name: string, duration: Duration, unitNs: bigint): number {
  const whole = Number(Duration.ns(duration) / unitNs);
  return name === 'getMilliseconds' ? whole % 1000 : whole;
}

function dateAt(name: string, timestamp: Timestamp, zone: Value, span: Span): Date {
  if (zone !== undefined && typeof zone !== 'string')
    mismatch(`\`${name}\` needs an offset as text`, zone, span);
  return (
    calendarDate(timestamp, zone ?? 'UTC') ??
    fail('EXPRESSION_ARGUMENT_INVALID', `\`${name}\` needs UTC or an offset such as +02:00`, span)
  );
}
