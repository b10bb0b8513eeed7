import type { Json } from '@tenon/model';
import { evaluate } from './evaluate.ts';
import { type Formula, type Literal, TYPES, typeOf, type Universe } from './formula.ts';
import { solveArray } from './solve-array.ts';
import { solveNumber } from './solve-number.ts';
import { solveObject } from './solve-object.ts';
import { solveString } from './solve-string.ts';

/**
 * Is there a value that satisfies all of some formulas?
 *
 * - `found`: yes, this one. `isSure` is false where the formulas hold something not modelled, so that the value is a
 *   candidate that must be checked elsewhere.
 * - `none`: proved that there is none.
 * - `unknown`: not decided; `because` names the keyword or bound in the way.
 */
export type Outcome =
  | { readonly is: 'found'; readonly value: Json; readonly isSure: boolean }
  | { readonly is: 'none' }
  | { readonly is: 'unknown'; readonly because: string };

export const NONE: Outcome = { is: 'none' };

export function found(value: Json, isSure = true): Outcome {
  return { is: 'found', value, isSure };
}

export function unknown(because: string): Outcome {
  return { is: 'unknown', because };
}

/** Collects the outcomes of alternatives: one sure value settles it; `none` only when all say so. */
export class Alternatives {
  private candidate: Outcome | undefined;
  private doubt: Outcome | undefined;

  /** True when nothing better can come. */
  add(outcome: Outcome): boolean {
    if (outcome.is === 'found') {
      if (outcome.isSure) {
        this.candidate = outcome;
        return true;
      }
      this.candidate ??= outcome;
    } else if (outcome.is === 'unknown') this.doubt ??= outcome;
    return false;
  }

  result(): Outcome {
    return this.candidate ?? this.doubt ?? NONE;
  }
}

/** Thrown inside a question that has used up its steps. */
export class BudgetSpent extends Error {}

/**
 * Depth-first search over cases, with what was learnt kept. A question asked again while it is being answered adds
 * no finite value, so it counts as `none` there: a smallest value never contains a value of its own question. What
 * was concluded under that assumption is kept only once the assumption is confirmed.
 */
export class Solver {
  readonly universe: Universe;
  private readonly known = new Map<string, Outcome>();
  private readonly stack = new Map<string, number>();
  /** `none` concluded under the assumption that an outer question (at this depth of the stack) has none. */
  private assumed = new Map<string, number>();
  private lowest = Number.POSITIVE_INFINITY;
  private steps = 0;
  private stepsMax = 0;
  private depth = 0;
  /** Asked of each candidate for the outermost question; `false` sends the search on. */
  private accepts: ((value: Json) => boolean) | undefined;

  constructor(universe: Universe) {
    this.universe = universe;
  }

  /** Answers one question within `stepsMax` steps. Unsure values are offered to `accepts` as they come. */
  ask(goal: readonly Formula[], stepsMax: number, accepts: (value: Json) => boolean): Outcome {
    this.steps = 0;
    this.stepsMax = stepsMax;
    this.stack.clear();
    this.assumed.clear();
    this.lowest = Number.POSITIVE_INFINITY;
    this.depth = 0;
    this.accepts = accepts;
    try {
      return this.solveCases(goal);
    } catch (error) {
      if (error instanceof BudgetSpent) return unknown('budget');
      if (error instanceof RangeError) return unknown('depth');
      throw error;
    } finally {
      this.accepts = undefined;
      this.stack.clear();
      this.assumed.clear();
    }
  }

  spend(steps = 1): void {
    this.steps += steps;
    if (this.steps > this.stepsMax) throw new BudgetSpent();
  }

  solve(goal: readonly Formula[]): Outcome {
    this.spend();
    const whole = this.universe.all(goal);
    if (whole.kind === 'false') return NONE;
    const key = String(whole.id);
    const known = this.known.get(key);
    if (known) return known;
    const outer = this.stack.get(key) ?? this.assumed.get(key);
    if (outer !== undefined) {
      this.lowest = Math.min(this.lowest, outer);
      return NONE;
    }
    if (this.stack.size >= DEPTH_MAX) return unknown('depth');
    return this.solveFresh(key, whole);
  }

