/**
 * A pattern as ECMAScript's Unicode mode takes it, which JSON Schema 2020-12 asks for. Patterns from other dialects are
 * mended where the meaning is plain (`\-` outside a class, `[\w-.]`, a bare `{`); `undefined` where they are not.
 */
export function unicodePattern(pattern: string): string | undefined {
  if (compiles(pattern)) return pattern;
  const mended = mend(withoutDelimiters(pattern));
  return compiles(mended) ? mended : undefined;
}

function compiles(pattern: string): boolean {
  try {
    new RegExp(pattern, 'u');
    return true;
  } catch {
    // Not a pattern of this mode: that is the answer.
    return false;
  }
}

/** `/…/` as some documents write it, which would match slashes. */
function withoutDelimiters(pattern: string): string {
  return /^\/\^.*\$\/$/s.test(pattern) ? pattern.slice(1, -1) : pattern;
}

/** What may follow a backslash in Unicode mode. */
const ESCAPES = /[\^$\\.*+?()[\]{}|/dDsSwWbBnrtfvcxu0-9kpP]/;
const CLASS_ESCAPES = /[\^$\\.*+?()[\]{}|/dDsSwWbnrtfvcxu0-9pP-]/;

function mend(pattern: string): string {
  let mended = '';
  let isClass = false;
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i]!;
    if (char === '\\' && i + 1 < pattern.length) {
      const next = pattern[++i]!;
      if (!isClass && next === 'A') mended += '^';
      else if (!isClass && /[zZ]/.test(next)) mended += '$';
      else mended += (isClass ? CLASS_ESCAPES : ESCAPES).test(next) ? `\\${next}` : next;
    } else if (isClass) {
      if (char === ']') isClass = false;
      mended += char === '-' && isLiteralDash(pattern, i) ? '\\-' : char === '[' ? '\\[' : char;
    } else if (char === '[') {
      isClass = true;
      mended += char;
    } else if (char === '{') mended += /^\{\d+(?:,\d*)?\}/.test(pattern.slice(i)) ? char : '\\{';
    else if (char === '}') mended += /\{\d+(?:,\d*)?$/.test(pattern.slice(0, i)) ? char : '\\}';
    else if (char === ']') mended += '\\]';
    else mended += char;
  }
  return mended;
}

/** A dash beside `\w`, `\d` or `\s` makes no range. */
function isLiteralDash(pattern: string, at: number): boolean {
  return /\\[wWdDsS]$/.test(pattern.slice(0, at)) || /^-\\[wWdDsS]/.test(pattern.slice(at));
}
