import type { Json } from '@tenon/model';
import type { Expr, Span } from './ast.ts';
import { binaryOperation } from './closure-binary.ts';
import { EvaluationFailure, fail, isAbsorbable } from './failure.ts';
import { functions, overloadsFor } from './functions.ts';
import { type BindingMacro, bindingMacro, type Call } from './macros.ts';
import {
  type Frame,
  isPlainObject,
  kindOf,
  mismatch,
  spendOutput,
  spendSteps,
  type Value,
} from './operators.ts';
import { namespaceOf } from './references.ts';

/** A compiled node. */
export type Run = (frame: Frame) => Value;

/** A policy, compiled: parameters live in the first locals. */
export interface CompiledPolicy {
  readonly parameters: number;
  readonly run: Run;
  /** Steps that one call costs. */
  readonly cost: number;
}

/** What names stand for while a tree is compiled. */
export interface Names {
  /** Macro variables and policy parameters → their place among the frame's locals. */
  readonly locals: ReadonlyMap<string, number>;
  /** In a policy there is no scope: only its parameters. */
  readonly hasScope: boolean;
  readonly policy: (name: string) => CompiledPolicy | undefined;
}

/** Compiles a tree without `error` nodes to a closure. Constant parts are computed now. */
export function compileNode(node: Expr, names: Names): Run {
  const run = compileByKind(node, names);
  return isFoldable(node) ? folded(run) : run;
}

/** Nodes in a tree: what one evaluation of it costs in steps. */
export function costOf(node: Expr): number {
  switch (node.kind) {
    case 'list':
      return 1 + sum(node.items.map((item) => item.value));
    case 'map':
      return 1 + sum(node.entries.flatMap((entry) => [entry.key, entry.value]));
    case 'member':
      return 1 + costOf(node.object);
    case 'index':
      return 1 + costOf(node.object) + costOf(node.index);
    case 'call':
      return 2 + sum(node.args) + (node.target ? costOf(node.target) : 0);
    case 'unary':
      return 1 + costOf(node.operand);
    case 'binary':
      return 1 + costOf(node.left) + costOf(node.right);
    case 'conditional':
      return 1 + costOf(node.test) + costOf(node.yes) + costOf(node.no);
    default:
      return 1;
  }
}

function sum(nodes: readonly Expr[]): number {
  return nodes.reduce((total, node) => total + costOf(node), 0);
}

function compileByKind(node: Expr, names: Names): Run {
  switch (node.kind) {
    case 'literal': {
      const { value } = node;
      return () => value;
    }
    case 'identifier':
      return compileIdentifier(node, names);
    case 'member':
      return compileMember(node, names, false);
    case 'index':
      return compileIndex(node, names, false);
    case 'list':
      return compileList(node, names);
    case 'map':
      return compileMap(node, names);
    case 'call':
      return compileCall(node, names);
    case 'unary':
      return compileUnary(node, names);
    case 'binary':
      if (node.operator === '&&') return compileLogical(node, names, false);
      if (node.operator === '||') return compileLogical(node, names, true);
      return binaryOperation(node, compileNode(node.left, names), compileNode(node.right, names));
    case 'conditional':
      return compileConditional(node, names);
    case 'error':
      // compileExpression refuses sources that do not parse.
      throw new Error('a tree with errors cannot be compiled');
  }
}

/** Only operators over constants: calls could be slow, and maps and lists must be new each time. */
function isFoldable(node: Expr): boolean {
  switch (node.kind) {
    case 'unary':
      return isConstant(node.operand);
    case 'binary':
      return isConstant(node.left) && isConstant(node.right);
    case 'conditional':
      return isConstant(node.test) && isConstant(node.yes) && isConstant(node.no);
    default:
      return false;
  }
}

function isConstant(node: Expr): boolean {
  return node.kind === 'literal' || isFoldable(node);
}

function folded(run: Run): Run {
  try {
    const value = run({ scope: EMPTY_SCOPE, locals: [], stepsLeft: 1_000, outputLeft: 100_000 });
    return () => value;
  } catch (thrown) {
    // `1 / 0` is refused when it is evaluated, so that a guarded one is not refused.
    if (thrown instanceof EvaluationFailure) return () => rethrow(thrown);
    throw thrown;
  }
}

const EMPTY_SCOPE: Readonly<Record<string, Json>> = Object.freeze(Object.create(null));

function rethrow(failure: EvaluationFailure): never {
  // A new one each time: what is thrown is marked on its way with the text that it belongs to.
  throw new EvaluationFailure(failure.code, failure.message, failure.span);
}

function compileIdentifier(node: Extract<Expr, { kind: 'identifier' }>, names: Names): Run {
  const { name } = node;
  const local = names.locals.get(name);
  if (local !== undefined) return (frame) => frame.locals[local];
  const isRisky = isInherited(name);
  if (!names.hasScope || isRisky)
    return (frame) => (Object.hasOwn(frame.scope, name) ? frame.scope[name] : unknownName(node));
  return (frame) => {
    const value = frame.scope[name];
    return value === undefined ? unknownName(node) : value;
  };
}

