import { expect, test } from 'vitest';
import {
  CONNECTOR,
  CONTRACT,
  type Edits,
  swap,
  swaps,
  testFiles,
  testWorkspace,
} from '../../test-workspace.ts';

const BY = 'probe: { operation: findParcels, by: reference }';
const PAGINATION = '    pagination: { type: cursor, in: cursor, out: /next, items: /items }\n';

/** What is said of the probe, and the text under the caret. */
async function said(...changes: (readonly [string, string])[]) {
  return wrong({ [CONNECTOR]: swaps(...changes) });
}

async function wrong(edits: Edits) {
  const { diagnostics } = await testWorkspace(edits);
  const change = edits[CONNECTOR];
  const text = typeof change === 'function' ? change(testFiles[CONNECTOR]!) : '';
  return diagnostics
    .filter(({ code }) => code === 'manifest-probe-answer-wrong')
    .map(({ message, fix, range }) => ({
      message,
      fix,
      on: text.slice(range?.start.offset, range?.end.offset),
    }));
}

test('a probe by a field of a list that nothing leads to is told in its own words', async () => {
  expect(await said([PAGINATION, ''])).toEqual([
    {
      message:
        '`by: reference` looks through the items of `findParcels`, and where in its answer they are is not known',
      fix: 'declare `pagination` for `findParcels`, with `items` where its answer holds the list, or write `with` and `found`',
      on: 'reference',
    },
  ]);
  const [leading] = await said(['items: /items', 'items: /next']);
  expect(leading?.fix).toContain('it leads to no list');
});

test('a field that the items, or the request, lack is told with the one that is near', async () => {
  expect(
    await said([BY, 'probe: { operation: findParcels, by: referense, with: { reference: x } }']),
  ).toMatchObject([
    {
      message: 'the items of `findParcels` have no `referense`',
      fix: 'did you mean `reference`?',
      on: 'referense',
    },
  ]);
  expect(await said([BY, 'probe: { operation: findParcels, by: id, with: { reference: x } }'])).toMatchObject(
    [{ message: '`by: id` asks by a field of the request body, and that of `createParcel` has no `id`' }],
  );
});

test('an item that is no answer of the call is told in terms of `by` too', async () => {
  const [found] = await wrong({
    [CONNECTOR]: (text) => text,
    [CONTRACT]: swap(
      "                  items: { type: array, items: { $ref: '#/components/schemas/Parcel' } }",
      '                  items: { type: array, items: { type: object, required: [reference], properties: { reference: { type: string } } } }',
    ),
  });
  expect(found?.message).toMatch(/^`by: reference` gives/);
});

test('a probe with `found` is told of as before', async () => {
  const [found] = await said([
    BY,
    "probe: { operation: findParcels, with: { reference: x }, found: '${ body.items.exists(one, one.reference == request.body.reference) }' }",
  ]);
  expect(found?.message).toMatch(/^`found` gives/);
});
