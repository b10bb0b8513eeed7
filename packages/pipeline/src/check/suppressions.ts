import { type AllowComment, allowComments, textRange } from '@tenon/document';
import { expressionRules } from '@tenon/expression';
import { type Diagnostic, didYouMean, type Location } from '@tenon/model';
import { proofsRules } from '../rules/proofs-rules.ts';
import { diagnostic } from '../rules.ts';

/**
 * Findings that an author may allow, with a reason, on the line itself or the line above:
 *
 *     # tenon: allow approval-missing because refunds below 5 are agreed with finance
 *
 * Only proofs and warnings can be: what makes a pipeline unreadable, unsafe to load or leaks a secret cannot.
 */
export interface Suppressions {
  /** Those that are not allowed here; the allowed ones are remembered as used. */
  kept(found: readonly Diagnostic[]): readonly Diagnostic[];
  /**
   * After all checks: what is wrong with the suppressions themselves. `isWhole`: every check was made. Where something
   * could not be read, what a suppression is about may only not have been looked for, so none is called stale.
   */
  problems(isWhole: boolean): readonly Diagnostic[];
}

const ALLOWED: ReadonlySet<string> = new Set([
  ...Object.keys(proofsRules),
  ...Object.entries(expressionRules).flatMap(([code, rule]) => (rule.severity === 'warning' ? [code] : [])),
]);

interface Suppression {
  readonly code: string;
  readonly reason: string | undefined;
  readonly at: Location;
  /** Line whose findings it is about. */
  readonly line: number;
  isUsed: boolean;
}

export function suppressionsOf(texts: ReadonlyMap<string, string>): Suppressions {
  const all = [...texts].flatMap(([file, text]) => inFile(file, text));
  return {
    kept: (found) =>
      found.filter((one) => {
        const match = all.find(
          ({ code, reason, at, line }) =>
            code === one.code &&
            reason !== undefined &&
            at.file === one.file &&
            line === one.range?.start.line &&
            ALLOWED.has(code),
        );
        if (match) match.isUsed = true;
        return !match;
      }),
    problems: (isWhole) => all.flatMap((one) => problemOf(one, isWhole) ?? []),
  };
}

function inFile(file: string, text: string): readonly Suppression[] {
  return allowComments(text).map((comment) => ({
    code: comment.code,
    reason: comment.reason,
    at: { file, range: textRange(text, comment.start, comment.end) },
    line: target(text.split('\n'), comment),
    isUsed: false,
  }));
}

/** A comment on a line of its own speaks of the next line that is no comment. */
function target(lines: readonly string[], { line, column }: AllowComment): number {
  if (lines[line]!.slice(0, column).trim() !== '') return line + 1;
  let next = line + 1;
  while (next < lines.length && /^\s*(#|$)/.test(lines[next]!)) next++;
  return next + 1;
}

/** Is something wrong that keeps other checks from being made? A proof that fails keeps none. */
export function isIncomplete(found: readonly Diagnostic[]): boolean {
  return found.some(({ severity, code }) => severity === 'error' && !Object.hasOwn(proofsRules, code));
}

function problemOf({ code, reason, at, isUsed }: Suppression, isWhole: boolean): Diagnostic | undefined {
  const subject = `${code} ${at.range.start.line}`;
  if (!ALLOWED.has(code)) {
    return diagnostic('suppression-not-possible', {
      message: `\`${code}\` is no finding that can be allowed`,
      at,
      subject,
      misspelt: { name: code, meant: didYouMean(code, ALLOWED) },
    });
  }
  if (reason === undefined) {
    const message = `\`${code}\` is allowed without a reason`;
    return diagnostic('suppression-without-reason', { message, at, subject });
  }
  if (isUsed || !isWhole) return undefined;
  const message = `nothing here is found to be \`${code}\` any more`;
  return diagnostic('suppression-stale', { message, at, subject });
}
