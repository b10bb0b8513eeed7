import type { DiagnosticRules } from '@tenon/model';
import type { Span } from './ast.ts';
import type { SourcePoint } from './value.ts';

/** Every way an evaluation can fail, by the code that a run records: what `tenon explain` and the docs say of it. */
export const evaluationErrors = {
  EXPRESSION_TYPE_MISMATCH: {
    severity: 'error',
    title: 'a value has another type than the expression needs',
    why: 'Nothing is converted in silence, so the step stops. Data that fits its contract causes this only where the checker was told to look away (`dyn`), or where the contract does not say the type.',
    fix: 'convert it (`int`, `double`, `string`), or guard it with a condition',
  },
  EXPRESSION_FIELD_ABSENT: {
    severity: 'error',
    title: 'a field that is read is not there',
    why: 'Absent is not null, and reading what is not there is never taken for null. Where the contract requires the field, the data violates its contract.',
    fix: 'guard it with `has(…)`, read it with `.?`, or give `default(path, value)`',
  },
  EXPRESSION_INDEX_OUT_OF_RANGE: {
    severity: 'error',
    title: 'a list has no item at this index',
    why: 'The list is shorter than the expression takes for granted.',
    fix: 'read it with `[?index]`, or test `size(…)` first',
  },
  EXPRESSION_NAME_UNKNOWN: {
    severity: 'error',
    title: 'a name stands for nothing here',
    why: 'Each place of a pipeline has its own names; a policy has its parameters only.',
    fix: 'use one of the names in scope: `event`, `steps` …',
  },
  EXPRESSION_FUNCTION_UNKNOWN: {
    severity: 'error',
    title: 'there is no such function, or not with these arguments',
    why: 'A checked pipeline cannot hold such a call; an expression from elsewhere can.',
    fix: 'see the table of functions in docs/expressions.md',
  },
  EXPRESSION_ARGUMENT_INVALID: {
    severity: 'error',
    title: 'a function cannot use the text or number it was given',
    why: 'Whether text is a number, a date or a pattern is known only when it is there.',
    fix: 'guard the call with a condition on its argument',
  },
  EXPRESSION_NUMBER_OUT_OF_RANGE: {
    severity: 'error',
    title: 'a calculation leaves the range in which JSON numbers are exact',
    why: 'Beyond that range digits would be lost without a word, or the result would be infinite, which JSON cannot hold.',
    fix: 'keep integers within ±9007199254740991',
  },
  EXPRESSION_DIVISION_BY_ZERO: {
    severity: 'error',
    title: 'a division by zero',
    why: 'JSON has no infinity to answer with.',
    fix: 'guard the division: `n == 0 ? … : x / n`',
  },
  EXPRESSION_KEY_DUPLICATE: {
    severity: 'error',
    title: 'a map is given the same key twice',
    why: 'One of the two values would be lost.',
    fix: 'give each entry its own key',
  },
  EXPRESSION_BUDGET_EXCEEDED: {
    severity: 'error',
    title: 'the evaluation was stopped: it takes too many steps or makes too much output',
    why: 'An expression must not hold up the runs beside it, whatever data it is given.',
    fix: 'filter the list before nesting macros over it, or move the work into a connector function',
  },
} as const satisfies DiagnosticRules;

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
