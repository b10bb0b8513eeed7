import type { ContractUsage } from '@tenon/contract';
import { type Expr, parseExpression, references } from '@tenon/expression';
import { isObject, toPointer } from '@tenon/model';

/** One thing that a manifest has a call send or read of what comes back. */
export interface Use
  extends Pick<ContractUsage, 'access' | 'path' | 'expression' | 'isNaming' | 'itemsUnread'> {
  /** Where the manifest says it; absent: where the call is asked for. */
  readonly place?: readonly string[];
}

/** What a manifest's `with` sends; with nothing in it, the call itself. */
export function writesOf(given: Readonly<Record<string, unknown>>): readonly Use[] {
  const found: Use[] = [];
  const visit = (value: unknown, path: string): void => {
    const members = isObject(value) ? Object.entries(value) : [];
    for (const [name, inner] of members) visit(inner, path + toPointer([name]));
    if (members.length === 0)
      found.push({
        access: 'write',
        path,
        expression: typeof value === 'string' ? value : JSON.stringify(value),
        ...(path === '' && { isNaming: true }),
      });
  };
  visit(given, '');
  return found;
}

/**
 * What an expression of a manifest reads of an answer. `onward`: what is read of the value that it gives; left out, all of it.
 */
export function readsOfText(
  source: string,
  onward?: readonly Pick<Use, 'path' | 'expression' | 'itemsUnread'>[],
): readonly Use[] {
  const { ast } = parseExpression(source);
  const given = givenBy(ast);
  return references(ast).flatMap(({ root, path, span, itemsUnread }): readonly Use[] => {
    if (root !== 'body') return [];
    const read = toPointer(path.map(({ name }) => name));
    const isGiven = given.some(({ start, end }) => start === span.start && end === span.end);
    if (isGiven && onward)
      return onward.map(({ path: below, expression, itemsUnread: unread }) => ({
        access: 'read',
        path: read + below,
        expression,
        ...(unread && { itemsUnread: unread }),
      }));
    return [{ access: 'read', path: read, expression: source, ...(itemsUnread && { itemsUnread }) }];
  });
}

/** The parts of an expression of which one is its value. */
function givenBy(ast: Expr): readonly Expr[] {
  return ast.kind === 'conditional' ? [...givenBy(ast.yes), ...givenBy(ast.no)] : [ast];
}
