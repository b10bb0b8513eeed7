import type { Expr, Span } from '@tenon/expression';
import { children } from './subexpressions.ts';

/** Operators whose answer is true or false: it says something of the operands, but does not hold them. */
const ANSWERS: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=', 'in', '&&', '||']);

/** Functions whose answer does not hold what they were asked about. `declassify` is the one declared way out. */
const ASKING: ReadonlySet<string> = new Set(
  'has size type all exists exists_one startsWith endsWith contains matches hasValue declassify'.split(' '),
);

/**
 * The parts of an expression whose values do not reach its result: conditions, comparisons, questions, and what is
 * declassified. All else is taken to flow, however much it is changed on the way.
 */
export function unheldParts(ast: Expr): readonly Span[] {
  const known = unheldByTree.get(ast);
  if (known) return known;
  const found: Span[] = [];
  visit(ast);
  unheldByTree.set(ast, found);
  return found;

  function visit(node: Expr): void {
    if (isAnswer(node)) {
      found.push({ start: node.start, end: node.end });
      return;
    }
    if (node.kind === 'conditional') {
      found.push({ start: node.test.start, end: node.test.end });
      visit(node.yes);
      visit(node.no);
      return;
    }
    if (node.kind === 'call' && node.name === 'filter' && node.args[1])
      found.push({ start: node.args[1].start, end: node.args[1].end });
    for (const child of children(node)) visit(child);
  }
}

const unheldByTree = new WeakMap<Expr, readonly Span[]>();

function isAnswer(node: Expr): boolean {
  if (node.kind === 'binary') return ANSWERS.has(node.operator);
  if (node.kind === 'unary') return node.operator === '!';
  if (node.kind !== 'call') return false;
  const isPolicy = node.target?.kind === 'identifier' && node.target.name === 'policy';
  return isPolicy || ASKING.has(node.name);
}
