import { type Assertion, type CharSet, type Concatenation, type Element, JS, type NoParent } from 'refa';

/**
 * Patterns as complete deterministic automata over code points, so that "every string that matches this also matches
 * that" is decided, not guessed. refa parses the expression and folds its character classes; the automaton is built
 * here because refa's has no `^`, `$` or `\b`.
 */
export interface Automaton {
  /** Sorted, disjoint edges that cover every code point. State 0 is the first. */
  readonly states: readonly { readonly isFinal: boolean; readonly edges: readonly Edge[] }[];
}

interface Edge {
  readonly low: number;
  readonly high: number;
  readonly to: number;
}

const CODE_POINT_MAX = 0x10ffff;
/** Bounds on one automaton: beyond them a pattern is not decided. */
const NFA_STATES_MAX = 12_000;
const DFA_STATES_MAX = 6_000;
const EDGE_WORK_MAX = 3_000_000;

const automata = new Map<string, Automaton | undefined>();
const AUTOMATA_MAX = 2_000;

/**
 * The strings in which `new RegExp(source, 'u')` finds a match; `undefined` when the pattern is beyond this.
 * `foldCase` makes ASCII letters match either case, as flag `i` without flag `u` does.
 */
export function automatonOf(
  source: string,
  options: { readonly foldCase?: boolean } = {},
): Automaton | undefined {
  const key = `${options.foldCase ? 'i' : ''}/${source}`;
  if (automata.has(key)) return automata.get(key);
  if (automata.size >= AUTOMATA_MAX) automata.clear();
  const made = compile(source, options.foldCase ?? false);
  automata.set(key, made);
  return made;
}

export function complement(automaton: Automaton): Automaton {
  return { states: automaton.states.map(({ isFinal, edges }) => ({ isFinal: !isFinal, edges })) };
}

/** All strings. */
export const EVERYTHING: Automaton = {
  states: [{ isFinal: true, edges: [{ low: 0, high: CODE_POINT_MAX, to: 0 }] }],
};

export function intersect(left: Automaton, right: Automaton): Automaton | undefined {
  if (left === EVERYTHING) return right;
  if (right === EVERYTHING) return left;
  const ids = new Map<number, number>();
  const pairs: [number, number][] = [];
  const idOf = (a: number, b: number): number => {
    const key = a * right.states.length + b;
    let id = ids.get(key);
    if (id === undefined) {
      id = pairs.push([a, b]) - 1;
      ids.set(key, id);
    }
    return id;
  };
  idOf(0, 0);
  const states: { isFinal: boolean; edges: Edge[] }[] = [];
  let work = 0;
  for (let i = 0; i < pairs.length; i++) {
    if (pairs.length > DFA_STATES_MAX) return undefined;
    const [a, b] = pairs[i]!;
    const from = left.states[a]!;
    const other = right.states[b]!;
    const edges: Edge[] = [];
    let [x, y] = [0, 0];
    for (let low = 0; low <= CODE_POINT_MAX; ) {
      const p = from.edges[x]!;
      const q = other.edges[y]!;
      const high = Math.min(p.high, q.high);
      pushEdge(edges, low, high, idOf(p.to, q.to));
      if (++work > EDGE_WORK_MAX) return undefined;
      if (p.high === high) x++;
      if (q.high === high) y++;
      low = high + 1;
    }
    states.push({ isFinal: from.isFinal && other.isFinal, edges });
  }
  return { states };
}

/** Does any string lead from the first state to a final one, its length between the bounds? */
export function hasWord(automaton: Automaton, lengthMin: number, lengthMax: number): boolean | undefined {
  const live = liveStates(automaton);
  if (!live[0]) return false;
  // A longer word than this repeats a state beyond its first `lengthMin` characters and can be shortened.
  const last = Math.min(lengthMax, lengthMin + automaton.states.length);
  let layer = new Set([0]);
  let work = 0;
  for (let length = 0; length <= last; length++) {
    if (length >= lengthMin) for (const state of layer) if (automaton.states[state]!.isFinal) return true;
    const next = new Set<number>();
    for (const state of layer) {
      for (const edge of automaton.states[state]!.edges) {
        if (live[edge.to]) next.add(edge.to);
        if (++work > EDGE_WORK_MAX) return undefined;
      }
    }
    if (next.size === 0) return false;
    layer = next;
  }
  return false;
}

/**
 * Words of the language, shortest first, `count` at most; `isComplete` when there are no others. Of each edge a few
 * characters are tried, the readable ones first, and all of them when the edge has few.
 */
