import type { Expr, Span } from '@tenon/expression';
import { children } from './subexpressions.ts';

/** One argument of a `policy.<name>(…)` call. */
export interface PolicyArgument extends Span {
  readonly policy: string;
  /** Place among the arguments, from 0. */
  readonly index: number;
}

/** The arguments of all policy calls in an expression: what is passed to a policy is read by its condition. */
export function policyArguments(ast: Expr): readonly PolicyArgument[] {
  const known = argumentsByTree.get(ast);
  if (known) return known;
  const found: PolicyArgument[] = [];
  const walk = (node: Expr): void => {
    if (node.kind === 'call' && node.target?.kind === 'identifier' && node.target.name === 'policy')
      for (const [index, { start, end }] of node.args.entries())
        found.push({ policy: node.name, index, start, end });
    for (const child of children(node)) walk(child);
  };
  walk(ast);
  argumentsByTree.set(ast, found);
  return found;
}

const argumentsByTree = new WeakMap<Expr, readonly PolicyArgument[]>();
