import type { Diagnostic } from '@tenon/model';
import { checkWorkspace, type WorkspaceCheck } from './check-workspace.ts';
import { memoryWorkspaceFiles } from './load/workspace-files.ts';
import { loadWorkspaceFiles, type Workspace } from './workspace.ts';
import { writeGrants } from './write-grants.ts';

/** Changes to the files below: a new text, a change of the text, or `null` to leave the file out. */
export type Edits = Readonly<Record<string, string | null | ((text: string) => string)>>;

export interface TestResult {
  readonly workspace: Workspace;
  readonly check: WorkspaceCheck;
  /** Of loading and checking. */
  readonly diagnostics: readonly Diagnostic[];
}

/** A small workspace in memory that has no findings, with edits, loaded and checked. */
export async function testWorkspace(edits: Edits = {}): Promise<TestResult> {
  const texts: Record<string, string> = { ...testFiles };
  for (const [file, change] of Object.entries(edits)) {
    if (change === null) delete texts[file];
    else texts[file] = typeof change === 'string' ? change : change(texts[file] ?? '');
  }
  // A case that is not about grants has its calls granted; one that is writes its own.
  if (texts[CONFIG]?.includes(GRANTS)) texts[CONFIG] = await granted(texts);
  const loaded = await loadWorkspaceFiles('/workspace', memoryWorkspaceFiles(texts));
  const workspace = loaded.value!;
  const check = checkWorkspace(workspace);
  return { workspace, check, diagnostics: [...loaded.diagnostics, ...check.diagnostics] };
}

/** The configuration with what its pipelines need granted, as `tenon grants --write` leaves it. */
async function granted(texts: Readonly<Record<string, string>>): Promise<string> {
  const { value } = await loadWorkspaceFiles('/workspace', memoryWorkspaceFiles(texts));
  return writeGrants(texts[CONFIG] ?? '', checkWorkspace(value!).needed);
}

/** Replaces one part of a text, which must be there: a fixture that changes nothing proves nothing. */
export function swap(from: string, to: string): (text: string) => string {
  return (text) => {
    if (!text.includes(from)) throw new Error(`the fixture has no ${JSON.stringify(from)}`);
    return text.replace(from, () => to);
  };
}

/** Several changes, one after the other. */
export function swaps(...pairs: readonly (readonly [string, string])[]): (text: string) => string {
  return (text) => pairs.reduce((here, [from, to]) => swap(from, to)(here), text);
}

export const PIPELINE = 'pipelines/order-placed.pipeline.yaml';
export const POLICIES = 'pipelines/policies/rules.yaml';
export const CONNECTOR = 'connectors/shop/connector.yaml';
export const CONTRACT = 'contracts/shop/openapi.yaml';
const NEWS = 'contracts/news/asyncapi.yaml';
export const CONFIG = 'tenon.config.yaml';

/** A second pipeline beside the one below: what happens when a parcel has left. */
export const secondPipeline = (steps: string, owner = 'sales'): string => `apiVersion: tenon/v1
kind: Pipeline
metadata: { name: parcel-left, version: 1, description: Notes that a parcel has left. }
owner: { team: ${owner}, backup: platform, escalation: pager:sales, respond: 15m, recover: 4h }
tier: medium
trigger: { event: news.orderShipped }
identity: { key: 'left:\${ event.orderId }', retain: 30d }
limits: { deadline: 15m }
steps:
${steps}
success: \${ event.orderId != '' }
onFailure: compensate
`;

const GRANTS = `    grants:
      order-placed:
        operations: [cancelParcel, createCharge, createParcel, findParcels, getOrder, refundCharge]
`;

