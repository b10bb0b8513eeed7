import { type Expr, type Reference, references } from '@tenon/expression';

/** What a list's expression reads its items from: a chain of names, or such a chain that is filtered. */
export function listRead(ast: Expr): Reference | undefined {
  const chain = ast.kind === 'call' && ast.name === 'filter' ? ast.target : ast;
  if (chain === undefined || (chain.kind !== 'member' && chain.kind !== 'identifier')) return undefined;
  const [only, ...more] = references(chain);
  return more.length === 0 ? only : undefined;
}
