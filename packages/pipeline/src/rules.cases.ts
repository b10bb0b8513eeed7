import type { PipelineCode } from './rules.ts';
import {
  CHILD,
  CONFIG,
  CONNECTOR,
  CONTRACT,
  childPipeline,
  type Edits,
  PIPELINE,
  POLICIES,
  parented,
  RUN,
  reconciled,
  secondPipeline,
  swap,
  swaps,
  testFiles,
} from './test-workspace.ts';

/** A change of the test workspace that makes a code fire, with the text it points at, and one that must not. */
export interface RuleCase {
  readonly fires: Edits;
  /** The text under the caret. */
  readonly on?: string;
  /** Other codes that cannot but fire with it. */
  readonly also?: readonly string[];
  readonly silent: Edits;
}

const pipeline = (from: string, to: string): Edits => ({ [PIPELINE]: swap(from, to) });
const pipelineSwaps = (...pairs: readonly (readonly [string, string])[]): Edits => ({
  [PIPELINE]: swaps(...pairs),
});
const connector = (from: string, to: string): Edits => ({ [CONNECTOR]: swap(from, to) });
const contract = (from: string, to: string): Edits => ({ [CONTRACT]: swap(from, to) });
/** The contract declares the header in which the key of a charge goes. */
const KEYED = contract(
  'operationId: createCharge',
  'operationId: createCharge\n      parameters: [{ name: Idempotency-Key, in: header, schema: { type: string } }]',
);
const config = (from: string, to: string): Edits => ({ [CONFIG]: swap(from, to) });
const grants = (operations: string): Edits =>
  config(
    'operations: [cancelParcel, createCharge, createParcel, findParcels, getOrder, refundCharge]',
    `operations: [${operations}]`,
  );
const policies = (from: string, to: string): Edits => ({ [POLICIES]: swap(from, to) });
const none: Edits = {};
const childOutput = childPipeline.slice(childPipeline.indexOf('output:'), childPipeline.indexOf('success:'));

/** A second account of the shop, whose deliveries are taken too. */
const OTHER_ACCOUNT = swap(
  'connections:\n',
  `connections:
  shop-us:
    connector: shop
    baseUrl: env:SHOP_US_URL
    credentials: { key: { token: env:SHOP_US_KEY } }
    webhookSecrets: [env:SHOP_US_WEBHOOK_SECRET]
`,
);

const TOLD_APART = ['key: ${ event', 'key: ${ connection }:${ event'] as const;
/** Each step does its work for the account of the event. */
const OVER = [
  ...['getOrder', 'createCharge', 'createParcel'].map(
    (operation) =>
      [`call: shop.${operation}\n`, `call: shop.${operation}\n    over: \${ connection }\n`] as const,
  ),
  ['wait: { event: shop.orderPaid,', "wait: { event: shop.orderPaid, over: '${ connection }',"],
] as const;

/** The charge is read again over what is given here. */
const reread = (over: string) =>
  [
    [
      '  - id: pace\n',
      `  - id: again
    call: shop.getCharge
    over: "\${ ${over} }"
    with: { chargeId: '\${ steps.charge.id }' }
  - id: pace
`,
    ],
    ['success: ${ steps.charge.status', 'success: ${ steps.again.status'],
  ] as const;

const TWO_OPERATORS = config(
  'kind: Workspace',
  "kind: Workspace\nserver: { operators: [{ name: ada, role: operator, token: 'env:ONE' }, { name: finn, role: approver, teams: [finance], token: 'env:TWO' }] }",
);
const SECOND_APPROVAL = `  - id: second
    when: \${ policy.isLarge(event) }
    approve: { by: finance, within: 4h, onExpiry: reject, show: none, except: [steps.approval] }
`;

const CHARGE_BACK = "compensate: { call: shop.refundCharge, with: { chargeId: '${ steps.charge.id }' } }";
const PARCEL_BACK = "compensate: { call: shop.cancelParcel, with: { parcelId: '${ steps.parcel.id }' } }";
/** Charges are declined as something ordinary, and the pipeline goes by it. */
const DECLINES = [
  "'201': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Charge' } } } }\n",
  "'201': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Charge' } } } }\n        '402': { description: declined, content: { application/json: { schema: { type: object, required: [reason], properties: { reason: { type: string } } } } } }\n",
] as const;
const LOOKED = ['!has(steps.charge.refused) && steps', 'steps'] as const;
/** What is read of the charge elsewhere is taken out. */
const UNREAD = [
  ["success: ${ steps.charge.status != 'refunded' }", 'success: ${ event.total > 0 }'],
] as const;
const refusing = (...more: readonly (readonly [string, string])[]): Edits => ({
  [CONTRACT]: swaps(DECLINES),
  [CONNECTOR]: swap(
    'compensation: { operation: refundCharge }',
    'compensation: { operation: refundCharge }\n    failures: [{ status: 402, class: permanent, refusal: declined }]',
  ),
  [PIPELINE]: swaps(
    ['    call: shop.createCharge\n', '    call: shop.createCharge\n    refusals: [declined]\n'],
    ['success: ${ steps', 'success: ${ !has(steps.charge.refused) && steps'],
    ...more,
  ),
});
/** A connector that knows a charge that is declined by this condition. */
const declining = (when: string): Edits => ({
  [CONTRACT]: swaps(DECLINES),
  ...connector(
    'compensation: { operation: refundCharge }',
    `compensation: { operation: refundCharge }\n    failures: [{ status: 402, when: "\${ ${when} }", class: permanent }]`,
  ),
});
const FORWARD = '{ because: it is gone, forward: { task: call the customer, owner: sales, within: 1d } }';
const ORDER_BY = 'orderBy: ${ event.orderId }';
const WHERE = 'where: ${ event.total > 0 }';
const LABEL = '  - id: label\n    call: shop.printLabel\n    with: { body: { text: thanks } }\n';
const OAUTH =
  'key: { type: oauth2, flows: { clientCredentials: { tokenUrl: https://id.shop.example/token, scopes: { orders: read orders } } } }';
/** What the high tier requires, whole; a case takes one part out. */
const ROLES = ['recover: 4h }', 'recover: 4h, roles: { incidents: platform, triage: finance } }'] as const;
const REVIEW = 'review: { by: platform, every: 180d }\n';
const DRILLS = 'drills: { every: 90d }\n';
const high = (rounds = `${REVIEW}${DRILLS}`): readonly [string, string] => [
  'tier: medium\n',
  `tier: high\n${rounds}`,
];
const END = 'success: ${';
/** Nobody is shown the total, where it is classed. */
const UNSHOWN = ["show: { total: '${ event.total }' }", "show: { order: '${ event.orderId }' }"] as const;

const CHOICE = ['when: ${ default(event.express, false) }', "when: ${ event.currency == 'EUR' }"] as const;
const SECOND = 'pipelines/parcel-left.pipeline.yaml';
const UPDATE = (body: string, id = 'noted'): string => `  - id: ${id}
    call: shop.updateOrder
    with: { orderId: '\${ event.orderId }', body: ${body} }
    irreversible: ${FORWARD}`;
/** Orders have versions; a step at the end writes one, `more` says what it is based on. */
const VERSIONED = swaps(
  ['getOrder: { effect: read }', 'getOrder: { effect: read, concurrency: etag }'],
  [
    'updateOrder: { effect: update, idempotency: { mode: natural } }',
    'updateOrder: { effect: update, idempotency: { mode: natural }, concurrency: etag }',
  ],
);
const NOTED = `${UPDATE("{ note: \"${ default(steps.order.note, '') + '!' }\" }")}\n`;
const BASED = (read: string): string =>
  NOTED.replace('    irreversible', `    basedOn: { read: ${read} }\n    irreversible`);
const basedOn = (...pairs: readonly (readonly [string, string])[]): Edits => ({
  [CONNECTOR]: VERSIONED,
  [PIPELINE]: swaps(...pairs),
});
/** A note that is put back as it was read before; `guard` says what is looked at first. */
const RESTORED = (guard = ''): string => `  - id: noted
    call: shop.updateOrder
    with: { orderId: '\${ event.orderId }', body: { note: hello } }
    compensate:
      call: shop.updateOrder
      with: { orderId: '\${ event.orderId }', body: { note: "\${ default(steps.order.note, '') }" } }
${guard}`;
const GUARD = (read: string): string =>
  `      guard: { read: ${read}, with: { orderId: '\${ event.orderId }' }, unchanged: "\${ default(current.note, '') == 'hello' }" }\n`;
