import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@tenon/model';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { runCommandLine } from '../command.ts';
import { exit } from '../exit.ts';
import { addCommands } from './add.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenon-add-'));
  await writeFile(join(folder, 'tenon.config.yaml'), 'apiVersion: tenon/v1\nkind: Workspace\n');
});
afterEach(() => rm(folder, { recursive: true }));

async function addContract(...options: string[]): Promise<{ code: number; said: string }> {
  return add('contract', ...options);
}

async function add(what: string, ...options: string[]): Promise<{ code: number; said: string }> {
  let said = '';
  const say = (text: string): void => {
    said += text;
  };
  const code = await runCommandLine(addCommands, ['add', what, 'shop', ...options], {
    out: say,
    err: say,
    cwd: folder,
    env: {},
    color: false,
    clock: systemClock,
    random: systemRandom,
    interrupted: () => new Promise(() => {}),
  });
  return { code, said };
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
      '| `createOrder` | create | `shop.write` |',
    );
    expect(await readFile(join(folder, 'tenon.config.yaml'), 'utf8')).toContain('token: env:SHOP_TOKEN');
  });

  it('adds nothing where the document cannot be read', async () => {
    const { code, said } = await add('connector', '--from', 'nowhere.yaml');
    expect(code).toBe(exit.findings);
    expect(said).toContain('contract-source-unreadable');
    await expect(readFile(join(folder, 'connectors/shop/connector.yaml'))).rejects.toThrow();
  });
});
