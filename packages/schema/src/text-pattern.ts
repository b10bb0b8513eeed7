import { type AST, RegExpParser } from '@eslint-community/regexpp';

/** A part of a text: as it stands, one of several, or anything. */
export type TextPart = string | readonly string[] | undefined;

/**
 * May a text that is put together so hold a match of the pattern? The pattern as a nondeterministic automaton is walked
 * along the text, and through every state at a part that may be anything. What an automaton cannot say (look-around,
 * back-references, word boundaries) is taken to hold, and a pattern that is too large to match: `false` is certain.
 */
export function canMatch(parts: readonly TextPart[], pattern: string): boolean {
  const automaton = automatonOf(pattern);
  if (!automaton) return true;
  let at: Places = { states: closed(automaton, [automaton.start], 'start'), isStart: true };
  for (const part of parts) at = walk(automaton, at, part);
  return closed(automaton, at.states, 'end', at.isStart).has(automaton.final);
}

interface Automaton {
  readonly states: State[];
  readonly start: number;
  readonly final: number;
}

interface State {
  readonly free: { readonly to: number; readonly only?: 'start' | 'end' }[];
  readonly steps: { readonly to: number; readonly takes: (character: string) => boolean }[];
}

interface Places {
  readonly states: ReadonlySet<number>;
  /** No character may have been read yet. */
  readonly isStart: boolean;
}

function walk(automaton: Automaton, from: Places, part: TextPart): Places {
  if (part === undefined) return { states: anywhereFrom(automaton, from.states), isStart: from.isStart };
  const ends = [part].flat().map((text) => along(automaton, from, text));
  return {
    states: new Set(ends.flatMap(({ states }) => [...states])),
    isStart: ends.some(({ isStart }) => isStart),
  };
}

function along(automaton: Automaton, from: Places, text: string): Places {
  let { states, isStart } = from;
  for (const character of text) {
    const next = [...states].flatMap((state) =>
      automaton.states[state]!.steps.filter(({ takes }) => takes(character)).map(({ to }) => to),
    );
    states = closed(automaton, next);
    isStart = false;
  }
  return { states, isStart };
}

function anywhereFrom(automaton: Automaton, from: ReadonlySet<number>): ReadonlySet<number> {
  const found = new Set(from);
  for (const state of found)
    for (const { to } of automaton.states[state]!.steps)
      for (const next of closed(automaton, [to])) found.add(next);
  return found;
}

/** With all states that are reached without a character: at the start, in the text, or at its end. */
function closed(
  automaton: Automaton,
  from: Iterable<number>,
  where?: 'start' | 'end',
  isStart = where === 'start',
): ReadonlySet<number> {
  const found = new Set(from);
  for (const state of found)
    for (const { to, only } of automaton.states[state]!.free)
      if (only === undefined || (only === 'start' ? isStart : where === 'end')) found.add(to);
  return found;
}

/** A pattern with more states, as of `x{0,5000}`, is not looked at. */
const STATES_MAX = 4_000;
/** Patterns of contracts are the same ones at each check. */
const KEPT_MAX = 500;
const automata = new Map<string, Automaton | undefined>();

function automatonOf(pattern: string): Automaton | undefined {
  if (automata.has(pattern)) return automata.get(pattern);
  if (automata.size >= KEPT_MAX) automata.clear();
  const made = new Builder().build(pattern);
  automata.set(pattern, made);
  return made;
}

class TooLarge extends Error {}

class Builder {
  readonly #states: State[] = [];

  build(pattern: string): Automaton | undefined {
    try {
      const parsed = new RegExpParser().parsePattern(pattern, 0, pattern.length, { unicode: true });
      // A match may stand anywhere in the text.
      const [start, final] = [this.#state(), this.#state()];
      for (const state of [start, final]) this.#step(state, state, () => true);
      this.#choice(parsed.alternatives, start, final);
      return { states: this.#states, start, final };
    } catch (error) {
      // The contract says nothing with a pattern that is none, and too much with one that is too large.
      if (error instanceof TooLarge || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  #state(): number {
    if (this.#states.length >= STATES_MAX) throw new TooLarge();
    return this.#states.push({ free: [], steps: [] }) - 1;
  }

  #step(from: number, to: number, takes: (character: string) => boolean): void {
    this.#states[from]!.steps.push({ to, takes });
  }

  #free(from: number, to: number, only?: 'start' | 'end'): void {
    this.#states[from]!.free.push({ to, ...(only && { only }) });
  }

  #choice(alternatives: readonly AST.Alternative[], from: number, to: number): void {
    for (const { elements } of alternatives) {
      let here = from;
      for (const element of elements) {
        const next = this.#state();
        this.#element(element, here, next);
        here = next;
      }
      this.#free(here, to);
    }
  }

  #element(element: AST.Element, from: number, to: number): void {
    switch (element.type) {
      case 'Character': {
        const character = String.fromCodePoint(element.value);
        this.#step(from, to, (one) => one === character);
        return;
      }
      case 'CharacterSet':
      case 'CharacterClass': {
        const one = new RegExp(`^${element.raw}$`, 'su');
        const any = element.type === 'CharacterSet' && element.kind === 'any';
        this.#step(
          from,
          to,
          any ? (character) => !LINE_END.test(character) : (character) => one.test(character),
        );
        return;
      }
      case 'Group':
      case 'CapturingGroup':
        this.#choice(element.alternatives, from, to);
        return;
      case 'Quantifier':
        this.#quantifier(element, from, to);
        return;
      case 'Assertion':
        if (element.kind === 'start' || element.kind === 'end') this.#free(from, to, element.kind);
        else this.#free(from, to);
        return;
      default: {
        // Back-references, and classes of a flag that schemas do not have: anything.
        this.#free(from, to);
        this.#step(to, to, () => true);
      }
    }
  }

  #quantifier({ element, min, max }: AST.Quantifier, from: number, to: number): void {
    let here = from;
    for (let count = 0; count < min; count++) {
      const next = this.#state();
      this.#element(element, here, next);
      here = next;
    }
    if (max === Number.POSITIVE_INFINITY) {
      const loop = this.#state();
      this.#free(here, loop);
      const back = this.#state();
      this.#element(element, loop, back);
      this.#free(back, loop);
      this.#free(loop, to);
      return;
    }
    for (let count = min; count < max; count++) {
      this.#free(here, to);
      const next = this.#state();
      this.#element(element, here, next);
      here = next;
    }
    this.#free(here, to);
  }
}

const LINE_END = /^[\n\r\u2028\u2029]$/;
