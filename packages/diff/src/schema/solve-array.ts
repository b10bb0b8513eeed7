import type { Json } from '@tenon/model';
import { evaluate } from './evaluate.ts';
import type { Formula, Literal } from './formula.ts';
import { Alternatives, found, NONE, type Outcome, type Solver, unknown } from './solve.ts';

/**
 * An array is a row of slots. Every slot has what holds for all items there; obligations ("some item from k on fails
 * this", "at least n items satisfy that") are given to slots in every way that differs. An obligation needs one slot
 * and slots beyond the prefix are alike, so arrays up to a known length are all that need looking at.
 */
export function solveArray(solver: Solver, literals: readonly Literal[]): Outcome {
  const problem = read(solver, literals);
  const { lengthMin, lengthMax } = problem;
  if (lengthMin > lengthMax) return NONE;
  if (lengthMin > LENGTH_MAX) return unknown('minItems');
  const needs = problem.somewhere.length + problem.atLeast.reduce((sum, each) => sum + each.count, 0);
  const last = Math.min(
    lengthMax,
    Math.max(lengthMin, problem.prefix + needs + (problem.mustRepeat ? 2 : 0)),
  );
  const cases = new Alternatives();
  for (let length = lengthMin; length <= last; length++) {
    if (length > LENGTH_MAX) {
      cases.add(unknown('maxItems'));
      break;
    }
    solver.spend();
    if (cases.add(fill(solver, problem, length))) break;
  }
  const outcome = cases.result();
  if (outcome.is !== 'found') return outcome;
  const isSure =
    outcome.isSure &&
    literals.every((literal) => literal.atom.is === 'opaque' || evaluate(literal, outcome.value) === true);
  return { ...outcome, isSure };
}

/** Longer witnesses are not built. */
const LENGTH_MAX = 2_000;
const DISTINCT_TRIED_MAX = 24;

interface ArrayProblem {
  readonly lengthMin: number;
  readonly lengthMax: number;
  /** Slots before this one differ from those after. */
  readonly prefix: number;
  readonly everywhere: readonly { readonly from: number; readonly to: number; readonly of: Formula }[];
  readonly somewhere: readonly { readonly from: number; readonly of: Formula }[];
  readonly atLeast: readonly { readonly count: number; readonly of: Formula }[];
  readonly atMost: readonly { readonly count: number; readonly of: Formula }[];
  readonly mustDiffer: boolean;
  readonly mustRepeat: boolean;
  readonly excluded: readonly Json[];
}

