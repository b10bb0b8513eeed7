import { expect, test } from 'vitest';
import {
  CONFIG,
  CONNECTOR,
  CONTRACT,
  PIPELINE,
  secondPipeline,
  swap,
  swaps,
  testWorkspace,
} from '../../test-workspace.ts';

const messages = async (
  edits: Parameters<typeof testWorkspace>[0],
  code: string,
): Promise<readonly string[]> =>
  (await testWorkspace(edits)).diagnostics.filter((one) => one.code === code).map(({ message }) => message);

test('a promise that retries can break is told with the worst case', async () => {
  expect(await messages({ [PIPELINE]: swap('within: 5m }', 'within: 1m30s }') }, 'slo-cannot-hold')).toEqual([
    'can take 2m2s500ms; SLO says 1m30s',
  ]);
});

test('a circle of two pipelines is shown as a path, once', async () => {
  const back =
    "  - { id: again, emit: shop.orderPlaced, with: { id: a, orderId: '${ event.orderId }', total: 1, currency: EUR, version: 1, customer: { name: a, email: b } } }";
  const second = { 'pipelines/parcel-left.pipeline.yaml': secondPipeline(back) };
  expect(await messages(second, 'trigger-cycle')).toEqual([
    'order-placed → emits news.orderShipped → parcel-left → emits shop.orderPlaced → order-placed',
  ]);
});

test('a plan is not made of a pipeline with an error across pipelines', async () => {
  const { check } = await testWorkspace({
    [PIPELINE]: swap('event: shop.orderPaid', 'event: news.orderShipped'),
  });
  expect([...check.plans.keys()]).toEqual([]);
});

test('classed data is followed through set steps and text, and stops at questions', async () => {
  const through = await messages(
    {
      [PIPELINE]: swaps(
        [
          'set: { speed: slow }',
          'set: { speed: slow }\n  - { id: who, set: { line: "for ${ event.customer.email }", known: "${ event.customer.email != \'\' }" } }',
        ],
        ["to: '${ event.customer.name }'", "to: '${ steps.who.line }'"],
      ),
    },
    'data-not-cleared',
  );
  expect(through).toHaveLength(1);
  const asked = await messages(
    {
      [PIPELINE]: swaps(
        [
          'set: { speed: slow }',
          'set: { speed: slow }\n  - { id: who, set: { line: "for ${ event.customer.email }", known: "${ event.customer.email != \'\' }" } }',
        ],
        ["to: '${ event.customer.name }'", "to: \"${ steps.who.known ? 'a' : 'b' }\""],
      ),
    },
    'data-not-cleared',
  );
  expect(asked).toEqual([]);
});

/** A customer who came by another one, and so on without an end. */
const referredCustomer = {
  [CONTRACT]: swaps(
    [
      `customer:
          type: object
          required: [name, email]
          properties: { name: { type: string }, email: { type: string } }`,
      `customer: { $ref: '#/components/schemas/Customer' }`,
    ],
    [
      '    OrderPaid:',
      `    Customer:
      type: object
      required: [name, email]
      properties:
        name: { type: string }
        email: { type: string }
        via: { $ref: '#/components/schemas/Customer' }
        phones: { type: object, patternProperties: { '^[a-z]+$': { type: string } } }
    OrderPaid:`,
    ],
  ),
  'contracts/shop/contract.yaml': swap(
    '/components/schemas/OrderPlaced/properties/customer/properties/email: personal',
    `/components/schemas/Customer/properties/email: personal
  /components/schemas/Customer/properties/phones/patternProperties/^[a-z]+$: personal`,
  ),
};
const sentTo = (expression: string) => swap("to: '${ event.customer.name }'", `to: "\${ ${expression} }"`);

test('a receiving field is named as `classes` would have it', async () => {
  const { diagnostics } = await testWorkspace({
    ...referredCustomer,
    [PIPELINE]: sentTo("default(event.customer.email, '-')"),
  });
  const [leak] = diagnostics.filter(({ code }) => code === 'data-not-cleared');
  expect(leak?.fix).toMatch(
    /^class the field `personal` in contracts\/shop\/contract\.yaml \(`classes: \{ '\/[^']*\/to': personal \}`\) if /,
  );
});

