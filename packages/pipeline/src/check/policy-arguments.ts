import type { Expr, Span } from '@tenon/expression';

/** One argument of a `policy.<name>(…)` call. */
export interface PolicyArgument extends Span {
  readonly policy: string;
  /** Place among the arguments, from 0. */
  readonly index: number;
}

/** The arguments of all policy calls in an expression: what is passed to a policy is read by its condition. */
export function policyArguments(ast: Expr): readonly PolicyArgument[] {
  const found: PolicyArgument[] = [];
  const walk = (node: Expr): void => {
    if (node.kind === 'call' && node.target?.kind === 'identifier' && node.target.name === 'policy')
      for (const [index, { start, end }] of node.args.entries())
        found.push({ policy: node.name, index, start, end });
    for (const child of children(node)) walk(child);
  };
  walk(ast);
  return found;
}

function children(node: Expr): readonly Expr[] {
  switch (node.kind) {
    case 'list':
      return node.items.map(({ value }) => value);
    case 'map':
      return node.entries.flatMap(({ key, value }) => [key, value]);
    case 'member':
      return [node.object];
    case 'index':
      return [node.object, node.index];
    case 'call':
      return node.target ? [node.target, ...node.args] : node.args;
    case 'unary':
      return [node.operand];
    case 'binary':
      return [node.left, node.right];
    case 'conditional':
      return [node.test, node.yes, node.no];
    default:
      return [];
  }
}
