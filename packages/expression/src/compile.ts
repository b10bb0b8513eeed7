import type { Json } from '@tenon/model';
import type { Expr, Span } from './ast.ts';
import { type CompiledPolicy, compileNode, costOf, type Names, type Run } from './closure.ts';
import { type EvaluationErrorCode, EvaluationFailure } from './failure.ts';
import { textOf } from './functions-conversion.ts';
import { bindingMacro } from './macros.ts';
import { type Frame, mismatch, toJson, type Value } from './operators.ts';
import { parseExpression } from './parser.ts';
import { POLICY_DEPTH_MAX } from './policy-depth.ts';
import { calls, children } from './references.ts';
import type { SourcePoint, ValueTemplate } from './value.ts';

export type Scope = Readonly<Record<string, Json>>;

export interface Budget {
  /** Evaluation steps. Default 100,000. */
  readonly stepsMax?: number;
  /** Characters of text and items of lists produced. Default 1,000,000. */
  readonly outputMax?: number;
}

/** Failure of an evaluation. Its message is made of names in the source, never of values. */
export interface EvaluationError {
  readonly code: EvaluationErrorCode;
  readonly message: string;
  /** Span in `source`. */
  readonly start: number;
  readonly end: number;
  /** The expression (of a template, or a policy's) that failed. */
  readonly source: string;
  /** Where a template's expression stands in the spec. */
  readonly at?: SourcePoint;
}

export type Evaluation =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly error: EvaluationError };

/** Named conditions, called as `policy.<name>(…)`; `Plan.policies` is one. */
export type Policies = Readonly<
  Record<string, { readonly parameters: readonly string[]; readonly expression: string }>
>;

export interface CompileOptions {
  readonly policies?: Policies;
}

export interface CompiledExpression {
  readonly source: string;
  /** Never throws. An absent optional as the whole result is an error: use `orValue`, or put it in a template. */
  evaluate(scope: Scope, budget?: Budget): Evaluation;
}

export interface CompiledTemplate {
  /** Never throws. An object member or list item whose expression is an absent optional is left out. */
  evaluate(scope: Scope, budget?: Budget): Evaluation;
}

/** `source` cannot be compiled: it does not parse, or a policy that it calls does not, or calls itself. */
export class ExpressionSyntaxError extends Error {
  override readonly name = 'ExpressionSyntaxError';
}

const STEPS_MAX_DEFAULT = 100_000;
const OUTPUT_MAX_DEFAULT = 1_000_000;

/** Compiles to closures. Throws `ExpressionSyntaxError` only for what a plan cannot hold: a source that does not parse. */
export function compileExpression(source: string, options: CompileOptions = {}): CompiledExpression {
  const { run, hasTimes, hasMacros, span } = compileSource(source, options);
  return {
    source,
    evaluate(scope, budget) {
      const frame = frameOf(scope, budget, hasMacros ? [] : NO_LOCALS);
      try {
        const value = run(frame);
        if (value === undefined) mismatch('the expression needs a value', value, span);
        // Without times, every value is JSON already.
        return { ok: true, value: hasTimes ? toJson(value, span) : (value as Json) };
      } catch (thrown) {
        return failureOf(thrown, source, span);
      }
    },
  };
}

/** Compiles a value with expressions in it; throws as `compileExpression` does. */
export function compileTemplate(template: ValueTemplate, options: CompileOptions = {}): CompiledTemplate {
  const run = compileValue(template, options);
  return {
    evaluate(scope, budget) {
      const frame = frameOf(scope, budget, []);
      try {
        const value = run(frame);
        if (value === undefined) mismatch('the template needs a value', value, { start: 0, end: 0 });
        return { ok: true, value };
      } catch (thrown) {
        return failureOf(thrown, '', { start: 0, end: 0 });
      }
    },
  };
}

interface CompiledSource {
  readonly run: Run;
  /** Can its result hold timestamps or durations, which must become text? */
  readonly hasTimes: boolean;
  /** Does it bind names, so that its frame needs places for them? */
  readonly hasMacros: boolean;
  readonly span: Span;
}

function compileSource(source: string, options: CompileOptions): CompiledSource {
  const ast = parsed(source, 'the expression');
  const names: Names = {
    locals: new Map(),
    hasScope: true,
    policy: (name) => compilePolicy(name, options.policies ?? {}, []),
  };
  const span = { start: ast.start, end: ast.end };
  return { run: compileNode(ast, names), hasTimes: makesTimes(ast), hasMacros: bindsNames(ast), span };
}

function parsed(source: string, what: string): Expr {
  const { ast, errors } = parseExpression(source);
  if (errors.length > 0)
    throw new ExpressionSyntaxError(`${what} cannot be compiled: ${errors[0]!.message}\n  ${source}`);
  return ast;
}

function makesTimes(ast: Expr): boolean {
  return calls(ast).some(
    (call) => call.name === 'timestamp' || call.name === 'duration' || call.namespace === 'policy',
  );
}

function bindsNames(ast: Expr): boolean {
  return (ast.kind === 'call' && bindingMacro(ast) !== undefined) || children(ast).some(bindsNames);
}

