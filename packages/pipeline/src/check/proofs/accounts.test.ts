import { expect, test } from 'vitest';
import { planPublications } from '../../plan-publication.ts';
import {
  CHILD,
  CONFIG,
  CONNECTOR,
  childPipeline,
  type Edits,
  PIPELINE,
  secondPipeline,
  swap,
  swaps,
  testWorkspace,
} from '../../test-workspace.ts';

/** A second account of the shop beside the one of the workspace. */
const US = `  shop-us:
    connector: shop
    baseUrl: env:SHOP_US_URL
    credentials: { key: { token: env:SHOP_US_KEY } }
`;
const SECRET = '    webhookSecrets: [env:SHOP_US_WEBHOOK_SECRET]\n';
const two = (second = `${US}${SECRET}`) => swap('connections:\n', `connections:\n${second}`);
const KEY = 'key: ${ event.orderId }:${ event.version }';
const ORDER = 'orderBy: ${ event.orderId }';
const TOLD = 'key: ${ connection }:${ event.orderId }:${ event.version }';
const POLLED = `sources:
  orderPlaced:
    poll: { operation: findParcels, key: /id, cursor: { in: reference, from: /orderId } }
webhooks:`;

const call = (operation: string, more = '\n    over: ${ connection }') =>
  [`call: shop.${operation}\n`, `call: shop.${operation}${more}\n`] as const;
const WAIT = 'wait: { event: shop.orderPaid,';
const WAIT_OVER = "wait: { event: shop.orderPaid, over: '${ connection }',";
/** Each step does its work for the account of the event. */
const OVER = [call('getOrder'), call('createCharge'), call('createParcel'), [WAIT, WAIT_OVER]] as const;

type Change = (text: string) => string;

/** What is found of a pipeline that does its work over the connection of its event, with a change. */
async function found(change: Change, more: Edits = {}) {
  const pipeline: Change = (text) => change(swaps(...OVER)(text));
  const { diagnostics } = await testWorkspace({ [CONFIG]: two(), [PIPELINE]: pipeline, ...more });
  return diagnostics;
}

const same: Change = (text) => text;

test('a key that is the same in both accounts is refused, with one that can be pasted', async () => {
  expect(await found(same)).toMatchObject([
    {
      code: 'accounts-not-told-apart',
      message: expect.stringContaining('may come over `shop-us` and `shop`'),
      fix: expect.stringContaining('`key: "${ connection }:${ event.orderId }:${ event.version }"`'),
    },
  ]);
});

test('one that says over which connection the event came is taken', async () => {
  expect(await found(swap(KEY, TOLD))).toEqual([]);
});

test('so is one account, by the condition of the trigger', async () => {
  const where = "where: ${ event.total > 0 && connection == 'shop-us' }";
  expect(await found(swap('where: ${ event.total > 0 }', where))).toEqual([]);
});

test('ids that are the same in all accounts are said to be', async () => {
  const allowed = `# tenon: allow accounts-not-told-apart because our own system numbers the orders\n  ${KEY}`;
  expect(await found(swap(KEY, allowed))).toEqual([]);
});

test('a connection for calls alone is no second account', async () => {
  expect(await found(same, { [CONFIG]: two(US) })).toEqual([]);
  const polled = { [CONNECTOR]: swap('webhooks:', POLLED) };
  const silent = `${US}    sources: []\n`;
  expect(await found(same, { [CONFIG]: two(silent), ...polled })).toEqual([]);
  const fetching = await found(same, { [CONFIG]: two(US), ...polled });
  expect(
    fetching.map(({ code }) => code),
    'what is fetched needs no secret',
  ).toContain('accounts-not-told-apart');
});

test('versions that are counted for both accounts at once are refused', async () => {
  const versioned = (order: string) =>
    swaps([KEY, TOLD], [ORDER, `${order}\n  version: \${ event.version }`]);
  expect(await found(versioned(ORDER))).toMatchObject([
    {
      code: 'accounts-not-told-apart',
      message: expect.stringContaining('version'),
      fix: expect.stringContaining('`orderBy: "${ connection }:${ event.orderId }"`'),
    },
  ]);
  expect(await found(versioned('orderBy: ${ connection }:${ event.orderId }'))).toEqual([]);
});