  private solveFresh(key: string, whole: Formula): Outcome {
    const depth = this.stack.size;
    const lowestOutside = this.lowest;
    const accepts = this.accepts;
    this.accepts = undefined;
    this.lowest = Number.POSITIVE_INFINITY;
    this.stack.set(key, depth);
    let outcome: Outcome;
    try {
      outcome = this.solveCases([whole]);
    } finally {
      this.stack.delete(key);
      this.accepts = accepts;
    }
    const rests = this.lowest < depth;
    if (outcome.is === 'found' || !rests) this.known.set(key, outcome);
    else if (outcome.is === 'none') this.assumed.set(key, this.lowest);
    this.settle(depth, outcome, rests ? this.lowest : undefined);
    this.lowest = Math.min(lowestOutside, rests ? this.lowest : Number.POSITIVE_INFINITY);
    return outcome;
  }

  /** What had been concluded from the assumption that this question has no value: now confirmed, passed on or dropped. */
  private settle(depth: number, outcome: Outcome, restsOn: number | undefined): void {
    for (const [key, on] of this.assumed) {
      if (on < depth) continue;
      if (outcome.is === 'none' && restsOn !== undefined) this.assumed.set(key, restsOn);
      else {
        this.assumed.delete(key);
        if (outcome.is === 'none') this.known.set(key, NONE);
      }
    }
  }

  private solveCases(goal: readonly Formula[]): Outcome {
    const cases = new Alternatives();
    for (const type of TYPES) {
      const parts = goal.map((formula) => this.universe.restrict(formula, type));
      if (parts.some((part) => part.kind === 'false')) continue;
      if (cases.add(this.solveType(type, parts))) break;
    }
    return cases.result();
  }

  /** One JSON type: splits into cases only on the alternatives that the value found so far does not satisfy. */
  private solveType(type: number, goal: readonly Formula[]): Outcome {
    this.spend();
    const state = this.normalise(type, goal);
    if (!state) return NONE;
    const { literals, splits } = state;
    const base = this.solveLiterals(type, literals);
    if (base.is === 'none') return NONE;
    const violated =
      base.is === 'found' ? splits.filter((split) => evaluate(split, base.value) !== true) : splits;
    if (violated.length === 0) {
      if (base.is === 'found' && !base.isSure && this.accepts) {
        if (this.accepts(base.value)) return found(base.value);
        return unknown(opaqueIn(literals) ?? 'check');
      }
      return base;
    }
    const split = violated.reduce((best, each) => (width(each) < width(best) ? each : best));
    const others = [...literals, ...splits.filter((each) => each !== split)];
    if (this.depth >= SPLIT_DEPTH_MAX) return unknown('depth');
    this.depth++;
    try {
      const cases = new Alternatives();
      for (const branch of this.branches(split, type)) {
        if (cases.add(this.solveType(type, [branch, ...others]))) break;
      }
      return cases.result();
    } finally {
      this.depth--;
    }
  }

  private *branches(split: Formula, type: number): Generator<Formula> {
    const { universe } = this;
    if (split.kind === 'any') yield* cheapFirst(split.parts);
    else if (split.kind === 'one' && !split.isNegated) {
      for (const [i, part] of split.parts.entries())
        yield universe.all(split.parts.map((other, j) => (i === j ? part : universe.not(other))));
    } else if (split.kind === 'one') {
      yield universe.all(split.parts.map((part) => universe.not(part)));
      for (const [i, left] of split.parts.entries())
        for (const right of split.parts.slice(i + 1)) {
          this.spend();
          yield universe.restrict(universe.all([left, right]), type);
        }
    }
  }

