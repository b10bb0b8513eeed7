import type { Span } from './ast.ts';
import type { SourcePoint } from './value.ts';

/** Every way an evaluation can fail: what `tenon explain` and the docs say of a run-time code. */
export const evaluationErrors = {
  EXPRESSION_TYPE_MISMATCH: {
    title: 'a value has another type than the expression needs',
    fix: 'convert it (`int`, `double`, `string`), or guard it with a condition',
  },
  EXPRESSION_FIELD_ABSENT: {
    title: 'a field that is read is not there',
    fix: 'guard it with `has(…)`, read it with `.?`, or give `default(path, value)`',
  },
  EXPRESSION_INDEX_OUT_OF_RANGE: {
    title: 'a list has no item at this index',
    fix: 'read it with `[?index]`, or test `size(…)` first',
  },
  EXPRESSION_NAME_UNKNOWN: {
    title: 'a name stands for nothing here',
    fix: 'use one of the names in scope: `event`, `steps` …',
  },
  EXPRESSION_FUNCTION_UNKNOWN: {
    title: 'there is no such function, or not with these arguments',
    fix: 'see the table of functions in docs/expressions.md',
  },
  EXPRESSION_ARGUMENT_INVALID: {
    title: 'a function cannot use the text or number it was given',
    fix: 'guard the call with a condition on its argument',
  },
  EXPRESSION_NUMBER_OUT_OF_RANGE: {
    title: 'a calculation leaves the range in which JSON numbers are exact',
    fix: 'keep integers within ±9007199254740991',
  },
  EXPRESSION_DIVISION_BY_ZERO: {
    title: 'a division by zero',
    fix: 'guard the division: `n == 0 ? … : x / n`',
  },
  EXPRESSION_KEY_DUPLICATE: {
    title: 'a map is given the same key twice',
    fix: 'give each entry its own key',
  },
  EXPRESSION_BUDGET_EXCEEDED: {
    title: 'the evaluation was stopped: it takes too many steps or makes too much output',
    fix: 'filter the list before nesting macros over it, or move the work into a connector function',
  },
} as const satisfies Record<string, { title: string; fix: string }>;

export type EvaluationErrorCode = keyof typeof evaluationErrors;

/**
 * A failed evaluation on its way up to `evaluate`. No `Error`: making a stack trace costs more than most expressions,
 * and a failing operand of `&&` or `||` is an everyday event. Its message never holds a value, only names from the source.
 */
export class EvaluationFailure {
  readonly code: EvaluationErrorCode;
  readonly message: string;
  readonly span: Span;
  /** Text that the span belongs to (a policy's, or one of a template's), where it is not the expression itself. */
  source: string | undefined;
  at: SourcePoint | undefined;

  constructor(code: EvaluationErrorCode, message: string, span: Span) {
    this.code = code;
    this.message = message;
    this.span = span;
  }
}

export function fail(code: EvaluationErrorCode, message: string, span: Span): never {
  throw new EvaluationFailure(code, message, span);
}

/** May `&&`, `||`, `all` and `exists` go on after this failure? Not when the budget is spent, nor when it is our own bug. */
export function isAbsorbable(thrown: unknown): thrown is EvaluationFailure {
  return thrown instanceof EvaluationFailure && thrown.code !== 'EXPRESSION_BUDGET_EXCEEDED';
}
