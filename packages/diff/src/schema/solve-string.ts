import { evaluate, lengthOf, regularExpression } from './evaluate.ts';
import { stringFormat } from './formats.ts';
import type { Literal } from './formula.ts';
import { type Automaton, automatonOf, complement, EVERYTHING, hasWord, intersect, words } from './regular.ts';
import { Alternatives, found, NONE, type Outcome, type Solver, unknown } from './solve.ts';

/**
 * A string by length, patterns and formats. Patterns become automata, and so do the formats that are regular; of the
 * others a containing language is used, so that `none` stays proved and a word is only a candidate.
 */
export function solveString(solver: Solver, literals: readonly Literal[]): Outcome {
  const problem = read(literals);
  if (problem.lengthMin > problem.lengthMax) return NONE;
  solver.spend(problem.languages.length);
  let language: Automaton | undefined = EVERYTHING;
  for (const next of problem.languages) language = language && intersect(language, next);
  const doubt = problem.notModelled ?? (language ? undefined : 'pattern');
  const cases = new Alternatives();
  const tried = new Set<string>();
  const offer = (text: string): boolean => {
    if (tried.has(text)) return false;
    tried.add(text);
    let isSure = true;
    for (const literal of literals) {
      if (literal.atom.is === 'opaque') continue;
      const holds = evaluate(literal, text);
      if (holds === false) return false;
      if (holds === undefined) isSure = false;
    }
    return cases.add(found(text, isSure));
  };
  if (language) {
    const isThere = hasWord(language, problem.lengthMin, problem.lengthMax);
    if (isThere === false) return NONE;
    if (problem.samples.some(offer)) return cases.result();
    if (language === EVERYTHING && problem.notModelled === undefined) {
      for (let i = 0; i <= problem.excluded + 1; i++) {
        const text = filler(problem.lengthMin, problem.lengthMax, i);
        if (text !== undefined && offer(text)) return cases.result();
      }
    }
    const count = Math.min(WORDS_MAX, problem.excluded + (problem.notModelled === undefined ? 4 : 60));
    const list = words(language, problem.lengthMin, Math.min(problem.lengthMax, LENGTH_TRIED_MAX), count);
    solver.spend(1 + (list.words.length >> 3));
    if (list.words.some(offer)) return cases.result();
    const only = cases.result();
    if (only.is === 'found') return only;
    const isAll = list.isComplete && problem.lengthMax <= LENGTH_TRIED_MAX;
    if (
      (isAll || (list.isComplete && isFiniteWithin(language))) &&
      list.words.every((word) => tried.has(word))
    )
      return NONE;
    return unknown(problem.notModelled ?? 'pattern');
  }
  if (problem.samples.some(offer)) return cases.result();
  for (let i = 0; i < 4; i++) {
    const text = filler(problem.lengthMin, problem.lengthMax, i);
    if (text !== undefined && offer(text)) return cases.result();
  }
  const only = cases.result();
  return only.is === 'found' ? only : unknown(doubt ?? 'string');
}

/** Words looked at, and how long they may be, when a language has to be searched. */
const WORDS_MAX = 400;
const LENGTH_TRIED_MAX = 2_000;

interface StringProblem {
  readonly lengthMin: number;
  readonly lengthMax: number;
  readonly languages: readonly Automaton[];
  /** Texts worth trying first. */
  readonly samples: readonly string[];
  /** How many single texts are ruled out. */
  readonly excluded: number;
  readonly notModelled: string | undefined;
}

function read(literals: readonly Literal[]): StringProblem {
  let lengthMin = 0;
  let lengthMax = Number.POSITIVE_INFINITY;
  let excluded = 0;
  let notModelled: string | undefined;
  const languages: Automaton[] = [];
  const samples: string[] = [];
  for (const { atom, isNegated } of literals) {
    switch (atom.is) {
      case 'minLength':
        if (isNegated) lengthMax = Math.min(lengthMax, Math.ceil(atom.bound) - 1);
        else lengthMin = Math.max(lengthMin, Math.ceil(atom.bound));
        break;
      case 'maxLength':
        if (isNegated) lengthMin = Math.max(lengthMin, Math.floor(atom.bound) + 1);
        else lengthMax = Math.min(lengthMax, Math.floor(atom.bound));
        break;
      case 'in':
        excluded += atom.values.length;
        break;
      case 'pattern': {
        const automaton = regularExpression(atom.source) && automatonOf(atom.source);
        if (!automaton) notModelled ??= 'pattern';
        else languages.push(isNegated ? complement(automaton) : automaton);
        break;
      }
      case 'format': {
        const format = stringFormat(atom.format);
        if (!isNegated && format) samples.push(...format.samples);
        if (!format?.isExact) notModelled ??= 'format';
        if (format?.automaton && (format.isExact || !isNegated))
          languages.push(isNegated ? complement(format.automaton) : format.automaton);
        break;
      }
    }
  }
  languages.sort((a, b) => a.states.length - b.states.length);
  return { lengthMin, lengthMax, languages, samples, excluded, notModelled };
}

/** The i-th of some plain texts of a fitting length. */
function filler(lengthMin: number, lengthMax: number, i: number): string | undefined {
  if (lengthMin > FILLER_LENGTH_MAX) return undefined;
  if (i === 0) return 'a'.repeat(lengthMin);
  if (lengthMax === 0) return undefined;
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
  let text = '';
  for (let n = i; n > 0; n = Math.floor(n / letters.length)) text = letters[n % letters.length]! + text;
  if (lengthOf(text) > lengthMax) return undefined;
  return text.padStart(lengthMin, 'a');
}

const FILLER_LENGTH_MAX = 1_000_000;

/** Has the language no word longer than its number of states, and so only finitely many? */
function isFiniteWithin(language: Automaton): boolean {
  const { length } = language.states;
  return hasWord(language, length, Number.POSITIVE_INFINITY) === false;
}
