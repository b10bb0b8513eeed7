import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { loadWorkspaceFiles, memoryWorkspaceFiles } from '@tenon/pipeline';
import { openLedger } from '@tenon/runtime';
import { startSandbox } from '@tenon/testkit';
import { expect, it } from 'vitest';
import { TenonProcess } from './demo/child.ts';
import { tenon } from './tenon.ts';
import { until } from './until.ts';

const INVOICES = 11;
const PAGE = 4;

it('a step reads all pages of a listing, over a 503 and a SIGKILL between two of them', {
  timeout: 90_000,
}, async () => {
  const root = await mkdtemp(join(tmpdir(), 'tenon-pages-'));
  for (const [file, text] of Object.entries(FILES)) {
    await mkdir(join(root, dirname(file)), { recursive: true });
    await writeFile(join(root, file), text);
  }
  const { value: workspace } = await loadWorkspaceFiles('/books', memoryWorkspaceFiles(FILES));
  const of = (customer: string, count: number) =>
    Array.from({ length: count }, (_, n) => ({ id: `${customer}-${n}`, customer, amount: n + 1 }));
  const books = await startSandbox({
    contract: workspace!.contracts.get('books')!,
    manifest: workspace!.connectors.get('books')!,
    data: { invoices: [...of('ada', INVOICES), ...of('bob', 3)] },
  });
  // The second page is refused once, and each takes long enough for a kill to find it under way.
  books.faults.add({ operation: 'listInvoices', nth: 2, fault: { kind: 'status', status: 503 } });
  books.faults.add({ operation: 'listInvoices', fault: { kind: 'latency', ms: 300 } });
  const cursors = () =>
    books
      .requests()
      .filter(({ operation }) => operation === 'listInvoices')
      .map(({ path }) => new URL(path, books.url).searchParams.get('cursor') ?? '');
  const { code, err, out } = await tenon(root, ['grants', '--write']);
  expect(code, err + out).toBe(0);
  expect((await tenon(root, ['check'])).out).toContain('0 findings');
  const served = new TenonProcess(join(root, '.tenon/tenon.db'), { BOOKS_URL: books.url }, root);
  try {
    await served.start();
    const token = (await readFile(join(root, '.tenon/operator.token'), 'utf8')).trim();
    await fetch(`${served.url}/v1/pipelines/remind/runs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ input: { customer: 'ada' } }),
    });
    await until(() => cursors().length >= 3);
    await served.kill();
    await served.start();
    await until(() => stateOf(served.engineFile) === 'succeeded');
    const [second, third] = [`ada-${PAGE - 1}`, `ada-${2 * PAGE - 1}`];
    expect(cursors(), 'of the first page there is one request').toEqual(['', second, second, second, third]);
    const reminded = books.state()['reminders']!.map(({ invoice }) => invoice);
    expect(reminded.toSorted()).toEqual(
      of('ada', INVOICES)
        .map(({ id }) => id)
        .toSorted(),
    );
  } finally {
    await served.kill();
    await books.close();
    await rm(root, { recursive: true, force: true });
  }
});

function stateOf(file: string) {
  const ledger = openLedger(file);
  const [run] = ledger.runs();
  ledger.close();
  return run?.state;
}

const FILES: Readonly<Record<string, string>> = {
  'owners.yaml': 'apiVersion: tenon/v1\nkind: Owners\nteams: [{ name: books }, { name: platform }]\n',
  'tenon.config.yaml': `apiVersion: tenon/v1
kind: Workspace
engine: { type: embedded, file: .tenon/tenon.db }
server: { host: 127.0.0.1, port: 0 }
connections: { books: { connector: books, baseUrl: 'env:BOOKS_URL' } }
`,
  'contracts/books/contract.yaml': `apiVersion: tenon/v1
kind: Contract
steward: books
systemOfRecord: []
compatibility: backward
deprecationWindow: 90d
provenance: { source: written for a test, version: 1.0.0, fetched: '2026-12-01' }
`,
  'contracts/books/openapi.yaml': `openapi: 3.1.0
info: { title: Books, version: 1.0.0, description: Invoices of customers. }
servers: [{ url: https://books.example }]
paths:
  /invoices:
    get:
      operationId: listInvoices
      summary: Invoices of a customer, in pages.
      parameters:
        - { name: customer, in: query, description: Whose., schema: { type: string } }
        - { name: limit, in: query, description: How many., schema: { type: integer } }
        - { name: cursor, in: query, description: Where to go on., schema: { type: string } }
      responses:
        '200':
          description: One page
          content:
            application/json:
              schema:
                type: object
                required: [items]
                properties:
                  items: { type: array, items: { $ref: '#/components/schemas/Invoice' } }
                  next: { type: string }
  /reminders:
    post:
      operationId: createReminder
      summary: Reminds of an invoice.
      requestBody:
        required: true
        content: { application/json: { schema: { type: object, additionalProperties: false, required: [invoice], properties: { invoice: { type: string } } } } }
      responses:
        '201': { description: Done, content: { application/json: { schema: { $ref: '#/components/schemas/Reminder' } } } }
components:
  schemas:
    Invoice: { type: object, required: [id, customer, amount], properties: { id: { type: string }, customer: { type: string }, amount: { type: integer } } }
    Reminder: { type: object, required: [id, invoice], properties: { id: { type: string }, invoice: { type: string } } }
`,
  'connectors/books/connector.yaml': `apiVersion: tenon/v1
kind: Connector
metadata: { name: books, version: 1.0.0, owner: books }
contract: books
defaults: { timeout: 5s }
operations:
  listInvoices: { effect: read, pagination: { type: cursor, in: cursor, out: /next, items: /items, id: /id } }
  createReminder: { effect: create, idempotency: { mode: header, name: Idempotency-Key, retention: 7d } }
`,
  'pipelines/remind.pipeline.yaml': `apiVersion: tenon/v1
kind: Pipeline
metadata: { name: remind, version: 1, description: Reminds a customer of each invoice. }
owner: { team: books, backup: platform, escalation: 'pager:books', respond: 1h, recover: 8h }
tier: low
trigger: { manual: { input: { type: object, required: [customer], properties: { customer: { type: string } } } } }
identity: { key: '\${ event.customer }', retain: 30d }
limits: { deadline: 1h }
steps:
  - id: invoices
    call: books.listInvoices
    with: { customer: '\${ event.customer }', limit: ${PAGE} }
    pages: { atMost: 10 }
  - id: each
    forEach:
      in: \${ steps.invoices.items }
      as: invoice
      key: \${ invoice.id }
      max: 40
      concurrency: 4
      steps:
        - id: reminder
          call: books.createReminder
          with: { body: { invoice: '\${ invoice.id }' } }
          irreversible: { because: it is sent, forward: { task: say sorry, owner: books, within: 1d } }
onFailure: hold
`,
};
