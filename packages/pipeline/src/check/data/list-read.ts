import { type Expr, type Reference, references } from '@tenon/expression';

/** What a list's expression reads its items from: a chain of names, which may be filtered, or have a default that is read from nowhere. */
export function listRead(ast: Expr): Reference | undefined {
  const list = ast.kind === 'call' && ast.name === 'filter' ? ast.target : ast;
  const chain = list?.kind === 'call' && list.name === 'default' ? list.args[0] : list;
  if (list === undefined || (chain?.kind !== 'member' && chain?.kind !== 'identifier')) return undefined;
  const [only, ...more] = references(list);
  return more.length === 0 ? only : undefined;
}
