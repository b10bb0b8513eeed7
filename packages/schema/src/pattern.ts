import { type AST, parseRegExpLiteral, visitRegExpAST } from '@eslint-community/regexpp';
import { RE2JS } from 're2js';

/** What a validator needs of a compiled `pattern`. */
export interface CompiledPattern {
  test(text: string): boolean;
  toString(): string;
}

/** Of a text of some MiB the own engine may remember more than its stack holds, and throws. */
const STACK_CHARACTERS_MAX = 1_000_000;
/** Steps that JavaScript's own engine may take over one text: some milliseconds. */
const STEPS_MAX = 1_000_000;

/**
 * Compiles a schema's `pattern`. JavaScript's own engine backtracks, and the text comes from outside: on a repeat inside a
 * repeat (`^(a+)+$`) its time can double with every character, and two repeats one behind the other (`^\S+@\S+$`, `\s+$`) take
 * the square of the length, hours for a MiB. So what it is given is short enough, and the rest goes to RE2's engine, slower
 * by a constant and linear. Where RE2 has no such syntax (look-around, back-references) the own one stays, but where it is only
 * asked for the sake of a message (`mayGuess`): a `maxLength` beside it has then kept a verdict from it.
 */
export function compilePattern(source: string, flags: string, mayGuess: boolean = false): CompiledPattern {
  const native = new RegExp(source, flags);
  const charactersMax = Math.min(charactersMaxOf(native), STACK_CHARACTERS_MAX);
  let linear: RE2JS | 'unsayable' | undefined;
  return {
    test: (text) => {
      if (text.length <= charactersMax) return native.test(text);
      linear ??= linearOf(native);
      return linear === 'unsayable' ? mayGuess || fits(native, text) : linear.matcher(text).find();
    },
    // Ajv keeps patterns by their text; two without one of their own would be taken for the same.
    toString: () => String(native),
  };
}

/** Is a text of any length tried by RE2, in a time that grows with it alone? */
export function isRunByRe2(pattern: RegExp): boolean {
  return linearOf(pattern) !== 'unsayable';
}

/** What takes more stack than there is does not. */
function fits(pattern: RegExp, text: string): boolean {
  try {
    return pattern.test(text);
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function linearOf(pattern: RegExp): RE2JS | 'unsayable' {
  try {
    return RE2JS.compile(
      RE2JS.translateRegExp(withEcmaClasses(pattern)),
      pattern.ignoreCase ? RE2JS.CASE_INSENSITIVE : 0,
    );
  } catch {
    // RE2 cannot say it.
    return 'unsayable';
  }
}

/** Of how many characters a text may be for the own engine: it takes some power of them, and that power is counted here. */
function charactersMaxOf(pattern: RegExp): number {
  let isExponential = false;
  let repeats = 0;
  const open: AST.Quantifier[] = [];
  const choice = (node: { readonly alternatives: readonly unknown[] }): void => {
    if (open.length > 0 && node.alternatives.length > 1) isExponential = true;
  };
  const tree = parseRegExpLiteral(pattern);
  visitRegExpAST(tree, {
    onQuantifierEnter: (node) => {
      if (node.max <= 1) return;
      if (open.length > 0) isExponential = true;
      open.push(node);
      if (node.max - node.min > FEW) repeats++;
    },
    onQuantifierLeave: (node) => {
      if (open.at(-1) === node) open.pop();
    },
    onGroupEnter: choice,
    onCapturingGroupEnter: choice,
  });
  if (isExponential) return 0;
  // Without a beginning it is tried at each character.
  const power = repeats + (tree.pattern.alternatives.every(isAtStart) ? 0 : 1);
  return power <= 1 ? Number.POSITIVE_INFINITY : Math.floor(STEPS_MAX ** (1 / power));
}

/** Repeats of so few counts more than they must have are no power, but a factor. */
const FEW = 10;

function isAtStart({ elements: [first] }: AST.Alternative): boolean {
  return first?.type === 'Assertion' && first.kind === 'start';
}

/** JavaScript's `.` stops at more ends of lines, and its `\s` is wider: written out, both mean the same to RE2. */
function withEcmaClasses(pattern: RegExp): string {
  const { source } = pattern;
  let text = '';
  let at = 0;
  visitRegExpAST(parseRegExpLiteral(pattern), {
    onCharacterSetEnter: (node) => {
      const isInClass = node.parent.type === 'CharacterClass';
      const written =
        node.kind === 'any' && !pattern.dotAll
          ? '[^\\n\\r\\x{2028}\\x{2029}]'
          : node.kind === 'space' && !(node.negate && isInClass)
            ? isInClass
              ? SPACES
              : `[${node.negate ? '^' : ''}${SPACES}]`
            : undefined;
      if (written === undefined) return;
      // The tree is of the literal, which begins with a slash.
      text += source.slice(at, node.start - 1) + written;
      at = node.end - 1;
    },
  });
  return text + source.slice(at);
}

const SPACES =
  '\\t-\\r \\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}';
