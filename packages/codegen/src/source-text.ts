/** Text from a contract, made safe to stand in source code that we write. */

/** A value as a literal of JavaScript. Unlike bare JSON, a member `__proto__` is a member and no prototype. */
export function literal(value: unknown, indent = 0): string {
  const text = JSON.stringify(value, null, 2) ?? 'null';
  const safe = text.replace(PROTO_KEY, '["__proto__"]:').replace(LINE_SEPARATORS, escapeUnicode);
  return indent === 0 ? safe : safe.replaceAll('\n', `\n${' '.repeat(indent)}`);
}

/** The same on one line. */
export function compactLiteral(value: unknown): string {
  return (JSON.stringify(value) ?? 'null')
    .replace(PROTO_KEY, '["__proto__"]:')
    .replace(LINE_SEPARATORS, escapeUnicode);
}

/** One line of a comment: no line break, no end of a comment. */
export function commentLine(text: string): string {
  return text
    .replace(/[\s\p{Cc}\u2028\u2029]+/gu, ' ')
    .replaceAll('*/', '*\\/')
    .trim();
}

/** Lines of a doc comment: those of the text, wrapped, at most `linesMax` of them. */
export function commentLines(text: string, linesMax: number): string[] {
  const lines = text
    .split(/\r\n|[\n\r\u2028\u2029]/)
    .flatMap((line) => wrap(commentLine(line)))
    .filter((line, index, all) => line !== '' || (index > 0 && all[index - 1] !== ''));
  while (lines.at(-1) === '') lines.pop();
  return lines.length > linesMax ? [...lines.slice(0, linesMax), '…'] : lines;
}

const COMMENT_WIDTH = 110;

function wrap(line: string): string[] {
  const lines: string[] = [];
  let rest = line;
  while (rest.length > COMMENT_WIDTH) {
    const space = rest.lastIndexOf(' ', COMMENT_WIDTH);
    if (space <= 0) break;
    lines.push(rest.slice(0, space));
    rest = rest.slice(space + 1);
  }
  lines.push(rest);
  return lines;
}

/**
 * `"__proto__":` where it is a key: what stands before it is `{` or `,` (and white space). Inside a string every quote
 * is escaped, so that `"__proto__":` with bare quotes is a key or two strings with a comma, never text.
 */
const PROTO_KEY = /(?<!\\)"__proto__":/g;
const LINE_SEPARATORS = /[\u2028\u2029]/g;

function escapeUnicode(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16)}`;
}
