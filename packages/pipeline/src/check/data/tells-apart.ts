import {
  checkExpression,
  type Environment,
  type Expr,
  membersOf,
  presentOf,
  type Type,
} from '@tenon/expression';
import { children } from './subexpressions.ts';
import { valuesOf } from './values-of.ts';

/** How well a value tells one thing from the next. */
export type Telling =
  /** It never has more values than these. */
  | { readonly kind: 'few'; readonly count: number }
  /** All that happens at one moment has the same one. */
  | { readonly kind: 'moment' }
  | { readonly kind: 'anything' };

/**
 * What an expression can tell apart: by its own type, else by what it is made of, for whatever is reckoned from a few values
 * has few itself. `isFixed`: names that stand for one value wherever the expression is asked, and so tell nothing apart.
 */
export function tellingOf(
  ast: Expr,
  environment: Environment,
  isFixed: (root: string) => boolean = () => false,
): Telling {
  const own = ofType(checkExpression(ast, environment).type);
  if (own.kind !== 'anything') return own;
  const leaves = leavesOf(ast);
  // Of a call without data, or of items that a macro names, the parts tell nothing.
  if (leaves.length === 0) return own;
  return together(
    leaves.map(({ root, node }) => (isFixed(root) ? ONE : ofType(checkExpression(node, environment).type))),
  );
}

const ONE: Telling = { kind: 'few', count: 1 };

/** What several values tell apart, side by side. */
export function together(parts: readonly Telling[]): Telling {
  if (parts.some(({ kind }) => kind === 'anything')) return { kind: 'anything' };
  if (parts.some(({ kind }) => kind === 'moment')) return { kind: 'moment' };
  return {
    kind: 'few',
    count: parts.reduce((product, part) => product * (part.kind === 'few' ? part.count : 1), 1),
  };
}

function ofType(type: Type): Telling {
  const present = presentOf(type);
  if (isMoment(present)) return { kind: 'moment' };
  const values = valuesOf(present);
  if (values === undefined) return { kind: 'anything' };
  return { kind: 'few', count: values.length + (type.kind === 'optional' ? 1 : 0) };
}

/** A date is none: what is done once a day is known by it. */
function isMoment(type: Type): boolean {
  const members = membersOf(type).filter(({ kind }) => kind !== 'null');
  return (
    members.length > 0 &&
    members.every(
      (one) =>
        one.kind === 'timestamp' ||
        (one.kind === 'string' && (one.format === 'date-time' || one.format === 'time')),
    )
  );
}

interface Leaf {
  readonly root: string;
  readonly node: Expr;
}

/** The data that an expression reads: each chain of names, as far as it goes. */
function leavesOf(ast: Expr): readonly Leaf[] {
  const root = rootOf(ast);
  if (root !== undefined) return [{ root, node: ast }];
  return children(ast).flatMap(leavesOf);
}

function rootOf(node: Expr): string | undefined {
  if (node.kind === 'identifier') return node.name;
  if (node.kind === 'member') return rootOf(node.object);
  // By a reckoned name it may be any of the members.
  return node.kind === 'index' && node.index.kind === 'literal' ? rootOf(node.object) : undefined;
}
