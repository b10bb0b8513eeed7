import type { Json } from '@tenon/model';
import { evaluate, isOtherName, regularExpression } from './evaluate.ts';
import type { Formula, Literal } from './formula.ts';
import { Alternatives, found, NONE, type Outcome, type Solver, unknown } from './solve.ts';

/**
 * An object is a set of names with a value each. Names that the schemas mention are looked at one by one; all others
 * fall into classes by which patterns they match. Obligations ("some other property fails this") are given to a
 * mentioned name or to a fresh one of each class.
 */
export function solveObject(solver: Solver, literals: readonly Literal[]): Outcome {
  const problem = new ObjectProblem(solver, literals);
  if (problem.countMin > problem.countMax) return NONE;
  const outcome = problem.solve();
  if (outcome.is !== 'found') return outcome;
  const isSure =
    outcome.isSure &&
    literals.every((literal) => literal.atom.is === 'opaque' || evaluate(literal, outcome.value) === true);
  return { ...outcome, isSure };
}

/** Fresh properties that are made up to reach `minProperties`, at most. */
const FILLERS_MAX = 600;
/** Classes of unmentioned names (two to the number of patterns) looked at, at most. */
const PATTERNS_MAX = 7;

interface Obligation {
  /** Does it concern this name? `undefined`: cannot say. */
  readonly concerns: (name: string) => boolean | undefined;
  /** What a fresh name has to satisfy to be concerned. */
  readonly nameIs: readonly Formula[];
  readonly valueIs: Formula;
}

class ObjectProblem {
  countMin = 0;
  countMax = Number.POSITIVE_INFINITY;
  private readonly solver: Solver;
  private readonly required = new Set<string>();
  private readonly absent = new Set<string>();
  private readonly mentioned = new Set<string>();
  private readonly byName = new Map<string, Formula[]>();
  private readonly matching: { readonly source: string; readonly of: Formula }[] = [];
  private readonly others: {
    readonly names: readonly string[];
    readonly sources: readonly string[];
    readonly of: Formula;
  }[] = [];
  private readonly names: Formula[] = [];
  private readonly obligations: Obligation[] = [];
  private readonly excluded: Json[] = [];

  constructor(solver: Solver, literals: readonly Literal[]) {
    this.solver = solver;
    for (const literal of literals) this.read(literal);
  }

  private read({ atom, isNegated }: Literal): void {
    const { universe } = this.solver;
    switch (atom.is) {
      case 'minProperties':
        if (isNegated) this.countMax = Math.min(this.countMax, Math.ceil(atom.bound) - 1);
        else this.countMin = Math.max(this.countMin, Math.ceil(atom.bound));
        break;
      case 'maxProperties':
        if (isNegated) this.countMin = Math.max(this.countMin, Math.floor(atom.bound) + 1);
        else this.countMax = Math.min(this.countMax, Math.floor(atom.bound));
        break;
      case 'required':
        this.mentioned.add(atom.name);
        (isNegated ? this.absent : this.required).add(atom.name);
        break;
      case 'property':
        this.mentioned.add(atom.name);
        if (isNegated) this.required.add(atom.name);
        this.addByName(atom.name, isNegated ? universe.not(atom.of) : atom.of);
        break;
      case 'matching':
        if (isNegated)
          this.obligations.push({
            concerns: (name) => regularExpression(atom.source)?.test(name),
            nameIs: [universe.literal({ is: 'pattern', source: atom.source })],
            valueIs: universe.not(atom.of),
          });
        else this.matching.push(atom);
        break;
      case 'others':
        for (const name of atom.names) this.mentioned.add(name);
        if (isNegated)
          this.obligations.push({
            concerns: (name) => isOtherName(atom.names, atom.sources, name),
            nameIs: atom.sources.map((source) => universe.not(universe.literal({ is: 'pattern', source }))),
            valueIs: universe.not(atom.of),
          });
        else this.others.push(atom);
        break;
      case 'names':
        if (isNegated) {
          const nameIs = universe.not(atom.of);
          this.obligations.push({
            concerns: (name) => evaluate(nameIs, name),
            nameIs: [nameIs],
            valueIs: universe.always,
          });
        } else this.names.push(atom.of);
        break;
      case 'in':
        this.excluded.push(...atom.values);
        for (const value of atom.values)
          if (typeof value === 'object' && value !== null)
            for (const name of Object.keys(value)) this.mentioned.add(name);
        break;
    }
  }

  private addByName(name: string, of: Formula): void {
    const list = this.byName.get(name);
    if (list) list.push(of);
    else this.byName.set(name, [of]);
  }

