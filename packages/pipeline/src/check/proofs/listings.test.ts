import { describe, expect, test } from 'vitest';
import { CONNECTOR, CONTRACT, PIPELINE, swap, swaps, testWorkspace } from '../../test-workspace.ts';

const REFERENCE = "reference: '${ event.orderId }'";
const CURSOR = 'pagination: { type: cursor, in: cursor, out: /next, items: /items }';

/** What is said of a step that lists parcels, and of what it finds. */
async function said(given: string, condition = 'size(steps.all.items) > 0', pagination = CURSOR) {
  const { diagnostics } = await testWorkspace({
    [CONTRACT]: swap(
      '        - { name: cursor, in: query,',
      '        - { name: per_page, in: query, schema: { type: integer } }\n        - { name: cursor, in: query,',
    ),
    [CONNECTOR]: swap(CURSOR, pagination),
    [PIPELINE]: swaps([
      '  - id: approval\n',
      `  - { id: all, call: shop.findParcels${given} }\n  - { id: known, check: { that: [{ condition: '\${ ${condition} }', message: there is none }], otherwise: fail } }\n  - id: approval\n`,
    ]),
  });
  return diagnostics.filter(({ code }) => code === 'listing-read-in-part');
}

test('a step that reads one page of a listing is told, with what it can do', async () => {
  const [found] = await said(`, with: { ${REFERENCE} }`);
  expect(found).toMatchObject({
    severity: 'warning',
    message: '`shop.findParcels` answers in pages, and this step reads the first one only',
  });
  expect(found?.fix).toContain('`per_page`');
  expect(found?.fix).toContain('`cursor`');
  expect(found?.fix).toContain('`steps.all.next`');
  expect(found?.fix).toContain('a poll starts a run for each');
  expect(await said('')).toHaveLength(1);
});

test.each([
  ['which page', `, with: { ${REFERENCE}, cursor: x }`, 'size(steps.all.items) > 0'],
  ['how many it wants', `, with: { ${REFERENCE}, per_page: 1 }`, 'size(steps.all.items) > 0'],
  ['that there is no further page', `, with: { ${REFERENCE} }`, 'steps.all.next == null'],
  [
    'that there is none in a longer condition',
    '',
    'size(steps.all.items) > 0 && default(steps.all.next, null) == null',
  ],
])('a step that says %s knows what it does', async (_what, given, condition) => {
  expect(await said(given, condition)).toEqual([]);
});

describe('a step that reads all pages', () => {
  const ALL = `, with: { ${REFERENCE} }, pages: { atMost: 20 }`;
  /** What is said of it, whatever it is. */
  async function found(given: string, pagination = CURSOR, more: readonly [string, string][] = []) {
    const { diagnostics, check } = await testWorkspace({
      [CONNECTOR]: swap(CURSOR, pagination),
      [PIPELINE]: swaps(
        [
          '  - id: approval\n',
          `  - { id: all, call: shop.findParcels${given} }\n  - { id: known, check: { that: [{ condition: '\${ size(steps.all.items) > 0 }', message: there is none }], otherwise: fail } }\n  - id: approval\n`,
        ],
        ...more,
      ),
    });
    return { codes: diagnostics.map(({ code }) => code), diagnostics, plan: check.plans.get('order-placed') };
  }

  test('is told nothing, and its plan says how many at most', async () => {
    const { codes, plan } = await found(`, with: { ${REFERENCE} }, pages: { atMost: 5 }`);
    expect(codes).toEqual([]);
    expect(plan?.steps.find(({ id }) => id === 'all')).toMatchObject({ pages: { atMost: 5 } });
  });

  test('says in which shape', async () => {
    for (const pages of ['all', '{}', '{ atMost: 1 }', '{ atMost: 201 }', '{ atMost: 20, from: 2 }'])
      expect((await found(`, with: { ${REFERENCE} }, pages: ${pages}`)).codes, pages).not.toEqual([]);
  });

  test.each([
    'link, items: /items',
    'after, in: cursor, id: /id, items: /items',
    'page, in: cursor, items: /items',
  ])('begins with the first: %s', async (pagination) => {
    const { codes, diagnostics } = await found(
      `, with: { ${REFERENCE}, cursor: x }, pages: { atMost: 20 }`,
      `pagination: { type: ${pagination} }`,
    );
    expect(codes).toContain('pages-from-the-middle');
    expect(diagnostics.find(({ code }) => code === 'pages-from-the-middle')?.fix).toContain('`cursor`');
  });

  test('does nothing once for each page', async () => {
    const { diagnostics } = await testWorkspace({
      [PIPELINE]: swap('call: shop.createCharge', 'call: shop.createCharge\n    pages: { atMost: 5 }'),
    });
    expect(diagnostics).toMatchObject([
      { code: 'pages-without-pagination', message: expect.stringContaining('changes something') },
    ]);
  });

  test('is no base for a write: each page has a version of its own', async () => {
    const { diagnostics } = await testWorkspace({
      [CONNECTOR]: swaps(
        [CURSOR, `concurrency: etag\n    ${CURSOR}`],
        [
          'updateOrder: { effect: update, idempotency: { mode: natural } }',
          'updateOrder: { effect: update, idempotency: { mode: natural }, concurrency: etag }',
        ],
      ),
      [PIPELINE]: swaps([
        '  - id: approval\n',
        `  - { id: all, call: shop.findParcels, with: { ${REFERENCE} }, pages: { atMost: 5 } }\n  - { id: noted, call: shop.updateOrder, with: { orderId: '\${ event.orderId }', body: { note: '\${ steps.all.items[0].id }' } }, basedOn: { read: all }, irreversible: { because: it is, forward: { task: look, owner: sales, within: 1d } } }\n  - id: approval\n`,
      ]),
    });
    expect(diagnostics).toContainEqual(
      expect.objectContaining({
        code: 'based-on-wrong',
        message: expect.stringContaining('version of its own'),
      }),
    );
  });

  test('takes time for each, and for each once more where they are counted', async () => {
    const short: [string, string] = [
      'limits: { concurrency: 10, deadline: 15m }',
      'limits: { concurrency: 10, deadline: 2m }',
    ];
    const said = async (pagination?: string) =>
      (await found(ALL, pagination, [short])).diagnostics.find(({ code }) => code === 'deadline-too-short')
        ?.related?.[0]?.message;
    expect(await said()).toContain('20 calls for its pages');
    expect(await said('pagination: { type: page, in: cursor, items: /items }')).toContain(
      '39 calls for its pages',
    );
  });
});