function read(solver: Solver, literals: readonly Literal[]): ArrayProblem {
  const { universe } = solver;
  let lengthMin = 0;
  let lengthMax = Number.POSITIVE_INFINITY;
  let prefix = 0;
  const everywhere: { from: number; to: number; of: Formula }[] = [];
  const somewhere: { from: number; of: Formula }[] = [];
  const atLeast: { count: number; of: Formula }[] = [];
  const atMost: { count: number; of: Formula }[] = [];
  const excluded: Json[] = [];
  let mustDiffer = false;
  let mustRepeat = false;
  for (const { atom, isNegated } of literals) {
    switch (atom.is) {
      case 'minItems':
        if (isNegated) lengthMax = Math.min(lengthMax, Math.ceil(atom.bound) - 1);
        else lengthMin = Math.max(lengthMin, Math.ceil(atom.bound));
        break;
      case 'maxItems':
        if (isNegated) lengthMin = Math.max(lengthMin, Math.floor(atom.bound) + 1);
        else lengthMax = Math.min(lengthMax, Math.floor(atom.bound));
        break;
      case 'uniqueItems':
        if (isNegated) mustRepeat = true;
        else mustDiffer = true;
        break;
      case 'item':
        prefix = Math.max(prefix, atom.index + 1);
        if (isNegated) lengthMin = Math.max(lengthMin, atom.index + 1);
        everywhere.push({
          from: atom.index,
          to: atom.index,
          of: isNegated ? universe.not(atom.of) : atom.of,
        });
        break;
      case 'rest':
        prefix = Math.max(prefix, atom.from);
        if (isNegated) {
          lengthMin = Math.max(lengthMin, atom.from + 1);
          somewhere.push({ from: atom.from, of: universe.not(atom.of) });
        } else everywhere.push({ from: atom.from, to: Number.POSITIVE_INFINITY, of: atom.of });
        break;
      case 'minContains':
        if (isNegated) atMost.push({ count: Math.ceil(atom.bound) - 1, of: atom.of });
        else addAtLeast(atLeast, Math.ceil(atom.bound), atom.of);
        break;
      case 'maxContains':
        if (isNegated) addAtLeast(atLeast, Math.floor(atom.bound) + 1, atom.of);
        else atMost.push({ count: Math.floor(atom.bound), of: atom.of });
        break;
      case 'in':
        excluded.push(...atom.values);
        break;
    }
  }
  if (atLeast.length > 0) lengthMin = Math.max(lengthMin, ...atLeast.map((each) => each.count));
  if (mustRepeat) lengthMin = Math.max(lengthMin, 2);
  if (atMost.some((each) => each.count < 0)) lengthMax = -1;
  return {
    lengthMin,
    lengthMax,
    // Values ruled out whole may need one more item than the rest does.
    prefix: prefix + (excluded.length > 0 ? excluded.length : 0),
    everywhere,
    somewhere,
    atLeast,
    atMost,
    mustDiffer,
    mustRepeat,
    excluded,
  };
}

function addAtLeast(atLeast: { count: number; of: Formula }[], count: number, of: Formula): void {
  const same = atLeast.find((each) => each.of === of);
  if (same) same.count = Math.max(same.count, count);
  else atLeast.push({ count, of });
}

function fill(solver: Solver, problem: ArrayProblem, length: number): Outcome {
  const { universe } = solver;
  const slots: Formula[][] = [];
  for (let i = 0; i < length; i++)
    slots.push(problem.everywhere.filter(({ from, to }) => from <= i && i <= to).map(({ of }) => of));
  // Every slot either satisfies a counted formula or does not: decided for all slots when there is an upper bound.
  const counted = problem.atMost.filter((each) => each.count < length);
  // Those of one count take different slots, in rising order; any others may share.
  const wanted: { readonly of: Formula; readonly from: number; readonly group: number }[] = [
    ...problem.somewhere.map((each) => ({ ...each, group: -1 })),
    ...problem.atLeast.flatMap(({ count, of }, group) =>
      Array.from({ length: count }, () => ({ of, from: 0, group })),
    ),
  ];
  const place = (index: number, least: number): Outcome => {
    solver.spend();
    if (index === wanted.length) return count(0);
    const { of, from, group } = wanted[index]!;
    const isNext = group >= 0 && wanted[index - 1]?.group === group;
    const start = isNext ? least : from;
    const cases = new Alternatives();
    const seen = new Set<number>();
    for (let i = start; i < length; i++) {
      if (group < 0 && i >= problem.prefix && problem.excluded.length === 0) {
        // Slots beyond the prefix that hold the same so far are alike.
        const alike = universe.all(slots[i]!).id;
        if (seen.has(alike)) continue;
        seen.add(alike);
      }
      slots[i]!.push(of);
      const outcome = universe.all(slots[i]!).kind === 'false' ? NONE : place(index + 1, i + 1);
      slots[i]!.pop();
      if (cases.add(outcome)) return outcome;
    }
    return cases.result();
  };
  const count = (index: number): Outcome => {
    const bound = counted[index];
    if (!bound) return values(solver, problem, slots);
    const without = universe.not(bound.of);
    const choose = (i: number, left: number): Outcome => {
      solver.spend();
      if (i === length) return count(index + 1);
      const cases = new Alternatives();
      slots[i]!.push(without);
      const outcome = universe.all(slots[i]!).kind === 'false' ? NONE : choose(i + 1, left);
      slots[i]!.pop();
      if (cases.add(outcome)) return outcome;
      if (left > 0) {
        slots[i]!.push(bound.of);
        cases.add(universe.all(slots[i]!).kind === 'false' ? NONE : choose(i + 1, left - 1));
        slots[i]!.pop();
      }
      return cases.result();
    };
    return choose(0, bound.count);
  };
  return place(0, 0);
}