test('the connections are the values that it has', async () => {
  const codes = async (where: string) =>
    (await found(swaps([KEY, TOLD], ['where: ${ event.total > 0 }', `where: \${ ${where} }`]))).map(
      ({ code, message }) => `${code} ${message}`,
    );
  expect(await codes("connection == 'shop_us'")).toEqual([expect.stringMatching(/^value-outside-enum/)]);
  expect(await codes("connection in ['shop', 'shop-us']")).toEqual([]);
  expect(await found(swap(KEY, 'key: ${ connection }'))).toMatchObject([{ code: 'identity-key-shared' }]);
});

test('a key over one connection need not name it, and may', async () => {
  const one = { [CONFIG]: same };
  expect(await found(same, one)).toEqual([]);
  expect(await found(swap(KEY, TOLD), one)).toEqual([]);
});

const apart = (...changes: (readonly [string, string])[]) => swaps([KEY, TOLD], ...changes);
const call_ = (operation: string) => call(operation)[1];
const plainly = (operation: string) => [call(operation)[1], call(operation)[0]] as const;

test('a step that names one of the accounts is told, unless its event is known to be of that one', async () => {
  const [one, ...more] = await found(apart(plainly('getOrder')));
  expect(more).toEqual([]);
  expect(one).toMatchObject({
    code: 'call-over-one-account',
    severity: 'warning',
    message: '`shop.getOrder` goes over `shop`, and the event may have come over `shop-us`',
    fix: expect.stringContaining('add `over: "${ connection }"`'),
  });
  const where = ['where: ${ event.total > 0 }', "where: ${ connection == 'shop' }"] as const;
  expect(await found(apart(plainly('createCharge'), where)), 'by the trigger').toEqual([]);
  const when = call('createParcel', "\n    when: ${ connection == 'shop' }");
  const codes = (await found(apart(plainly('createParcel'), when))).map(({ code }) => code);
  expect(codes, 'by the step').not.toContain('call-over-one-account');
});

/** What undoes the charge, and what is found of it. */
const undone = async (operation: string, ...changes: (readonly [string, string])[]) => {
  const back = ['compensate: { call: shop.refundCharge', `compensate: { call: ${operation}`] as const;
  return (await found(apart(back, ...changes))).filter(({ code }) => code === 'undone-in-another-account');
};
const OVER_CHARGE = call('createCharge')[1];
const chargedBy = (more: string) => [OVER_CHARGE, `call: shop.createCharge${more}\n`] as const;

test('an effect that is undone in another account is refused', async () => {
  expect(await undone('shop-us.refundCharge'), 'of the event').toMatchObject([
    {
      severity: 'error',
      message: '`shop-us.refundCharge` goes over `shop-us`, and the effect of `charge` may be in `shop`',
      fix: expect.stringContaining(
        'write `call: shop.refundCharge`, which goes over the connection that the step',
      ),
    },
  ]);
  const chosen = chargedBy(`\n    over: "\${ event.currency == 'EUR' ? 'shop' : 'shop-us' }"`);
  expect(await undone('shop-us.refundCharge', chosen), 'by an expression').toHaveLength(1);
  const literal = [OVER_CHARGE, 'call: shop-us.createCharge\n'] as const;
  expect(await undone('shop.refundCharge', literal), 'by its name').toMatchObject([
    { fix: expect.stringContaining('write `call: shop-us.refundCharge`') },
  ]);
  expect(await undone('shop-us.refundCharge', chargedBy('')), 'without `over`').toHaveLength(1);
  expect(await undone('shop.refundCharge', chargedBy('')), 'in its own').toEqual([]);
});

test('where it is known which account it is, an undoing may name it', async () => {
  const known = chargedBy("\n    over: ${ connection }\n    when: ${ connection == 'shop-us' }");
  expect(await undone('shop-us.refundCharge', known)).toEqual([]);
  expect(await undone('shop.refundCharge', known), 'or go the same way').toEqual([]);
});

/** What is shipped in a branch of a choice, or for each of a list. */
const shipped = async (from: string, to: string, steps: string) => {
  const parcel = `  - id: more
    ${from}
${steps}
`;
  const all = await found(apart(['  - id: paid\n', `${parcel}  - id: paid\n`]));
  return all.filter(({ code, message }) => code === 'undone-in-another-account' && message.includes(to));
};
const parcelOver = (over: string, back: string, indent: string, id: string) =>
  [
    `- id: ${id}`,
    '  call: shop.createParcel',
    ...(over === '' ? [] : [`  over: ${over}`]),
    "  with: { body: { reference: 'x:${ event.orderId }', to: x } }",
    `  compensate: { call: ${back}, with: { parcelId: '\${ steps.${id}.id }' } }`,
  ]
    .map((line) => `${indent}${line}`)
    .join('\n');

