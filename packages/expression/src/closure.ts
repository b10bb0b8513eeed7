import type { Json } from '@tenon/model';
import type { Expr } from './ast.ts';
import { binaryOperation } from './closure-binary.ts';
import { compileCall } from './closure-call.ts';
import { compileIdentifier, compileIndex, compileMember } from './closure-path.ts';
import { EvaluationFailure, fail, isAbsorbable } from './failure.ts';
import { type Frame, mismatch, spendOutput, type Value } from './operators.ts';

/** A compiled node. */
export type Run = (frame: Frame) => Value;

/** A policy, compiled: parameters live in the first locals. */
export interface CompiledPolicy {
  readonly parameters: number;
  readonly run: Run;
  /** Steps that one call costs. */
  readonly cost: number;
  /** Policies within it, itself included, at their deepest. */
  readonly height: number;
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

export const EMPTY_SCOPE: Readonly<Record<string, Json>> = Object.freeze(Object.create(null));

function rethrow(failure: EvaluationFailure): never {
  // A new one each time: what is thrown is marked on its way with the text that it belongs to.
  throw new EvaluationFailure(failure.code, failure.message, failure.span);
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
export function asJson(value: Value[] | Record<string, Value>): Value {
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
