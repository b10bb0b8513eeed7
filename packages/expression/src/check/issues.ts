import { didYouMean } from '@tenon/model';
import type { Span } from '../ast.ts';
import type { ExpressionIssueCode } from '../rules.ts';

/** One thing that is wrong with an expression, with its place in the expression's text. */
export interface ExpressionIssue extends Span {
  readonly code: ExpressionIssueCode;
  readonly message: string;
  /** Replaces the rule's general advice. */
  readonly fix?: string;
  /** A change of the text that mends it without changing what it means otherwise. */
  readonly replacement?: Span & { readonly text: string };
}

/** Collects issues, each once; silent while code that is never evaluated is looked at. */
export class Issues {
  readonly found: ExpressionIssue[] = [];
  #muted = 0;

  add(
    code: ExpressionIssueCode,
    span: Span,
    message: string,
    extra: { readonly fix?: string | undefined; readonly replacement?: string | undefined } = {},
  ): void {
    const { start, end } = span;
    this.take({
      code,
      start,
      end,
      message,
      ...(extra.fix !== undefined && { fix: extra.fix }),
      ...(extra.replacement !== undefined && { replacement: { start, end, text: extra.replacement } }),
    });
  }

  /** Adds an issue that was found elsewhere. */
  take(issue: ExpressionIssue): void {
    if (this.#muted > 0) return;
    const { code, start, end } = issue;
    if (this.found.some((other) => other.code === code && other.start === start && other.end === end)) return;
    this.found.push(issue);
  }

  /** Replaces the advice of an issue by one that takes more of the text in. */
  advise(issue: ExpressionIssue, fix: string): void {
    const index = this.found.indexOf(issue);
    if (index >= 0) this.found[index] = { ...issue, fix };
  }

  quietly<T>(look: () => T): T {
    this.#muted += 1;
    try {
      return look();
    } finally {
      this.#muted -= 1;
    }
  }
}

const NAMES_SHOWN_MAX = 8;

/** Advice for a name that is wrong: the nearest right one, or what there is. */
export function nameAdvice(
  name: string,
  candidates: readonly string[],
  quote: (name: string) => string = (one) => `\`${one}\``,
): { readonly fix?: string; readonly replacement?: string } {
  const near = didYouMean(name, candidates);
  if (near !== undefined) return { fix: `did you mean ${quote(near)}?`, replacement: near };
  if (candidates.length === 0) return {};
  const shown = candidates.slice(0, NAMES_SHOWN_MAX).map(quote).join(', ');
  return { fix: `there is ${shown}${candidates.length > NAMES_SHOWN_MAX ? ' …' : ''}` };
}