test('so it is held in branches and lists', async () => {
  const choice = (back: string) =>
    `      - when: \${ connection == 'shop-us' }
        steps:
${parcelOver('${ connection }', back, ' '.repeat(10), 'us')}
      - steps:
${parcelOver('${ connection }', 'shop-us.cancelParcel', ' '.repeat(10), 'eu')}`;
  expect(await shipped('choose:', '`us`', choice('shop-us.cancelParcel'))).toEqual([]);
  expect(await shipped('choose:', '`us`', choice('shop.cancelParcel'))).toEqual([]);
  expect(await shipped('choose:', '`eu` may be in `shop`', choice('shop-us.cancelParcel'))).toHaveLength(1);
  const each = (over: string, back: string) =>
    `      in: \${ ['shop', 'shop-us'] }
      as: account
      key: \${ account }
      max: 2
      steps:
${parcelOver(over, back, ' '.repeat(8), 'each')}`;
  const list = (over: string, back: string) => shipped('forEach:', '`each`', each(over, back));
  expect(await list('${ account }', 'shop-us.cancelParcel')).toMatchObject([
    { message: expect.stringContaining('may be in `shop`') },
  ]);
  expect(await list('${ account }', 'shop.cancelParcel'), 'the way of the step').toEqual([]);
  expect(await list('', 'shop-us.cancelParcel'), 'without `over`').toHaveLength(1);
});

test('so is the look before an undoing', async () => {
  const looked = (read: string) =>
    undone('shop.refundCharge', [
      "with: { chargeId: '${ steps.charge.id }' } }",
      `with: { chargeId: '\${ steps.charge.id }' }, guard: { read: ${read}, with: { chargeId: '\${ steps.charge.id }' }, unchanged: "\${ current.status == 'open' }" } }`,
    ]);
  expect(await looked('shop-us.getCharge')).toMatchObject([
    { message: expect.stringContaining('`shop-us.getCharge` goes over `shop-us`') },
  ]);
  expect(await looked('shop.getCharge')).toEqual([]);
});

/** News that go out over two connections, and what is found where the event of an account is told so. */
const NEWS = 'connectors/news/connector.yaml';
const news = `apiVersion: tenon/v1
kind: Connector
metadata: { name: news, version: 1.0.0, owner: sales }
contract: news
transport: bus
publications: { orderShipped: { idempotency: { mode: none } } }
`;
const newsOver = (...names: string[]) =>
  names.map((name) => `  ${name}:\n    connector: news\n    baseUrl: env:NEWS_URL\n`).join('');
const told = async (over: string, names = ['news-eu', 'news-us'], change: Change = same) => {
  const emit = ['    emit: news.orderShipped\n', `    emit: news.orderShipped\n${over}`] as const;
  const all = await found((text) => change(apart(emit)(text)), {
    [CONFIG]: (text) => two(`${US}${SECRET}${newsOver(...names)}`)(text),
    [NEWS]: news,
  });
  return all.filter(({ code }) => /emit-over|over-unknown/.test(code));
};

test('an event of one account is not told to all of them, unless that is said', async () => {
  expect(await told('')).toMatchObject([
    {
      code: 'emit-over-all-accounts',
      severity: 'error',
      message: expect.stringContaining('`news.orderShipped` goes out over `news-eu` and `news-us`'),
      fix: expect.stringContaining('news-eu or news-us'),
    },
  ]);
  expect(await told(`    over: "\${ connection == 'shop' ? 'news-eu' : 'news-us' }"\n`)).toEqual([]);
  expect(await told('', ['news'])).toEqual([]);
  const one = swap('where: ${ event.total > 0 }', "where: ${ connection == 'shop' }");
  expect(await told('', undefined, one), 'one account alone').toEqual([]);
  const allowed = swap(
    '    emit: news',
    '    # tenon: allow emit-over-all-accounts because both regions show all parcels\n    emit: news',
  );
  expect(await told('', undefined, allowed)).toEqual([]);
});

test('where it goes out over is one of the connections that send it', async () => {
  expect(await told('    over: ${ connection }\n')).toMatchObject([
    {
      code: 'over-unknown',
      message: expect.stringContaining('is no connection of a connector that has `news.orderShipped`'),
    },
  ]);
});