export const CHILD = 'pipelines/ship.pipeline.yaml';
/** A pipeline that others run: it ships something, and gives the parcel's id. */
export const childPipeline = `apiVersion: tenon/v1
kind: Pipeline
metadata: { name: ship, version: 1, description: Ships what is paid. }
owner: { team: sales, backup: platform, escalation: pager:sales, respond: 15m, recover: 4h }
tier: medium
trigger:
  manual:
    input:
      type: object
      required: [reference, to]
      additionalProperties: false
      properties: { reference: { type: string }, to: { type: string } }
identity: { key: 'ship:\${ event.reference }', retain: 30d }
limits: { deadline: 10m }
steps:
  - id: parcel
    call: shop.createParcel
    with: { body: { reference: '\${ event.reference }', to: '\${ event.to }' } }
    compensate: { call: shop.cancelParcel, with: { parcelId: '\${ steps.parcel.id }' } }
output:
  schema: { type: object, required: [parcel], properties: { parcel: { type: string } } }
  value: { parcel: '\${ steps.parcel.id }' }
success: \${ steps.parcel.id != '' }
onFailure: compensate
`;
export const RECONCILIATION = 'pipelines/parcels-agree.reconciliation.yaml';
/** A reconciliation of the shop with itself; the changes are made to its text. */
export const reconciled = (...changes: readonly (readonly [string, string])[]): Edits => ({
  [RECONCILIATION]: swaps(...changes)(`apiVersion: tenon/v1
kind: Reconciliation
metadata: { name: parcels-agree, version: 1, description: What was ordered was shipped. }
owner: { team: sales, backup: platform, escalation: pager:sales, respond: 15m, recover: 4h }
schedule: { cron: '0 3 * * *', zone: Europe/Berlin }
source: { read: shop.findParcels, key: '\${ record.reference }' }
target: { read: shop.findParcels, with: { reference: '\${ input.from }' }, key: '\${ record.reference }', where: "\${ record.id != '' }" }
compare:
  id: \${ record.id }
  length: { source: '\${ size(record.id) }', target: '\${ size(record.reference) }', tolerance: 1 }
totals:
  letters: \${ size(record.reference) }
window: 7d
repair:
  - pipeline: order-placed
`),
});
export const RUN = `  - id: shipped
    run:
      pipeline: ship
      with: { reference: 'x:\${ event.orderId }', to: '\${ event.customer.name }' }
`;
/** The pipeline below runs the one above, and reads what it gives. */
export const parented = (
  run = RUN,
  child: Edits[string] = childPipeline,
  ...more: [string, string][]
): Edits => ({
  [PIPELINE]: swaps(
    ['  - id: paid\n', `${run}  - id: paid\n`],
    ['metrics:\n', 'metrics:\n  shipped: { when: "${ steps.shipped.parcel != \'\' }" }\n'],
    ...more,
  ),
  [CHILD]: child,
});

