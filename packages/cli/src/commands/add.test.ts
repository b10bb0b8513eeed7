import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { exit } from '../exit.ts';
import { runCommand } from '../testing/run-command.ts';
import { addCommands } from './add.ts';
import { checkCommand } from './check.ts';

/** Spaced as no tool would. */
const CONFIG = 'apiVersion:   tenon/v1\nkind:  Workspace # ours\n';
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenon-add-'));
  await writeFile(join(folder, 'tenon.config.yaml'), CONFIG);
});
afterEach(() => rm(folder, { recursive: true }));

async function addContract(...options: string[]): Promise<{ code: number; said: string }> {
  return add('contract', ...options);
}

async function add(what: string, ...options: string[]): Promise<{ code: number; said: string }> {
  return runIn('add', what, 'shop', ...options);
}

describe('add contract', () => {
  it.each(['http://%%%', 'http://169.254.169.254/latest', 'http://127.0.0.1.example/a', 'nowhere.yaml'])(
    'takes nothing from %s, and says so',
    async (from) => {
      const { code, said } = await addContract('--from', from);
      expect(code).toBe(exit.findings);
      expect(said).toContain('contract-source-unreadable');
    },
  );

  it('writes nothing of a document that is no contract, and shows where', async () => {
    await writeFile(join(folder, 'from.yaml'), 'openapi: 3.1.0\ninfo: [\n');
    const { code, said } = await addContract('--from', 'from.yaml');
    expect(code).toBe(exit.findings);
    expect(said).toMatch(/contracts\/shop\/openapi\.yaml:\d+:\d+\n *\d+│/);
    expect(said).toContain('nothing was written\n');
    expect(await readdir(folder)).toEqual(['from.yaml', 'tenon.config.yaml']);
  });

  it('says where nobody was named to answer for it, and `check` refuses that', async () => {
    await writeFile(
      join(folder, 'from.yaml'),
      'openapi: 3.1.0\ninfo: { title: Shop, version: 1.0.0 }\npaths: {}\n',
    );
    const { said } = await addContract('--from', 'from.yaml');
    expect(said).toContain(
      'nobody was named to answer for it: give `steward` in contracts/shop/contract.yaml',
    );
    expect((await runIn('check')).said).toContain('`unowned` is no team');
    await rm(join(folder, 'contracts'), { recursive: true });
    expect((await addContract('--from', 'from.yaml', '--owner', 'sales')).said).not.toContain('nobody');
  });

  it('says at once that a team is none of owners.yaml, and writes nothing', async () => {
    await writeFile(join(folder, 'shop.yaml'), DOCUMENT);
    await writeFile(
      join(folder, 'owners.yaml'),
      'apiVersion: tenon/v1\nkind: Owners\nteams: [{ name: sales }, { name: platform }]\n',
    );
    for (const what of ['contract', 'connector']) {
      const { code, said } = await add(what, '--from', 'shop.yaml', '--owner', 'sale');
      expect(code).toBe(exit.usage);
      expect(said).toContain(
        'owners.yaml has no team `sale`; did you mean `sales`? There are: sales, platform',
      );
    }
    expect((await add('contract', '--from', 'shop.yaml', '--owner', 'sales')).code).toBe(exit.clean);
  });

  it('says so of a pipeline and of who stands in, too', async () => {
    await cp(join(import.meta.dirname, '../../templates/init'), folder, { recursive: true, force: true });
    const pipeline = ['add', 'pipeline', 'again', '--on', 'shop.orderPaid', '--call', 'shop.getOrder'];
    const reconciliation = [
      'add',
      'reconciliation',
      'again',
      '--source',
      'shop.getOrder',
      '--target',
      'shop.getOrder',
    ];
    const config = await readFile(join(folder, 'tenon.config.yaml'), 'utf8');
    for (const argv of [pipeline, reconciliation])
      for (const option of ['owner', 'backup']) {
        const { code, said } = await runIn(...argv, `--${option}`, 'platfrom');
        expect(code).toBe(exit.usage);
        expect(said).toContain(
          `--${option}: owners.yaml has no team \`platfrom\`; did you mean \`platform\`?`,
        );
      }
    expect(await readFile(join(folder, 'tenon.config.yaml'), 'utf8')).toBe(config);
    expect(await readdir(join(folder, 'pipelines'))).toEqual(['order-paid.pipeline.yaml']);
  });

  it('says which operations there are where a pipeline is to call another', async () => {
    await cp(join(import.meta.dirname, '../../templates/init'), folder, { recursive: true, force: true });
    const calling = (call: string) =>
      runIn('add', 'pipeline', 'again', '--on', 'shop.orderPaid', '--call', call);
    expect((await calling('shop.getorder')).said).toMatch(/shop\.getorder; shop has: .*getOrder/);
    expect((await calling('shp.getOrder')).said).toContain('shp.getOrder; there are the connectors: shop');
  });

  it('says where a document is that was named from outside of the folder of --in', async () => {
    await mkdir(join(folder, 'inner'));
    await writeFile(join(folder, 'inner', 'tenon.config.yaml'), CONFIG);
    await writeFile(join(folder, 'shop.yaml'), DOCUMENT);
    const argv = ['--in', 'inner', 'add', 'contract', 'shop', '--owner', 'sales', '--from'];
    const { code, said } = await runIn(...argv, 'shop.yaml');
    expect(code).toBe(exit.findings);
    expect(said).toContain('paths are relative to the folder of --in: from there it is ../shop.yaml');
    expect((await runIn(...argv, '../shop.yaml')).code).toBe(exit.clean);
    expect((await runIn(...argv, 'none.yaml')).said).not.toContain('relative to');
  });

  it('writes a steward that YAML would read otherwise as the text it is', async () => {
    await writeFile(
      join(folder, 'from.yaml'),
      'openapi: 3.1.0\ninfo: { title: Shop, version: 1.0.0 }\npaths: {}\n',
    );
    await addContract('--from', 'from.yaml', '--owner', 'a: b\nkind: Other');
    const text = await readFile(join(folder, 'contracts/shop/contract.yaml'), 'utf8');
    expect(text).toContain('steward: "a: b\\nkind: Other"');
  });
});