/** Policies by table: a plan's are compiled once, for all of its expressions. */
const compiledPolicies = new WeakMap<Policies, Map<string, CompiledPolicy>>();

function compilePolicy(
  name: string,
  policies: Policies,
  callers: readonly string[],
): CompiledPolicy | undefined {
  const policy = Object.hasOwn(policies, name) ? policies[name] : undefined;
  if (policy === undefined) return undefined;
  if (callers.includes(name))
    throw new ExpressionSyntaxError(`the policy \`${name}\` calls itself: ${[...callers, name].join(' → ')}`);
  const known = compiledPolicies.get(policies) ?? new Map<string, CompiledPolicy>();
  compiledPolicies.set(policies, known);
  const compiled = known.get(name) ?? compileNewPolicy(name, policy, policies, callers);
  // The height is asked for also when it is known from before: what is refused must not depend on what was compiled first.
  if (callers.length + compiled.height > POLICY_DEPTH_MAX)
    throw new ExpressionSyntaxError(`policies call each other more than ${POLICY_DEPTH_MAX} deep`);
  known.set(name, compiled);
  return compiled;
}

function compileNewPolicy(
  name: string,
  policy: Policies[string],
  policies: Policies,
  callers: readonly string[],
): CompiledPolicy {
  const ast = parsed(policy.expression, `the policy \`${name}\``);
  let height = 1;
  const run = compileNode(ast, {
    locals: new Map(policy.parameters.map((parameter, index) => [parameter, index])),
    hasScope: false,
    policy: (inner) => {
      const called = compilePolicy(inner, policies, [...callers, name]);
      if (called) height = Math.max(height, called.height + 1);
      return called;
    },
  });
  return {
    parameters: policy.parameters.length,
    run: (frame) => named(frame, run, policy.expression),
    cost: costOf(ast),
    height,
  };
}

/** Failures in a policy point into the policy's text. */
function named(frame: Frame, run: Run, source: string, at?: SourcePoint): Value {
  try {
    return run(frame);
  } catch (thrown) {
    if (thrown instanceof EvaluationFailure && thrown.source === undefined) {
      thrown.source = source;
      thrown.at = at;
    }
    throw thrown;
  }
}

type RunTemplate = (frame: Frame) => Json | undefined;

function compileValue(template: ValueTemplate, options: CompileOptions): RunTemplate {
  if ('literal' in template) {
    const { literal } = template;
    return () => literal;
  }
  if ('expression' in template) {
    const { run, hasTimes, span } = compileSource(template.expression, options);
    return (frame) => {
      const value = named(frame, run, template.expression, template.at);
      if (value === undefined) return undefined;
      return hasTimes ? toJson(value, span) : (value as Json);
    };
  }
  if ('text' in template) return compileText(template.text, template.at, options);
  if ('array' in template) {
    const items = template.array.map((item) => compileValue(item, options));
    return (frame) => items.map((item) => item(frame)).filter((item) => item !== undefined);
  }
  const members = Object.entries(template.object).map(
    ([name, member]) => [name, compileValue(member, options)] as const,
  );
  return (frame) => {
    const object: Record<string, Json> = Object.create(null);
    for (const [name, run] of members) {
      const value = run(frame);
      if (value !== undefined) object[name] = value;
    }
    return object;
  };
}

function compileText(
  parts: Extract<ValueTemplate, { text: unknown }>['text'],
  at: SourcePoint | undefined,
  options: CompileOptions,
): RunTemplate {
  const runs = parts.map((part): ((frame: Frame) => string) => {
    if (typeof part === 'string') return () => part;
    const { run, span } = compileSource(part.expression, options);
    const text: Run = (frame) =>
      textOf(frame, run(frame), 'text takes strings, numbers, booleans and times in', span);
    // textOf gives a string or fails.
    return (frame) => named(frame, text, part.expression, at) as string;
  });
  return (frame) => {
    let text = '';
    for (const run of runs) text += run(frame);
    return text;
  };
}

/** For expressions without macros: nothing is ever put into it, since a policy brings its own. */
const NO_LOCALS: Value[] = [];

function frameOf(scope: Scope, budget: Budget | undefined, locals: Value[]): Frame {
  return {
    scope,
    locals,
    stepsLeft: budget?.stepsMax ?? STEPS_MAX_DEFAULT,
    outputLeft: budget?.outputMax ?? OUTPUT_MAX_DEFAULT,
  };
}

function failureOf(thrown: unknown, source: string, span: Span): Evaluation {
  if (thrown instanceof EvaluationFailure) {
    const { code, message, at } = thrown;
    const { start, end } = thrown.span;
    return {
      ok: false,
      error: { code, message, start, end, source: thrown.source ?? source, ...(at && { at }) },
    };
  }
  // Native limits (stack, length of a string) that data reached before our budget did.
  if (thrown instanceof RangeError) {
    const message = 'the evaluation was stopped: the data is nested too deep or too large';
    return { ok: false, error: { code: 'EXPRESSION_BUDGET_EXCEEDED', message, ...span, source } };
  }
  throw thrown;
}