/** A connector whose tokens come from elsewhere for its one connection. */
const tokenUrl = (url: string): Edits => ({
  [CONNECTOR]: swap(
    '{ id: key, type: bearer }',
    '{ id: key, type: oauth2, flow: clientCredentials, tokenUrl: /token }',
  ),
  [CONFIG]: swaps(
    ['key: { token: env:SHOP_KEY }', 'key: { clientId: env:SHOP_ID, clientSecret: env:SHOP_KEY }'],
    ['    baseUrl:', `    tokenUrls: { key: ${url} }\n    baseUrl:`],
  ),
});
const seats = (count: number): string =>
  Array.from({ length: count }, (_, index) => `  - { id: seat${index}, wait: { for: 1m } }`).join('\n');
const READ =
  "  - { id: seen, call: shop.getOrder, with: { orderId: '${ event.orderId }' } }\n  - { id: known, check: { that: [{ condition: \"${ steps.seen.status != 'open' }\", message: it left too early }], otherwise: fail } }";
const SHOP_CONTRACT = 'contracts/shop/contract.yaml';
const NEWS_CONTRACT = 'contracts/news/contract.yaml';
/** Scopes and identities for the connector: `reader` and `writer` apart, `both` not. */
const identities = (connection: string): Edits => ({
  [CONNECTOR]: swaps(
    ['defaults:', 'identities: { reader: [read], writer: [write], both: [read, write] }\ndefaults:'],
    ['getOrder: { effect: read }', 'getOrder: { effect: read, scopes: [read] }'],
    ['updateOrder: { effect: update,', 'updateOrder: { effect: update, scopes: [write],'],
  ),
  [CONFIG]: swap('    baseUrl:', `    identity: ${connection}\n    baseUrl:`),
  [PIPELINE]: null,
  [POLICIES]: null,
});

/** A pipeline of some tier that reads a page. */
const scrapes = (tier: string): Edits => ({
  [CONTRACT]: swap(
    'paths:\n',
    `paths:
  /pages/{orderId}:
    get:
      operationId: getOrderPage
      parameters: [{ name: orderId, in: path, required: true, schema: { type: string } }]
      responses: { '200': { description: ok, content: { text/html: { schema: { type: string } } } } }
`,
  ),
  [CONNECTOR]: swap('operations:\n', 'operations:\n  getOrderPage: { effect: read }\n'),
  [SECOND]: secondPipeline(
    "  - { id: page, call: shop.getOrderPage, with: { orderId: '${ event.orderId }' } }\n  - { id: known, check: { that: [{ condition: \"${ steps.page != '' }\", message: it is empty }], otherwise: fail } }",
  ).replace('tier: medium', `tier: ${tier}`),
});

/** The contract looks for a key in `X-Api-Key`; the connector sends one in a header of this name. */
const keyed = (name: string): Edits => ({
  [CONTRACT]: swap(
    'key: { type: http, scheme: bearer }',
    'key: { type: apiKey, in: header, name: X-Api-Key }',
  ),
  [CONNECTOR]: swap('{ id: key, type: bearer }', `{ id: key, type: apiKey, in: header, name: ${name} }`),
  [CONFIG]: swap('key: { token: env:SHOP_KEY }', 'key: { value: env:SHOP_KEY }'),
});

/** A pipeline that calls a listing that pages. */
const lists = (given: string, condition = 'size(steps.all.items) > 0'): Edits => ({
  [CONTRACT]: swap(
    '        - { name: cursor, in: query,',
    '        - { name: limit, in: query, schema: { type: integer } }\n        - { name: cursor, in: query,',
  ),
  [SECOND]: secondPipeline(
    `  - { id: all, call: shop.findParcels, ${given} }\n  - { id: known, check: { that: [{ condition: '\${ ${condition} }', message: there is none }], otherwise: fail } }`,
  ),
});

/** A pipeline that reads a document of bytes. */
const downloads = (stream: string): Edits => ({
  [CONTRACT]: swap(
    'paths:\n',
    `paths:
  /invoices/{orderId}:
    get:
      operationId: getInvoice
      parameters: [{ name: orderId, in: path, required: true, schema: { type: string } }]
      responses: { '200': { description: ok, content: { application/pdf: { schema: { type: string } } } } }
`,
  ),
  [CONNECTOR]: swap('operations:\n', `operations:\n  getInvoice: { effect: read, stream: { ${stream} } }\n`),
  [SECOND]: secondPipeline(
    "  - { id: file, call: shop.getInvoice, with: { orderId: '${ event.orderId }' } }\n  - { id: known, check: { that: [{ condition: \"${ steps.file != '' }\", message: it is empty }], otherwise: fail } }",
  ),
});

const LIMIT = ', rateLimit: { quota: 10, window: 1s }';
const sharedQuota = (quotas: string, limit: string): Edits => ({
  [CONFIG]: swaps(
    ['connections:', `${quotas}connections:`],
    ['    baseUrl:', '    quota: { account: acme, share: 0.5 }\n    baseUrl:'],
  ),
  [CONNECTOR]: swap('defaults: { timeout: 10s }', `defaults: { timeout: 10s${limit} }`),
});

const SINCE = contract(
  '        - { name: cursor, in: query,',
  '        - { name: since, in: query, schema: { type: string, format: date-time } }\n        - { name: cursor, in: query,',
);
const POLL = (key: string, cursor = 'in: reference, from: /orderId'): Edits =>
  connector(
    'webhooks:',
    `sources:
  orderPaid: { poll: { operation: findParcels, key: ${key}, cursor: { ${cursor} } } }
webhooks:`,
  );
/** A pipeline that listens to an event of a channel, and a connector over which it may come in. */
const heard: Edits = { [SECOND]: secondPipeline(READ) };
const NEWS_CONNECTOR = 'connectors/news/connector.yaml';
const newsConnector = (members: string): string =>
  `apiVersion: tenon/v1
kind: Connector
metadata: { name: news, version: 1.0.0, owner: sales }
contract: news
transport: bus
${members}
`;
const newsConnection = (text: string): string =>
  `${text}  news: { connector: news, baseUrl: 'env:NEWS_URL' }\n`;
/** A person starts what publishes the news, and cannot approve what they start. */
const requested = (isSentToo: boolean): Edits => ({
  [PIPELINE]: null,
  [SECOND]: secondPipeline(
    '  - { id: again, approve: { by: finance, within: 4h, onExpiry: reject, show: none, except: [requester] } }',
  ),
  [CHILD]: childPipeline.replace(
    'steps:\n',
    "steps:\n  - { id: tell, emit: news.orderShipped, with: { orderId: '${ event.reference }', parcelId: p } }\n",
  ),
  ...(isSentToo && { [NEWS_CONNECTOR]: newsConnector('sources: { orderShipped: {} }') }),
  [CONFIG]: (text) =>
    (isSentToo ? newsConnection : String)(
      swap(
        'kind: Workspace',
        "kind: Workspace\nserver: { operators: [{ name: ada, role: operator, token: 'env:ONE' }, { name: finn, role: approver, teams: [finance], token: 'env:TWO' }] }",
      )(text),
    ),
});
/** News of two accounts, published over a connection for each. */
const newsOfTwo = (over: string): Edits => ({
  [CONFIG]: (text) =>
    `${OTHER_ACCOUNT(text)}${['news-eu', 'news-us'].map((name) => `  ${name}: { connector: news, baseUrl: 'env:NEWS_URL' }\n`).join('')}`,
  [NEWS_CONNECTOR]: newsConnector('publications: { orderShipped: { idempotency: { mode: none } } }'),
  [PIPELINE]: swaps(TOLD_APART, ...OVER, [
    '    emit: news.orderShipped\n',
    `    emit: news.orderShipped\n${over}`,
  ]),
});
/** News come by the clock. */
const scheduled = (cron: string): Edits => ({
  [NEWS_CONNECTOR]: newsConnector(
    `sources: { orderShipped: { schedule: { cron: '${cron}', zone: Europe/Berlin } } }`,
  ),
});
const TWO_NEWS = (settings: string): Edits => ({
  'contracts/news/asyncapi.yaml': swaps(
    [
      "messages: { orderShipped: { $ref: '#/components/messages/orderShipped' } }",
      "messages: { orderShipped: { $ref: '#/components/messages/orderShipped' }, orderLost: { $ref: '#/components/messages/orderShipped' } }",
    ],
    [
      "messages: [{ $ref: '#/channels/shipped/messages/orderShipped' }]",
      "messages: [{ $ref: '#/channels/shipped/messages/orderShipped' }, { $ref: '#/channels/shipped/messages/orderLost' }]",
    ],
  ),
  [NEWS_CONNECTOR]: newsConnector(`sources:
  orderShipped: { type: { at: 'header:type', is: shipped } }
  orderLost: ${settings}`),
});