const DOCUMENT = `
openapi: 3.1.0
info: { title: Shop, version: 1.0.0 }
servers: [{ url: 'https://api.shop.example' }]
security: [{ key: [] }]
paths:
  /orders:
    get:
      operationId: listOrders
      parameters:
        - { name: cursor, in: query, schema: { type: string } }
        - { name: limit, in: query, schema: { type: integer } }
      responses:
        '200':
          description: A page.
          content:
            application/json:
              schema:
                type: object
                required: [items]
                properties:
                  items: { type: array, items: { $ref: '#/components/schemas/Order' } }
                  next: { type: [string, 'null'] }
        '429': { description: Slow down. }
    post:
      operationId: createOrder
      parameters: [{ name: Idempotency-Key, in: header, schema: { type: string } }]
      requestBody: { required: true, content: { application/json: { schema: { type: object, properties: { note: { type: string } } } } } }
      responses:
        '201': { description: Made., content: { application/json: { schema: { $ref: '#/components/schemas/Order' } } } }
  /orders/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
    put:
      operationId: replaceOrder
      parameters: [{ name: If-Match, in: header, schema: { type: string } }]
      requestBody: { required: true, content: { application/json: { schema: { type: object, properties: { note: { type: string } } } } } }
      responses:
        '200': { description: Replaced., content: { application/json: { schema: { $ref: '#/components/schemas/Order' } } } }
    delete:
      operationId: deleteOrder
      responses: { '204': { description: Gone. } }
  /orders/search:
    post:
      operationId: searchOrders
      responses:
        '200': { description: Found., content: { application/json: { schema: { type: array, items: { $ref: '#/components/schemas/Order' } } } } }
components:
  securitySchemes: { key: { type: http, scheme: bearer } }
  schemas:
    Order: { type: object, required: [id], properties: { id: { type: string, readOnly: true }, note: { type: string } } }
`;

