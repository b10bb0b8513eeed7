import type { Expr } from '@tenon/expression';

/** The direct parts of an expression, in order of text. */
export function children(node: Expr): readonly Expr[] {
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