test('classed data is followed however often its type comes back to itself, and by patterns of names', async () => {
  const leaks = (expression: string) =>
    messages({ ...referredCustomer, [PIPELINE]: sentTo(expression) }, 'data-not-cleared');
  for (const via of ['', '.via', '.via.via', '.via.via.via.via.via'])
    expect([
      via,
      await leaks(`default(event.customer${via}.email, '-')`),
      await leaks(`default(event.customer${via}.name, '-')`),
    ]).toEqual([via, [expect.stringContaining('is not cleared for it')], []]);
  expect(await leaks("default(event.customer.phones['home'], '-')")).toHaveLength(1);
});

test('it is redacted as far as fields are listed, and whole where that is given up', async () => {
  const { check, diagnostics } = await testWorkspace(referredCustomer);
  expect(diagnostics).toEqual([]);
  expect(check.plans.get('order-placed')!.redact['event']).toEqual([
    '/customer/email',
    '/customer/phones/*',
    '/customer/via/email',
    '/customer/via/phones/*',
    '/customer/via/via',
  ]);
});

test('a finding carries the owner of its pipeline', async () => {
  const { diagnostics } = await testWorkspace({
    [PIPELINE]: swap('event.customer.name', 'event.customer.nmae'),
  });
  expect(diagnostics.map(({ owner }) => owner)).toEqual(['sales']);
});

test('two runs give the same findings in the same order', async () => {
  const edits = {
    [PIPELINE]: swaps(['event.customer.name', 'event.customer.email'], ['tier: medium', 'tier: low']),
  };
  const [first, second] = await Promise.all([testWorkspace(edits), testWorkspace(edits)]);
  expect(first.diagnostics.length).toBeGreaterThan(1);
  expect(second.diagnostics).toEqual(first.diagnostics);
});

test('the same field written through two operations has two writers', async () => {
  const note = (operation: string, id: string) => `  - id: ${id}
    call: shop.${operation}
    with: { orderId: '\${ event.orderId }', body: { note: left } }
    irreversible: { because: a, forward: { task: b, owner: sales, within: 1d } }`;
  const replace = `    put:
      operationId: replaceOrder
      parameters: [{ name: orderId, in: path, required: true, schema: { type: string } }]
      requestBody: { required: true, content: { application/json: { schema: { type: object, properties: { note: { type: string } } } } } }
      responses: { '200': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Order' } } } } }
    delete:`;
  const found = await messages(
    {
      [CONTRACT]: swap('    delete:', replace),
      [CONNECTOR]: swap(
        '  updateOrder:',
        '  replaceOrder: { effect: update, idempotency: { mode: natural } }\n  updateOrder:',
      ),
      'pipelines/parcel-left.pipeline.yaml': secondPipeline(note('replaceOrder', 'noted')),
      [PIPELINE]: (text) => text.replace('success: ${', `${note('updateOrder', 'marked')}\nsuccess: \${`),
    },
    'field-has-two-writers',
  );
  expect(found).toEqual(['`shop.replaceOrder.note` is written by `order-placed` too']);
});

test('a contract says which operations change access; a pipeline of low tier may not call them', async () => {
  const low = (impact: string) =>
    messages(
      {
        [CONTRACT]: swap(
          'operationId: printLabel',
          `operationId: printLabel\n      x-tenon-impact: ${impact}`,
        ),
        'pipelines/parcel-left.pipeline.yaml': secondPipeline(
          `  - id: label
    call: shop.printLabel
    with: { body: { text: left } }
    retry: none
    irreversible: { because: a, forward: { task: b, owner: sales, within: 1d } }`,
        ).replace('tier: medium', 'tier: low'),
      },
      'tier-too-low',
    );
  expect(await low('access')).toEqual(['tier is `low`, and `shop.printLabel` changes who has access']);
  expect(await low('[money]')).toEqual(['tier is `low`, and `shop.printLabel` moves money']);
  expect(await low('5')).toEqual([]);
});

