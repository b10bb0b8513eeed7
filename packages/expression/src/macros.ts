import type { Expr, ExpressionError } from './ast.ts';

/** What a macro gives: `all`, `exists` … bind their first argument to each item of what they are called on. */
const ITERATION_MACROS: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);

export type Call = Extract<Expr, { kind: 'call' }>;

/** A call that binds a name: over each item of `range`, or (`optMap`) over the value of an optional. */
export interface BindingMacro {
  readonly name: string;
  readonly range: Expr;
  readonly variable: string;
  readonly variableSpan: { readonly start: number; readonly end: number };
  /** Of the three-argument `map(x, filter, transform)`. */
  readonly filter?: Expr;
  readonly body: Expr;
  readonly overItems: boolean;
}

/** Reads a call as a macro that binds a name, or gives `undefined`. */
export function bindingMacro(call: Call): BindingMacro | undefined {
  const overItems = ITERATION_MACROS.has(call.name);
  if (call.target === undefined || !(overItems || call.name === 'optMap' || call.name === 'optFlatMap'))
    return undefined;
  const [variable, second, third] = call.args;
  if (variable?.kind !== 'identifier' || second === undefined) return undefined;
  if (call.args.length === 3 ? call.name !== 'map' : call.args.length !== 2) return undefined;
  return {
    name: call.name,
    range: call.target,
    variable: variable.name,
    variableSpan: { start: variable.start, end: variable.end },
    ...(third && { filter: second }),
    body: third ?? second,
    overItems,
  };
}

/** What is wrong with the shape of a macro call, which CEL settles while parsing. */
export function macroProblem(call: Expr): ExpressionError | undefined {
  if (call.kind !== 'call') return undefined;
  const { name, target, args, start, end } = call;
  if (target === undefined) {
    if (name === 'has') {
      const [path] = args;
      if (args.length === 1 && path?.kind === 'member' && !path.optional) return undefined;
      return { start, end, message: '`has` asks for one field', fix: 'write has(object.field)' };
    }
    if (name === 'default' && !(args.length === 2 && isPath(args[0]!)))
      return {
        start,
        end,
        message: '`default` takes a field and the value to use where it is absent or null',
        fix: 'write default(object.field, value)',
      };
    return undefined;
  }
  const binds = ITERATION_MACROS.has(name) || name === 'optMap' || name === 'optFlatMap';
  if (!binds || bindingMacro(call) !== undefined) return undefined;
  return {
    start: call.nameSpan.start,
    end,
    message: `\`${name}\` takes a name for the item and an expression over it`,
    fix: `write ${name}(item, …)`,
  };
}

/** A field, an item or a name: what `default` accepts. */
function isPath(expr: Expr): boolean {
  return expr.kind === 'member' || expr.kind === 'index' || expr.kind === 'identifier';
}