function unknownName(node: Extract<Expr, { kind: 'identifier' }>): never {
  fail('EXPRESSION_NAME_UNKNOWN', `\`${node.name}\` stands for nothing here`, node);
}

/**
 * Names that objects, lists or functions inherit: they are read with an own-property check. Any other name can be
 * read plainly, which is several times faster: on a JSON object it is either an own property or not there.
 */
function isInherited(name: string): boolean {
  return INHERITED.has(name) || name in Object.prototype;
}

const INHERITED: ReadonlySet<string> = new Set(
  [Object.prototype, Array.prototype, Function.prototype].flatMap((prototype) =>
    Object.getOwnPropertyNames(prototype),
  ),
);

type MemberNode = Extract<Expr, { kind: 'member' }>;

/** Calls whose result is an optional, by name. */
const GIVES_OPTIONAL: ReadonlySet<string> = new Set(['or', 'optMap', 'optFlatMap']);

/** A chain with `.?` or `[?]` in it, or that starts with a call which gives an optional: every later part is optional too. */
function isOptionalChain(node: Expr): boolean {
  if (node.kind === 'call')
    return namespaceOf(node) === 'optional' || (node.target !== undefined && GIVES_OPTIONAL.has(node.name));
  if (node.kind !== 'member' && node.kind !== 'index') return false;
  return node.optional || isOptionalChain(node.object);
}

/** `isPath`: all of it may be absent, not only what follows `.?`. */
function compileMember(node: MemberNode, names: Names, isPath: boolean): Run {
  const { name } = node;
  if (isInherited(name)) return compileOwnMember(node, names, isPath);
  if (isPath || isOptionalChain(node)) {
    const object = compileObject(node, names, isPath);
    return (frame) => {
      const value = object(frame);
      const member = typeof value === 'object' && value !== null ? readPlain(value, name) : undefined;
      return member === undefined ? missing(node, name, value, true) : member;
    };
  }
  return compilePlainChain(node, names);
}

/** Reads a name that nothing inherits: an own property, or `undefined`. Lists have no such names. */
function readPlain(value: object, name: string): Value {
  // Any object here is JSON, whose members are JSON; times hide their value.
  return (value as Record<string, Value>)[name];
}

/**
 * `event.a.b.c` in one closure: calling a closure for each dot is what would cost most. Names of the chain that need
 * an own-property check, and optional parts, end it.
 */
function compilePlainChain(node: MemberNode, names: Names): Run {
  const chain: MemberNode[] = [];
  let base: Expr = node;
  while (
    base.kind === 'member' &&
    !base.optional &&
    !isInherited(base.name) &&
    !isOptionalChain(base.object)
  ) {
    chain.unshift(base);
    base = base.object;
  }
  const first = chain[0]!;
  const start = compileNode(base, names);
  switch (chain.length) {
    case 1:
      return (frame) => step(start(frame), first);
    case 2: {
      const second = chain[1]!;
      return (frame) => step(step(start(frame), first), second);
    }
    case 3: {
      const [, second, third] = chain as [MemberNode, MemberNode, MemberNode];
      return (frame) => step(step(step(start(frame), first), second), third);
    }
    case 4: {
      const [, second, third, fourth] = chain as [MemberNode, MemberNode, MemberNode, MemberNode];
      return (frame) => step(step(step(step(start(frame), first), second), third), fourth);
    }
    default:
      return (frame) => {
        let value = start(frame);
        for (let i = 0; i < chain.length; i++) value = step(value, chain[i]!);
        return value;
      };
  }
}

function step(value: Value, node: MemberNode): Value {
  if (typeof value === 'object' && value !== null) {
    const member = readPlain(value, node.name);
    if (member !== undefined) return member;
  }
  return missing(node, node.name, value, false);
}

function compileOwnMember(node: MemberNode, names: Names, isPath: boolean): Run {
  const { name } = node;
  const isTolerant = isPath || isOptionalChain(node);
  const object = compileObject(node, names, isPath);
  return (frame) => {
    const value = object(frame);
    return isPlainObject(value) && Object.hasOwn(value, name)
      ? value[name]
      : missing(node, name, value, isTolerant);
  };
}

/** Why a member could not be read; `undefined` where that is allowed. */
function missing(node: Span, name: string | undefined, value: Value, isTolerant: boolean): undefined {
  const what = name === undefined ? 'the name' : `\`${name}\``;
  // Asking must not fail; and an absent optional stays absent along its chain.
  if (isTolerant || value === undefined) return undefined;
  if (isPlainObject(value)) fail('EXPRESSION_FIELD_ABSENT', `${what} is absent`, node);
  fail('EXPRESSION_TYPE_MISMATCH', `${what} cannot be read from ${kindOf(value)}`, node);
}

/** What comes before `.?` must be there, though it may be null; within a path it need not. */
function compileObject(
  node: Extract<Expr, { kind: 'member' | 'index' }>,
  names: Names,
  isPath: boolean,
): Run {
  return isPath ? compilePath(node.object, names) : compileNode(node.object, names);
}