test('what goes out over one connection is sent by that one', async () => {
  const over = `    over: "\${ connection == 'shop' ? 'news-eu' : 'news-us' }"\n`;
  const { check, workspace } = await testWorkspace({
    [CONFIG]: two(`${US}${SECRET}${newsOver('news-eu', 'news-us')}`),
    [NEWS]: news,
    [PIPELINE]: swaps(
      ...OVER,
      [KEY, TOLD],
      ['    emit: news.orderShipped\n', `    emit: news.orderShipped\n${over}`],
    ),
  });
  expect(check.plans.get('order-placed')?.steps).toContainEqual(
    expect.objectContaining({
      id: 'announced',
      over: { over: "connection == 'shop' ? 'news-eu' : 'news-us'", among: ['news-eu', 'news-us'] },
    }),
  );
  expect(planPublications(workspace).map(({ trigger }) => trigger)).toEqual(
    ['news-eu', 'news-us'].map((one) => ({ event: 'news.orderShipped', over: one })),
  );
});

test('a wait hears either account unless it says which', async () => {
  expect(await found(apart([WAIT_OVER, WAIT]))).toMatchObject([
    {
      code: 'accounts-not-told-apart',
      fix: expect.stringContaining('add `over: "${ connection }"` to the `wait`'),
    },
  ]);
});

test('what a step may call over a connection is granted for each that it may choose', async () => {
  const { check } = await testWorkspace({ [CONFIG]: two(), [PIPELINE]: (text) => apart(...OVER)(text) });
  const operations = [
    'cancelParcel',
    'createCharge',
    'createParcel',
    'findParcels',
    'getOrder',
    'refundCharge',
  ];
  for (const name of ['shop', 'shop-us'])
    expect(check.needed.get(name)?.['order-placed']?.operations, name).toEqual(operations);
  const plan = check.plans.get('order-placed');
  const choice = { over: 'connection', among: ['shop', 'shop-us'] };
  expect(plan?.steps).toContainEqual(
    expect.objectContaining({
      id: 'charge',
      connection: choice,
      compensate: expect.objectContaining({ connection: choice }),
    }),
  );
  expect(plan?.steps).toContainEqual(
    expect.objectContaining({ id: 'paid', for: expect.objectContaining({ over: 'connection' }) }),
  );
});

test('an expression may choose among the connections of the connector, and no others', async () => {
  const over = (text: string) =>
    found(apart([call('getOrder')[1], call('getOrder', `\n    over: "\${ ${text} }"`)[1]]));
  expect(await over("event.currency == 'EUR' ? 'shop' : 'shop-us'")).toEqual([]);
  expect(await over('event.orderId')).toMatchObject([
    {
      code: 'over-unknown',
      message: expect.stringContaining('any text'),
      fix: expect.stringContaining('shop-us, shop'),
    },
  ]);
  expect(await over("event.currency == 'EUR' ? 'shop' : 'news'")).toMatchObject([
    { code: 'over-unknown', message: '`over` may be `news`, which is no connection of connector `shop`' },
  ]);
  expect(await over("event.currency == 'EUR' ? 'shop' : null")).toMatchObject([{ severity: 'error' }]);
});

/** The account of the workspace under a name that is not its connector's. */
const [EU_CALLS, EU_CONFIG] = [
  swap('compensate: { call: shop.', 'compensate: { call: shop-eu.'),
  (text: string) => two()(text).replace(/^ {2}shop:$/m, '  shop-eu:'),
];

test('a connector with accounts of other names is told of them, and how a call takes one', async () => {
  const call = { [CONFIG]: EU_CONFIG };
  const untold = await found(apart(plainly('getOrder')), call);
  expect(untold.filter(({ code }) => code === 'unknown-connection')).toMatchObject([
    {
      message: 'connector `shop` has no connection of that name; its connections are `shop-us` and `shop-eu`',
      fix: 'add `over: "${ connection }"` to the step: the connection that the event came over; or name one: `shop-us.getOrder`, `shop-eu.getOrder`',
    },
  ]);
  const named = swaps(
    [call_('getOrder'), 'call: shop-eu.getOrder\n'],
    [call_('createCharge'), 'call: shop-eu.createCharge\n'],
  );
  const undone = await found((text) => named(apart()(text)), call);
  expect(undone.filter(({ code }) => code === 'unknown-connection')).toMatchObject([
    { fix: 'name one: `shop-us.refundCharge`, `shop-eu.refundCharge`' },
  ]);
  const both = await found((text) => EU_CALLS(named(apart()(text))), call);
  expect(both.map(({ code }) => code)).not.toContain('unknown-connection');
});

