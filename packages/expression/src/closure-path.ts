import type { Expr, Span } from './ast.ts';
import { compileNode, type Names, type Run } from './closure.ts';
import { fail } from './failure.ts';
import { isPlainObject, kindOf, mismatch, type Value } from './operators.ts';
import { namespaceOf } from './references.ts';

export function compileIdentifier(node: Extract<Expr, { kind: 'identifier' }>, names: Names): Run {
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
export function compileMember(node: MemberNode, names: Names, isPath: boolean): Run {
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
export function compilePath(node: Expr, names: Names): Run {
  if (node.kind === 'member') return compileMember(node, names, true);
  if (node.kind === 'index') return compileIndex(node, names, true);
  return compileNode(node, names);
}

export function compileIndex(node: Extract<Expr, { kind: 'index' }>, names: Names, isPath: boolean): Run {
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
