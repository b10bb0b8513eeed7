import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';

const PAGE = 4;
/** Long enough for a kill to fall between two pages. */
const PAGE_MS = 60;
const PATIENCE_MS = 40_000;

/** A service that lists what has changed, in pages, in no order that one could rely on; and the target of the effects. */
export interface ChangesServer extends AsyncDisposable {
  readonly url: string;
  /** What there is, each with the time it got: `id@version` → `updatedAt`, oldest first. */
  readonly versions: ReadonlyMap<string, string>;
  /** How often each of them took effect, under keys that were new. */
  readonly effects: ReadonlyMap<string, number>;
  /** `updatedAfter` of each listing's first page; empty where none was given. */
  readonly cursors: readonly string[];
  readonly pagesAsked: number;
  add(count: number): void;
  until(isSo: () => boolean): Promise<void>;
}

interface Item {
  readonly id: string;
  readonly version: number;
  readonly updatedAt: string;
}

export async function changesServer(): Promise<ChangesServer> {
  const items: Item[] = [];
  const versions = new Map<string, string>();
  const effects = new Map<string, number>();
  const keys = new Set<string>();
  const cursors: string[] = [];
  let pagesAsked = 0;
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://host');
    const send = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (url.pathname === '/effects') {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const key = String(request.headers['idempotency-key']);
      const { id, version } = JSON.parse(Buffer.concat(chunks).toString()) as Item;
      if (!keys.has(key)) effects.set(`${id}@${version}`, (effects.get(`${id}@${version}`) ?? 0) + 1);
      keys.add(key);
      send(201, { done: true });
      return;
    }
    pagesAsked++;
    const after = url.searchParams.get('updatedAfter') ?? '';
    const from = Number(url.searchParams.get('page') ?? 0);
    if (from === 0) cursors.push(after);
    await new Promise((resolve) => setTimeout(resolve, PAGE_MS));
    // By name, so that the furthest is not the last.
    const found = items.filter(({ updatedAt }) => updatedAt >= after).sort((a, b) => (a.id < b.id ? -1 : 1));
    const next = from + PAGE < found.length ? from + PAGE : null;
    send(200, { items: found.slice(from, from + PAGE), next });
  }

  return {
    url: `http://127.0.0.1:${address.port}`,
    versions,
    effects,
    cursors,
    get pagesAsked() {
      return pagesAsked;
    },
    add: (count) => {
      for (let added = 0; added < count; added++) {
        const number = versions.size;
        const updatedAt = new Date(Date.UTC(2026, 0, 1) + number * 1_000).toISOString();
        // Names jump about, so that those of one listing stand on different pages.
        items.push({ id: `item_${(number * 37) % 101}`, version: 1, updatedAt });
        versions.set(`item_${(number * 37) % 101}@1`, updatedAt);
      }
    },
    until: async (isSo) => {
      for (const untilMs = Date.now() + PATIENCE_MS; !isSo(); ) {
        if (Date.now() > untilMs)
          throw new Error(
            `waited in vain: ${effects.size} effects of ${versions.size}, ${pagesAsked} pages, last cursor ${cursors.at(-1)}`,
          );
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A workspace whose one pipeline makes one effect of each change that a poll finds. */
export async function pollWorkspace(root: string): Promise<void> {
  for (const folder of ['contracts/changes', 'connectors/changes', 'pipelines'])
    await mkdir(join(root, folder), { recursive: true });
  for (const [file, text] of Object.entries(FILES)) await writeFile(join(root, file), text);
}

const FILES: Readonly<Record<string, string>> = {
  'owners.yaml': 'apiVersion: tenon/v1\nkind: Owners\nteams: [{ name: shop }, { name: platform }]\n',
  'tenon.config.yaml': `apiVersion: tenon/v1
kind: Workspace
engine: { type: embedded, file: .tenon/tenon.db }
server: { host: 127.0.0.1, port: 0 }
connections:
  changes:
    connector: changes
    baseUrl: 'env:CHANGES_URL'
    grants: { changed: { operations: [addEffect, listChanges] } }
  archive:
    connector: changes
    baseUrl: 'env:ARCHIVE_URL'
    sources: []
`,
  'contracts/changes/contract.yaml': `apiVersion: tenon/v1
kind: Contract
steward: shop
systemOfRecord: []
compatibility: backward
deprecationWindow: 90d
provenance: { source: written for a test, version: 1.0.0, fetched: '2026-11-28' }
`,
  'contracts/changes/openapi.yaml': `openapi: 3.1.0
info: { title: Changes, version: 1.0.0, description: Lists what changed. }
servers: [{ url: https://changes.example }]
paths:
  /changes:
    get:
      operationId: listChanges
      summary: What has changed since a time, in pages.
      parameters:
        - { name: updatedAfter, in: query, description: Those since then., schema: { type: string } }
        - { name: page, in: query, description: Where to go on., schema: { type: integer } }
      responses:
        '200':
          description: One page
          content:
            application/json:
              schema:
                type: object
                required: [items, next]
                properties:
                  items: { type: array, items: { $ref: '#/components/schemas/Item' } }
                  next: { type: [integer, 'null'] }
  /effects:
    post:
      operationId: addEffect
      summary: Adds one effect; a key seen before adds none.
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              additionalProperties: false
              required: [id, version]
              properties: { id: { type: string }, version: { type: integer } }
      responses:
        '201':
          description: Done
          content:
            application/json:
              schema: { type: object, required: [done], properties: { done: { type: boolean } } }
webhooks:
  itemChanged:
    post:
      summary: One item, as it is since its last change.
      requestBody:
        required: true
        content:
          application/json:
            schema: { $ref: '#/components/schemas/Item' }
      responses: { '200': { description: Taken } }
components:
  schemas:
    Item:
      type: object
      required: [id, version, updatedAt]
      properties:
        id: { type: string, minLength: 1 }
        version: { type: integer }
        updatedAt: { type: string, format: date-time }
`,
  'connectors/changes/connector.yaml': `apiVersion: tenon/v1
kind: Connector
metadata: { name: changes, version: 1.0.0, owner: shop }
contract: changes
operations:
  listChanges: { effect: read, pagination: { type: cursor, in: page, out: /next, items: /items } }
  addEffect: { effect: create, idempotency: { mode: header, name: Idempotency-Key, retention: 7d } }
sources:
  itemChanged:
    every: 100ms
    poll:
      operation: listChanges
      key: /id
      cursor: { in: updatedAfter, from: /updatedAt }
`,
  'pipelines/changed.pipeline.yaml': `apiVersion: tenon/v1
kind: Pipeline
metadata: { name: changed, version: 1, description: Each change makes one effect. }
owner: { team: shop, backup: platform, escalation: 'pagerduty:shop', respond: 1h, recover: 8h }
tier: low
trigger: { event: changes.itemChanged }
identity: { key: '\${ event.id }:\${ event.version }', retain: 30d }
limits: { concurrency: 8, deadline: 30m }
steps:
  - id: effect
    call: changes.addEffect
    with: { body: { id: '\${ event.id }', version: '\${ event.version }' } }
    retry: { attempts: 20, within: 10m, backoff: { initial: 100ms, factor: 2, max: 5s }, jitter: full }
    irreversible: { because: it is counted, forward: { task: take it off by hand, owner: shop, within: 1d } }
success: \${ steps.effect.done }
onFailure: compensate
`,
};
