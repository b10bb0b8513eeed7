import { type AST, RegExpParser } from '@eslint-community/regexpp';
import type { Random } from '@tenon/model';

/** Repeats beyond the least, for `*`, `+` and `{n,}`. */
const REPEATS_MAX = 6;
const TEXT_LENGTH_MAX = 2_000;
/** What `.` and `[^,]` are taken from: letters and digits first and most, so that the texts are readable. */
const CANDIDATES = [
  ...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789',
  ...'!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~ \t\néÅß漢あж٣€😀\u0000\u001f',
];

/**
 * A text made along a regular expression, of about `length` characters where its repeats leave a choice; `undefined`
 * when the expression cannot be read. Look-arounds, back references and word boundaries are not followed: the caller
 * checks the text against the expression.
 */
export function textLike(
  pattern: string,
  random: Random,
  length?: { min: number; max: number },
): string | undefined {
  const parsed = parse(pattern);
  if (parsed === undefined) return undefined;
  const maker = new Maker(random, length);
  const text = maker.oneOf(parsed.alternatives);
  return text.length > TEXT_LENGTH_MAX ? undefined : text;
}

function parse(pattern: string): AST.Pattern | undefined {
  const parser = new RegExpParser();
  // Contracts hold expressions of both modes; Unicode is JSON Schema's own, the other a common mistake.
  for (const unicode of [true, false]) {
    try {
      return parser.parsePattern(pattern, 0, pattern.length, { unicode });
    } catch {
      // Tried the other way next; not readable in either is told by the result.
    }
  }
  return undefined;
}

class Maker {
  readonly #random: Random;
  readonly #length: { min: number; max: number } | undefined;

  constructor(random: Random, length: { min: number; max: number } | undefined) {
    this.#random = random;
    this.#length = length;
  }

  oneOf(alternatives: readonly AST.Alternative[]): string {
    const taken = alternatives[this.#below(alternatives.length)];
    return taken === undefined ? '' : taken.elements.map((element) => this.#text(element)).join('');
  }

  #text(element: AST.Element): string {
    switch (element.type) {
      case 'Character':
        return String.fromCodePoint(element.value);
      case 'CharacterSet':
        return this.#member([element], false);
      case 'CharacterClass':
        return this.#member(element.elements, element.negate);
      case 'Group':
      case 'CapturingGroup':
        return this.oneOf(element.alternatives);
      case 'Quantifier':
        return this.#repeat(element);
      case 'Assertion':
      case 'Backreference':
      case 'ExpressionCharacterClass':
        return '';
    }
  }

  #repeat(quantifier: AST.Quantifier): string {
    const { min, max } = quantifier;
    const isOpen = max - min > REPEATS_MAX;
    // Where one repeat decides the length, it makes up for what minLength asks beyond the pattern.
    const least = isOpen && this.#length !== undefined ? Math.min(Math.max(min, this.#length.min), max) : min;
    const most = Math.max(
      least,
      Math.min(max, least + REPEATS_MAX, this.#length?.max ?? Number.POSITIVE_INFINITY),
    );
    const count = least + this.#below(most - least + 1);
    let text = '';
    for (let index = 0; index < count && text.length <= TEXT_LENGTH_MAX; index++)
      text += this.#text(quantifier.element);
    return text;
  }

  #member(
    elements: readonly AST.CharacterClassElement[] | readonly AST.CharacterSet[],
    negate: boolean,
  ): string {
    const members: readonly (AST.CharacterClassElement | AST.CharacterSet)[] = elements;
    if (!negate && members.length > 0) {
      const member = members[this.#below(members.length)]!;
      if (member.type === 'Character') return String.fromCodePoint(member.value);
      if (member.type === 'CharacterClassRange')
        return String.fromCodePoint(member.min.value + this.#below(member.max.value - member.min.value + 1));
    }
    const source = members.map((member) => member.raw).join('');
    const isAny = members.some((member) => member.type === 'CharacterSet' && member.kind === 'any');
    const allowed = new RegExp(isAny ? '.' : `[${negate ? '^' : ''}${source}]`, 'u');
    const fitting = CANDIDATES.filter((character) => allowed.test(character));
    return fitting[this.#below(fitting.length)] ?? '';
  }

  #below(count: number): number {
    return Math.floor(this.#random.next() * count);
  }
}