/** A value for every slot: all different, or two alike, or not a given array, where that is asked. */
function values(solver: Solver, problem: ArrayProblem, slots: readonly (readonly Formula[])[]): Outcome {
  if (problem.mustRepeat) return repeated(solver, problem, slots);
  if (!problem.mustDiffer && problem.excluded.length === 0) {
    const row: Json[] = [];
    let isSure = true;
    let doubt: Outcome | undefined;
    for (const slot of slots) {
      const outcome = solver.solve(slot);
      if (outcome.is === 'none') return NONE;
      if (outcome.is === 'unknown') doubt ??= outcome;
      else {
        row.push(outcome.value);
        isSure &&= outcome.isSure;
      }
    }
    return doubt ?? found(row, isSure);
  }
  return different(solver, problem, slots, []);
}

function different(
  solver: Solver,
  problem: ArrayProblem,
  slots: readonly (readonly Formula[])[],
  row: readonly Json[],
): Outcome {
  const { universe } = solver;
  if (row.length === slots.length) {
    const isExcluded = evaluate(universe.in(problem.excluded), row);
    return isExcluded ? NONE : found(row);
  }
  const cases = new Alternatives();
  const tried: Json[] = problem.mustDiffer ? [...row] : [];
  const triesMax = problem.mustDiffer ? DISTINCT_TRIED_MAX : problem.excluded.length + 1;
  for (let i = 0; i < triesMax; i++) {
    const outcome = solver.solve([
      ...slots[row.length]!,
      ...(tried.length > 0 ? [universe.not(universe.in(tried))] : []),
    ]);
    if (outcome.is !== 'found') {
      if (outcome.is === 'unknown') cases.add(outcome);
      return cases.result();
    }
    tried.push(outcome.value);
    const whole = different(solver, problem, slots, [...row, outcome.value]);
    if (cases.add(whole.is === 'found' && !outcome.isSure ? { ...whole, isSure: false } : whole))
      return cases.result();
  }
  // Without `uniqueItems`, one value more than there are arrays ruled out is as good as all of them.
  if (problem.mustDiffer) cases.add(unknown('uniqueItems'));
  return cases.result();
}

function repeated(solver: Solver, problem: ArrayProblem, slots: readonly (readonly Formula[])[]): Outcome {
  if (problem.mustDiffer) return NONE;
  const cases = new Alternatives();
  const rest = { ...problem, mustRepeat: false };
  for (let i = 0; i < slots.length; i++) {
    for (let j = i + 1; j < slots.length; j++) {
      solver.spend();
      const tried: Json[] = [];
      for (let attempt = 0; attempt <= problem.excluded.length; attempt++) {
        const shared = solver.solve([
          ...slots[i]!,
          ...slots[j]!,
          ...(tried.length > 0 ? [solver.universe.not(solver.universe.in(tried))] : []),
        ]);
        if (shared.is !== 'found') {
          cases.add(shared);
          break;
        }
        tried.push(shared.value);
        const same = solver.universe.in([shared.value]);
        const fixed = slots.map((slot, k) => (k === i || k === j ? [same] : slot));
        const whole = values(solver, rest, fixed);
        if (cases.add(whole.is === 'found' && !shared.isSure ? { ...whole, isSure: false } : whole))
          return cases.result();
      }
    }
  }
  return cases.result();
}
