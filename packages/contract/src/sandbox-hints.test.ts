import { expect, it } from 'vitest';
import { openapi } from './load.testing.ts';
import { loadContract } from './load.ts';

/** What is said of an operation with these hints for the sandbox. */
async function said(hints: string): Promise<readonly string[]> {
  const text = openapi(
    `paths:
  /orders:
    get:
      operationId: listOrders
      x-tenon-sandbox: ${hints}
      responses: { '200': { description: fine } }`,
  );
  const { diagnostics } = await loadContract(
    { name: 'case', document: 'openapi.yaml' },
    { read: async () => text },
  );
  return diagnostics.map(({ code, severity, message, range }) => {
    const { line, column } = range!.start;
    return `${severity} ${code} ${line}:${column} ${message}`;
  });
}

it.each([
  '{ page: { type: cursor, in: after, out: /next, items: /items, more: /more }, where: { /email: /body/email } }',
  '{ page: { type: page, in: page }, unique: [email], key: webhook-id }',
  '{ set: { status: open }, requires: { status: [draft, open] } }',
  '{ resource: /messages, does: update, by: /body/ts }',
  '{ set: {}, requires: { status: open } }',
])('%s says nothing that the sandbox would not heed', async (hints) => {
  expect(await said(hints)).toEqual([]);
});

it.each([
  [
    '{ pages: { type: page, in: page } }',
    'contract-member-unknown 7:26 `pages` is no member of the sandbox hint; did you mean `page`?',
  ],
  [
    '{ page: { type: cursors, in: after, out: /next } }',
    'contract-value-unknown 7:40 "cursors" is not known here; did you mean "cursor"?',
  ],
  [
    '{ page: { type: cursor, in: after } }',
    'contract-member-missing 7:32 this sandbox paging lacks `out`, which `type: cursor` needs',
  ],
  [
    '{ page: { type: cursor, in: after, outt: /next, out: /next } }',
    'contract-member-unknown 7:59 `outt` is no member of the sandbox paging; did you mean `out`?',
  ],
  ['{ does: lists }', 'contract-value-unknown 7:32 "lists" is not known here; did you mean "list"?'],
  [
    '{ unique: email }',
    'contract-member-type 7:34 expected a list, each item a text, found the text "email"',
  ],
  ['void', 'contract-member-type 7:24 expected a sandbox hint (an object), found the text "void"'],
])('%s is told, for the sandbox would pass it over', async (hints, message) => {
  expect(await said(hints)).toEqual([`warning ${message}`]);
});