test('what another step says of its page says nothing of this one', async () => {
  const other = `, with: { ${REFERENCE} } }\n  - { id: more, call: shop.findParcels, with: { ${REFERENCE}, cursor: x }`;
  expect(await said(other, 'steps.more.next == null && size(steps.all.items) > 0')).toHaveLength(1);
});

test('of a listing by links, a parameter that pages by its name is a position', async () => {
  const link = 'pagination: { type: link, items: /items }';
  expect(await said(`, with: { ${REFERENCE} }`, undefined, link)).toHaveLength(1);
  expect(await said(`, with: { ${REFERENCE}, cursor: x }`, undefined, link)).toEqual([]);
});

describe('a listing that is asked by POST', () => {
  const body = (more: string): string => `, with: { body: { reference: '\${ event.orderId }'${more} } }`;
  async function searched(given: string, pagination = 'cursor, in: /body/after, out: /next, items: /items') {
    const { diagnostics } = await testWorkspace({
      [CONTRACT]: swap(
        '  /labels:\n',
        `  /parcels/search:
    post:
      operationId: searchParcels
      requestBody:
        required: true
        content:
          application/json:
            schema: { type: object, properties: { reference: { type: string }, after: { type: string }, limit: { type: integer }, tags: { type: array, items: { type: string } } } }
      responses:
        '200':
          description: ok
          content: { application/json: { schema: { type: object, required: [items], properties: { items: { type: array, items: { $ref: '#/components/schemas/Parcel' } }, next: { type: string } } } } }
  /labels:
`,
      ),
      [CONNECTOR]: swap(
        '  cancelParcel:',
        `  searchParcels: { effect: read, pagination: { type: ${pagination} } }\n  cancelParcel:`,
      ),
      [PIPELINE]: swaps([
        '  - id: approval\n',
        `  - { id: all, call: shop.searchParcels${given} }\n  - { id: known, check: { that: [{ condition: '\${ size(steps.all.items) > 0 }', message: there is none }], otherwise: fail } }\n  - id: approval\n`,
      ]),
    });
    return diagnostics.map(({ code, message, fix }) => ({ code, message, fix }));
  }

  test('is told of as any, with what its body can say', async () => {
    expect(await searched(body(''))).toEqual([
      {
        code: 'listing-read-in-part',
        message: expect.stringContaining('answers in pages'),
        fix: expect.stringMatching(/`body\.limit`.*`body\.after`/),
      },
    ]);
  });

  test.each([', limit: 1', ", after: '${ event.id }'"])('knows what it does with%s', async (more) => {
    expect(await searched(body(more))).toEqual([]);
  });

  test('is asked for nothing that its body does not have, nor in an item of a list', async () => {
    expect(await searched(body(', limit: 1'), 'cursor, in: /body/afer, out: /next, items: /items')).toEqual([
      {
        code: 'manifest-pagination-unknown',
        message: 'the request of `searchParcels` has no `/body/afer`',
        fix: expect.stringContaining('after'),
      },
    ]);
    expect(await searched(body(', limit: 1'), 'cursor, in: /body/tags/0, out: /next, items: /items')).toEqual(
      [
        expect.objectContaining({
          message: '`/body/tags/0` lies in an item of the list at `/body/tags`, and a page is no item of it',
        }),
      ],
    );
  });
});

test('a listing that does not page is no matter', async () => {
  expect(await said(`, with: { ${REFERENCE} }`, undefined, 'timeout: 5s')).toEqual([]);
});

test('a step that reads nothing of the items does not take the page for all of them', async () => {
  const total = {
    [CONTRACT]: swap(
      "next: { type: [string, 'null'] }",
      "next: { type: [string, 'null'] }\n                  total: { type: integer }",
    ),
  };
  const { diagnostics } = await testWorkspace({
    ...total,
    [PIPELINE]: swap(
      '  - id: approval\n',
      "  - { id: all, call: shop.findParcels }\n  - { id: known, check: { that: [{ condition: '${ default(steps.all.total, 0) > 0 }', message: there is none }], otherwise: fail } }\n  - id: approval\n",
    ),
  });
  expect(diagnostics).toEqual([]);
});

test('a list that goes through what one page has is told, whatever becomes of each', async () => {
  const { diagnostics } = await testWorkspace({
    [PIPELINE]: swap(
      '  - id: approval\n',
      `  - { id: all, call: shop.findParcels }
  - { id: each, forEach: { in: '\${ steps.all.items }', as: parcel, key: '\${ parcel.id }', max: 100, onItemFailure: stop, steps: [{ id: seen, call: shop.getOrder, with: { orderId: '\${ parcel.id }' } }] } }
  - id: approval
`,
    ),
  });
  expect(diagnostics.map(({ code }) => code)).toContain('listing-read-in-part');
});
