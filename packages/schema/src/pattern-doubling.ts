import { type AST, RegExpParser, visitRegExpAST } from '@eslint-community/regexpp';
import { isRunByRe2 } from './pattern.ts';

/** What the patterns of one document may cost together: steps of some ten nanoseconds. */
export interface PatternBudget {
  stepsLeft: number;
}

export function patternBudget(): PatternBudget {
  return { stepsLeft: STEPS_MAX };
}

/** `loop`: as it is written. `unjudged`: it, or what came before it, is so large that nothing is said of it. */
export type Doubling = { readonly loop: string } | 'none' | 'unjudged';

/**
 * The repeat of a pattern by which the time that it takes can double with every character of a text: `(a+)+`. Only of
 * patterns that RE2 cannot run (look-around, back-references), for JavaScript's own engine tries each way to read a text. A repeat is one where
 * some text goes round it in two ways; what look-around and back-references ask for is taken to hold.
 */
export function doublingLoop(pattern: string, budget: PatternBudget = patternBudget()): Doubling {
  if (!BEYOND_RE2.test(pattern)) return 'none';
  if (pattern.length > CHARACTERS_MAX) return 'unjudged';
  let tree: AST.Pattern;
  try {
    tree = new RegExpParser().parsePattern(pattern, 0, pattern.length, { unicode: true });
    if (isRunByRe2(new RegExp(pattern, 'u'))) return 'none';
  } catch {
    // No pattern of ours: that is told elsewhere.
    return 'none';
  }
  const characters = charactersOf(tree);
  let found: Doubling = 'none';
  visitRegExpAST(tree, {
    onQuantifierEnter: (node) => {
      if (typeof found === 'object' || node.max <= FEW) return;
      const isAmbiguous = new Loop(characters, budget).isAmbiguous(node);
      if (isAmbiguous === undefined) found = 'unjudged';
      else if (isAmbiguous) found = { loop: node.raw };
    },
  });
  return found;
}

/** A longer one is nobody's, and to parse it takes its time as well. */
const CHARACTERS_MAX = 20_000;
const STEPS_MAX = 6_000_000;

