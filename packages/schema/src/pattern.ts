import { type AST, parseRegExpLiteral, visitRegExpAST } from '@eslint-community/regexpp';
import { RE2JS } from 're2js';

/** What a validator needs of a compiled `pattern`. */
export interface CompiledPattern {
  test(text: string): boolean;
  toString(): string;
}

/**
 * Compiles a schema's `pattern`. JavaScript's own engine backtracks: on a repeat inside a repeat (`^(a+)+$`), or a
 * choice inside one, its time can double with every character, and the text comes from outside. Such patterns run on
 * RE2's engine, whose time is linear; where RE2 has no such syntax (look-around, back-references) the own one stays.
 */
export function compilePattern(source: string, flags: string): CompiledPattern {
  const native = new RegExp(source, flags);
  if (!mayExplode(native)) return native;
  try {
    const linear = RE2JS.compile(RE2JS.translateRegExp(source));
    // Ajv keeps patterns by their text; two without one of their own would be taken for the same.
    return { test: (text) => linear.matcher(text).find(), toString: () => String(native) };
  } catch {
    // RE2 cannot say it.
    return native;
  }
}

function mayExplode(pattern: RegExp): boolean {
  let found = false;
  const open: AST.Quantifier[] = [];
  visitRegExpAST(parseRegExpLiteral(pattern), {
    onQuantifierEnter: (node) => {
      if (node.max <= 1) return;
      if (open.length > 0) found = true;
      open.push(node);
    },
    onQuantifierLeave: (node) => {
      if (open.at(-1) === node) open.pop();
    },
    onGroupEnter: (node) => {
      if (open.length > 0 && node.alternatives.length > 1) found = true;
    },
    onCapturingGroupEnter: (node) => {
      if (open.length > 0 && node.alternatives.length > 1) found = true;
    },
  });
  return found;
}
