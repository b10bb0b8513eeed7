import { describe, expect, test } from 'vitest';
import { CONNECTOR, CONTRACT, swap, swaps, testWorkspace } from '../../test-workspace.ts';

interface Polled {
  readonly cursor: string;
  readonly pagination?: string;
  readonly given?: string;
  /** Another parameter of the listing. */
  readonly parameter?: string;
}

const CURSOR = 'pagination: { type: cursor, in: cursor, out: /next, items: /items }';

/** What is said of a poll over parcels. */
async function said({ cursor, pagination = CURSOR, given = '', parameter }: Polled) {
  const { diagnostics } = await testWorkspace({
    [CONTRACT]: swap(
      '        - { name: cursor, in: query,',
      `        - { name: page, in: query, schema: { type: integer } }
        - { name: size, in: query, schema: { type: integer } }
${parameter === undefined ? '' : `        - ${parameter}\n`}        - { name: cursor, in: query,`,
    ),
    [CONNECTOR]: swaps(
      [CURSOR, pagination],
      [
        'webhooks:',
        `sources:\n  orderPaid: { poll: { operation: findParcels, ${given}key: /orderId, cursor: { ${cursor} } } }\nwebhooks:`,
      ],
    ),
  });
  return diagnostics
    .filter(({ code }) => code.startsWith('manifest-poll'))
    .map(({ code, message, fix }) => ({ code, message, fix }));
}

describe('a poll whose cursor goes where a page is asked for', () => {
  const code = 'manifest-poll-cursor-pages';

  test('is told, with what is to be named instead', async () => {
    expect(await said({ cursor: 'in: cursor, from: /orderId' })).toEqual([
      {
        code,
        message: '`cursor` takes the position of a page, and the poll puts its cursor there',
        fix: expect.stringContaining('`{ type: after, in: cursor, id: /orderId }`'),
      },
    ]);
  });

  test.each([
    [
      'page',
      'in: page, from: /orderId',
      '{ type: page, in: page, start: 1, items: /items }',
      'the position of a page',
    ],
    [
      'offset',
      'in: page, from: /orderId',
      '{ type: offset, in: page, limit: size, items: /items }',
      'the position of a page',
    ],
    [
      'length',
      'in: size, from: /orderId',
      '{ type: offset, in: page, limit: size, items: /items }',
      'how many items a page has',
    ],
    [
      'other item field',
      'in: cursor, from: /orderId',
      '{ type: after, in: cursor, id: /id, items: /items }',
      'the position of a page',
    ],
  ])('is told of a %s', async (_what, cursor, pagination, words) => {
    expect(await said({ cursor, pagination: `pagination: ${pagination}` })).toEqual([
      expect.objectContaining({ code, message: expect.stringContaining(words) }),
    ]);
  });

  test('is right where a page’s position is what the poll goes by', async () => {
    const pagination = 'pagination: { type: after, in: cursor, id: /orderId, items: /items }';
    expect(await said({ cursor: 'in: cursor, from: /orderId', pagination })).toEqual([]);
  });
});

describe('a poll whose first listing would be refused', () => {
  const since = (schema: string, required = ''): string =>
    `{ name: since, in: query, ${required}schema: ${schema} }`;
  const TIME = since('{ type: string, format: date-time }');

  test('is told what of it does not fit, where it stands', async () => {
    expect(await said({ cursor: 'in: since, from: /orderId, initial: soon', parameter: TIME })).toEqual([
      expect.objectContaining({
        code: 'manifest-poll-input-invalid',
        message: expect.stringMatching(/^`findParcels` `since` .*date-time/),
      }),
    ]);
    expect(await said({ cursor: 'in: reference, from: /orderId', given: 'with: { page: first }, ' })).toEqual(
      [expect.objectContaining({ message: expect.stringMatching(/^`findParcels` `page` .*integer/) })],
    );
  });

  test('is told what is missing without an `initial`', async () => {
    const parameter = since('{ type: integer }', 'required: true, ');
    expect(await said({ cursor: 'in: since, from: /orderId', parameter })).toEqual([
      expect.objectContaining({ message: expect.stringMatching(/`since`.*(missing|required)/) }),
    ]);
    expect(await said({ cursor: "in: since, from: /orderId, initial: '0'", parameter })).toEqual([]);
  });

  test('is held to what is sent: a number where the contract takes one, a time with its overlap', async () => {
    const number = since('{ type: integer }');
    expect(await said({ cursor: "in: since, from: /orderId, initial: '0'", parameter: number })).toEqual([]);
    expect(
      await said({ cursor: "in: since, from: /orderId, initial: '0'", parameter: since('{ type: string }') }),
    ).toEqual([]);
    const time = "in: since, from: /orderId, initial: '2026-01-01', overlap: 1h";
    expect(await said({ cursor: time, parameter: TIME })).toEqual([]);
  });
});
