import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { tenon } from '../tenon.ts';

/** A workspace that carries orders of a shop into books, and sees to it that both agree. */
export async function reconcileWorkspace(root: string): Promise<void> {
  for (const [file, text] of Object.entries(FILES)) {
    await mkdir(join(root, dirname(file)), { recursive: true });
    await writeFile(join(root, file), text);
  }
  const { code, err } = await tenon(root, ['grants', '--write']);
  if (code !== 0) throw new Error(err);
}

const OWNER =
  "owner: { team: finance, backup: platform, escalation: 'pager:finance', respond: 1h, recover: 8h }";

const policy = (name: string, pointers: readonly string[]): string => `apiVersion: tenon/v1
kind: Contract
steward: finance
systemOfRecord: []
compatibility: backward
deprecationWindow: 90d
provenance: { source: written for a test, version: 1.0.0, fetched: '2026-11-28' }
classes:
${pointers.map((pointer) => `  ${pointer}: personal`).join('\n')}
# ${name}
`;

const listed = (schema: string): string => `
          description: One page
          content:
            application/json:
              schema:
                type: object
                required: [items, next]
                properties:
                  items: { type: array, items: { $ref: '#/components/schemas/${schema}' } }
                  next: { type: [string, 'null'] }`;

const INPUT = (more: string) => `trigger:
  manual:
    input:
      type: object
      required: [orderId${more === '' ? '' : ', total, email'}]
      additionalProperties: false
      properties:
        orderId: { type: string }
${more}`;
const ORDER = `        total: { type: number }
        email: { type: string, x-tenon-class: personal }
`;

const pipeline = (name: string, description: string, key: string, input: string, step: string): string =>
  `apiVersion: tenon/v1
kind: Pipeline
metadata: { name: ${name}, version: 1, description: ${description} }
${OWNER}
tier: low
${INPUT(input)}identity: { key: '${key}:\${ event.orderId }', retain: 30d, orderBy: '\${ event.orderId }' }
limits: { concurrency: 8, deadline: 10m }
steps:
  - id: booked
${step}    irreversible: { because: the books keep it, forward: { task: put it right in the books, owner: finance, within: 1d } }
success: \${ steps.booked.id != '' }
onFailure: hold
`;

const BODY =
  "body: { reference: '${ event.orderId }', amount: '${ event.total }', email: '${ event.email }' }";