export function words(
  automaton: Automaton,
  lengthMin: number,
  lengthMax: number,
  count: number,
): { readonly words: readonly string[]; readonly isComplete: boolean } {
  const live = liveStates(automaton);
  const found: string[] = [];
  let isComplete = true;
  let work = 0;
  if (!live[0]) return { words: [], isComplete: true };
  let layer: { readonly state: number; readonly text: string }[] = [{ state: 0, text: '' }];
  for (let length = 0; length <= lengthMax && layer.length > 0; length++) {
    if (length >= lengthMin) {
      for (const { state, text } of layer) {
        if (!automaton.states[state]!.isFinal) continue;
        if (found.length >= count) return { words: found, isComplete: false };
        found.push(text);
      }
    }
    const next: typeof layer = [];
    for (const { state, text } of layer) {
      for (const edge of automaton.states[state]!.edges) {
        if (!live[edge.to]) continue;
        const span = edge.high - edge.low + 1;
        const chars = span <= WORD_WIDTH ? range(edge.low, edge.high) : readable(edge.low, edge.high);
        if (span > chars.length) isComplete = false;
        for (const char of chars) next.push({ state: edge.to, text: text + String.fromCodePoint(char) });
        if (++work > WORD_WORK_MAX) return { words: found, isComplete: false };
      }
    }
    next.sort((a, b) => unreadability(a.text) - unreadability(b.text));
    // Enough of each length to get further; the rest of it is given up, and said to be.
    if (next.length > WORD_WIDTH * count + 64) isComplete = false;
    layer = spread(next, WORD_WIDTH * count + 64);
  }
  if (layer.length > 0) isComplete = false;
  return { words: found, isComplete };
}

const WORD_WIDTH = 4;
const WORD_WORK_MAX = 200_000;

/** Keeps at most `max` of the candidates, some for every state. */
function spread<T extends { readonly state: number }>(candidates: readonly T[], max: number): T[] {
  if (candidates.length <= max) return [...candidates];
  const byState = new Map<number, T[]>();
  for (const candidate of candidates) {
    const list = byState.get(candidate.state);
    if (list) list.push(candidate);
    else byState.set(candidate.state, [candidate]);
  }
  const each = Math.max(1, Math.floor(max / byState.size));
  return [...byState.values()].flatMap((list) => list.slice(0, each));
}

function readable(low: number, high: number): number[] {
  const chars: number[] = [];
  for (const [from, to] of READABLE) {
    for (let code = Math.max(from, low); code <= Math.min(to, high) && chars.length < WORD_WIDTH; code++)
      chars.push(code);
  }
  // Half a surrogate pair is no character of its own.
  for (let code = low; code <= high && chars.length < WORD_WIDTH; code++) {
    if (code >= 0xd800 && code <= 0xdfff) code = 0xdfff;
    else if (!chars.includes(code)) chars.push(code);
  }
  return chars;
}

const READABLE = [
  [0x61, 0x7a],
  [0x41, 0x5a],
  [0x30, 0x39],
  [0x20, 0x7e],
] as const;

/** Letters first, control characters last; by the last character, the earlier ones being sorted already. */
function unreadability(text: string): number {
  const code = text.codePointAt(text.length - 1) ?? 0;
  const rank = READABLE.findIndex(([from, to]) => from <= code && code <= to);
  return rank < 0 ? READABLE.length : rank;
}

function range(low: number, high: number): number[] {
  return Array.from({ length: high - low + 1 }, (_, i) => low + i).filter((c) => c < 0xd800 || c > 0xdfff);
}

function liveStates(automaton: Automaton): readonly boolean[] {
  const into: number[][] = automaton.states.map(() => []);
  for (const [from, state] of automaton.states.entries())
    for (const edge of state.edges) into[edge.to]!.push(from);
  const live = automaton.states.map((state) => state.isFinal);
  const queue = [...live.keys()].filter((i) => live[i]);
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    for (const from of into[at]!) {
      if (live[from]) continue;
      live[from] = true;
      queue.push(from);
    }
  }
  return live;
}

function pushEdge(edges: Edge[], low: number, high: number, to: number): void {
  const last = edges.at(-1);
  if (last && last.to === to) edges[edges.length - 1] = { low: last.low, high, to };
  else edges.push({ low, high, to });
}

