import {
  type Decimal,
  decimal,
  floorDivide,
  isMultiple,
  leastCommonMultiple,
  times,
  toNumber,
} from './decimal.ts';
import { evaluate } from './evaluate.ts';
import type { Literal } from './formula.ts';
import { Alternatives, found, NONE, type Outcome, unknown } from './solve.ts';

/**
 * A number within bounds, a multiple of some and not of others, none of a finite set. Multiples are periodic, so a
 * bounded number of candidates decides; between two bounds without a multiple to keep, any point will do.
 */
export function solveNumber(literals: readonly Literal[]): Outcome {
  let low: Bound = { value: Number.NEGATIVE_INFINITY, exclusive: true };
  let high: Bound = { value: Number.POSITIVE_INFINITY, exclusive: true };
  let step: Decimal | undefined;
  const avoided: Decimal[] = [];
  const excluded: number[] = [];
  for (const { atom, isNegated } of literals) {
    switch (atom.is) {
      case 'minimum':
        if (isNegated) high = tighter(high, { value: atom.bound, exclusive: !atom.exclusive }, -1);
        else
          low = tighter(
            low,
            atom.exclusive ? { value: atom.bound, exclusive: true } : { value: atom.bound, exclusive: false },
            1,
          );
        break;
      case 'maximum':
        if (isNegated) low = tighter(low, { value: atom.bound, exclusive: !atom.exclusive }, 1);
        else high = tighter(high, { value: atom.bound, exclusive: atom.exclusive }, -1);
        break;
      case 'multipleOf': {
        const divisor = decimal(atom.divisor);
        if (isNegated) avoided.push(divisor);
        else step = step ? leastCommonMultiple(step, divisor) : divisor;
        break;
      }
      case 'in':
        for (const value of atom.values) if (typeof value === 'number') excluded.push(value);
        break;
    }
  }
  if (low.value > high.value || (low.value === high.value && (low.exclusive || high.exclusive))) return NONE;
  const cases = new Alternatives();
  const offer = (value: number): boolean => {
    const inside =
      Number.isFinite(value) &&
      (low.exclusive ? value > low.value : value >= low.value) &&
      (high.exclusive ? value < high.value : value <= high.value);
    if (!inside) return false;
    let holds: boolean | undefined = true;
    for (const literal of literals) {
      const one = evaluate(literal, value);
      if (one === false) return false;
      if (one === undefined && literal.atom.is !== 'opaque') holds = undefined;
    }
    return cases.add(found(value, holds === true));
  };
  if (step) {
    if (avoided.some((divisor) => isMultiple(step, divisor))) return NONE;
    return onMultiples(step, low, high, avoided, excluded, offer, cases);
  }
  if (low.value === high.value) {
    // The one point there is.
    offer(low.value);
    return cases.result();
  }
  for (const value of points(low.value, high.value)) if (offer(value)) return cases.result();
  const only = cases.result();
  return only.is === 'found' ? only : unknown('number');
}

interface Bound {
  readonly value: number;
  readonly exclusive: boolean;
}

/** Candidates looked at before a sparse set is given up. */
const CANDIDATES_MAX = 20_000;

function onMultiples(
  step: Decimal,
  low: Bound,
  high: Bound,
  avoided: readonly Decimal[],
  excluded: readonly number[],
  offer: (value: number) => boolean,
  cases: Alternatives,
): Outcome {
  const isBounded = Number.isFinite(low.value) && Number.isFinite(high.value);
  // k × step for k from `first`, towards the open side when there is one.
  const towards = Number.isFinite(low.value) || !Number.isFinite(high.value) ? 1n : -1n;
  const first = Number.isFinite(low.value)
    ? floorDivide(decimal(low.value), step)
    : Number.isFinite(high.value)
      ? floorDivide(decimal(high.value), step) + 1n
      : 0n;
  let period = 1n;
  for (const divisor of avoided) {
    const common = leastCommonMultiple(leastCommonMultiple(step, divisor), times(step, period));
    period = floorDivide(common, step);
  }
  const last = isBounded ? floorDivide(decimal(high.value), step) : undefined;
  const needed = period * BigInt(excluded.length + 1) + 2n;
  const span = last === undefined ? needed : last - first + 1n;
  const count = span < needed ? span : needed;
  for (let i = 0n; i < count && i < BigInt(CANDIDATES_MAX); i++)
    if (offer(toNumber(times(step, first + towards * i)))) return cases.result();
  const only = cases.result();
  if (only.is === 'found') return only;
  // All that differ were looked at, each exactly representable: there is none.
  const largest = toNumber(times(step, first + towards * count));
  const isExact = Math.abs(largest) < 2 ** 52 && count <= BigInt(CANDIDATES_MAX);
  return isExact ? NONE : unknown('multipleOf');
}

function tighter(a: Bound, b: Bound, sign: 1 | -1): Bound {
  const difference = (b.value - a.value) * sign;
  if (Number.isNaN(difference)) return b;
  if (difference > 0) return b;
  if (difference < 0) return a;
  return { value: a.value, exclusive: a.exclusive || b.exclusive };
}

/** Points between two bounds: the bounds, round numbers near them, then fractions of the way. */
function* points(low: number, high: number): Generator<number> {
  const isIn = (value: number): boolean => value >= low && value <= high;
  if (isIn(0)) yield* [0, 1, -1, 2, 0.5, -0.5];
  if (Number.isFinite(low)) {
    yield low;
    for (const ahead of [1, 2, 0.5, 0.25, 0.1, 0.01, 1.5]) yield low + ahead;
    yield Math.ceil(low);
    yield* [Math.floor(low) + 1, Math.floor(low) + 1.5, low + Math.abs(low) * 0.001];
  }
  if (Number.isFinite(high)) {
    yield high;
    for (const back of [1, 2, 0.5, 0.25, 0.1, 0.01, 1.5]) yield high - back;
    yield* [Math.ceil(high) - 1, high - Math.abs(high) * 0.001];
  }
  if (Number.isFinite(low) && Number.isFinite(high))
    for (let i = 1; i < 64; i++) yield low + (high - low) * (i / 64);
  const from = Number.isFinite(low) ? low : Number.isFinite(high) ? high : 0;
  const sign = Number.isFinite(low) || !Number.isFinite(high) ? 1 : -1;
  for (let i = 1; i < 400; i++) yield from + sign * i * 0.5;
  for (let i = 1; i < 400; i++) yield from + sign * (i + 0.123);
  for (let scale = 1e3; scale < 1e300; scale *= 1e3) yield sign * scale;
}