  solve(): Outcome {
    for (const name of this.required) if (this.absent.has(name)) return NONE;
    const chosen = new Map<string, readonly Formula[]>();
    for (const name of this.required) chosen.set(name, []);
    const all = this.obligations;
    const outcome = this.oblige(all, chosen);
    if (outcome.is !== 'none' || all.length < 2) return outcome;
    // One fresh name stands for all of its class, which is sound for one obligation at a time only.
    for (const one of all) if (this.oblige([one], chosen).is === 'none') return NONE;
    return unknown('patternProperties');
  }

  /** Gives each obligation to a name, in every way; then fills up. */
  private oblige(
    obligations: readonly Obligation[],
    chosen: ReadonlyMap<string, readonly Formula[]>,
  ): Outcome {
    this.solver.spend();
    const [obligation, ...left] = obligations;
    if (!obligation) return this.fillUp(chosen);
    const cases = new Alternatives();
    const give = (name: string, isCertain: boolean): boolean => {
      const next = new Map(chosen);
      next.set(name, [...(chosen.get(name) ?? []), obligation.valueIs]);
      const quick = this.valueOf(name, next.get(name)!);
      if (quick.is === 'none') return false;
      const outcome = this.oblige(left, next);
      return cases.add(outcome.is === 'found' && !isCertain ? { ...outcome, isSure: false } : outcome);
    };
    const candidates = new Set([...chosen.keys(), ...this.mentioned]);
    for (const name of candidates) {
      if (this.absent.has(name)) continue;
      const concerned = obligation.concerns(name);
      if (concerned === false) continue;
      if (give(name, concerned === true)) return cases.result();
    }
    for (const cell of this.classes()) {
      if (!cell) {
        cases.add(unknown('patternProperties'));
        break;
      }
      const value = this.solver.solve([...cell.valueIs, obligation.valueIs]);
      if (value.is === 'none') continue;
      const name = this.freshName([...cell.nameIs, ...obligation.nameIs], chosen);
      if (name.is === 'none') continue;
      if (name.is === 'unknown') cases.add(name);
      else if (typeof name.value === 'string' && give(name.value, name.isSure)) return cases.result();
    }
    return cases.result();
  }

  /** Adds properties until there are enough, then gives every name its value. */
  private fillUp(chosen: ReadonlyMap<string, readonly Formula[]>): Outcome {
    if (chosen.size > this.countMax) return NONE;
    const all = new Map(chosen);
    let doubt: Outcome | undefined;
    const row: Record<string, Json> = {};
    let isSure = true;
    const put = (name: string, more: readonly Formula[]): 'put' | 'none' | 'unknown' => {
      const outcome = this.valueOf(name, more);
      if (outcome.is === 'none') return 'none';
      if (outcome.is === 'unknown') {
        doubt ??= outcome;
        return 'unknown';
      }
      isSure &&= outcome.isSure;
      setOwn(row, name, outcome.value);
      return 'put';
    };
    for (const [name, more] of chosen) if (put(name, more) === 'none') return NONE;
    if (doubt) return doubt;
    const addOptional = (): boolean => {
      for (const name of this.mentioned) {
        if (all.has(name) || this.absent.has(name)) continue;
        if (put(name, []) === 'put') {
          all.set(name, []);
          return true;
        }
      }
      for (const cell of this.classes()) {
        if (!cell) {
          doubt ??= unknown('patternProperties');
          break;
        }
        const value = this.solver.solve(cell.valueIs);
        if (value.is === 'none') continue;
        const name = this.freshName(cell.nameIs, all);
        if (name.is === 'unknown') doubt ??= name;
        if (name.is !== 'found' || typeof name.value !== 'string') continue;
        if (put(name.value, []) === 'put') {
          all.set(name.value, []);
          return true;
        }
        doubt ??= unknown('patternProperties');
      }
      return false;
    };
    const countMin = this.countMin;
    if (countMin > FILLERS_MAX) return unknown('minProperties');
    while (all.size < countMin) {
      this.solver.spend();
      if (!addOptional()) return doubt ?? NONE;
    }
    const isForced = all.size === chosen.size && doubt === undefined;
    const outcome = this.avoidExcluded(row, all, isSure, addOptional, isForced);
    return outcome.is === 'none' && doubt ? doubt : outcome;
  }

