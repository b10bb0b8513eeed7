import type { Diagnostic, Location } from '@tenon/model';
import type { YAMLError } from 'yaml';
import { diagnostic } from '../rules.ts';

type RangeOf = (start: number, end: number) => Location;

/**
 * Says what a YAML syntax error means to the author of a spec. Most of them are one trap: an expression without
 * quotes, which YAML reads as the start of a map (`: ` or `{` inside `${ }`).
 */
export function syntaxDiagnostic(error: YAMLError, text: string, range: RangeOf): Diagnostic {
  const [start, end] = error.pos;
  const expression = TORN.has(error.code) ? unquotedExpression(text, start) : undefined;
  if (expression) {
    return diagnostic('yaml-expression-unquoted', {
      message: 'YAML reads this expression as a map',
      at: range(expression.start, expression.end),
      subject: text.slice(expression.start, expression.end),
      fix: `put it in quotes: "${text.slice(expression.start, expression.end).replaceAll('"', "'")}"`,
    });
  }
  const reserved = RESERVED[text[start] ?? ''];
  if (reserved !== undefined && isReserved(error)) {
    return diagnostic('yaml-reserved-start', {
      message: `a value cannot start with ${reserved}`,
      at: range(start, lineEnd(text, start)),
      fix: 'put the value in quotes',
    });
  }
  return diagnostic('yaml-syntax', {
    message: sentence(error.message),
    at: range(start, Math.max(start, Math.min(end, text.length))),
    subject: error.code,
  });
}

/** What YAML says of an expression that it has torn apart at a `: ` or a brace. */
const TORN: ReadonlySet<string> = new Set([
  'BLOCK_AS_IMPLICIT_KEY',
  'UNEXPECTED_TOKEN',
  'MULTILINE_IMPLICIT_KEY',
]);

/** `when: !event.free` is a YAML tag, not a negation. */
export function tagDiagnostic(tag: string, text: string, valueStart: number, range: RangeOf): Diagnostic {
  const at = text.lastIndexOf(tag, valueStart);
  const start = at < 0 ? valueStart : at;
  return diagnostic('yaml-tag', {
    message: `YAML reads \`${tag}\` as a tag and drops it`,
    at: range(start, start + tag.length),
    fix: `for a negation write "\${ ${tag} }"; other values need no tag`,
  });
}

/** A plain scalar with `${` that a comment ended: ` #` starts a comment even inside an expression. */
export function commentDiagnostic(
  value: string,
  start: number,
  end: number,
  text: string,
  range: RangeOf,
): Diagnostic | undefined {
  const open = value.lastIndexOf('${');
  if (open < 0 || value.indexOf('}', open) >= 0) return undefined;
  if (!/^[ \t]+#/.test(text.slice(end, end + 200))) return undefined;
  return diagnostic('yaml-comment-in-expression', {
    message: 'a comment cuts this expression off',
    at: range(start, lineEnd(text, start)),
    fix: 'put the whole value in quotes',
  });
}

const RESERVED: Readonly<Record<string, string>> = { '@': '`@`', '`': 'a back quote', '%': '`%`' };

function isReserved(error: YAMLError): boolean {
  return error.code === 'BAD_SCALAR_START' || /cannot start with/i.test(error.message);
}

/** The `${ … }` without quotes that holds `at`, or that stands before it on its line. */
function unquotedExpression(text: string, at: number): { start: number; end: number } | undefined {
  const lineStart = text.lastIndexOf('\n', at - 1) + 1;
  const end = lineEnd(text, at);
  const line = text.slice(lineStart, end);
  for (const match of line.matchAll(/(^|[:\-,[{]\s+|^\s*)(\$\{)/g)) {
    const start = match.index + match[0].length - 2;
    const close = line.indexOf('}', start);
    const last = lineStart + (close < 0 ? line.length : closing(line, start));
    if (at <= last || lineStart + start <= at) return { start: lineStart + start, end: last };
  }
  return undefined;
}

/** Just after the `}` that closes the `${` at `start`, counting inner braces. */
function closing(line: string, start: number): number {
  let depth = 0;
  for (let i = start + 1; i < line.length; i++) {
    if (line[i] === '{') depth++;
    if (line[i] === '}' && --depth === 0) return i + 1;
  }
  return line.length;
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  const stop = end < 0 ? text.length : end;
  return text[stop - 1] === '\r' ? stop - 1 : stop;
}

/** The library's message without its position and code frame. */
function sentence(message: string): string {
  const [first = message] = message.split('\n');
  return first.replace(/ at line \d+, column \d+:?$/, '');
}