const FILES: Readonly<Record<string, string>> = {
  'owners.yaml': 'apiVersion: tenon/v1\nkind: Owners\nteams: [{ name: finance }, { name: platform }]\n',
  'tenon.config.yaml': `apiVersion: tenon/v1
kind: Workspace
engine: { type: embedded, file: .tenon/tenon.db }
server: { host: 127.0.0.1, port: 0 }
connections:
  shop:
    connector: shop
    baseUrl: 'env:SHOP_URL'
  books:
    connector: books
    baseUrl: 'env:BOOKS_URL'
`,
  'contracts/shop/contract.yaml': policy('shop', ['/components/schemas/Order/properties/email']),
  'contracts/shop/openapi.yaml': `openapi: 3.1.0
info: { title: Shop, version: 1.0.0, description: Has orders. }
servers: [{ url: https://shop.example }]
paths:
  /orders:
    get:
      operationId: listOrders
      summary: Orders, in pages.
      parameters:
        - { name: cursor, in: query, description: Where to go on., schema: { type: string } }
      responses:
        '200':${listed('Order')}
components:
  schemas:
    Order:
      type: object
      required: [id, total, email, updatedAt]
      properties:
        id: { type: string, minLength: 1 }
        total: { type: number }
        email: { type: string }
        updatedAt: { type: string, format: date-time }
`,
  'contracts/books/contract.yaml': policy('books', [
    '/components/schemas/Invoice/properties/email',
    '/components/schemas/NewInvoice/properties/email',
  ]),
  'contracts/books/openapi.yaml': `openapi: 3.1.0
info: { title: Books, version: 1.0.0, description: Has invoices. }
servers: [{ url: https://books.example }]
paths:
  /invoices:
    get:
      operationId: listInvoices
      summary: Invoices, in pages.
      parameters:
        - { name: cursor, in: query, description: Where to go on., schema: { type: string } }
      responses:
        '200':${listed('Invoice')}
    post:
      operationId: createInvoice
      summary: Makes an invoice.
      requestBody:
        required: true
        content: { application/json: { schema: { $ref: '#/components/schemas/NewInvoice' } } }
      responses:
        '201': { description: Made, content: { application/json: { schema: { $ref: '#/components/schemas/Invoice' } } } }
  /invoices/{reference}:
    parameters: [{ name: reference, in: path, required: true, description: The order's id., schema: { type: string } }]
    put:
      operationId: updateInvoice
      summary: Sets an invoice.
      requestBody:
        required: true
        content: { application/json: { schema: { $ref: '#/components/schemas/NewInvoice' } } }
      responses:
        '200': { description: Set, content: { application/json: { schema: { $ref: '#/components/schemas/Invoice' } } } }
    delete:
      operationId: strikeInvoice
      summary: Strikes an invoice out.
      responses:
        '200': { description: Gone, content: { application/json: { schema: { $ref: '#/components/schemas/Invoice' } } } }
components:
  schemas:
    NewInvoice:
      type: object
      additionalProperties: false
      required: [reference, amount, email]
      properties: { reference: { type: string }, amount: { type: number }, email: { type: string } }
    Invoice:
      type: object
      required: [id, reference, amount, email]
      properties:
        id: { type: string, minLength: 1 }
        reference: { type: [string, 'null'] }
        amount: { type: number }
        email: { type: string }
`,
  'connectors/shop/connector.yaml': `apiVersion: tenon/v1
kind: Connector
metadata: { name: shop, version: 1.0.0, owner: finance }
contract: shop
operations:
  listOrders: { effect: read, pagination: { type: cursor, in: cursor, out: /next, items: /items } }
`,
  'connectors/books/connector.yaml': `apiVersion: tenon/v1
kind: Connector
metadata: { name: books, version: 1.0.0, owner: finance }
contract: books
operations:
  listInvoices: { effect: read, pagination: { type: cursor, in: cursor, out: /next, items: /items } }
  createInvoice: { effect: create, idempotency: { mode: header, name: Idempotency-Key, retention: 7d } }
  updateInvoice: { effect: update, idempotency: { mode: natural } }
  strikeInvoice: { effect: delete, idempotency: { mode: natural } }
`,
  'pipelines/order-paid.pipeline.yaml': pipeline(
    'order-paid',
    'What is paid is invoiced.',
    'paid',
    ORDER,
    `    call: books.createInvoice\n    with: { ${BODY} }\n`,
  ),
  'pipelines/order-changed.pipeline.yaml': pipeline(
    'order-changed',
    'What is changed is set in the books.',
    'changed',
    ORDER,
    `    call: books.updateInvoice\n    with: { reference: '\${ event.orderId }', ${BODY} }\n`,
  ),
  'pipelines/order-cancelled.pipeline.yaml': pipeline(
    'order-cancelled',
    'What is cancelled is struck out.',
    'cancelled',
    '',
    "    call: books.strikeInvoice\n    with: { reference: '${ event.orderId }' }\n",
  ),
  'pipelines/import-order.pipeline.yaml': pipeline(
    'import-order',
    'An order that nobody told of is invoiced.',
    'import',
    ORDER,
    `    call: books.createInvoice\n    with: { ${BODY} }\n`,
  ),
  'pipelines/orders-invoiced.reconciliation.yaml': `apiVersion: tenon/v1
kind: Reconciliation
metadata: { name: orders-invoiced, version: 1, description: Each order of the shop has its invoice in the books. }
${OWNER}
schedule: { cron: '0 3 * * *', zone: Europe/Berlin, missed: once }
source:
  read: shop.listOrders
  key: \${ record.id }
  id: \${ record.id }
  changedAt: \${ record.updatedAt }
  where: \${ record.total > 0 }
target:
  read: books.listInvoices
  key: \${ record.reference }
  id: \${ record.id }
compare:
  amount: { source: '\${ record.total }', target: '\${ record.amount }', tolerance: 0.005 }
  email: \${ record.email }
totals:
  turnover: { source: '\${ record.total }', target: '\${ record.amount }', tolerance: 0.01% }
settle: 10m
repair:
  - pipeline: order-paid
  - pipeline: order-changed
  - pipeline: order-cancelled
  - pipeline: import-order
    start:
      with: { orderId: '\${ record.id }', total: '\${ record.total }', email: '\${ record.email }' }
`,
};