export const testFiles: Readonly<Record<string, string>> = {
  // Of the connector that some of the tests write: its transport is its own.
  'connectors/news/src/index.ts': 'export default {};\n',
  [CONFIG]: `apiVersion: tenon/v1
kind: Workspace
connections:
  shop:
    connector: shop
    baseUrl: env:SHOP_URL
    credentials:
      key: { token: env:SHOP_KEY }
    webhookSecrets: [env:SHOP_WEBHOOK_SECRET]
${GRANTS}`,
  'owners.yaml': `apiVersion: tenon/v1
kind: Owners
teams: [{ name: sales }, { name: platform }, { name: finance }]
`,
  [CONTRACT]: `openapi: 3.1.0
info: { title: Shop, version: 1.2.0 }
servers: [{ url: https://api.shop.example }]
security: [{ key: [] }]
paths:
  /orders/{orderId}:
    get:
      operationId: getOrder
      parameters: [{ name: orderId, in: path, required: true, schema: { type: string } }]
      responses:
        '200': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Order' } } } }
    patch:
      operationId: updateOrder
      parameters: [{ name: orderId, in: path, required: true, schema: { type: string } }]
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              additionalProperties: false
              properties: { note: { type: string }, status: { type: string, enum: [open, paid, shipped] } }
      responses:
        '200': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Order' } } } }
    delete:
      operationId: deleteOrder
      parameters: [{ name: orderId, in: path, required: true, schema: { type: string } }]
      responses: { '204': { description: gone } }
  /charges:
    post:
      operationId: createCharge
      requestBody:
        required: true
        content: { application/json: { schema: { $ref: '#/components/schemas/ChargeCreate' } } }
      responses:
        '201': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Charge' } } } }
  /charges/{chargeId}:
    get:
      operationId: getCharge
      parameters: [{ name: chargeId, in: path, required: true, schema: { type: string } }]
      responses:
        '200': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Charge' } } } }
  /charges/{chargeId}/refund:
    post:
      operationId: refundCharge
      parameters: [{ name: chargeId, in: path, required: true, schema: { type: string } }]
      responses:
        '200': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Charge' } } } }
  /parcels:
    get:
      operationId: findParcels
      parameters:
        - { name: reference, in: query, schema: { type: string } }
        - { name: cursor, in: query, schema: { type: string } }
      responses:
        '200':
          description: ok
          content:
            application/json:
              schema:
                type: object
                required: [items, next]
                properties:
                  items: { type: array, items: { $ref: '#/components/schemas/Parcel' } }
                  next: { type: [string, 'null'] }
    post:
      operationId: createParcel
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              additionalProperties: false
              required: [reference, to]
              properties:
                reference: { type: string }
                to: { type: string }
                speed: { type: string, enum: [slow, fast] }
      responses:
        '201': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Parcel' } } } }
  /parcels/{parcelId}/cancel:
    post:
      operationId: cancelParcel
      parameters: [{ name: parcelId, in: path, required: true, schema: { type: string } }]
      responses:
        '200': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Parcel' } } } }
  /labels:
    post:
      operationId: printLabel
      requestBody:
        required: true
        content: { application/json: { schema: { type: object, properties: { text: { type: string } } } } }
      responses: { '202': { description: taken } }
webhooks:
  orderPlaced:
    post:
      requestBody:
        required: true
        content: { application/json: { schema: { $ref: '#/components/schemas/OrderPlaced' } } }
      responses: { '202': { description: stored } }
  orderPaid:
    post:
      requestBody:
        required: true
        content: { application/json: { schema: { $ref: '#/components/schemas/OrderPaid' } } }
      responses: { '202': { description: stored } }
components:
  securitySchemes:
    key: { type: http, scheme: bearer }
  schemas:
    Currency: { type: string, enum: [EUR, USD] }
    Order:
      type: object
      required: [id, status, lines]
      properties:
        id: { type: string }
        status: { type: string, enum: [open, paid, shipped] }
        note: { type: [string, 'null'] }
        lines:
          type: array
          items:
            type: object
            required: [sku, quantity]
            properties: { sku: { type: string }, quantity: { type: integer } }
    ChargeCreate:
      type: object
      additionalProperties: false
      required: [order, amount, currency]
      properties:
        order: { type: string }
        amount: { type: integer, minimum: 0 }
        currency: { $ref: '#/components/schemas/Currency' }
    Charge:
      type: object
      required: [id, status, amount]
      properties:
        id: { type: string }
        status: { type: string, enum: [open, settled, refunded] }
        amount: { type: integer }
    Parcel:
      type: object
      required: [id, reference]
      properties:
        id: { type: string }
        reference: { type: string }
    OrderPlaced:
      type: object
      required: [id, orderId, total, currency, customer, version]
      properties:
        id: { type: string }
        orderId: { type: string }
        total: { type: integer }
        currency: { $ref: '#/components/schemas/Currency' }
        version: { type: integer }
        express: { type: boolean }
        customer:
          type: object
          required: [name, email]
          properties: { name: { type: string }, email: { type: string } }
    OrderPaid:
      type: object
      required: [orderId, amount]
      properties:
        orderId: { type: string }
        amount: { type: integer }
`,
  'contracts/shop/contract.yaml': `apiVersion: tenon/v1
kind: Contract
steward: sales
systemOfRecord: [/components/schemas/Order/properties/note]
compatibility: backward
deprecationWindow: 90d
provenance: { source: written for tests, version: 1.2.0, fetched: '2026-11-21' }
classes:
  /components/schemas/ChargeCreate/properties/amount: financial
  /components/schemas/OrderPlaced/properties/customer/properties/email: personal
residency: eu
`,
  [NEWS]: `asyncapi: 3.0.0
info: { title: News, version: 1.0.0 }
defaultContentType: application/json
channels:
  shipped:
    address: shipped
    messages: { orderShipped: { $ref: '#/components/messages/orderShipped' } }
operations:
  announceShipped:
    action: send
    channel: { $ref: '#/channels/shipped' }
    messages: [{ $ref: '#/channels/shipped/messages/orderShipped' }]
components:
  messages:
    orderShipped:
      name: orderShipped
      payload:
        type: object
        additionalProperties: false
        required: [orderId]
        properties: { orderId: { type: string }, parcelId: { type: string } }
`,
  'contracts/news/contract.yaml': `apiVersion: tenon/v1
kind: Contract
steward: sales
systemOfRecord: [/components/messages/orderShipped/payload/properties/parcelId]
compatibility: backward
deprecationWindow: 90d
provenance: { source: written for tests, version: 1.0.0, fetched: '2026-11-21' }
`,
  [CONNECTOR]: `apiVersion: tenon/v1
kind: Connector
metadata: { name: shop, version: 1.0.0, owner: sales }
contract: shop
auth: [{ id: key, type: bearer }]
defaults: { timeout: 10s }
operations:
  getOrder: { effect: read }
  updateOrder: { effect: update, idempotency: { mode: natural } }
  deleteOrder: { effect: delete, idempotency: { mode: natural } }
  getCharge: { effect: read }
  createCharge:
    effect: create
    idempotency: { mode: header, name: Idempotency-Key, retention: 24h }
    compensation: { operation: refundCharge }
  refundCharge: { effect: update, idempotency: { mode: natural } }
  findParcels:
    effect: read
    pagination: { type: cursor, in: cursor, out: /next, items: /items }
  createParcel:
    effect: create
    idempotency: { mode: none }
    probe: { operation: findParcels, by: reference }
  cancelParcel: { effect: update, idempotency: { mode: natural } }
  printLabel: { effect: send, idempotency: { mode: none } }
webhooks:
  orderPlaced: { verify: standard-webhooks, tolerance: 5m, id: webhook-id }
  orderPaid: { verify: standard-webhooks, tolerance: 5m, id: webhook-id }
health: { operation: findParcels }
`,
  [POLICIES]: `apiVersion: tenon/v1
kind: Policies
owner: finance
policies:
  isLarge:
    description: Finance looks at large orders.
    parameters: [order]
    condition: \${ order.total >= 100000 }
    tests:
      - { given: { order: { total: 5 } }, expect: false }
      - { given: { order: { total: 100000 } }, expect: true }
`,
  [PIPELINE]: `apiVersion: tenon/v1
kind: Pipeline
metadata: { name: order-placed, version: 1, description: Charges and ships an order. }
owner: { team: sales, backup: platform, escalation: pager:sales, respond: 15m, recover: 4h }
tier: medium
trigger:
  event: shop.orderPlaced
  where: \${ event.total > 0 }
identity:
  key: \${ event.orderId }:\${ event.version }
  retain: 30d
  orderBy: \${ event.orderId }
limits: { concurrency: 10, deadline: 15m }
steps:
  - id: order
    call: shop.getOrder
    with: { orderId: '\${ event.orderId }' }
  - id: sound
    check:
      that:
        - { condition: "\${ steps.order.status == 'open' }", message: the order is not open }
      otherwise: quarantine
  - id: approval
    when: \${ policy.isLarge(event) }
    approve: { by: finance, within: 4h, onExpiry: reject, show: { total: '\${ event.total }' } }
  - id: charge
    call: shop.createCharge
    with:
      body:
        order: \${ event.orderId }
        amount: \${ event.total }
        currency: EUR
    retry: { attempts: 3, within: 1m }
    compensate: { call: shop.refundCharge, with: { chargeId: '\${ steps.charge.id }' } }
  - id: pace
    choose:
      - when: \${ default(event.express, false) }
        steps:
          - id: fast
            set: { speed: fast }
      - steps:
          - id: slow
            set: { speed: slow }
  - id: parcel
    call: shop.createParcel
    with: { body: { reference: '\${ event.orderId }', to: '\${ event.customer.name }' } }
    compensate: { call: shop.cancelParcel, with: { parcelId: '\${ steps.parcel.id }' } }
  - id: paid
    wait: { event: shop.orderPaid, match: '\${ signal.orderId == event.orderId }', within: 1d, onExpiry: continue }
  - id: announced
    emit: news.orderShipped
    with: { orderId: '\${ event.orderId }', parcelId: '\${ steps.parcel.id }' }
success: \${ steps.charge.status != 'refunded' }
onFailure: compensate
slo: { objective: 0.99, within: 5m }
metrics:
  orders: { value: '\${ event.total }' }
  fast: { when: '\${ has(steps.fast) }' }
  slow: { when: '\${ has(steps.slow) }' }
`,
};