/** A path on which anything may be absent or null: the argument of `has` and `default`. */
function compilePath(node: Expr, names: Names): Run {
  if (node.kind === 'member') return compileMember(node, names, true);
  if (node.kind === 'index') return compileIndex(node, names, true);
  return compileNode(node, names);
}

function compileIndex(node: Extract<Expr, { kind: 'index' }>, names: Names, isPath: boolean): Run {
  const isTolerant = isPath || isOptionalChain(node);
  const object = compileObject(node, names, isPath);
  const index = compileNode(node.index, names);
  const name =
    node.index.kind === 'literal' && typeof node.index.value === 'string' ? node.index.value : undefined;
  return (frame) => {
    const value = object(frame);
    if (value === undefined) return undefined;
    const at = index(frame);
    if (Array.isArray(value)) {
      if (typeof at !== 'number' || !Number.isInteger(at))
        return mismatch('a list is read with an integer', at, node.index);
      const item: Value = at >= 0 && at < value.length ? value[at] : undefined;
      if (item !== undefined || isTolerant) return item;
      return fail('EXPRESSION_INDEX_OUT_OF_RANGE', 'the list has no item at this index', node);
    }
    if (isPlainObject(value)) {
      if (typeof at !== 'string') return mismatch('an object is read with a string', at, node.index);
      if (Object.hasOwn(value, at)) return value[at];
    }
    return missing(node, name, value, isTolerant);
  };
}

function compileList(node: Extract<Expr, { kind: 'list' }>, names: Names): Run {
  const items = node.items.map((item) => ({ ...item, run: compileNode(item.value, names) }));
  return (frame) => {
    spendOutput(frame, items.length, node);
    const list: Value[] = [];
    for (const item of items) {
      const value = item.run(frame);
      if (value !== undefined) list.push(value);
      else if (!item.optional) mismatch('an item of a list needs a value', value, item.value);
    }
    return asJson(list);
  };
}

/** Lists and maps may hold times until the result leaves the evaluation, where they become text. */
function asJson(value: Value[] | Record<string, Value>): Value {
  return value as Value;
}

function compileMap(node: Extract<Expr, { kind: 'map' }>, names: Names): Run {
  const entries = node.entries.map((entry) => ({
    ...entry,
    keyRun: compileNode(entry.key, names),
    valueRun: compileNode(entry.value, names),
  }));
  return (frame) => {
    spendOutput(frame, entries.length, node);
    const map: Record<string, Value> = Object.create(null);
    for (const entry of entries) {
      const key = entry.keyRun(frame);
      if (typeof key !== 'string') mismatch('the names of an object are strings', key, entry.key);
      if (key in map) fail('EXPRESSION_KEY_DUPLICATE', 'the object has this name already', entry.key);
      const value = entry.valueRun(frame);
      if (value !== undefined) map[key] = value;
      else if (!entry.optional) mismatch('a member of an object needs a value', value, entry.value);
    }
    return asJson(map);
  };
}

function compileUnary(node: Extract<Expr, { kind: 'unary' }>, names: Names): Run {
  const operand = compileNode(node.operand, names);
  if (node.operator === '!')
    return (frame) => {
      const value = operand(frame);
      return typeof value === 'boolean' ? !value : mismatch('`!` needs a boolean', value, node);
    };
  return (frame) => {
    const value = operand(frame);
    return typeof value === 'number' ? 0 - value : mismatch('`-` needs a number', value, node);
  };
}

/**
 * CEL's `&&` and `||`: either side may decide, so that a failing side does not matter when the other decides
 * (`decisive`: false for `&&`, true for `||`).
 */
function compileLogical(node: Extract<Expr, { kind: 'binary' }>, names: Names, decisive: boolean): Run {
  const left = compileNode(node.left, names);
  const right = compileNode(node.right, names);
  const { operator } = node;
  const boolean = (value: Value, at: Expr): boolean =>
    typeof value === 'boolean' ? value : mismatch(`\`${operator}\` needs booleans`, value, at);
  /** Does the right side decide? When it fails as well, the failure of the left is the one to report. */
  const decides = (frame: Frame): boolean => {
    try {
      return right(frame) === decisive;
    } catch (thrown) {
      if (isAbsorbable(thrown)) return false;
      throw thrown;
    }
  };
  return (frame) => {
    let value: Value;
    try {
      value = left(frame);
      if (typeof value !== 'boolean') boolean(value, node.left);
    } catch (thrown) {
      if (isAbsorbable(thrown) && decides(frame)) return decisive;
      throw thrown;
    }
    if (value === decisive) return decisive;
    return boolean(right(frame), node.right);
  };
}

function compileConditional(node: Extract<Expr, { kind: 'conditional' }>, names: Names): Run {
  const test = compileNode(node.test, names);
  const yes = compileNode(node.yes, names);
  const no = compileNode(node.no, names);
  return (frame) => {
    const value = test(frame);
    if (value === true) return yes(frame);
    if (value === false) return no(frame);
    return mismatch('a condition needs a boolean', value, node.test);
  };
}

function compileCall(node: Call, names: Names): Run {
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
