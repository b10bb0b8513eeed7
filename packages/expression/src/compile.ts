import type { Json } from '@tenon/model';
import type { ValueTemplate } from './value.ts';

export type Scope = Readonly<Record<string, Json>>;

export interface Budget {
  /** Evaluation steps. Default 100,000. */
  readonly stepsMax?: number;
  /** Characters of text and items of lists produced. Default 1,000,000. */
  readonly outputMax?: number;
}

/** Failure of an evaluation: `EXPRESSION_TYPE_MISMATCH`, `EXPRESSION_FIELD_ABSENT`, `EXPRESSION_BUDGET_EXCEEDED` … */
export interface EvaluationError {
  readonly code: string;
  readonly message: string;
  readonly start: number;
  readonly end: number;
}

export type Evaluation =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly error: EvaluationError };

export interface CompiledExpression {
  readonly source: string;
  evaluate(scope: Scope, budget?: Budget): Evaluation;
}

/** Compiles to closures; throws only when `source` does not parse (a plan holds only expressions that do). */
export declare function compileExpression(source: string): CompiledExpression;

export interface CompiledTemplate {
  /** An object member whose expression is an absent optional is left out. */
  evaluate(scope: Scope, budget?: Budget): Evaluation;
}

export declare function compileTemplate(template: ValueTemplate): CompiledTemplate;