describe('add connector --from', () => {
  it.each([
    [
      'OpenAPI with webhooks alone',
      "openapi: 3.1.0\ninfo: { title: Shop, version: 1.0.0 }\nservers: [{ url: 'https://api.shop.example' }]\npaths: {}\nwebhooks:\n  orderPaid: { post: { operationId: orderPaid, requestBody: { content: { application/json: { schema: { type: object } } } }, responses: { '200': { description: Taken. } } } }\n",
    ],
    [
      'AsyncAPI with one send',
      'asyncapi: 3.0.0\ninfo: { title: Shop, version: 1.0.0 }\nchannels: { paid: { address: paid, messages: { orderPaid: { payload: { type: object } } } } }\noperations: { tell: { action: send, channel: { $ref: "#/channels/paid" } } }\n',
    ],
  ])('leaves out of %s what is about operations', async (_what, document) => {
    await writeFile(join(folder, 'shop.yaml'), document);
    await writeFile(
      join(folder, 'owners.yaml'),
      'apiVersion: tenon/v1\nkind: Owners\nteams: [{ name: sales }, { name: platform }]\n',
    );
    const { said } = await add('connector', '--from', 'shop.yaml', '--owner', 'sales');
    expect(said).not.toMatch(/manifest-value-invalid|to review/);
    expect(said).toContain('the contract tells of 1 event: orderPaid\n');
    const text = await readFile(join(folder, 'connectors/shop/connector.yaml'), 'utf8');
    expect(Object.keys(parse(text))).toEqual([
      'apiVersion',
      'kind',
      'metadata',
      'contract',
      'auth',
      'defaults',
    ]);
    expect(text).not.toMatch(/review|credential|sandbox/);
    const { connections } = parse(await readFile(join(folder, 'tenon.config.yaml'), 'utf8'));
    expect('baseUrl' in connections.shop, 'webhooks come in').toBe(document.startsWith('asyncapi'));
    expect(await readFile(join(folder, 'connectors/shop/README.md'), 'utf8')).not.toContain('| operation |');
  });

  it('names the first guesses of a large document, and says how many more there are', async () => {
    const paths = Array.from(
      { length: 30 },
      (_, index) =>
        `  /things${index}: { post: { operationId: make${index}, responses: { '204': { description: Made. } } } }\n`,
    );
    await writeFile(
      join(folder, 'shop.yaml'),
      `openapi: 3.1.0\ninfo: { title: Shop, version: 1.0.0 }\npaths:\n${paths.join('')}`,
    );
    await writeFile(
      join(folder, 'owners.yaml'),
      'apiVersion: tenon/v1\nkind: Owners\nteams: [{ name: sales }]\n',
    );
    const { said } = await add('connector', '--from', 'shop.yaml', '--owner', 'sales');
    const [, count] = / (\d+) guesses|^(\d+) guesses/m.exec(said)?.filter(Boolean) ?? [];
    expect(said.split('\n').filter((line) => line.startsWith('  operations.'))).toHaveLength(20);
    expect(said).toContain(`  and ${Number(count) - 20} more\n`);
    expect(said).toContain('tenon add pipeline <name> --on <contract.event> --call shop.<operation>\n');
  });

  it('adds contract, manifest, README and connection, and says what it guessed', async () => {
    await writeFile(join(folder, 'shop.yaml'), DOCUMENT);
    await writeFile(
      join(folder, 'owners.yaml'),
      'apiVersion: tenon/v1\nkind: Owners\nteams: [{ name: sales }]\n',
    );
    const { code, said } = await add('connector', '--from', 'shop.yaml', '--owner', 'sales');
    expect(said).toContain('guesses to review');
    expect(said, 'it was just done').not.toContain('next: tenon add connector');
    expect(code, said).toBe(exit.clean);
    const config = await readFile(join(folder, 'tenon.config.yaml'), 'utf8');
    expect(config.startsWith(CONFIG), 'what was there is left as it was').toBe(true);
    const manifest = parse(await readFile(join(folder, 'connectors/shop/connector.yaml'), 'utf8'));
    expect(manifest).toMatchObject({
      identities: { reader: ['shop.read'], writer: ['shop.write'] },
      defaults: { rateLimit: { quota: 10 } },
      operations: {
        listOrders: {
          effect: 'read',
          scopes: ['shop.read'],
          pagination: { type: 'cursor', in: 'cursor', out: '/next', items: '/items' },
        },
        createOrder: {
          effect: 'create',
          idempotency: { mode: 'header', name: 'Idempotency-Key' },
          compensation: { operation: 'deleteOrder' },
        },
        replaceOrder: { effect: 'update', idempotency: { mode: 'natural' }, concurrency: 'etag' },
        searchOrders: { effect: 'read' },
      },
      health: { operation: 'listOrders' },
    });
    const text = await readFile(join(folder, 'connectors/shop/connector.yaml'), 'utf8');
    expect(text).toContain('# review: a POST that reads, by its name');
    expect(await readFile(join(folder, 'connectors/shop/README.md'), 'utf8')).toContain(
      '| `createOrder` | create | `shop.write` | harmless with the same key | `deleteOrder` (deletes) |',
    );
    expect(await readFile(join(folder, 'tenon.config.yaml'), 'utf8')).toContain('token: env:SHOP_TOKEN');
  });

  it('declares the host that tokens come from, so that its own check passes', async () => {
    const flows =
      "{ clientCredentials: { tokenUrl: 'https://login.shop.example/token', scopes: { orders: o } } }";
    await writeFile(
      join(folder, 'shop.yaml'),
      DOCUMENT.replace('{ type: http, scheme: bearer }', `{ type: oauth2, flows: ${flows} }`),
    );
    await writeFile(
      join(folder, 'owners.yaml'),
      'apiVersion: tenon/v1\nkind: Owners\nteams: [{ name: sales }]\n',
    );
    const { code, said } = await add('connector', '--from', 'shop.yaml', '--owner', 'sales');
    expect(code, said).toBe(exit.clean);
    const manifest = parse(await readFile(join(folder, 'connectors/shop/connector.yaml'), 'utf8'));
    expect(manifest).toMatchObject({ egress: ['login.shop.example'] });
  });

  it('adds nothing where the document cannot be read', async () => {
    const { code, said } = await add('connector', '--from', 'nowhere.yaml');
    expect(code).toBe(exit.findings);
    expect(said).toContain('contract-source-unreadable');
    await expect(readFile(join(folder, 'connectors/shop/connector.yaml'))).rejects.toThrow();
  });

  it('writes nothing at all where something is in the way', async () => {
    const listing = async () => (await readdir(folder, { recursive: true })).toSorted();
    const refused = async (): Promise<string> => {
      const there = await listing();
      const { code, said } = await add('connector', '--from', 'shop.yaml');
      expect(code, said).toBe(exit.findings);
      expect(await listing()).toEqual(there);
      expect(await readFile(join(folder, 'tenon.config.yaml'), 'utf8')).toBe(CONFIG);
      return said;
    };
    await writeFile(join(folder, 'shop.yaml'), '- no contract\n');
    expect(await refused()).toContain('nothing was written');
    const broken = DOCUMENT.replaceAll('#/components/schemas/Order', '#/components/schemas/Odrer');
    await writeFile(join(folder, 'shop.yaml'), broken);
    expect(await refused()).toMatch(/contracts\/shop\/openapi\.yaml:\d+:\d+\n *\d+│/);
    expect(await refused()).toContain(
      'nothing was written; mend the document, or let `tenon add contract shop',
    );
    await writeFile(join(folder, 'shop.yaml'), DOCUMENT);
    await mkdir(join(folder, 'connectors/shop'), { recursive: true });
    await writeFile(join(folder, 'connectors/shop/README.md'), 'ours\n');
    expect(await refused()).toContain('connectors/shop/README.md exists already');
    await rm(join(folder, 'connectors'), { recursive: true });
    expect((await addContract('--from', 'shop.yaml')).code).toBe(exit.clean);
    expect(await refused()).toContain('leave `--from` out');
  });
});