/** Look-around or a back-reference, most likely: so that few patterns are parsed. */
const BEYOND_RE2 = /\(\?<?[=!]|\\[1-9k]/;
/** Repeats of so few times at most double no more than a few times. */
const FEW = 10;

/** Characters of which each class of the pattern either has all that are like them, or none. */
function charactersOf(tree: AST.Pattern): readonly string[] {
  const codes = new Set(Array.from({ length: 128 }, (_, code) => code));
  for (const code of [0xa0, 0xe9, 0x2028, 0x4e2d, 0x1f600]) codes.add(code);
  const around = (code: number): void => {
    for (const near of [code - 1, code, code + 1]) if (near >= 0 && near <= 0x10ffff) codes.add(near);
  };
  visitRegExpAST(tree, {
    onCharacterEnter: ({ value }) => around(value),
    onCharacterClassRangeEnter: ({ min, max }) => [min.value, max.value].forEach(around),
  });
  return [...codes].map((code) => String.fromCodePoint(code));
}

/** A place in a repeat where one character is read: which it may be, and whence it goes on. */
interface Reading {
  readonly from: number;
  readonly to: number;
  /** Bit by bit, which of the characters. */
  readonly takes: bigint;
}

/** What one look at a repeat may cost; of a larger one nothing is said. */
const READINGS_MAX = 300;
const WORK_MAX = 3_000_000;

class TooLarge extends Error {}

/** One repeat as an automaton whose end is its beginning. A repeat within it reads its first time and its others at places of their own. */
class Loop {
  readonly #characters: readonly string[];
  readonly #budget: PatternBudget;
  readonly #free: number[][] = [];
  readonly #readings: Reading[] = [];
  /** By place: what is read there. */
  readonly #readAt = new Map<number, number[]>();
  #work = 0;

  constructor(characters: readonly string[], budget: PatternBudget) {
    this.#characters = characters;
    this.#budget = budget;
  }

  /** `undefined`: it is too large to be looked at. */
  isAmbiguous({ element }: AST.Quantifier): boolean | undefined {
    try {
      const [start, end] = [this.#place(), this.#place()];
      this.#element(element, start, end);
      this.#free[end]!.push(start);
      return this.#hasTwoWays();
    } catch (error) {
      if (error instanceof TooLarge) return undefined;
      throw error;
    }
  }

  /**
   * Every place is reached from every other, so it is enough that two ways part somewhere and meet again over the same characters: what leads back is
   * common to both.
   */
  #hasTwoWays(): boolean {
    const next = this.#readings.map(({ to }) => this.#after(to));
    if (next.some((ways) => [...ways.values()].some((count) => count > 1))) return true;
    const seen = new Set<number>();
    const queue: (readonly [number, number])[] = this.#readings.map((_, index) => [index, index]);
    for (const [a, b] of queue)
      for (const one of next[a]!.keys())
        for (const other of next[b]!.keys()) {
          this.#spend();
          if (one === other && a === b) continue;
          if (!this.#overlap(one, other)) continue;
          if (one === other) return true;
          const pair = one * this.#readings.length + other;
          if (seen.has(pair)) continue;
          seen.add(pair);
          queue.push([one, other]);
        }
    return false;
  }

  /** The places that read the next character, and in how many ways each is come to without one; more than two are two. */
  #after(from: number): ReadonlyMap<number, number> {
    const ways = new Map<number, number>();
    const on = new Set<number>();
    const walk = (place: number): void => {
      const read = this.#readAt.get(place) ?? [];
      this.#spend(1 + read.length);
      for (const index of read) ways.set(index, Math.min(2, (ways.get(index) ?? 0) + 1));
      on.add(place);
      for (const to of this.#free[place]!) if (!on.has(to)) walk(to);
      on.delete(place);
    };
    walk(from);
    return ways;
  }

  #overlap(one: number, other: number): boolean {
    return (this.#readings[one]!.takes & this.#readings[other]!.takes) !== 0n;
  }

  #spend(steps = 1): void {
    this.#work += steps;
    this.#budget.stepsLeft -= steps;
    if (this.#work > WORK_MAX || this.#budget.stepsLeft < 0) throw new TooLarge();
  }

  #place(): number {
    this.#spend();
    return this.#free.push([]) - 1;
  }

  #choice(alternatives: readonly AST.Alternative[], from: number, to: number): void {
    for (const { elements } of alternatives) {
      let here = from;
      for (const element of elements) {
        const after = this.#place();
        this.#element(element, here, after);
        here = after;
      }
      this.#free[here]!.push(to);
    }
  }

  #element(element: AST.Element, from: number, to: number): void {
    switch (element.type) {
      case 'Group':
      case 'CapturingGroup':
        this.#choice(element.alternatives, from, to);
        return;
      case 'Quantifier':
        this.#quantifier(element, from, to);
        return;
      case 'Assertion':
      case 'Backreference':
        this.#free[from]!.push(to);
        return;
      default: {
        if (this.#readings.length >= READINGS_MAX) throw new TooLarge();
        const one = new RegExp(`^${element.raw}$`, 'u');
        this.#spend(this.#characters.length);
        let takes = 0n;
        for (const character of this.#characters) takes = (takes << 1n) | (one.test(character) ? 1n : 0n);
        const here = this.#readAt.get(from) ?? [];
        this.#readAt.set(from, [...here, this.#readings.length]);
        this.#readings.push({ from, to, takes });
      }
    }
  }

  #quantifier({ element, min, max }: AST.Quantifier, from: number, to: number): void {
    let here = from;
    for (let count = 0; count < min; count++) here = this.#once(element, here);
    if (max === min) {
      this.#free[here]!.push(to);
      return;
    }
    this.#free[here]!.push(to);
    if (max === Number.POSITIVE_INFINITY) {
      const loop = this.#once(element, here);
      const back = this.#once(element, loop);
      this.#free[back]!.push(loop);
      this.#free[loop]!.push(to);
      return;
    }
    for (let count = min; count < max; count++) {
      here = this.#once(element, here);
      this.#free[here]!.push(to);
    }
  }

  #once(element: AST.Element, from: number): number {
    const to = this.#place();
    this.#element(element, from, to);
    return to;
  }
}
