import type { Random } from '@tenon/model';
import type { SchemaObject } from './schema.ts';

/** How far from a bound (or from zero) numbers are taken, where the other bound is open. */
const SPAN = 1_000;
const SPAN_MAX = 1e12;

/** A number for a flat schema: within its bounds, on its `multipleOf`; `undefined` where none lies between. */
export function sampleNumber(schema: SchemaObject, random: Random, isInteger: boolean): number | undefined {
  const step = schema.multipleOf ?? (isInteger ? 1 : undefined);
  const low = Math.max(
    schema.minimum ?? Number.NEGATIVE_INFINITY,
    exclusive(schema.exclusiveMinimum, 1, step),
  );
  const high = Math.min(
    schema.maximum ?? Number.POSITIVE_INFINITY,
    exclusive(schema.exclusiveMaximum, -1, step),
  );
  const from = Number.isFinite(low) ? low : Math.min(0, high - SPAN);
  const to = Math.min(Number.isFinite(high) ? high : Math.max(from, 0) + SPAN, from + SPAN_MAX);
  if (from > to) return undefined;
  if (step === undefined) return rounded(from + random.next() * (to - from), from, to);
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  if (first > last) return undefined;
  const value = (first + Math.floor(random.next() * (last - first + 1))) * step;
  // 0.1 × 3 is not 0.3: the decimal the author means is the nearest short one.
  const tidy = Number(value.toPrecision(12));
  return isInteger && !Number.isInteger(tidy) ? undefined : Object.is(tidy, -0) ? 0 : tidy;
}

function exclusive(bound: number | undefined, direction: 1 | -1, step: number | undefined): number {
  if (typeof bound !== 'number') return direction * Number.NEGATIVE_INFINITY;
  return bound + direction * (step ?? Math.max(Math.abs(bound) * 1e-9, 1e-9));
}

/** Two decimals where the bounds leave room for them. */
function rounded(value: number, from: number, to: number): number {
  const short = Math.round(value * 100) / 100;
  return short >= from && short <= to ? short : value;
}
