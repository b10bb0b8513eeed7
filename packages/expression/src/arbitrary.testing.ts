import fc from 'fast-check';
import type { BinaryOperator, Expr } from './ast.ts';

/** Well-formed expressions over `event` and `steps`, for the property tests of this package. */
export function anExpression(): fc.Arbitrary<Expr> {
  return fc.letrec<{ expression: Expr }>((tie) => ({
    expression: fc.oneof({ depthSize: 'small', withCrossShrink: true }, leaf, ...compound(tie('expression'))),
  })).expression;
}

const at = { start: 0, end: 0 };
const name = fc.constantFrom(
  'a',
  'b',
  'items',
  'constructor',
  'length',
  '__proto__',
  'toString',
  'content-type',
);
const variable = fc.constantFrom('x', 'y');

const leaf: fc.Arbitrary<Expr> = fc.oneof(
  fc
    .oneof(
      fc.constantFrom(null, true, false),
      fc.integer({ min: 0, max: 1000 }),
      fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value)),
      fc.string(),
    )
    .map((value): Expr => ({ kind: 'literal', value, ...at })),
  fc
    .constantFrom('event', 'steps', 'x', 'y')
    .map((root): Expr => ({ kind: 'identifier', name: root, ...at })),
);

const OPERATORS: readonly BinaryOperator[] = [
  ...(['||', '&&', '==', '!=', '<', '<=', '>', '>=', 'in', '+', '-', '*', '/', '%'] as const),
];

function compound(inner: fc.Arbitrary<Expr>): fc.Arbitrary<Expr>[] {
  const call = (target: Expr | undefined, callee: string, args: readonly Expr[]): Expr => ({
    kind: 'call',
    name: callee,
    nameSpan: at,
    ...(target && { target }),
    args,
    ...at,
  });
  const member = fc.tuple(inner, name, fc.boolean()).map(
    ([object, key, optional]): Expr => ({
      kind: 'member',
      object,
      name: key,
      nameSpan: at,
      optional,
      ...at,
    }),
  );
  const item = fc.record({ value: inner, optional: fc.boolean() });
  const entry = fc.record({
    key: fc.string().map((value): Expr => ({ kind: 'literal', value, ...at })),
    value: inner,
    optional: fc.boolean(),
  });
  return [
    member,
    fc
      .tuple(inner, inner, fc.boolean())
      .map(([object, index, optional]): Expr => ({ kind: 'index', object, index, optional, ...at })),
    fc.array(item, { maxLength: 3 }).map((items): Expr => ({ kind: 'list', items, ...at })),
    fc
      .uniqueArray(entry, { maxLength: 3, selector: (one) => (one.key as { value?: unknown }).value })
      .map((entries): Expr => ({ kind: 'map', entries, ...at })),
    fc.tuple(fc.constantFrom('!', '-'), inner).map(([operator, operand]): Expr => {
      // `!-x` and `-!x` are no CEL; neither is a sign before another kind of sign in our trees.
      const isMixed = operand.kind === 'unary' && operand.operator !== operator;
      const safe = isMixed ? operand.operand : operand;
      return safe.kind === 'unary' && safe.operator !== operator
        ? safe
        : { kind: 'unary', operator, operand: safe, ...at };
    }),
    fc
      .tuple(fc.constantFrom(...OPERATORS), inner, inner)
      .map(([operator, left, right]): Expr => ({ kind: 'binary', operator, left, right, ...at })),
    fc
      .tuple(inner, inner, inner)
      .map(([test, yes, no]): Expr => ({ kind: 'conditional', test, yes, no, ...at })),
    fc
      .tuple(fc.constantFrom('size', 'string', 'int', 'dyn', 'timestamp', 'abs'), inner)
      .map(([callee, arg]) => call(undefined, callee, [arg])),
    fc
      .tuple(inner, fc.constantFrom('contains', 'split', 'matches', 'orValue', 'join'), inner)
      .map(([target, callee, arg]) => call(target, callee, [arg])),
    fc
      .tuple(
        inner,
        fc.constantFrom('all', 'exists', 'exists_one', 'map', 'filter', 'optMap'),
        variable,
        inner,
      )
      .map(([target, callee, bound, body]) =>
        call(target, callee, [{ kind: 'identifier', name: bound, ...at }, body]),
      ),
    fc.tuple(member, inner).map(([path, other]) => call(undefined, 'default', [path, other])),
    member.map((path) => call(undefined, 'has', [{ ...path, optional: false } as Expr])),
  ];
}

/** The tree without what CEL reference parsers in JavaScript lack: optional syntax and quoted names. */
export function plainCel(ast: Expr): Expr {
  return JSON.parse(JSON.stringify(ast), (key, value) => {
    if (key === 'optional') return false;
    if (key === 'name' && typeof value === 'string') return value.replaceAll(/[^A-Za-z0-9_]/g, '_');
    return value;
  });
}

export function withoutSpans(ast: Expr): unknown {
  return JSON.parse(JSON.stringify(ast), (key, value) =>
    key === 'start' || key === 'end' || key === 'nameSpan' ? undefined : value,
  );
}
