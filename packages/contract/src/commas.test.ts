import { expect, it } from 'vitest';
import { openapi } from './load.testing.ts';
import { loadContract } from './load.ts';

/** What is said of a schema that is written so, and what is advised. */
async function said(schema: string): Promise<readonly string[]> {
  const text = openapi(`paths: {}\ncomponents:\n  schemas:\n    Case: ${schema}`);
  const { diagnostics } = await loadContract(
    { name: 'case', document: 'openapi.yaml' },
    { read: async () => text },
  );
  return diagnostics.map(({ code, message, fix }) => `${code} ${message} → ${fix}`);
}

it('shows the list that a text with commas was to be', async () => {
  expect(await said('{ type: object, required: "a, b", properties: { a: {}, b: {} } }')).toEqual([
    'contract-member-type expected a list, each item a text, found the text "a, b" → Write `[a, b]`.',
  ]);
  expect(await said('\n      required: a, b')).toEqual([expect.stringMatching(/→ Write `\[a, b\]`\.$/)]);
  expect(await said('{ enum: open }')).toEqual([expect.stringMatching(/→ Write `\[open\]`\.$/)]);
  expect(await said('{ enum: "what? a, b" }'), 'not what is no list of words').toEqual([
    expect.not.stringContaining('Write `'),
  ]);
});

it.each(['{ description: Sold, and gone, type: string }', '{ type: object, description: Sold, and gone }'])(
  'says of %s that a comma ended its text',
  async (schema) => {
    expect(await said(schema)).toEqual([
      'contract-member-unknown `and gone` is no member of the schema: a comma ended the text of `description` → Put the whole text of `description` in quotes.',
    ]);
  },
);

it('says so of no key that has a value, or that stands on a line of its own', async () => {
  expect(await said('{ description: Sold, x-note: null }')).toEqual([]);
  expect(await said('\n      description: Sold\n      andgone:\n      type: string')).toEqual([]);
  expect(await said('\n      description: Sold\n      requierd:\n      type: string')).toEqual([
    expect.stringMatching(/did you mean `required`/),
  ]);
});