/** The charge of the event's account is read again, over what is given here. */
const reread = (over: string, chargeId = 'steps.charge.id') =>
  apart([
    '  - id: pace\n',
    `  - id: again\n${over}    with: { chargeId: '\${ ${chargeId} }' }\n  - id: pace\n`,
  ]);
const OTHER = `    call: shop.getCharge\n    over: "\${ connection == 'shop' ? 'shop-us' : 'shop' }"\n`;

test('an id that one account gave and another is sent is told', async () => {
  const crossed = async (change: Change) =>
    (await found(change)).filter(({ code }) => code === 'id-of-another-account');
  expect(await crossed(reread(OTHER))).toMatchObject([
    {
      severity: 'warning',
      message:
        "`steps.charge.id` is an id that `charge` was given over `connection`, and `again` sends it over `connection == 'shop' ? 'shop-us' : 'shop'`",
      fix: expect.stringContaining('`over: "${ connection }"`'),
    },
  ]);
  const named = reread("    call: shop-us.getCharge\n    when: ${ connection == 'shop' }\n");
  expect(await crossed(named), 'by the name of the connection').toHaveLength(1);
});

test('an id is sent to its own account in other words too', async () => {
  const codes = async (change: Change) => (await found(change)).map(({ code }) => code);
  for (const [why, change] of [
    ['the same choice', reread('    call: shop.getCharge\n    over: ${ connection }\n')],
    [
      'one that is known here',
      reread("    call: shop.getCharge\n    over: ${ connection }\n    when: ${ connection == 'shop' }\n"),
    ],
    ['by its name', reread("    call: shop.getCharge\n    when: ${ connection == 'shop' }\n")],
    ['an id of the event', reread(OTHER, 'event.orderId')],
    ['no id alone', reread(OTHER, "steps.charge.id + '-copy'")],
  ] as const)
    expect(await codes(change), why).not.toContain('id-of-another-account');
});

test('with `over`, a call begins with the connector', async () => {
  expect(await found(apart(['call: shop.getOrder', 'call: shop-us.getOrder']))).toMatchObject([
    { code: 'unknown-connector', fix: expect.stringContaining('write `shop.getOrder`') },
  ]);
});

test('a pipeline that is run takes the name as its input', async () => {
  const given = swaps(
    ['required: [reference, to]', 'required: [reference, to, account]'],
    ['to: { type: string } }', 'to: { type: string }, account: { enum: [shop, shop-us] } }'],
    ["key: 'ship:${ event", "key: '${ event.account }:${ event"],
    ['call: shop.createParcel\n', 'call: shop.createParcel\n    over: ${ event.account }\n'],
  );
  const RUN = `  - id: shipped
    run: { pipeline: ship, with: { reference: 'x:\${ event.orderId }', to: x, account: '\${ connection }' } }
`;
  const runs = apart(
    ['  - id: paid\n', `${RUN}  - id: paid\n`],
    ['metrics:\n', 'metrics:\n  shipped: { when: "${ steps.shipped.parcel != \'\' }" }\n'],
  );
  expect(await found(runs, { [CHILD]: given(childPipeline) })).toEqual([]);
  const asking = given(childPipeline).replace('over: ${ event.account }', 'over: ${ connection }');
  expect(await found(runs, { [CHILD]: asking })).toMatchObject([
    { code: 'connection-absent', file: CHILD, fix: expect.stringContaining('enum') },
  ]);
});

test('who hears what is published over a connection may ask over which', async () => {
  const second = secondPipeline('  - { id: seen, set: { amount: "${ event.amount }" } }')
    .replace('trigger: { event: news.orderShipped }', 'trigger: { event: shop.orderPaid }')
    .replace("key: 'left:${ event.orderId }'", "key: '${ connection }:${ event.orderId }'");
  const published = async (over: string) => {
    const emit = `  - id: told\n    emit: shop.orderPaid\n${over}    with: { orderId: 'x:\${ event.orderId }', amount: 1 }\n`;
    const all = await found(apart(['  - id: pace\n', `${emit}  - id: pace\n`]), {
      'pipelines/paid.pipeline.yaml': second,
    });
    return all.map(({ code }) => code).filter((code) => /connection-absent|over-unknown/.test(code));
  };
  expect(await published('')).toEqual(['connection-absent']);
  expect(await published('    over: ${ connection }\n')).toEqual([]);
});
