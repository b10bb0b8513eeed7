import type { Expr, Span } from './ast.ts';
import { asJson, compileNode, costOf, EMPTY_SCOPE, type Names, type Run } from './closure.ts';
import { compilePath } from './closure-path.ts';
import { fail, isAbsorbable } from './failure.ts';
import { functions, overloadsFor } from './functions.ts';
import { type BindingMacro, bindingMacro, type Call } from './macros.ts';
import { type Frame, isPlainObject, mismatch, spendOutput, spendSteps, type Value } from './operators.ts';
import { namespaceOf } from './references.ts';

export function compileCall(node: Call, names: Names): Run {
  const namespace = namespaceOf(node);
  if (namespace === 'policy' && !names.locals.has('policy')) return compilePolicyCall(node, names);
  if (namespace === 'optional' && !names.locals.has('optional')) return compileOptional(node, names);
  const macro = bindingMacro(node);
  if (macro)
    return macro.overItems ? compileIteration(node, macro, names) : compileOptMap(node, macro, names);
  const { target, args } = node;
  if (target === undefined && node.name === 'has') {
    const path = compilePath(args[0]!, names);
    return (frame) => path(frame) !== undefined;
  }
  if (target === undefined && node.name === 'default') {
    const path = compilePath(args[0]!, names);
    const otherwise = compileNode(args[1]!, names);
    return (frame) => path(frame) ?? otherwise(frame);
  }
  if (target && args.length === 1 && (node.name === 'orValue' || node.name === 'or')) {
    const optional = compileNode(target, names);
    const otherwise = compileNode(args[0]!, names);
    return (frame) => {
      const value = optional(frame);
      return value === undefined ? otherwise(frame) : value;
    };
  }
  return compileFunction(node, names);
}

/** Functions that may see an absent optional; all others fail on one. */
const SEES_ABSENT: ReadonlySet<string> = new Set(['hasValue', 'value']);

function compileFunction(node: Call, names: Names): Run {
  const { name, target, args } = node;
  const spec = Object.hasOwn(functions, name) ? functions[name] : undefined;
  const implementation = spec?.run;
  if (!implementation || overloadsFor(name, target !== undefined, args.length).length === 0)
    return () => fail('EXPRESSION_FUNCTION_UNKNOWN', unknownFunction(node), node.nameSpan);
  const operands = [...(target ? [target] : []), ...args];
  const runs = operands.map((operand) => compileNode(operand, names));
  const value = (frame: Frame, index: number): Value => {
    const result = runs[index]!(frame);
    return result === undefined && !SEES_ABSENT.has(name)
      ? mismatch(`\`${name}\` needs a value`, result, operands[index]!)
      : result;
  };
  const span: Span = { start: node.start, end: node.end };
  if (name === 'matches' && operands[1]!.kind !== 'literal')
    return (frame) => {
      // Always paid for, also when the pattern is known from before: a budget must not depend on what ran earlier.
      spendSteps(frame, PATTERN_COMPILATION_STEPS, span);
      return implementation(frame, span, value(frame, 0), value(frame, 1), undefined, undefined);
    };
  switch (runs.length) {
    case 1:
      return (frame) => implementation(frame, span, value(frame, 0), undefined, undefined, undefined);
    case 2:
      return (frame) => implementation(frame, span, value(frame, 0), value(frame, 1), undefined, undefined);
    case 3:
      return (frame) =>
        implementation(frame, span, value(frame, 0), value(frame, 1), value(frame, 2), undefined);
    default:
      return (frame) =>
        implementation(frame, span, value(frame, 0), value(frame, 1), value(frame, 2), value(frame, 3));
  }
}

/** A pattern that is not literal is compiled at each evaluation. */
const PATTERN_COMPILATION_STEPS = 100;

function unknownFunction(node: Call): string {
  return Object.hasOwn(functions, node.name)
    ? `\`${node.name}\` is not called like this`
    : `there is no function \`${node.name}\``;
}

function compileOptional(node: Call, names: Names): Run {
  if (node.name === 'none' && node.args.length === 0) return () => undefined;
  if (node.name === 'of' && node.args.length === 1) {
    const value = compileNode(node.args[0]!, names);
    return (frame) => present(value(frame), '`optional.of` needs a value', node);
  }
  return () => fail('EXPRESSION_FUNCTION_UNKNOWN', `there is no \`optional.${node.name}\``, node.nameSpan);
}