  /** An object that is ruled out whole is left by changing or adding one property. */
  private avoidExcluded(
    row: Record<string, Json>,
    all: ReadonlyMap<string, readonly Formula[]>,
    isSure: boolean,
    addOptional: () => boolean,
    isForced: boolean,
  ): Outcome {
    const { universe } = this.solver;
    const ruledOut = universe.in(this.excluded);
    if (evaluate(ruledOut, row) !== true) return found(row, isSure);
    let isOnly = isForced;
    for (const [name, more] of all) {
      const before = row[name]!;
      const avoided = [before, ...this.excluded.flatMap((value) => memberOf(value, name))];
      for (const values of [avoided, [before]]) {
        const outcome = this.valueOf(name, [...more, universe.not(universe.in(values))]);
        if (outcome.is !== 'none') isOnly = false;
        if (outcome.is !== 'found') continue;
        const changed = { ...row };
        setOwn(changed, name, outcome.value);
        if (evaluate(ruledOut, changed) !== true) return found(changed, isSure && outcome.isSure);
      }
    }
    for (let i = 0; i <= this.excluded.length && all.size < this.countMax; i++) {
      if (!addOptional()) break;
      isOnly = false;
      if (evaluate(ruledOut, row) !== true) return found(row, isSure);
    }
    // Every value is the only one for its name and no other name can be given: there is one object, and it is out.
    return isOnly ? NONE : unknown('const');
  }

  /** What holds for the value of a name, and for the name itself. */
  private valueOf(name: string, more: readonly Formula[]): Outcome {
    let isSure = true;
    for (const formula of this.names) {
      const holds = evaluate(formula, name);
      if (holds === false) return NONE;
      if (holds === undefined) isSure = false;
    }
    const goal = [...(this.byName.get(name) ?? []), ...more];
    const either: Formula[] = [];
    for (const { source, of } of this.matching) {
      const expression = regularExpression(source);
      if (!expression) either.push(of);
      else if (expression.test(name)) goal.push(of);
    }
    for (const { names, sources, of } of this.others) {
      const isOther = isOtherName(names, sources, name);
      if (isOther === undefined) either.push(of);
      else if (isOther) goal.push(of);
    }
    // With a pattern that cannot be read it is open whether these hold: a value that satisfies them is safe.
    const outcome = this.solver.solve([...goal, ...either]);
    if (outcome.is === 'none' && either.length > 0) return unknown('patternProperties');
    return outcome.is === 'found' && !isSure ? { ...outcome, isSure: false } : outcome;
  }

  /** The classes of unmentioned names: by each pattern in play, matching or not. */
  private *classes(): Generator<
    { readonly nameIs: readonly Formula[]; readonly valueIs: readonly Formula[] } | undefined
  > {
    const { universe } = this.solver;
    const sources = [
      ...new Set([
        ...this.matching.map((each) => each.source),
        ...this.others.flatMap((each) => each.sources),
      ]),
    ];
    if (sources.length > PATTERNS_MAX) {
      yield undefined;
      return;
    }
    for (let bits = 0; bits < 1 << sources.length; bits++) {
      this.solver.spend();
      const matches = (source: string): boolean => (bits & (1 << sources.indexOf(source))) !== 0;
      const nameIs = [
        ...this.names,
        ...sources.map((source) => {
          const literal = universe.literal({ is: 'pattern', source });
          return matches(source) ? literal : universe.not(literal);
        }),
      ];
      const valueIs = [
        ...this.matching.filter((each) => matches(each.source)).map((each) => each.of),
        ...this.others.filter((each) => !each.sources.some(matches)).map((each) => each.of),
      ];
      if (universe.all(valueIs).kind !== 'false') yield { nameIs, valueIs };
    }
  }

  private freshName(nameIs: readonly Formula[], taken: ReadonlyMap<string, unknown>): Outcome {
    const { universe } = this.solver;
    const used = [...new Set([...this.mentioned, ...taken.keys()])];
    const goal = [...nameIs, ...(used.length > 0 ? [universe.not(universe.in(used))] : [])];
    const isString = universe.types(8);
    const preferred = this.preferredName(goal);
    return preferred ?? this.solver.solve([isString, ...goal]);
  }

  /** A name that reads well in a report, where one of a few fits. */
  private preferredName(goal: readonly Formula[]): Outcome | undefined {
    for (const name of ['extra', 'other', 'x'])
      if (goal.every((formula) => evaluate(formula, name) === true)) return found(name);
    return undefined;
  }
}

/** The value that an object has under a name, in a list; an empty one when it is no object or has none. */
function memberOf(value: Json, name: string): Json[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name))
    return [];
  return [(value as Readonly<Record<string, Json>>)[name]!];
}

/** Sets an own property whatever its name, `__proto__` included. */
function setOwn(object: Record<string, Json>, name: string, value: Json): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}
