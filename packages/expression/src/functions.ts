import type { Span } from './ast.ts';
import { conversions } from './functions-conversion.ts';
import { macros } from './functions-macro.ts';
import { numbers } from './functions-number.ts';
import { texts } from './functions-text.ts';
import { times } from './functions-time.ts';
import type { Frame, Value } from './operators.ts';

/**
 * Types as the table of functions speaks of them. `same`: the type of the receiver, or else of the first argument;
 * `item`: the type of the receiver's items.
 */
export type TypeName =
  | 'any'
  | 'boolean'
  | 'integer'
  | 'number'
  | 'string'
  | 'scalar'
  | 'list'
  | 'list of strings'
  | 'list of integers'
  | 'list of any'
  | 'object'
  | 'timestamp'
  | 'duration'
  | 'optional'
  | 'name'
  | 'condition'
  | 'field'
  | 'expression'
  | 'same'
  | 'item';

export interface Parameter {
  readonly name: string;
  readonly type: TypeName;
  readonly optional?: boolean;
}

export interface Overload {
  /** What the function is called on: `x.size()`; none for `size(x)`. */
  readonly receiver?: TypeName;
  readonly parameters: readonly Parameter[];
  readonly result: TypeName;
}

/** Where a function is from: CEL's definition, one of CEL's published extensions, or Tenon's own. */
type Origin = 'CEL' | 'CEL extension' | 'Tenon';

/** Carries a call out: `a` is the receiver, or else the first argument. */
type Implementation = (frame: Frame, span: Span, a: Value, b: Value, c: Value, d: Value) => Value;

export interface FunctionSpec {
  readonly origin: Origin;
  readonly group: 'macros' | 'optionals' | 'text' | 'numbers' | 'conversions' | 'times';
  /** A sentence or two for docs, hover and completion. */
  readonly doc: string;
  /** An expression and its value: run as a test. */
  readonly example: readonly [expression: string, result: string];
  readonly overloads: readonly Overload[];
  /** None for macros, which the compiler reads. */
  readonly run?: Implementation;
}

/** Every function and macro by name: what checker, compiler, docs and editors read. */
export const functions: Readonly<Record<string, FunctionSpec>> = {
  ...macros,
  ...texts,
  ...numbers,
  ...conversions,
  ...times,
};

/** The overloads that a call of this form can mean; empty when there is none. */
export function overloadsFor(name: string, hasReceiver: boolean, args: number): readonly Overload[] {
  if (!Object.hasOwn(functions, name)) return [];
  return functions[name]!.overloads.filter(
    (overload) =>
      (overload.receiver !== undefined) === hasReceiver &&
      args <= overload.parameters.length &&
      args >= overload.parameters.filter((parameter) => parameter.optional !== true).length,
  );
}

/** `text.replace(old, new[, limit])`. */
export function signature(name: string, overload: Overload): string {
  const receiver = overload.receiver === undefined ? '' : `${overload.receiver}.`;
  const required = overload.parameters.filter((parameter) => parameter.optional !== true);
  const optional = overload.parameters.filter((parameter) => parameter.optional === true);
  const show = (parameter: Parameter): string =>
    parameter.type === parameter.name ? parameter.name : `${parameter.name}: ${parameter.type}`;
  const list =
    required.map(show).join(', ') +
    optional.map((parameter, i) => `[${required.length + i > 0 ? ', ' : ''}${show(parameter)}]`).join('');
  return `${receiver}${name}(${list}) → ${overload.result}`;
}