function compilePolicyCall(node: Call, names: Names): Run {
  const policy = names.policy(node.name);
  if (policy === undefined)
    return () => fail('EXPRESSION_FUNCTION_UNKNOWN', `there is no policy \`${node.name}\``, node.nameSpan);
  if (policy.parameters !== node.args.length)
    return () =>
      fail(
        'EXPRESSION_FUNCTION_UNKNOWN',
        `the policy \`${node.name}\` takes ${policy.parameters} arguments, not ${node.args.length}`,
        node.nameSpan,
      );
  const args = node.args.map((arg) => compileNode(arg, names));
  return (frame) => {
    spendSteps(frame, policy.cost, node);
    const locals: Value[] = [];
    for (let i = 0; i < args.length; i++)
      locals.push(present(args[i]!(frame), 'a policy needs a value', node.args[i]!));
    const { scope, locals: outer } = frame;
    frame.scope = EMPTY_SCOPE;
    frame.locals = locals;
    try {
      return policy.run(frame);
    } finally {
      // Also after a failure: `&&` and `||` may go on with the same frame.
      frame.scope = scope;
      frame.locals = outer;
    }
  };
}

function present(value: Value, what: string, span: Span): Value {
  return value === undefined ? mismatch(what, value, span) : value;
}

function compileOptMap(node: Call, macro: BindingMacro, names: Names): Run {
  const optional = compileNode(macro.range, names);
  const { slot, inner } = bind(names, macro.variable);
  const body = compileNode(macro.body, inner);
  return (frame) => {
    const value = optional(frame);
    if (value === undefined) return undefined;
    frame.locals[slot] = value;
    const result = body(frame);
    return result === undefined && macro.name === 'optMap'
      ? mismatch('`optMap` needs a value', result, node)
      : result;
  };
}

function bind(names: Names, variable: string): { readonly slot: number; readonly inner: Names } {
  const slot = names.locals.size;
  if (!names.locals.has(variable))
    return { slot, inner: { ...names, locals: new Map(names.locals).set(variable, slot) } };
  // The inner name hides the outer one, whose place stays taken under a name that no expression can spell.
  const locals = new Map(names.locals);
  locals.set(` ${slot}`, locals.get(variable)!);
  locals.set(variable, slot);
  return { slot, inner: { ...names, locals } };
}

function compileIteration(node: Call, macro: BindingMacro, names: Names): Run {
  const range = compileNode(macro.range, names);
  const { slot, inner } = bind(names, macro.variable);
  const body = compileNode(macro.body, inner);
  const filter = macro.filter && compileNode(macro.filter, inner);
  const cost = 1 + costOf(macro.body) + (macro.filter ? costOf(macro.filter) : 0);
  const name = node.name;
  const itemsOf = (frame: Frame): readonly Value[] => {
    const value = range(frame);
    const items = Array.isArray(value) ? value : isPlainObject(value) ? Object.keys(value) : undefined;
    if (items === undefined) return mismatch(`\`${name}\` needs a list or an object`, value, macro.range);
    return items;
  };
  const holds = (frame: Frame, condition: Run, item: Value, at: Expr): boolean => {
    spendSteps(frame, cost, node);
    frame.locals[slot] = item;
    const result = condition(frame);
    return typeof result === 'boolean' ? result : mismatch(`\`${name}\` needs a boolean`, result, at);
  };
  switch (name) {
    case 'all':
      return (frame) => decide(itemsOf(frame), (item) => holds(frame, body, item, macro.body), false);
    case 'exists':
      return (frame) => decide(itemsOf(frame), (item) => holds(frame, body, item, macro.body), true);
    case 'exists_one':
      return (frame) => {
        let count = 0;
        for (const item of itemsOf(frame)) if (holds(frame, body, item, macro.body)) count += 1;
        return count === 1;
      };
    case 'filter':
      return (frame) => {
        const kept: Value[] = [];
        for (const item of itemsOf(frame)) {
          if (!holds(frame, body, item, macro.body)) continue;
          spendOutput(frame, 1, node);
          kept.push(item);
        }
        return asJson(kept);
      };
    default:
      return (frame) => {
        const made: Value[] = [];
        for (const item of itemsOf(frame)) {
          if (filter && !holds(frame, filter, item, macro.filter!)) continue;
          if (!filter) spendSteps(frame, cost, node);
          frame.locals[slot] = item;
          const value = body(frame);
          if (value === undefined) mismatch('`map` needs a value', value, macro.body);
          spendOutput(frame, 1, node);
          made.push(value);
        }
        return asJson(made);
      };
  }
}

/** `all` and `exists` are `&&` and `||` over the items: one that decides makes failures of others not matter. */
function decide(items: readonly Value[], holds: (item: Value) => boolean, decisive: boolean): boolean {
  let failure: unknown;
  for (const item of items) {
    try {
      if (holds(item) === decisive) return decisive;
    } catch (thrown) {
      if (!isAbsorbable(thrown)) throw thrown;
      failure ??= thrown;
    }
  }
  if (failure !== undefined) throw failure;
  return !decisive;
}
