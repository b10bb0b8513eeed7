import { parseExpression, references } from '@tenon/expression';
import { isObject, toPointer } from '@tenon/model';
import type { UsageEntry } from '../usage.ts';

/** One thing that a call sends or reads of what comes back. */
export type Use = Pick<UsageEntry, 'access' | 'path' | 'expression' | 'isNaming' | 'itemsUnread'>;

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

/** What an expression of a manifest reads of an answer. */
export function readsOfText(source: string): readonly Use[] {
  return references(parseExpression(source).ast).flatMap(({ root, path, itemsUnread }): Use[] =>
    root === 'body'
      ? [
          {
            access: 'read',
            path: toPointer(path.map(({ name }) => name)),
            expression: source,
            ...(itemsUnread && { itemsUnread }),
          },
        ]
      : [],
  );
}