const PARTS = `
openapi: 3.1.0
info: { title: Parts, version: 1.0.0 }
paths:
  /orders:
    post:
      operationId: createOrder
      parameters: [{ name: Idempotency-Key, in: header, schema: { type: string } }]
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [part, occurredAt, orderId, kind]
              properties:
                part: { type: string, description: 'Number of the part. On the label.' }
                occurredAt: { type: string, format: date-time }
                orderId: { type: string, description: Ours. }
                kind: { const: order }
                note: { type: string }
      responses:
        '201': { description: Made., content: { application/json: { schema: { type: object, required: [id], properties: { id: { type: string } } } } } }
  /orders/{partsId}/cancel:
    post:
      operationId: cancelOrder
      parameters:
        - { name: partsId, in: path, required: true, schema: { type: string } }
        - { name: Idempotency-Key, in: header, schema: { type: string } }
      responses: { '204': { description: Off. } }
  /orders/{orderId}/state:
    get:
      operationId: getOrder
      parameters: [{ name: orderId, in: path, required: true, schema: { type: string } }]
      responses: { '200': { description: Its state., content: { application/json: { schema: { type: object, required: [id], properties: { id: { type: string } } } } } } }
  /orders/{partsId}:
    delete:
      operationId: deleteOrder
      parameters: [{ name: partsId, in: path, required: true, schema: { type: string } }]
      responses: { '204': { description: Gone. } }
`;

