import type { Expr } from '../ast.ts';
import { compileExpression, type Evaluation } from '../compile.ts';
import { formatExpression } from '../format.ts';
import { parseExpression } from '../parser.ts';
import { children, namespaceOf } from '../references.ts';

/** What an expression gives whatever the data, where it reads none: it is evaluated now. */
export function constantEvaluation(ast: Expr): Evaluation | undefined {
  if (!isConstant(ast)) return undefined;
  const text = formatExpression(ast);
  // The tree of a text that does not parse may be any.
  if (parseExpression(text).errors.length > 0) return undefined;
  return compileExpression(text).evaluate({}, BUDGET);
}

/** Checking is done at each key that an author types. */
const BUDGET = { stepsMax: 1_000, outputMax: 10_000 };

/** Does it name nothing? A macro names its items, so it is left to the run; so are policies. */
function isConstant(node: Expr): boolean {
  const known = constants.get(node);
  if (known !== undefined) return known;
  const answer =
    node.kind === 'literal' ||
    (node.kind !== 'identifier' &&
      node.kind !== 'error' &&
      !(node.kind === 'call' && namespaceOf(node) !== undefined) &&
      children(node).every(isConstant));
  constants.set(node, answer);
  return answer;
}

const constants = new WeakMap<Expr, boolean>();