/** `^(?!x)(?=y)z` is z anchored, with y and without x: the one shape of long lookaround that people write. */
function compile(source: string, foldCase: boolean): Automaton | undefined {
  try {
    const build = (alternatives: Alternatives) => automatonFor(alternatives, foldCase);
    const { expression } = JS.Parser.fromLiteral({ source, flags: 'u' }).parse({
      backreferences: 'throw',
      assertions: 'parse',
      maxNodes: NFA_STATES_MAX,
    });
    const only = expression.alternatives.length === 1 ? expression.alternatives[0]! : undefined;
    const start = only?.elements[0];
    if (!only || !start || !isStart(start)) return build(expression.alternatives);
    const ahead: Assertion[] = [];
    while (true) {
      const next: Element | undefined = only.elements[1 + ahead.length];
      if (next?.type !== 'Assertion' || next.kind !== 'ahead' || singleSet(next)) break;
      ahead.push(next);
    }
    const rest = only.elements.slice(1 + ahead.length);
    let made: Automaton | undefined = build([{ type: 'Concatenation', elements: [start, ...rest] }]);
    for (const assertion of ahead) {
      const condition = build(
        assertion.alternatives.map((alternative) => ({
          type: 'Concatenation',
          elements: [start, ...alternative.elements],
        })),
      );
      made = made && condition && intersect(made, assertion.negate ? complement(condition) : condition);
    }
    return made;
  } catch {
    // Not a regular expression, or beyond a bound: the caller treats the pattern as not modelled.
    return undefined;
  }
}

class TooBig extends Error {}

type Alternatives = readonly NoParent<Concatenation>[];

interface Nfa {
  readonly steps: { readonly ranges: CharSet['ranges']; readonly to: number }[][];
  readonly jumps: { readonly to: number; readonly when?: Condition }[][];
  readonly foldCase: boolean;
}

/** The class with the other case of each of its ASCII letters. */
function folded(set: CharSet): CharSet['ranges'] {
  const letters = (low: number, shift: number): { min: number; max: number }[] =>
    Array.from({ length: 26 }, (_, i) => low + i)
      .filter((code) => set.has(code))
      .map((code) => ({ min: code + shift, max: code + shift }));
  return [...set.ranges, ...letters(0x61, -32), ...letters(0x41, 32)];
}

interface Condition {
  readonly ahead: boolean;
  readonly set: CharSet;
  readonly negate: boolean;
}

function automatonFor(alternatives: Alternatives, foldCase: boolean): Automaton {
  const nfa: Nfa = { steps: [], jumps: [], foldCase };
  const state = (): number => {
    if (nfa.steps.length > NFA_STATES_MAX) throw new TooBig();
    nfa.jumps.push([]);
    return nfa.steps.push([]) - 1;
  };
  const first = state();
  const last = state();
  const everywhere = [{ min: 0, max: CODE_POINT_MAX }];
  nfa.steps[first]!.push({ ranges: everywhere, to: first });
  nfa.steps[last]!.push({ ranges: everywhere, to: last });
  const entry = state();
  nfa.jumps[first]!.push({ to: entry });
  addAlternatives(nfa, state, alternatives, entry, last);
  return determinise(nfa, first, last);
}

function addAlternatives(
  nfa: Nfa,
  state: () => number,
  alternatives: Alternatives,
  from: number,
  to: number,
): void {
  for (const alternative of alternatives) {
    let here = from;
    for (const element of alternative.elements) {
      const next = state();
      addElement(nfa, state, element, here, next);
      here = next;
    }
    nfa.jumps[here]!.push({ to });
  }
}

function addElement(
  nfa: Nfa,
  state: () => number,
  element: NoParent<Element>,
  from: number,
  to: number,
): void {
  switch (element.type) {
    case 'CharacterClass':
      nfa.steps[from]!.push({
        ranges: nfa.foldCase ? folded(element.characters) : element.characters.ranges,
        to,
      });
      return;
    case 'Alternation':
      addAlternatives(nfa, state, element.alternatives, from, to);
      return;
    case 'Quantifier': {
      let here = from;
      for (let i = 0; i < element.min; i++) {
        const next = state();
        addAlternatives(nfa, state, element.alternatives, here, next);
        here = next;
      }
      if (element.max === Number.POSITIVE_INFINITY) {
        const loop = state();
        nfa.jumps[here]!.push({ to: loop });
        addAlternatives(nfa, state, element.alternatives, loop, loop);
        nfa.jumps[loop]!.push({ to });
        return;
      }
      for (let i = element.min; i < element.max; i++) {
        nfa.jumps[here]!.push({ to });
        const next = state();
        addAlternatives(nfa, state, element.alternatives, here, next);
        here = next;
      }
      nfa.jumps[here]!.push({ to });
      return;
    }
    case 'Assertion': {
      const set = singleSet(element);
      if (!set) throw new TooBig();
      nfa.jumps[from]!.push({
        to,
        when: { ahead: element.kind === 'ahead', set, negate: element.negate },
      });
      return;
    }
    case 'Unknown':
      throw new TooBig();
  }
}

