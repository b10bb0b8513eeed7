import type { Json } from '@tenon/model';

/**
 * A value with expressions in it, as JSON: what `with: { amount: "${ steps.a.b }" }` becomes in a plan.
 * `at` points back to the spec for diagnostics and traces.
 */
export type ValueTemplate =
  | { readonly literal: Json }
  | { readonly expression: string; readonly at?: SourcePoint }
  | { readonly text: readonly (string | { readonly expression: string })[]; readonly at?: SourcePoint }
  | { readonly object: Readonly<Record<string, ValueTemplate>> }
  | { readonly array: readonly ValueTemplate[] };

/** Line and column (from 1) in the pipeline's file. */
export interface SourcePoint {
  readonly line: number;
  readonly column: number;
}