/** Books each line of the order; with other settings of the list, and another first step. */
const listed = (settings: string, step = BOOK): Edits =>
  pipelineSwaps(
    ['  - id: approval\n', `${list(settings, step)}  - id: approval\n`],
    ['  fast: { when', "  lines: { value: '${ size(steps.lines) }' }\n  fast: { when"],
  );
const list = (settings: string, step = BOOK): string => `  - id: lines
    forEach:
      in: \${ steps.order.lines }
      as: line
      max: 4
      concurrency: 4
${settings}      steps:
${step}      result: \${ steps.booked.id }
`;
const KEY = '      key: ${ line.sku }\n';
const BOOK = `        - id: booked
          call: shop.createParcel
          with: { body: { reference: '\${ event.orderId }:\${ line.sku }', to: warehouse } }
          compensate: { call: shop.cancelParcel, with: { parcelId: '\${ steps.booked.id }' } }
`;
const LOOK = `        - id: booked
          call: shop.getOrder
          with: { orderId: '\${ line.sku }' }
`;

/** A list that is written out. */
const lettered = (letters: readonly string[]): Edits =>
  pipelineSwaps(
    [
      '  - id: approval\n',
      `${list('      key: ${ line }\n', LOOK)
        .replace('${ steps.order.lines }', `"\${ [${letters.map((one) => `'${one}'`).join(', ')}] }"`)
        .replaceAll('line.sku', 'line')}  - id: approval\n`,
    ],
    ['  fast: { when', "  lines: { value: '${ size(steps.lines) }' }\n  fast: { when"],
  );
/** An event that tells more, and a key. */
const keyedBy = (key: string): Edits => ({
  [CONTRACT]: swaps(
    [
      '        express: { type: boolean }',
      '        occurredAt: { type: string, format: date-time }\n        attempt: { type: integer }\n        express: { type: boolean }',
    ],
    [
      'required: [id, orderId, total, currency, customer, version]',
      'required: [id, orderId, total, currency, customer, version, occurredAt, attempt]',
    ],
  ),
  [PIPELINE]: swap('key: ${ event.orderId }:${ event.version }', key),
});