/** The character class of a lookaround over one character (`^`, `$` and `\b` are made of these). */
function singleSet(assertion: NoParent<Assertion>): CharSet | undefined {
  const only = assertion.alternatives.length === 1 ? assertion.alternatives[0]! : undefined;
  const element = only?.elements.length === 1 ? only.elements[0]! : undefined;
  return element?.type === 'CharacterClass' ? element.characters : undefined;
}

function isStart(element: Element): boolean {
  return (
    element.type === 'Assertion' &&
    element.kind === 'behind' &&
    element.negate &&
    singleSet(element)?.isAll === true
  );
}

/**
 * Subset construction in which a state also remembers which of the pattern's lookbehind classes the last character
 * was in, and each step knows the character ahead: enough to decide every one-character assertion.
 */
function determinise(nfa: Nfa, first: number, last: number): Automaton {
  const behind: CharSet[] = [];
  const cutsOfConditions = new Set<number>();
  for (const jump of nfa.jumps.flat()) {
    if (!jump.when) continue;
    if (!jump.when.ahead && !behind.includes(jump.when.set)) behind.push(jump.when.set);
    for (const { min, max } of jump.when.set.ranges) {
      cutsOfConditions.add(min);
      cutsOfConditions.add(max + 1);
    }
  }
  if (behind.length > 20) throw new TooBig();
  const closure = (from: readonly number[], signature: number, next: number | undefined): Set<number> => {
    const seen = new Set(from);
    const queue = [...from];
    for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
      for (const { to, when } of nfa.jumps[at]!) {
        if (seen.has(to)) continue;
        if (when) {
          const isIn = when.ahead
            ? next !== undefined && when.set.has(next)
            : (signature & (1 << behind.indexOf(when.set))) !== 0;
          if (isIn === when.negate) continue;
        }
        seen.add(to);
        queue.push(to);
      }
    }
    return seen;
  };
  const hasConditions = cutsOfConditions.size > 0;
  const ids = new Map<string, number>();
  const pending: { readonly set: readonly number[]; readonly signature: number }[] = [];
  const idOf = (set: readonly number[], signature: number): number => {
    const key = `${signature}:${set.join(',')}`;
    let id = ids.get(key);
    if (id === undefined) {
      id = pending.push({ set, signature }) - 1;
      ids.set(key, id);
      if (id > DFA_STATES_MAX) throw new TooBig();
    }
    return id;
  };
  idOf([first], 0);
  const states: { isFinal: boolean; edges: Edge[] }[] = [];
  let work = 0;
  for (let i = 0; i < pending.length; i++) {
    const { set, signature } = pending[i]!;
    const isFinal = closure(set, signature, undefined).has(last);
    const widest = hasConditions ? allJumps(nfa, set) : closure(set, signature, undefined);
    const cuts = new Set([0, ...cutsOfConditions]);
    for (const at of widest) {
      for (const { ranges } of nfa.steps[at]!) {
        for (const { min, max } of ranges) {
          cuts.add(min);
          cuts.add(max + 1);
          if (++work > EDGE_WORK_MAX) throw new TooBig();
        }
      }
    }
    const sorted = [...cuts].filter((cut) => cut <= CODE_POINT_MAX).sort((a, b) => a - b);
    const edges: Edge[] = [];
    // Once the match is complete every continuation is accepted: nothing else needs remembering.
    for (const [k, low] of sorted.entries()) {
      const high = (sorted[k + 1] ?? CODE_POINT_MAX + 1) - 1;
      const reach = hasConditions ? closure(set, signature, low) : widest;
      const targets = new Set<number>();
      for (const at of reach) {
        for (const step of nfa.steps[at]!) {
          if (++work > EDGE_WORK_MAX) throw new TooBig();
          if (step.ranges.some(({ min, max }) => min <= low && low <= max)) targets.add(step.to);
        }
      }
      const isDone = targets.has(last);
      let signatureNext = 0;
      if (!isDone)
        for (const [bit, charSet] of behind.entries()) if (charSet.has(low)) signatureNext |= 1 << bit;
      const targetSet = isDone ? [last] : [...targets].sort((a, b) => a - b);
      pushEdge(edges, low, high, idOf(targetSet, signatureNext));
    }
    states.push({ isFinal, edges });
  }
  return { states };
}

function allJumps(nfa: Nfa, from: readonly number[]): Set<number> {
  const seen = new Set(from);
  const queue = [...from];
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    for (const { to } of nfa.jumps[at]!) {
      if (seen.has(to)) continue;
      seen.add(to);
      queue.push(to);
    }
  }
  return seen;
}