  /** Flattens a conjunction, opens definitions and drops alternatives that are settled; `undefined` on contradiction. */
  private normalise(
    type: number,
    goal: readonly Formula[],
  ): { readonly literals: readonly Literal[]; readonly splits: readonly Formula[] } | undefined {
    const { universe } = this;
    const holds = new Map<number, Formula>();
    let splits = new Map<number, Formula>();
    const queue = [...goal];
    while (true) {
      for (let i = 0; i < queue.length; i++) {
        const part = queue[i]!;
        if (part.kind === 'false') return undefined;
        if (part.kind === 'true' || holds.has(part.id)) continue;
        if (part.kind === 'all') {
          queue.push(...part.parts);
          continue;
        }
        if (holds.has(universe.not(part).id)) return undefined;
        holds.set(part.id, part);
        if (part.kind === 'cell') {
          this.spend();
          const body = part.isNegated ? universe.not(part.cell.body()) : part.cell.body();
          queue.push(universe.restrict(body, type));
        } else if (part.kind === 'any' || part.kind === 'one') splits.set(part.id, part);
      }
      queue.length = 0;
      const remaining = new Map<number, Formula>();
      for (const split of splits.values()) {
        if (split.kind !== 'any') {
          remaining.set(split.id, split);
          continue;
        }
        const open: Formula[] = [];
        let isSettled = false;
        for (const branch of split.parts) {
          if (holds.has(branch.id)) isSettled = true;
          else if (!this.isContradicted(branch, holds)) open.push(branch);
        }
        if (isSettled) continue;
        if (open.length === 0) return undefined;
        if (open.length === 1) queue.push(open[0]!);
        else remaining.set(split.id, open.length === split.parts.length ? split : universe.any(open));
      }
      splits = remaining;
      if (queue.length === 0) break;
    }
    const literals: Literal[] = [];
    for (const part of holds.values()) if (part.kind === 'atom') literals.push(part);
    return { literals, splits: [...splits.values()] };
  }

  private isContradicted(branch: Formula, holds: ReadonlyMap<number, Formula>): boolean {
    if (branch.kind === 'all') return branch.parts.some((part) => holds.has(this.universe.not(part).id));
    return holds.has(this.universe.not(branch).id);
  }

  private solveLiterals(type: number, literals: readonly Literal[]): Outcome {
    const constant = literals.find((literal) => literal.atom.is === 'in' && !literal.isNegated);
    if (constant?.atom.is === 'in') return this.enumerate(type, constant.atom.values, literals);
    const outcome = this.solveTyped(type, literals);
    const doubt = opaqueIn(literals);
    if (doubt === undefined || outcome.is === 'none') return outcome;
    return outcome.is === 'found' ? { ...outcome, isSure: false } : outcome;
  }

  private solveTyped(type: number, literals: readonly Literal[]): Outcome {
    switch (type) {
      case TYPE_OF.string:
        return solveString(this, literals);
      case TYPE_OF.number:
        return solveNumber(literals);
      case TYPE_OF.array:
        return solveArray(this, literals);
      case TYPE_OF.object:
        return solveObject(this, literals);
      default:
        return this.enumerate(type, type === TYPE_OF.null ? [null] : [true, false], literals);
    }
  }

  private enumerate(type: number, values: readonly Json[], literals: readonly Literal[]): Outcome {
    const cases = new Alternatives();
    for (const value of values) {
      if (typeOf(value) !== type) continue;
      this.spend(LISTED_VALUE_STEPS);
      const holds = evaluate(this.universe.all(literals), value);
      if (holds !== false && cases.add(found(value, holds === true))) break;
    }
    return cases.result();
  }
}

const TYPE_OF = {
  string: typeOf(''),
  number: typeOf(0),
  array: typeOf([]),
  object: typeOf({}),
  null: typeOf(null),
} as const;

/** A value that is listed costs less than one that is looked for. */
const LISTED_VALUE_STEPS = 1 / 8;

/** Questions within questions: as deep as a witness may nest, and below Node's call stack. */
const DEPTH_MAX = 120;
const SPLIT_DEPTH_MAX = 160;

function width(split: Formula): number {
  if (split.kind === 'any') return split.parts.length;
  if (split.kind === 'one')
    return split.isNegated ? 1 + (split.parts.length * (split.parts.length - 1)) / 2 : split.parts.length;
  return 1;
}

/** Alternatives that are plain facts before those that hold whole schemas. */
function cheapFirst(parts: readonly Formula[]): Formula[] {
  const cost = (part: Formula): number => (part.kind === 'atom' ? ('of' in part.atom ? 1 : 0) : 2);
  return parts.toSorted((a, b) => cost(a) - cost(b) || a.id - b.id);
}

/** The keyword of a literal that is not modelled. */
function opaqueIn(literals: readonly Literal[]): string | undefined {
  for (const { atom } of literals) if (atom.is === 'opaque') return atom.keyword;
  return undefined;
}