export const ruleCases = {
  'yaml-syntax': {
    fires: pipeline('tier: medium', 'tier: "medium'),
    silent: pipeline('tier: medium', 'tier: "medium"'),
  },
  'yaml-expression-unquoted': {
    fires: pipeline(WHERE, "where: ${ {'a': 1}.a == event.total }"),
    on: "${ {'a': 1}.a == event.total }",
    silent: pipeline(WHERE, 'where: "${ {\'a\': 1}.a == event.total }"'),
  },
  'yaml-comment-in-expression': {
    fires: pipeline(WHERE, "where: ${ event.orderId != 'a #1' }"),
    on: "${ event.orderId != 'a #1' }",
    silent: pipeline(WHERE, 'where: "${ event.orderId != \'a #1\' }"'),
  },
  'yaml-tag': {
    fires: pipeline(WHERE, 'where: !free'),
    on: '!free',
    silent: pipeline(WHERE, 'where: "${ !default(event.express, false) }"'),
  },
  'yaml-reserved-start': {
    fires: pipeline('by: finance,', 'by: @finance,'),
    silent: none,
  },
  'yaml-alias': {
    fires: pipeline('retry: { attempts', 'retry: &few { attempts'),
    silent: none,
  },
  'yaml-duplicate-key': {
    fires: pipeline('tier: medium', 'tier: medium\ntier: high'),
    on: 'tier',
    silent: none,
  },
  'yaml-key-not-text': {
    fires: pipeline('tier: medium', 'tier: medium\n{ a: b }: c'),
    on: '{ a: b }',
    silent: none,
  },
  'yaml-many-documents': {
    fires: pipeline('metrics:', '---\nmetrics:'),
    silent: pipeline('apiVersion', '---\napiVersion'),
  },
  'yaml-too-large': {
    fires: { [PIPELINE]: `a: ${'['.repeat(200)}${']'.repeat(200)}` },
    silent: none,
  },

  'pipeline-empty': { fires: { [PIPELINE]: '# nothing yet\n' }, silent: none },
  'unknown-key': { fires: pipeline('onFailure:', 'onFailiure:'), on: 'onFailiure', silent: none },
  'missing-key': { fires: pipeline('tier: medium\n', ''), on: 'apiVersion', silent: none },
  'wrong-kind': { fires: pipeline('version: 1,', 'version: one,'), on: 'one', silent: none },
  'value-not-allowed': { fires: pipeline('tier: medium', 'tier: medum'), on: 'medum', silent: none },
  'duration-invalid': { fires: pipeline('deadline: 15m', 'deadline: 15 min'), on: '15 min', silent: none },
  'ambiguous-kind': {
    fires: pipeline('    call: shop.getOrder\n', '    call: shop.getOrder\n    set: 1\n'),
    on: 'set',
    silent: none,
  },
  'unknown-kind': {
    fires: pipeline('    call: shop.getOrder', '    cal: shop.getOrder'),
    on: 'cal',
    silent: none,
  },
  'unknown-contract': {
    fires: pipeline('event: shop.orderPlaced', 'event: shp.orderPlaced'),
    on: 'shp',
    silent: none,
  },
  'unknown-connector': { fires: config('connector: shop', 'connector: shoop'), on: 'shoop', silent: none },
  'unknown-connection': {
    fires: pipeline('call: shop.getOrder', 'call: shoop.getOrder'),
    on: 'shoop',
    silent: {
      ...pipeline('call: shop.getOrder', 'call: till.getOrder'),
      ...config(
        '  shop:\n',
        '  till: { connector: shop, baseUrl: env:TILL_URL, credentials: { key: { token: env:TILL_KEY } } }\n  shop:\n',
      ),
    },
  },
  'unknown-pipeline': {
    fires: parented(swap('pipeline: ship', 'pipeline: shp')(RUN)),
    on: 'shp',
    silent: parented(),
  },
  'pipeline-not-runnable': {
    fires: { ...parented(swap('pipeline: ship', 'pipeline: parcel-left')(RUN)), ...heard },
    on: 'parcel-left',
    silent: { ...parented(), ...heard },
  },
  'output-undeclared': {
    fires: parented(RUN, swap(childOutput, '')(childPipeline)),
    on: 'shipped',
    silent: parented(),
  },
  'unknown-operation': {
    fires: pipeline('call: shop.getOrder', 'call: shop.getOrdr'),
    on: 'getOrdr',
    silent: none,
  },
  'unknown-event': {
    fires: pipeline('emit: news.orderShipped', "emit: 'news.orderShiped'"),
    on: 'orderShiped',
    silent: pipeline('emit: news.orderShipped', "emit: 'news.orderShipped'"),
  },
  'unknown-identity': {
    fires: config('    credentials:', '    identity: reader\n    credentials:'),
    on: 'reader',
    silent: none,
  },
  'unknown-source': {
    fires: {
      ...POLL('/orderId'),
      ...config('    credentials:', '    sources: [orderPaid, orderPayed]\n    credentials:'),
    },
    on: 'orderPayed',
    silent: {
      ...POLL('/orderId'),
      ...config('    credentials:', '    sources: []\n    credentials:'),
    },
  },
  'unknown-team': {
    fires: pipeline('by: finance,', 'by: finanz,'),
    on: 'finanz',
    silent: {
      ...pipeline('by: finance,', 'by: finanz,'),
      ...policies('owner: finance', 'owner: anybody'),
      'owners.yaml': null,
    },
  },
  'server-without-operators': {
    fires: config('kind: Workspace', 'kind: Workspace\nserver: { host: 0.0.0.0 }'),
    on: '0.0.0.0',
    silent: config('kind: Workspace', 'kind: Workspace\nserver: { host: 127.0.0.7 }'),
  },
  'operator-token-shared': {
    fires: config(
      'kind: Workspace',
      "kind: Workspace\nserver: { operators: [{ name: ada, role: operator, token: 'env:ONE' }, { name: finn, role: viewer, token: 'env:ONE' }] }",
    ),
    on: "'env:ONE'",
    silent: config(
      'kind: Workspace',
      "kind: Workspace\nserver: { host: 0.0.0.0, operators: [{ name: ada, role: operator, token: 'env:ONE' }, { name: finn, role: viewer, token: 'env:TWO' }] }",
    ),
  },
  'backup-is-owner': {
    fires: pipeline('backup: platform', 'backup: sales'),
    on: 'sales',
    silent: none,
  },
  'duplicate-pipeline': {
    fires: { 'pipelines/second.pipeline.yaml': testFiles[PIPELINE]! },
    on: 'order-placed',
    silent: {
      'pipelines/second.pipeline.yaml': testFiles[PIPELINE]!.replace('order-placed', 'order-placed-too'),
    },
  },
  'duplicate-step': {
    fires: pipeline('- id: announced', '- id: paid'),
    on: 'paid',
    silent: none,
  },
  'duplicate-connector': {
    fires: { 'connectors/other/connector.yaml': testFiles[CONNECTOR]! },
    on: 'shop',
    silent: { 'connectors/other/connector.yaml': testFiles[CONNECTOR]!.replace('name: shop', 'name: other') },
  },
  'duplicate-policy': {
    fires: { 'pipelines/policies/second.yaml': testFiles[POLICIES]! },
    on: 'isLarge',
    silent: none,
  },
  'contract-document-missing': { fires: { 'contracts/empty/README.md': 'soon' }, silent: none },
  'event-without-schema': {
    fires: contract(
      "orderPaid:\n    post:\n      requestBody:\n        required: true\n        content: { application/json: { schema: { $ref: '#/components/schemas/OrderPaid' } } }",
      'orderPaid:\n    post:\n      requestBody:\n        required: true\n        content: { application/json: { schema: {} } }',
    ),
    on: 'shop.orderPaid',
    silent: none,
  },
  'event-without-version': {
    fires: contract('version: 1.2.0 }', "version: '' }"),
    on: 'shop.orderPlaced',
    silent: none,
  },
  'webhook-unverified': {
    fires: connector('  orderPaid: { verify: standard-webhooks, tolerance: 5m, id: webhook-id }\n', ''),
    on: 'shop.orderPaid',
    silent: none,
  },

  'webhook-without-secret': {
    fires: config('    webhookSecrets: [env:SHOP_WEBHOOK_SECRET]\n', ''),
    on: 'shop',
    // Another connection of the connector takes the deliveries.
    silent: {
      [CONFIG]: swaps(
        ['    webhookSecrets: [env:SHOP_WEBHOOK_SECRET]\n', ''],
        [
          '  shop:\n',
          '  inbound: { connector: shop, baseUrl: env:IN_URL, credentials: { key: { token: env:IN_KEY } }, webhookSecrets: [env:SHOP_WEBHOOK_SECRET] }\n  shop:\n',
        ],
      ),
    },
  },

  'over-unknown': {
    fires: pipeline('call: shop.getOrder\n', 'call: shop.getOrder\n    over: ${ event.orderId }\n'),
    on: 'event.orderId',
    silent: pipeline('call: shop.getOrder\n', 'call: shop.getOrder\n    over: ${ connection }\n'),
  },
  'connection-absent': {
    // Published by the other pipeline, and by nobody else.
    fires: { [SECOND]: swap("'left:${", "'${ connection }:${")(secondPipeline(READ)) },
    on: 'connection',
    silent: pipeline('key: ${ event', 'key: ${ connection }:${ event'),
  },
  'event-without-source': {
    fires: { ...heard, [NEWS_CONNECTOR]: newsConnector('') },
    on: 'news.orderShipped',
    silent: {
      ...heard,
      [NEWS_CONNECTOR]: newsConnector('sources: { orderShipped: {} }'),
      [CONFIG]: newsConnection,
    },
  },
  'source-without-connection': {
    fires: { ...heard, [NEWS_CONNECTOR]: newsConnector('sources: { orderShipped: {} }') },
    on: 'news.orderShipped',
    silent: {
      ...heard,
      [NEWS_CONNECTOR]: newsConnector('sources: { orderShipped: {} }'),
      [CONFIG]: newsConnection,
    },
  },

  'expression-syntax': {
    fires: pipeline(WHERE, 'where: ${ event.total > }'),
    silent: none,
  },
  'expression-expected': {
    fires: pipeline(WHERE, 'where: event.total > 0'),
    on: 'event.total > 0',
    silent: none,
  },
  'policy-example-fails': {
    fires: policies('{ order: { total: 5 } }', '{ order: { total: 500000 } }'),
    silent: none,
  },
  'policy-written-twice': {
    fires: {
      'pipelines/policies/second.yaml': testFiles[POLICIES]!.replace('isLarge', 'isBig'),
    },
    on: 'order.total >= 100000',
    silent: {
      'pipelines/policies/second.yaml': testFiles[POLICIES]!.replace('isLarge', 'isBig').replace(
        '>= 100000',
        '>= 99999',
      ),
    },
  },
  'unknown-step': {
    fires: pipeline('${ steps.charge.id }', '${ steps.chrage.id }'),
    on: 'chrage',
    silent: none,
  },
  'step-not-run-yet': {
    fires: pipeline('amount: ${ event.total }', 'amount: ${ size(steps.parcel.reference) }'),
    on: 'parcel',
    silent: none,
  },
  'step-in-other-branch': {
    fires: pipeline('set: { speed: slow }', 'set: { speed: "${ steps.fast.speed }" }'),
    on: 'fast',
    silent: pipeline("to: '${ event.customer.name }'", 'to: "${ steps.?fast.?speed.orValue(\'slow\') }"'),
  },
  'step-in-list': {
    fires: pipelineSwaps(
      ['  - id: approval\n', `${list(KEY)}  - id: approval\n`],
      ["to: '${ event.customer.name }'", "to: '${ steps.booked.reference }'"],
    ),
    on: 'booked',
    silent: pipelineSwaps(
      ['  - id: approval\n', `${list(KEY)}  - id: approval\n`],
      ["to: '${ event.customer.name }'", "to: '${ steps.lines.map(one, one.key).join() }'"],
    ),
  },
  'item-key-missing': { fires: listed(''), on: 'forEach', silent: listed('', LOOK) },
  'item-key-constant': {
    fires: listed('      key: ${ event.orderId }\n'),
    on: '${ event.orderId }',
    silent: listed('      key: ${ event.orderId }:${ line.sku }\n'),
  },
  'item-key-shared': {
    fires: listed('      key: ${ line.quantity > 1 }:${ event.orderId }\n'),
    on: '${ line.quantity > 1 }:${ event.orderId }',
    // As many as it takes.
    silent: pipelineSwaps(
      [
        '  - id: approval\n',
        `${list('      key: ${ line.quantity > 1 }\n').replace('max: 4', 'max: 2')}  - id: approval\n`,
      ],
      ['  fast: { when', "  lines: { value: '${ size(steps.lines) }' }\n  fast: { when"],
    ),
  },
  'list-longer-than-max': {
    fires: lettered(['a', 'b', 'c', 'd', 'e']),
    on: '4',
    silent: lettered(['a', 'b', 'c', 'd']),
  },
  'item-name-taken': {
    fires: pipeline(
      '  - id: approval\n',
      `${list('', LOOK).replaceAll('line.sku', 'event.sku').replace('as: line', 'as: event')}  - id: approval\n`,
    ),
    on: 'event',
    silent: listed(KEY),
  },
  'step-without-result': {
    fires: pipeline("to: '${ event.customer.name }'", "to: '${ steps.sound.ok }'"),
    on: 'sound',
    silent: none,
  },
  'missing-request-field': {
    fires: pipeline('        currency: EUR\n', ''),
    silent: none,
  },
  'unknown-request-field': {
    fires: pipeline('        currency: EUR\n', '        curency: EUR\n'),
    on: 'curency',
    silent: none,
  },
  'placeholder-left': {
    fires: pipeline('currency: EUR', "currency: 'TODO: which one?'"),
    on: "'TODO: which one?'",
    silent: pipeline('currency: EUR', 'currency: USD'),
  },
  'request-value-invalid': {
    fires: pipeline('currency: EUR', 'currency: EURO'),
    on: 'EURO',
    silent: pipeline('currency: EUR', 'currency: USD'),
  },

  'effect-can-repeat': {
    fires: {
      [PIPELINE]: (text) =>
        text.replace(
          END,
          `${LABEL}    retry: { attempts: 5, within: 1m }\n    irreversible: ${FORWARD}\n${END}`,
        ),
    },
    on: 'shop.printLabel',
    silent: {
      [PIPELINE]: (text) =>
        text.replace(END, `${LABEL}    retry: none\n    irreversible: ${FORWARD}\n${END}`),
    },
  },
  'compensation-can-repeat': {
    fires: pipeline(PARCEL_BACK, 'compensate: { call: shop.printLabel, with: { body: { text: stop } } }'),
    on: 'shop.printLabel',
    silent: pipeline(
      PARCEL_BACK,
      'compensate: { call: shop.printLabel, with: { body: { text: stop } }, retry: none }',
    ),
  },
  'retry-cannot-help': {
    fires: pipeline(
      'retry: { attempts: 3, within: 1m }',
      'retry: { attempts: 3, within: 1m, on: [transient, validation] }',
    ),
    on: 'validation',
    silent: pipeline(
      'retry: { attempts: 3, within: 1m }',
      'retry: { attempts: 3, within: 1m, on: [transient] }',
    ),
  },
  'retry-budget-too-short': {
    fires: pipeline('within: 1m }', 'within: 5s }'),
    on: '5s',
    silent: pipeline('within: 1m }', 'within: 10s }'),
  },
  'identity-key-constant': {
    fires: pipeline('key: ${ event.orderId }:${ event.version }', 'key: order'),
    on: 'order',
    silent: none,
  },
  'identity-key-shared': {
    fires: keyedBy('key: order:${ event.occurredAt }'),
    on: 'order:${ event.occurredAt }',
    silent: keyedBy('key: ${ event.orderId }:${ event.occurredAt }'),
  },
  'identity-key-changes': {
    fires: keyedBy('key: ${ event.orderId }:${ event.attempt }'),
    on: 'event.attempt',
    silent: keyedBy(
      '# tenon: allow identity-key-changes because each attempt to pay is told of once\n  key: ${ event.orderId }:${ event.attempt }',
    ),
  },
  'accounts-not-told-apart': {
    fires: { [CONFIG]: OTHER_ACCOUNT, [PIPELINE]: swaps(...OVER) },
    on: '${ event.orderId }:${ event.version }',
    silent: { [CONFIG]: OTHER_ACCOUNT, [PIPELINE]: swaps(TOLD_APART, ...OVER) },
  },
  'call-over-one-account': {
    fires: { [CONFIG]: OTHER_ACCOUNT, [PIPELINE]: swaps(TOLD_APART, ...OVER.slice(1)) },
    on: 'shop.getOrder',
    silent: { [CONFIG]: OTHER_ACCOUNT, [PIPELINE]: swaps(TOLD_APART, ...OVER) },
  },
  'id-of-another-account': {
    fires: {
      [CONFIG]: OTHER_ACCOUNT,
      [PIPELINE]: swaps(TOLD_APART, ...OVER, ...reread("connection == 'shop' ? 'shop-us' : 'shop'")),
    },
    on: 'steps.charge.id',
    silent: { [CONFIG]: OTHER_ACCOUNT, [PIPELINE]: swaps(TOLD_APART, ...OVER, ...reread('connection')) },
  },
  'emit-over-all-accounts': {
    fires: newsOfTwo(''),
    on: 'news.orderShipped',
    silent: newsOfTwo(`    over: "\${ connection == 'shop' ? 'news-eu' : 'news-us' }"\n`),
  },
  'undone-in-another-account': {
    fires: {
      [CONFIG]: OTHER_ACCOUNT,
      [PIPELINE]: swaps(TOLD_APART, ...OVER, ['call: shop.refundCharge', 'call: shop-us.refundCharge']),
    },
    on: 'shop-us.refundCharge',
    silent: { [CONFIG]: OTHER_ACCOUNT, [PIPELINE]: swaps(TOLD_APART, ...OVER) },
  },
  'key-retention-too-short': {
    fires: connector('retention: 24h', 'retention: 4h'),
    on: 'shop.createCharge',
    silent: connector('retention: 24h', 'retention: 5h'),
  },
  'deadline-too-short': {
    fires: pipeline('deadline: 15m', 'deadline: 1m'),
    on: '1m',
    silent: none,
  },
  'step-deadline-misplaced': {
    fires: pipeline('  - id: approval\n', '  - id: approval\n    deadline: 1m\n'),
    on: '1m',
    silent: pipeline('    call: shop.getOrder\n', '    call: shop.getOrder\n    deadline: 2m\n'),
  },
  'step-deadline-without-effect': {
    fires: pipeline('    call: shop.getOrder\n', '    call: shop.getOrder\n    deadline: 15m\n'),
    on: '15m',
    silent: pipeline('    call: shop.getOrder\n', '    call: shop.getOrder\n    deadline: 14m\n'),
  },
  'slo-cannot-hold': {
    fires: pipeline('slo: { objective: 0.99, within: 5m }', 'slo: { objective: 0.99, within: 1m }'),
    on: '1m',
    silent: none,
  },
  'effect-without-way-back': {
    fires: pipeline(`    ${PARCEL_BACK}\n`, ''),
    on: 'shop.createParcel',
    silent: pipeline(PARCEL_BACK, `irreversible: ${FORWARD}`),
  },
  'way-back-contradicts': {
    fires: pipeline(PARCEL_BACK, `${PARCEL_BACK}\n    irreversible: ${FORWARD}`),
    silent: none,
  },
  'probe-cannot-ask': {
    fires: {
      [CONTRACT]: swap('required: [reference, to]', 'required: [to]'),
      ...pipeline("with: { body: { reference: '${ event.orderId }', to:", 'with: { body: { to:'),
    },
    on: 'shop.createParcel',
    silent: { [CONTRACT]: swap('required: [reference, to]', 'required: [to]') },
  },
  'compensation-reads': {
    fires: pipeline(
      CHARGE_BACK,
      "compensate: { call: shop.getCharge, with: { chargeId: '${ steps.charge.id }' } }",
    ),
    on: 'shop.getCharge',
    silent: none,
  },
  'compensation-deletes': {
    fires: pipeline(
      CHARGE_BACK,
      "compensate: { call: shop.deleteOrder, with: { orderId: '${ event.orderId }' } }",
    ),
    on: 'shop.deleteOrder',
    silent: {
      ...pipeline(
        CHARGE_BACK,
        "compensate: { call: shop.deleteOrder, with: { orderId: '${ event.orderId }' } }",
      ),
      ...connector('deleteOrder: { effect: delete', 'deleteOrder: { effect: update'),
    },
  },
  'read-with-way-back': {
    fires: pipeline(
      "with: { orderId: '${ event.orderId }' }\n  - id: sound",
      `with: { orderId: '\${ event.orderId }' }\n    irreversible: ${FORWARD}\n  - id: sound`,
    ),
    silent: none,
  },
  'irreversible-before-decision': {
    fires: pipelineSwaps([
      '  - id: sound',
      `  - id: early\n    call: shop.printLabel\n    with: { body: { text: hello } }\n    irreversible: ${FORWARD}\n  - id: sound`,
    ]),
    on: 'sound',
    // The label is out when the wait begins, but a payment that does not come is no failure there.
    silent: {
      [PIPELINE]: (text) =>
        text.replace('  - id: paid', `${LABEL}    irreversible: ${FORWARD}\n  - id: paid`),
    },
  },
  'update-can-be-lost': {
    fires: basedOn([END, NOTED + END]),
    on: 'steps.order.note',
    silent: basedOn([END, BASED('order') + END]),
  },
  'based-on-wrong': {
    fires: basedOn([END, BASED('charge') + END]),
    on: 'charge',
    silent: basedOn([END, BASED('order') + END]),
  },
  'based-on-outdated': {
    fires: basedOn(
      ["show: { total: '${ event.total }' }", "show: { status: '${ steps.order.status }' }"],
      [END, BASED('order') + END],
    ),
    on: 'steps.order.status',
    // The check goes by it too: it is made again.
    silent: basedOn([END, BASED('order') + END]),
  },
  'compensation-overwrites': {
    fires: pipeline(END, RESTORED() + END),
    on: 'steps.order.note',
    silent: pipeline(END, RESTORED(GUARD('shop.getOrder')) + END),
  },
  'guard-changes': {
    fires: pipeline(
      END,
      RESTORED(
        GUARD('shop.updateOrder').replace("'${ event.orderId }' }", "'${ event.orderId }', body: {} }"),
      ) + END,
    ),
    on: 'shop.updateOrder',
    silent: pipeline(END, RESTORED(GUARD('shop.getOrder')) + END),
  },
  'older-event-unguarded': {
    fires: connector(
      'orderPlaced: { verify: standard-webhooks,',
      'orderPlaced: { order: /version, verify: standard-webhooks,',
    ),
    silent: {
      ...connector(
        'orderPlaced: { verify: standard-webhooks,',
        'orderPlaced: { order: /version, verify: standard-webhooks,',
      ),
      ...pipeline(ORDER_BY, `${ORDER_BY}\n  version: \${ event.version }`),
    },
  },
  'version-without-order': {
    fires: pipeline(ORDER_BY, 'version: ${ event.version }'),
    on: 'event.version',
    silent: pipeline(ORDER_BY, `${ORDER_BY}\n  version: \${ event.version }`),
  },
  'version-cannot-grow': {
    fires: pipeline(ORDER_BY, `${ORDER_BY}\n  version: \${ event.currency }`),
    on: 'event.currency',
    silent: pipeline(
      ORDER_BY,
      `${ORDER_BY}\n  version: "\${ event.currency + ':' + string(event.version) }"`,
    ),
  },
  'unknown-refusal': {
    fires: refusing(['refusals: [declined]', 'refusals: [decline]']),
    on: 'decline',
    silent: refusing(),
  },
  'refusal-unread': {
    fires: refusing(LOOKED, ...UNREAD),
    on: 'declined',
    silent: refusing(),
  },
  'refusal-indistinct': {
    fires: {
      ...refusing(),
      [CONTRACT]: swaps(DECLINES, [
        'required: [id, status, amount]\n      properties:\n        id: { type: string }',
        'required: [id, status, amount]\n      properties:\n        refused: { type: boolean }\n        id: { type: string }',
      ]),
    },
    on: 'declined',
    silent: refusing(),
  },
  'refusal-never-taken': {
    fires: basedOn(
      [END, `${BASED('order').trimEnd()}\n    refusals: [conflict]\n${END}`],
      ['success: ${ ', 'success: ${ !has(steps.noted.refused) && '],
    ),
    on: 'conflict',
    silent: basedOn([END, BASED('order') + END]),
  },
  'fresh-not-a-read': {
    fires: pipeline(
      'call: shop.createCharge',
      "call: shop.createCharge\n    fresh: { maxAge: 5m, at: '${ event.orderId }' }",
    ),
    on: "{ maxAge: 5m, at: '${ event.orderId }' }",
    silent: pipeline(
      'call: shop.getOrder',
      "call: shop.getOrder\n    fresh: { version: '${ default(result.note, 0) }', atLeast: '${ event.version }' }",
    ),
  },
  'tier-too-low': { fires: pipeline('tier: medium', 'tier: low'), on: 'low', silent: none },
  'success-undeclared': {
    fires: pipeline("success: ${ steps.charge.status != 'refunded' }\n", ''),
    on: 'medium',
    silent: none,
  },
  'slo-missing': {
    fires: pipelineSwaps(ROLES, high(), ['slo: { objective: 0.99, within: 5m }\n', '']),
    on: 'high',
    silent: pipeline('slo: { objective: 0.99, within: 5m }\n', ''),
  },
  'approval-missing': {
    fires: pipelineSwaps(ROLES, high(), [
      'approve: { by: finance, within: 4h, onExpiry: reject, show: { total:',
      'set: { total: { total:',
    ]),
    on: 'shop.createCharge',
    silent: pipelineSwaps(ROLES, high()),
  },
  'approval-out-of-reach': {
    fires: pipeline('by: finance, within', 'by: finance, count: 2, within'),
    on: '2',
    silent: { ...pipeline('by: finance, within', 'by: finance, count: 2, within'), ...TWO_OPERATORS },
  },
  'approval-by-silence': {
    fires: {
      ...pipeline(
        'by: finance, within: 4h, onExpiry: reject,',
        'by: finance, count: 2, within: 4h, onExpiry: approve,',
      ),
      ...TWO_OPERATORS,
    },
    on: '2',
    silent: pipeline(
      'by: finance, within: 4h, onExpiry: reject,',
      'by: finance, within: 4h, onExpiry: approve,',
    ),
  },
  'approval-excepts-nobody': {
    fires: {
      ...pipeline('by: finance, within', 'by: finance, except: [requester], within'),
      ...TWO_OPERATORS,
    },
    on: 'requester',
    silent: { ...pipeline('  - id: charge\n', `${SECOND_APPROVAL}  - id: charge\n`), ...TWO_OPERATORS },
  },
  'approval-requester-avoidable': {
    fires: requested(true),
    on: 'requester',
    silent: requested(false),
  },
  'roles-missing': {
    fires: pipelineSwaps(['recover: 4h }', 'recover: 4h, roles: { logic: sales, triage: sales } }'], high()),
    on: 'high',
    silent: none,
  },
  'review-missing': {
    fires: pipelineSwaps(ROLES, high(DRILLS)),
    on: 'high',
    silent: pipeline('tier: medium\n', `tier: medium\n${DRILLS}`),
  },
  'review-by-owner': {
    fires: pipeline('tier: medium\n', 'tier: medium\nreview: { by: sales, every: 180d }\n'),
    on: 'sales',
    silent: pipeline('tier: medium\n', `tier: medium\n${REVIEW}`),
  },
  'drills-missing': {
    fires: pipelineSwaps(ROLES, high(REVIEW)),
    on: 'high',
    silent: none,
  },
  'control-out-of-bounds': {
    fires: pipelineSwaps(ROLES, high(`${REVIEW}drills: { every: 181d }\n`)),
    on: '181d',
    silent: pipelineSwaps(ROLES, high('review: { by: finance, every: 366d }\ndrills: { every: 180d }\n')),
  },

  'pipeline-too-complex': {
    fires: { [SECOND]: secondPipeline(seats(41)) },
    on: 'parcel-left',
    silent: { [SECOND]: secondPipeline(seats(40)) },
  },
  'body-too-large-for-step': {
    fires: downloads('max: 2GiB'),
    on: 'shop.getInvoice',
    silent: downloads('max: 16MiB'),
  },
  'operation-deprecated': {
    fires: contract(
      'operationId: createParcel\n',
      "operationId: createParcel\n      deprecated: true\n      x-sunset: '2030-01-31'\n",
    ),
    on: 'shop.createParcel',
    silent: contract(
      'operationId: printLabel\n',
      "operationId: printLabel\n      deprecated: true\n      x-sunset: '2030-01-31'\n",
    ),
  },
  'listing-read-in-part': {
    fires: lists("with: { reference: '${ event.orderId }' }"),
    on: 'shop.findParcels',
    silent: lists("with: { reference: '${ event.orderId }', limit: 1 }"),
  },
  'pages-without-pagination': {
    fires: pipeline('call: shop.getOrder', 'call: shop.getOrder\n    pages: { atMost: 20 }'),
    on: '{ atMost: 20 }',
    silent: lists("with: { reference: '${ event.orderId }' }, pages: { atMost: 20 }"),
  },
  'pages-from-the-middle': {
    fires: lists("with: { reference: '${ event.orderId }', cursor: x }, pages: { atMost: 20 }"),
    on: '{ atMost: 20 }',
    silent: lists("with: { reference: '${ event.orderId }', limit: 50 }, pages: { atMost: 20 }"),
  },
  'page-scraped': {
    fires: scrapes('medium'),
    on: 'shop.getOrderPage',
    silent: scrapes('low'),
  },
  'compensation-too-late': {
    fires: connector('{ operation: refundCharge }', '{ operation: refundCharge, within: 1d }'),
    on: 'shop.createCharge',
    silent: connector('{ operation: refundCharge }', '{ operation: refundCharge, within: 2d }'),
  },
  'field-has-two-writers': {
    fires: {
      [SECOND]: secondPipeline(UPDATE('{ note: left }')),
      [PIPELINE]: (text) => text.replace(END, `${UPDATE('{ note: done }')}\n${END}`),
    },
    on: 'note',
    silent: {
      [SECOND]: secondPipeline(UPDATE('{ note: left }')),
      [PIPELINE]: (text) => text.replace(END, `${UPDATE('{ status: paid }')}\n${END}`),
    },
  },
  'field-has-two-masters': {
    fires: { [SECOND]: secondPipeline(UPDATE('{ note: "${ default(event.parcelId, \'-\') }" }')) },
    on: 'note',
    silent: { [SECOND]: secondPipeline(UPDATE('{ note: "${ event.orderId }" }')) },
  },
  'trigger-cycle': {
    fires: contract(
      'operationId: createParcel',
      'operationId: createParcel\n      x-tenon-causes: [orderPlaced]',
    ),
    on: 'shop.createParcel',
    silent: contract(
      'operationId: createParcel',
      'operationId: createParcel\n      x-tenon-causes: [orderPaid]',
    ),
  },
  'wait-cycle': {
    fires: pipeline('event: shop.orderPaid', 'event: news.orderShipped'),
    on: 'paid',
    silent: {
      ...pipeline('event: shop.orderPaid', 'event: news.orderShipped'),
      [SECOND]: secondPipeline(
        "  - { id: again, emit: news.orderShipped, with: { orderId: '${ event.orderId }' } }",
      ).replace('news.orderShipped }\nidentity', 'shop.orderPaid }\nidentity'),
    },
  },
  'connection-shared-across-owners': {
    fires: { [SECOND]: secondPipeline(READ, 'finance') },
    on: 'shop.getOrder',
    silent: {
      [SECOND]: secondPipeline(READ, 'finance'),
      ...config('    baseUrl:', '    owners: [sales, finance]\n    baseUrl:'),
    },
  },
  'grant-missing': {
    fires: {
      ...grants('getOrder, createCharge, refundCharge, createParcel, findParcels'),
    },
    on: 'shop.cancelParcel',
    silent: grants('getOrder, createCharge, refundCharge, createParcel, findParcels, cancelParcel'),
  },
  'grant-unused': {
    fires: grants(
      'getOrder, createCharge, refundCharge, createParcel, findParcels, cancelParcel, deleteOrder',
    ),
    on: 'deleteOrder',
    silent: grants('getOrder, createCharge, refundCharge, createParcel, findParcels, cancelParcel'),
  },
  'identity-lacks-scope': {
    fires: { ...identities('writer'), [SECOND]: secondPipeline(READ) },
    on: 'shop.getOrder',
    also: ['scope-unused'],
    silent: { ...identities('reader'), [SECOND]: secondPipeline(READ) },
  },
  'scope-unused': {
    fires: { ...identities('both'), [SECOND]: secondPipeline(READ) },
    on: 'both',
    silent: { ...identities('reader'), [SECOND]: secondPipeline(READ) },
  },
  'read-and-write-together': {
    fires: { ...identities('both'), [SECOND]: secondPipeline(`${READ}\n${UPDATE('{ note: left }')}`) },
    on: 'both',
    silent: { ...identities('writer'), [SECOND]: secondPipeline(UPDATE('{ note: left }')) },
  },
  'data-not-cleared': {
    fires: pipeline('event.customer.name', 'event.customer.email'),
    on: 'event.customer.email',
    silent: {
      [PIPELINE]: swaps(
        ["'${ event.customer.name }'", '"${ declassify(event.customer.email, \'the courier needs it\') }"'],
        ["show: { total: '${ event.total }' }", "show: { mail: '${ event.customer.email }' }"],
      ),
      'owners.yaml': swap('{ name: finance }', '{ name: finance, cleared: [personal] }'),
    },
  },
  'data-leaves-region': {
    fires: {
      ...pipeline(
        "orderId: '${ event.orderId }', parcelId",
        "orderId: '${ event.customer.email }', parcelId",
      ),
      [NEWS_CONTRACT]: (text) =>
        `${text}classes: { /components/messages/orderShipped/payload/properties/orderId: personal }\nresidency: us\n`,
    },
    on: 'event.customer.email',
    silent: {
      ...pipeline(
        "orderId: '${ event.orderId }', parcelId",
        "orderId: '${ event.customer.email }', parcelId",
      ),
      [NEWS_CONTRACT]: (text) =>
        `${text}classes: { /components/messages/orderShipped/payload/properties/orderId: personal }\nresidency: eu\n`,
    },
  },
  'classed-data-in-key': {
    fires: pipeline('orderBy: ${ event.orderId }', 'orderBy: ${ event.customer.email }'),
    on: 'event.customer.email',
    silent: none,
  },
  'classed-data-in-metric': {
    fires: {
      [SHOP_CONTRACT]: swap(
        'residency',
        '  /components/schemas/OrderPlaced/properties/total: personal\nresidency',
      ),
      [PIPELINE]: swaps(['amount: ${ event.total }', 'amount: 5'], UNSHOWN),
    },
    on: 'event.total',
    silent: {
      [SHOP_CONTRACT]: swap(
        'residency',
        '  /components/schemas/OrderPlaced/properties/total: personal\nresidency',
      ),
      [PIPELINE]: swaps(['amount: ${ event.total }', 'amount: 5'], UNSHOWN, [
        "orders: { value: '${ event.total }' }",
        "orders: { when: '${ event.total > 10 }' }",
      ]),
    },
  },
  'choose-without-default': {
    fires: {
      [PIPELINE]: swaps(CHOICE, [
        '      - steps:\n',
        "      - when: ${ event.currency == 'USD' }\n        steps:\n",
      ]),
    },
    on: 'pace',
    silent: { [PIPELINE]: swaps(CHOICE) },
  },
  'step-unused': {
    fires: pipeline('has(steps.fast)', 'event.total > 5'),
    on: 'fast',
    silent: pipeline('has(steps.fast)', '!has(steps.fast)'),
  },
  'branch-unreachable': {
    fires: pipelineSwaps(
      ['      - when: ${ default(event.express, false) }\n        steps:', '      - steps:'],
      ["  fast: { when: '${ has(steps.fast) }' }\n  slow: { when: '${ has(steps.slow) }' }\n", ''],
    ),
    silent: none,
  },

  'suppression-without-reason': {
    fires: pipeline('slo: {', '# tenon: allow slo-cannot-hold\nslo: {'),
    on: '# tenon: allow slo-cannot-hold',
    silent: {
      [PIPELINE]: swap(
        'slo: { objective: 0.99, within: 5m }',
        '# tenon: allow slo-cannot-hold because the shop answers in a second\nslo: { objective: 0.99, within: 1m }',
      ),
    },
  },
  'suppression-stale': {
    fires: pipeline('slo: {', '# tenon: allow slo-cannot-hold because it is fast\nslo: {'),
    silent: {
      [PIPELINE]: swap(
        'slo: { objective: 0.99, within: 5m }',
        'slo: { objective: 0.99, within: 1m } # tenon: allow slo-cannot-hold because it is fast',
      ),
    },
  },
  'suppression-not-possible': {
    fires: pipeline('slo: {', '# tenon: allow expression-syntax because it is fine\nslo: {'),
    silent: none,
  },

  'secret-literal': {
    fires: config('token: env:SHOP_KEY', 'token: hunter2'),
    on: 'hunter2',
    silent: config('token: env:SHOP_KEY', 'token: file:secrets/key'),
  },
  'secret-store-unconfigured': {
    fires: config('token: env:SHOP_KEY', 'token: vault:secret/shop#key'),
    on: 'vault:secret/shop#key',
    silent: {
      [CONFIG]: swaps(
        ['token: env:SHOP_KEY', 'token: vault:secret/shop#key@previous'],
        [
          'connections:',
          'secrets: { vault: { address: env:VAULT_ADDR, appRole: { roleId: env:ROLE, secretId: file:secret-id } } }\nconnections:',
        ],
      ),
    },
  },
  'quota-store-unconfigured': {
    fires: sharedQuota('', LIMIT),
    on: '{ account: acme, share: 0.5 }',
    silent: sharedQuota('quotas: { redis: env:QUOTA_REDIS }\n', LIMIT),
  },
  'shared-quota-without-limit': {
    fires: sharedQuota('quotas: { redis: env:QUOTA_REDIS }\n', ''),
    on: '{ account: acme, share: 0.5 }',
    silent: sharedQuota("quotas: { redis: 'redis://127.0.0.1:6379', prefix: test }\n", LIMIT),
  },
  'base-url-invalid': {
    fires: config('baseUrl: env:SHOP_URL', 'baseUrl: shop'),
    on: 'shop',
    silent: config('baseUrl: env:SHOP_URL', 'baseUrl: https://api.shop.example'),
  },
  'token-url-invalid': {
    fires: tokenUrl('login.example/token'),
    on: 'login.example/token',
    silent: tokenUrl('https://login.example/token'),
  },
  'base-url-missing': {
    fires: config('    baseUrl: env:SHOP_URL\n', ''),
    on: 'shop',
    silent: {
      [CONFIG]: (text) =>
        `${swap('    webhookSecrets: [env:SHOP_WEBHOOK_SECRET]\n', '')(text)}  told: { connector: shop, credentials: { key: { token: env:SHOP_KEY } }, webhookSecrets: [env:TOLD_SECRET] }\n`,
    },
  },
  'credential-missing': {
    fires: config('{ token: env:SHOP_KEY }', '{}'),
    on: 'key',
    silent: none,
  },
  'credential-unknown': {
    fires: config('{ token: env:SHOP_KEY }', '{ token: env:SHOP_KEY, user: env:SHOP_USER }'),
    on: 'user',
    silent: none,
  },
  'manifest-operation-not-in-contract': {
    fires: connector('  getOrder: { effect: read }', '  getOrdr: { effect: read }'),
    on: 'getOrdr',
    silent: none,
  },
  'manifest-transport-unfit': {
    fires: {
      ...heard,
      [NEWS_CONNECTOR]: newsConnector('sources: { orderShipped: {} }').replace('transport: bus\n', ''),
      [CONFIG]: newsConnection,
    },
    on: 'orderShipped',
    silent: {
      ...heard,
      [NEWS_CONNECTOR]: newsConnector('sources: { orderShipped: {} }'),
      [CONFIG]: newsConnection,
    },
  },
  'manifest-code-missing': {
    fires: connector('orderPaid: { verify: standard-webhooks,', 'orderPaid: { verify: own-partner,'),
    on: 'own-partner',
    silent: {
      ...connector('orderPaid: { verify: standard-webhooks,', 'orderPaid: { verify: own-partner,'),
      'connectors/shop/src/index.ts': 'export default {};\n',
    },
  },
  'manifest-event-not-in-contract': {
    fires: connector('  orderPaid: {', '  orderPayed: {'),
    on: 'orderPayed',
    silent: none,
  },
  'manifest-effect-contradicts-method': {
    fires: connector(
      'getCharge: { effect: read }',
      'getCharge: { effect: update, idempotency: { mode: natural } }',
    ),
    on: 'update',
    silent: none,
  },
  'manifest-scope-unknown': {
    fires: {
      ...contract('key: { type: http, scheme: bearer }', OAUTH),
      ...connector('getOrder: { effect: read }', 'getOrder: { effect: read, scopes: [order] }'),
    },
    on: 'order',
    silent: {
      ...contract('key: { type: http, scheme: bearer }', OAUTH),
      ...connector('getOrder: { effect: read }', 'getOrder: { effect: read, scopes: [orders] }'),
    },
  },
  'manifest-scope-missing': {
    fires: {
      [CONTRACT]: swaps(
        ['key: { type: http, scheme: bearer }', OAUTH],
        ['security: [{ key: [] }]', 'security: [{ key: [orders] }]'],
      ),
    },
    on: 'getOrder',
    silent: { [CONTRACT]: swaps(['key: { type: http, scheme: bearer }', OAUTH]) },
  },
  'manifest-pagination-unknown': {
    fires: connector('out: /next', 'out: /nxt'),
    on: '/nxt',
    silent: none,
  },
  'manifest-stream-of-values': {
    fires: connector('printLabel: { effect: send,', 'printLabel: { effect: send, stream: { max: 1GiB },'),
    on: 'stream',
    silent: downloads('stall: 10s, max: 8MiB'),
  },
  'manifest-order-unknown': {
    fires: connector(
      'orderPlaced: { verify: standard-webhooks,',
      'orderPlaced: { verify: standard-webhooks, order: /versoin,',
    ),
    on: '/versoin',
    silent: connector(
      'orderPaid: { verify: standard-webhooks,',
      'orderPaid: { verify: standard-webhooks, order: /orderId,',
    ),
  },
  'manifest-event-field-unknown': {
    fires: connector(
      'orderPaid: { verify: standard-webhooks, tolerance: 5m, id: webhook-id',
      'orderPaid: { verify: standard-webhooks, tolerance: 5m, id: /orderid',
    ),
    on: '/orderid',
    silent: connector(
      'orderPaid: { verify: standard-webhooks, tolerance: 5m, id: webhook-id',
      'orderPaid: { verify: standard-webhooks, tolerance: 5m, id: /orderId',
    ),
  },
  'manifest-auth-unlike-contract': {
    fires: keyed('X-Api-Kee'),
    on: 'X-Api-Kee',
    silent: keyed('x-api-key'),
  },
  'manifest-source-ambiguous': {
    fires: TWO_NEWS('{}'),
    on: 'orderLost',
    silent: TWO_NEWS("{ type: { at: 'header:type', is: lost } }"),
  },
  'manifest-event-goes-round': {
    fires: {
      [NEWS_CONNECTOR]: newsConnector(
        'sources: { orderShipped: {} }\npublications: { orderShipped: { idempotency: { mode: none } } }',
      ),
    },
    on: 'orderShipped',
    silent: {
      [NEWS_CONNECTOR]: newsConnector('publications: { orderShipped: { idempotency: { mode: none } } }'),
    },
  },
  'manifest-schedule-unreadable': {
    fires: scheduled('0 25 * * *'),
    on: "'0 25 * * *'",
    silent: scheduled('0 5 * * *'),
  },
  'manifest-failure-field-unknown': {
    fires: declining("body.raeson == 'funds'"),
    on: `"\${ body.raeson == 'funds' }"`,
    silent: declining("body.reason == 'funds'"),
  },
  'manifest-poll-unknown': {
    fires: POLL('/orderid'),
    on: '/orderid',
    silent: POLL('/orderId'),
  },
  'manifest-poll-cursor-pages': {
    fires: POLL('/orderId', 'in: cursor, from: /orderId'),
    on: 'cursor',
    silent: POLL('/orderId'),
  },
  'manifest-poll-input-invalid': {
    fires: { ...SINCE, ...POLL('/orderId', 'in: since, from: /orderId, initial: yesterday') },
    on: 'yesterday',
    silent: { ...SINCE, ...POLL('/orderId', "in: since, from: /orderId, initial: '2026-01-01T00:00:00Z'") },
  },
  'manifest-probe-input-unknown': {
    fires: connector(
      'probe: { operation: findParcels, by: reference }',
      "probe: { operation: findParcels, with: { refrence: '${ request.body.reference }' }, found: '${ size(body.items) > 0 ? body.items[0] : null }' }",
    ),
    silent: connector(
      'probe: { operation: findParcels, by: reference }',
      "probe: { operation: findParcels, with: { reference: '${ request.body.reference }' }, found: '${ size(body.items) > 0 ? body.items[0] : null }' }",
    ),
  },
  'manifest-probe-input-invalid': {
    fires: connector(
      'probe: { operation: findParcels, by: reference }',
      "probe: { operation: getCharge, with: {}, found: '${ null }' }",
    ),
    silent: connector(
      'probe: { operation: findParcels, by: reference }',
      "probe: { operation: getCharge, with: { chargeId: '${ request.body.reference }' }, found: '${ null }' }",
    ),
  },
  'manifest-key-header-unknown': {
    fires: { ...KEYED, ...connector('name: Idempotency-Key', 'name: Idempotncy-Key') },
    on: 'Idempotncy-Key',
    silent: { ...KEYED, ...connector('name: Idempotency-Key', 'name: idempotency-key') },
  },
  'manifest-health-input-invalid': {
    fires: connector('health: { operation: findParcels }', 'health: { operation: getOrder }'),
    on: '{ operation: getOrder }',
    silent: connector(
      'health: { operation: findParcels }',
      'health: { operation: getOrder, with: { orderId: o-1 } }',
    ),
  },
  'manifest-probe-answer-wrong': {
    fires: connector(
      'probe: { operation: findParcels, by: reference }',
      "probe: { operation: findParcels, with: { reference: '${ request.body.reference }' }, found: '${ body.items.filter(one, one.reference == request.body.reference) }' }",
    ),
    on: "'${ body.items.filter(one, one.reference == request.body.reference) }'",
    silent: connector(
      'probe: { operation: findParcels, by: reference }',
      "probe: { operation: findParcels, with: { reference: '${ request.body.reference }' }, found: '${ body.items.exists(one, one.reference == request.body.reference) ? body.items.filter(one, one.reference == request.body.reference)[0] : null }' }",
    ),
  },
  'reconciliation-writes': {
    fires: reconciled(
      [
        'target: { read: shop.findParcels, with: { reference',
        'target: { read: shop.createParcel, items: /items, with: { body: { to: x, reference',
      ],
      ["'${ input.from }' }, key", "'${ input.from }' } }, key"],
      ['where: "${ record.id != \'\' }" }', '}'],
    ),
    on: 'shop.createParcel',
    also: [
      'reconciliation-without-list',
      'reconciliation-not-comparable',
      'unknown-field',
      'effect-can-repeat',
    ],
    silent: reconciled(),
  },
  'reconciliation-without-list': {
    fires: reconciled([
      'source: { read: shop.findParcels,',
      'source: { read: shop.findParcels, items: /next,',
    ]),
    on: '/next',
    silent: reconciled([
      'source: { read: shop.findParcels,',
      'source: { read: shop.findParcels, items: /items,',
    ]),
  },
  'reconciliation-not-comparable': {
    fires: reconciled([
      '  id: ${ record.id }\n',
      "  id: { source: '${ record.id }', target: '${ size(record.id) }' }\n",
    ]),
    on: 'size(record.id)',
    silent: reconciled([
      '  id: ${ record.id }\n',
      "  id: { source: '${ record.id }', target: '${ string(size(record.id)) }' }\n",
    ]),
  },
  'reconciliation-settles-blindly': {
    fires: reconciled(['window: 7d\n', 'window: 7d\nsettle: 15m\n']),
    on: '15m',
    silent: reconciled(
      ['window: 7d\n', 'window: 7d\nsettle: 15m\n'],
      [
        'source: { read: shop.findParcels,',
        "source: { read: shop.findParcels, changedAt: '${ record.reference }',",
      ],
    ),
  },
  'reconciliation-schedule-unreadable': {
    fires: reconciled(["cron: '0 3 * * *'", "cron: '0 25 * * *'"]),
    on: "'0 25 * * *'",
    silent: reconciled(["cron: '0 3 * * *'", "cron: '0 23 L * *'"]),
  },
} satisfies Record<PipelineCode, RuleCase>;
