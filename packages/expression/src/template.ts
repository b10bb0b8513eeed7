import type { ExpressionError, TemplatePart } from './ast.ts';
import { Lexer } from './lexer.ts';
import { parseExpression } from './parser.ts';

/** Unclosed `${` after which the rest is taken as text: each costs a scan to the end. */
const UNCLOSED_MAX = 5;

/**
 * Splits a scalar into text and `${ }` parts; `$${` is a literal `${`. Braces and quotes inside an expression are
 * read as CEL reads them, so `${ {'a': '}'} }` is one part. Spans of errors are offsets into the scalar.
 */
export function parseTemplate(scalar: string): {
  readonly parts: readonly TemplatePart[];
  readonly errors: readonly ExpressionError[];
} {
  const parts: TemplatePart[] = [];
  const errors: ExpressionError[] = [];
  let text = '';
  let at = 0;
  let unclosed = 0;
  while (at < scalar.length) {
    const dollar = scalar.indexOf('$', at);
    if (dollar < 0 || unclosed >= UNCLOSED_MAX) break;
    text += scalar.slice(at, dollar);
    if (scalar.startsWith('$${', dollar)) {
      text += '${';
      at = dollar + 3;
    } else if (scalar[dollar + 1] === '{') {
      if (text !== '') parts.push({ kind: 'text', text });
      text = '';
      const start = dollar + 2;
      const end = closingBrace(scalar, start);
      if (end === undefined) unclosed += 1;
      const stop = end ?? firstBrace(scalar, start) ?? scalar.length;
      const expression = parseExpression(scalar.slice(start, stop));
      parts.push({ kind: 'expression', expression, start, end: stop });
      for (const error of expression.errors)
        errors.push({ ...error, start: error.start + start, end: error.end + start });
      if (end === undefined && stop === scalar.length)
        errors.push({
          start: dollar,
          end: start,
          message: '`${` is not closed',
          fix: 'add }, or write $${ for the two characters themselves',
        });
      at = stop + 1;
    } else {
      text += '$';
      at = dollar + 1;
    }
  }
  text += scalar.slice(at);
  if (text !== '' || parts.length === 0) parts.push({ kind: 'text', text });
  return { parts, errors };
}

/** Offset of the `}` that ends the expression at `start`, or `undefined`. */
function closingBrace(scalar: string, start: number): number | undefined {
  const lexer = new Lexer(scalar, start, []);
  let depth = 0;
  for (let token = lexer.next(); token.type !== 'end'; token = lexer.next()) {
    if (token.type !== 'punctuation') continue;
    if (token.text === '{') depth += 1;
    else if (token.text === '}') {
      if (depth === 0) return token.start;
      depth -= 1;
    }
  }
  return undefined;
}

function firstBrace(scalar: string, start: number): number | undefined {
  const brace = scalar.indexOf('}', start);
  return brace < 0 ? undefined : brace;
}