test('a branch with the condition of one before it is never taken', async () => {
  const again = swap(
    '      - steps:\n          - id: slow',
    '      - when: ${ default( event.express,false ) }\n        steps: [{ id: again, set: 1 }]\n      - steps:\n          - id: slow',
  );
  expect(await messages({ [PIPELINE]: again }, 'branch-unreachable')).toEqual([
    'this branch is never taken: one before it has the same condition',
  ]);
});

test('one source that waits for nothing is enough to end a wait', async () => {
  const wait =
    '  - { id: late, wait: { event: news.orderShipped, match: "${ true == has(signal.orderId) }", within: 1d, onExpiry: continue } }\n  - id: announced';
  const stuck = { [PIPELINE]: swap('  - id: announced', wait) };
  expect(await messages(stuck, 'wait-cycle')).toHaveLength(1);
  const free = secondPipeline(
    "  - { id: sent, emit: news.orderShipped, with: { orderId: '${ event.orderId }' } }",
  ).replace('event: news.orderShipped', 'event: shop.orderPaid');
  expect(await messages({ ...stuck, 'pipelines/parcel-left.pipeline.yaml': free }, 'wait-cycle')).toEqual([]);
});

test('a compensation may delete where its author says why', async () => {
  const deleting = (above: string) => ({
    [PIPELINE]: swap(
      "    compensate: { call: shop.refundCharge, with: { chargeId: '${ steps.charge.id }' } }",
      `${above}    compensate: { call: shop.deleteOrder, with: { orderId: '\${ event.orderId }' } }`,
    ),
    [CONFIG]: swap('findParcels, getOrder, refundCharge]', 'deleteOrder, findParcels, getOrder]'),
  });
  const allowed =
    '    # tenon: allow compensation-deletes because an order without a charge is shown to nobody\n';
  expect((await testWorkspace(deleting(allowed))).diagnostics).toEqual([]);
  const [found] = (await testWorkspace(deleting(''))).diagnostics;
  expect(found).toMatchObject({
    code: 'compensation-deletes',
    fix: expect.stringContaining('`# tenon: allow compensation-deletes because <reason>`'),
  });
});

test.each([
  [
    'looks for what the step does not send',
    'found: "${ body.items.exists(one, one.?reference.orValue(\'\') == request.body.reference) ? body.items[0] : null }"',
    ['the probe of `shop.createParcel` asks by `request.body.reference`, which this step does not send'],
  ],
  [
    'copes with what the step does not send',
    'found: "${ body.items.exists(one, one.reference == request.body.?reference.orValue(\'\')) ? body.items[0] : null }"',
    [],
  ],
])('a probe that %s', async (_what, found, expected) => {
  const edits = {
    [CONTRACT]: swap('required: [reference, to]', 'required: [to]'),
    [CONNECTOR]: swap('by: reference }', `with: {}, ${found} }`),
    [PIPELINE]: swap("with: { body: { reference: '${ event.orderId }', to:", 'with: { body: { to:'),
  };
  expect(await messages(edits, 'probe-cannot-ask')).toEqual(expected);
});

test('a probe that is asked once the key is forgotten is given what it asks by', async () => {
  const edits = {
    [CONTRACT]: swap('required: [reference, to]', 'required: [to]'),
    [CONNECTOR]: swap(
      'idempotency: { mode: none }\n    probe: { operation: findParcels, by: reference }',
      'idempotency: { mode: header, name: Idempotency-Key, retention: 1h }\n    probe: { operation: findParcels, by: reference }',
    ),
    [PIPELINE]: swap("with: { body: { reference: '${ event.orderId }', to:", 'with: { body: { to:'),
  };
  expect(await messages(edits, 'probe-cannot-ask')).toHaveLength(1);
  const longer = {
    ...edits,
    [PIPELINE]: swaps(
      ["with: { body: { reference: '${ event.orderId }', to:", 'with: { body: { to:'],
      ['recover: 4h', 'recover: 30m'],
    ),
  };
  expect(await messages(longer, 'probe-cannot-ask')).toEqual([]);
});
