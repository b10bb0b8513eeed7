import { expect, test } from 'vitest';
import { CONTRACT, PIPELINE, swap, testWorkspace } from '../../test-workspace.ts';

/** What is found of a text that is sent where a schema says more of it. */
async function found(schema: string, text: string): Promise<readonly string[]> {
  const { diagnostics } = await testWorkspace({
    [CONTRACT]: swap(
      '                reference: { type: string }',
      `                reference: { type: string, ${schema} }`,
    ),
    [PIPELINE]: swap("reference: '${ event.orderId }'", `reference: '${text}'`),
  });
  return diagnostics.map(({ code, message }) => `${code} ${message}`);
}

test('a text is held against its place by what is written out of it', async () => {
  expect(await found('maxLength: 10', 'parcel for ${ event.orderId }')).toEqual([
    'request-value-invalid `body.reference` must have at most 10 characters; what is written out of it has 11, and no value of its expressions makes it so',
  ]);
  expect(await found('maxLength: 11', 'parcel for ${ event.orderId }')).toEqual([]);
  expect(await found("pattern: '^P-'", 'p-${ event.orderId }')).toEqual([
    expect.stringContaining('must match the pattern ^P-'),
  ]);
  expect(await found("pattern: '^P-'", 'P-${ event.orderId }')).toEqual([]);
});

test('so is one that an expression puts together', async () => {
  const joined = "${ 'parcel for ' + event.orderId }";
  const sent = async (schema: string, text: string) => found(schema, text.replaceAll("'", "''"));
  expect(await sent('maxLength: 10', joined)).toEqual([
    expect.stringContaining('what is written out of it has 11'),
  ]);
  expect(await sent('maxLength: 11', joined)).toEqual([]);
  expect(await sent("pattern: '^P-'", joined)).toHaveLength(1);
  expect(await sent("pattern: '^P-'", "${ event.orderId + '-P' }")).toEqual([]);
  expect(await sent('maxLength: 1', '${ event.orderId }'), 'nothing is written out').toEqual([]);
});

test('the few values of an expression are tried, each of them', async () => {
  const currency = 'in ${ event.currency }';
  expect(await found("pattern: '^in (CHF|GBP)$'", currency)).toHaveLength(1);
  expect(await found("pattern: '^in (EUR|GBP)$'", currency)).toEqual([]);
  expect(await found('maxLength: 5', currency)).toHaveLength(1);
  expect(await found('maxLength: 6', currency)).toEqual([]);
});