const BOOKS = `
openapi: 3.1.0
info: { title: Books, version: 1.0.0 }
paths:
  /invoices:
    get:
      operationId: listInvoices
      parameters: [{ name: updatedAfter, in: query, schema: { type: string } }]
      responses: { '200': { description: All., content: { application/json: { schema: { type: array, items: { $ref: '#/components/schemas/Invoice' } } } } } }
webhooks:
  invoiceChanged:
    post:
      requestBody: { content: { application/json: { schema: { $ref: '#/components/schemas/Invoice' } } } }
      responses: { '202': { description: Taken. } }
components:
  schemas:
    Invoice: { type: object, required: [id, updatedAt], properties: { id: { type: string }, updatedAt: { type: string, format: date-time } } }
`;
const POLL = `sources:
  invoiceChanged:
    poll: { operation: listInvoices, key: /id, cursor: { in: updatedAfter, from: /updatedAt } }
`;

describe('add pipeline', () => {
  beforeEach(async () => {
    await cp(join(import.meta.dirname, '../../templates/init'), folder, { recursive: true, force: true });
    await writeFile(join(folder, 'parts.yaml'), PARTS);
    await runIn('add', 'connector', 'parts', '--from', 'parts.yaml', '--owner', 'platform');
  });

  it('takes what it can from the event and the connector, and leaves the rest to its author', async () => {
    const { code, said } = await runIn(
      ...['add', 'pipeline', 'order-parts', '--on', 'shop.orderPaid', '--call', 'parts.createOrder'],
    );
    const { owner, steps } = parse(
      await readFile(join(folder, 'pipelines/order-parts.pipeline.yaml'), 'utf8'),
    );
    expect(owner.team, 'a team that there is').not.toBe('unowned');
    expect(steps).toEqual([
      {
        id: 'createOrder',
        call: 'parts.createOrder',
        with: {
          body: {
            part: 'TODO: Number of the part.',
            occurredAt: '${ event.occurredAt }',
            orderId: 'TODO: Ours.',
            kind: 'order',
          },
        },
        compensate: { call: 'parts.cancelOrder', with: { partsId: '${ steps.createOrder.id }' } },
      },
    ]);
    expect(code, 'nothing made up passes').toBe(exit.findings);
    expect(said.match(/^error \S+/gm)).toEqual(['error placeholder-left', 'error placeholder-left']);
  });

  it('takes an event and an operation whose ids have dots', async () => {
    const contract = join(folder, 'contracts/shop/openapi.yaml');
    await writeFile(contract, (await readFile(contract, 'utf8')).replace('  orderPaid:', '  order.paid:'));
    await writeFile(join(folder, 'dotted.yaml'), PARTS.replace('createOrder', 'orders.create'));
    await runIn('add', 'connector', 'dotted', '--from', 'dotted.yaml');
    const { said } = await runIn(
      ...['add', 'pipeline', 'order-parts', '--on', 'shop.order.paid', '--call', 'dotted.orders.create'],
    );
    const text = await readFile(join(folder, 'pipelines/order-parts.pipeline.yaml'), 'utf8').catch(
      () => said,
    );
    expect(parse(text)).toMatchObject({
      trigger: { event: 'shop.order.paid' },
      steps: [{ call: 'dotted.orders.create' }],
    });
  });

  it('is of the first team where nobody whom it touches is a team', async () => {
    await writeFile(
      join(folder, 'owners.yaml'),
      'apiVersion: tenon/v1\nkind: Owners\nteams: [{ name: first }, { name: second }]\n',
    );
    await runIn(
      ...['add', 'pipeline', 'order-parts', '--on', 'shop.orderPaid', '--call', 'parts.createOrder'],
    );
    const { owner } = parse(await readFile(join(folder, 'pipelines/order-parts.pipeline.yaml'), 'utf8'));
    expect(owner).toMatchObject({ team: 'first', backup: 'second' });
  });

  it('takes an id of another system from the step that made it, not from the event', async () => {
    await runIn(
      ...['add', 'pipeline', 'order-parts', '--on', 'shop.orderPaid'],
      ...['--call', 'parts.cancelOrder', '--call', 'parts.createOrder', '--call', 'parts.getOrder'],
    );
    const { steps } = parse(await readFile(join(folder, 'pipelines/order-parts.pipeline.yaml'), 'utf8'));
    const [cancel, create, get] = steps as { with: Record<string, Record<string, string> | string> }[];
    expect(cancel!.with['partsId'], 'nothing was made yet').toMatch(/^TODO/);
    expect(create!.with['body'], 'the order of the shop is not one of the parts').toMatchObject({
      orderId: expect.stringMatching(/^TODO/),
    });
    expect(get!.with['orderId']).toBe('${ steps.createOrder.id }');
  });

  it('tells two changes of a polled record apart, and passes', async () => {
    await writeFile(join(folder, 'books.yaml'), BOOKS);
    await runIn('add', 'connector', 'books', '--from', 'books.yaml', '--owner', 'platform');
    const manifest = join(folder, 'connectors/books/connector.yaml');
    await writeFile(manifest, `${await readFile(manifest, 'utf8')}${POLL}`);
    const { code, said } = await runIn(
      ...['add', 'pipeline', 'booked', '--on', 'books.invoiceChanged', '--call', 'books.listInvoices'],
    );
    const text = await readFile(join(folder, 'pipelines/booked.pipeline.yaml'), 'utf8');
    expect(parse(text).identity.key).toBe('${ event.id }:${ event.updatedAt }');
    expect(text).toContain(
      '  # An item of `listInvoices` comes again with each new value of what the poll goes by.\n  key:',
    );
    expect(code, said).toBe(exit.clean);
  });

  it('tells two accounts apart, works in the one that the event is of, and passes', async () => {
    await writeFile(join(folder, 'books.yaml'), BOOKS);
    await runIn('add', 'connector', 'books', '--from', 'books.yaml', '--owner', 'platform');
    const manifest = join(folder, 'connectors/books/connector.yaml');
    await writeFile(manifest, `${await readFile(manifest, 'utf8')}${POLL}`);
    const config = join(folder, 'tenon.config.yaml');
    const text = await readFile(config, 'utf8');
    const own = /^ {2}books:\n(?: {4}.*\n?)*/m.exec(text)![0];
    await writeFile(config, text.replace(own, `${own.trimEnd()}\n${own.replace('books:', 'books-us:')}`));
    const { code, said } = await runIn(
      ...['add', 'pipeline', 'booked', '--on', 'books.invoiceChanged', '--call', 'books.listInvoices'],
    );
    expect(parse(await readFile(join(folder, 'pipelines/booked.pipeline.yaml'), 'utf8'))).toMatchObject({
      identity: {
        key: '${ connection }:${ event.id }:${ event.updatedAt }',
        orderBy: '${ connection }:${ event.id }',
      },
      steps: [{ call: 'books.listInvoices', over: '${ connection }' }],
    });
    expect(code, said).toBe(exit.clean);
  });

  it('says what was checked, all of it', async () => {
    const { said } = await runIn(
      ...['add', 'pipeline', 'order-parts', '--on', 'shop.orderPaid', '--call', 'parts.createOrder'],
    );
    expect(said).toMatch(/^2 errors in 2 pipelines, 3 steps, 2 contracts, 2 connectors, /m);
  });

  it('reports what it wrote, and only counts what others have', async () => {
    const path = join(folder, 'pipelines/order-paid.pipeline.yaml');
    await writeFile(path, (await readFile(path, 'utf8')).replace('shop.getOrder', 'shop.getOrders'));
    expect((await runIn('check')).code).toBe(exit.findings);
    const { code, out, err } = await runIn(
      ...['add', 'pipeline', 'look', '--on', 'shop.orderPaid', '--call', 'shop.getStatus'],
    );
    expect(out).not.toContain('getOrders');
    expect(err).toMatch(/`tenon check` also has [1-9]\d* findings? from before\n$/);
    expect(code, 'an error of another file is not of this').toBe(exit.clean);
    const marked = await runIn(
      ...['add', 'pipeline', 'parts', '--on', 'shop.orderPaid', '--call', 'parts.createOrder'],
    );
    expect(marked.code).toBe(exit.findings);
    expect(marked.out.match(/^error \S+/gm)).toEqual(['error placeholder-left', 'error placeholder-left']);
    expect((await runIn('add', 'connector', 'more', '--contract', 'parts')).code).toBe(exit.clean);
  });

  it('leaves a key that nothing tells to its author, in one finding', async () => {
    await writeFile(join(folder, 'books.yaml'), BOOKS.replace('[id, updatedAt]', '[id]'));
    await runIn('add', 'connector', 'books', '--from', 'books.yaml', '--owner', 'platform');
    const manifest = join(folder, 'connectors/books/connector.yaml');
    await writeFile(manifest, `${await readFile(manifest, 'utf8')}${POLL}`);
    const { said } = await runIn(
      ...['add', 'pipeline', 'booked', '--on', 'books.invoiceChanged', '--call', 'books.listInvoices'],
    );
    expect(said.match(/^error \S+/gm)).toEqual(['error placeholder-left']);
    expect(await readFile(join(folder, 'pipelines/booked.pipeline.yaml'), 'utf8')).toMatch(
      /# `updatedAt` of the event may be absent, and all events without it would be one\.\n {2}key: "?TODO/,
    );
  });

  it('passes once what was left to its author is given', async () => {
    await runIn(
      ...['add', 'pipeline', 'order-parts', '--on', 'shop.orderPaid', '--call', 'parts.createOrder'],
    );
    const path = join(folder, 'pipelines/order-parts.pipeline.yaml');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replaceAll(/"?TODO: .*/g, '${ event.orderId }'));
    const { code, said } = await runIn('check');
    expect(code, said).toBe(exit.clean);
  });
});

const runIn = (...args: readonly string[]) =>
  runCommand([...addCommands, checkCommand], args, { cwd: folder });
