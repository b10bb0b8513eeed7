import { cp, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrokerKind } from './private-broker.ts';

const REPO = join(import.meta.dirname, '../../../..');

/** A workspace with one pipeline: an order of the broker's contract makes one effect at an HTTP target. */
export async function brokerWorkspace(kind: BrokerKind): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'tenon-brokers-'));
  for (const folder of ['contracts/effects', 'connectors/effects', `connectors/${kind}/src`, 'pipelines'])
    await mkdir(join(root, folder), { recursive: true });
  await cp(join(REPO, 'contracts', kind), join(root, 'contracts', kind), { recursive: true });
  // The code is handed on, so that it finds its libraries (a link that leads out of a workspace is not followed); the manifest with what a
  // private broker needs.
  const code = JSON.stringify(join(REPO, 'connectors', kind, 'src/index.ts'));
  await writeFile(join(root, 'connectors', kind, 'src/index.ts'), `export { default } from ${code};\n`);
  const manifest = await readFile(join(REPO, 'connectors', kind, 'connector.yaml'), 'utf8');
  await writeFile(
    join(root, 'connectors', kind, 'connector.yaml'),
    manifest.replace(/^( +)prefetch: .*$/m, '$1prefetch: 500\n$1create: true'),
  );
  await writeFile(join(root, 'contracts/effects/openapi.yaml'), CONTRACT);
  await writeFile(join(root, 'contracts/effects/contract.yaml'), POLICY);
  await writeFile(join(root, 'connectors/effects/connector.yaml'), CONNECTOR);
  await writeFile(join(root, 'pipelines/shipped.pipeline.yaml'), pipeline(kind));
  await writeFile(
    join(root, 'owners.yaml'),
    'apiVersion: tenon/v1\nkind: Owners\nteams: [{ name: shop }, { name: platform }]\n',
  );
  await writeFile(join(root, 'tenon.config.yaml'), config(kind));
  return root;
}

const CONTRACT = `openapi: 3.1.0
info: { title: Effects, version: 1.0.0, description: Counts what takes effect. }
servers: [{ url: https://effects.example }]
paths:
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
              required: [orderId, version]
              properties: { orderId: { type: string }, version: { type: integer } }
      responses:
        '201':
          description: Done
          content:
            application/json:
              schema: { type: object, required: [done], properties: { done: { type: boolean } } }
`;
const POLICY = `apiVersion: tenon/v1
kind: Contract
steward: shop
systemOfRecord: []
compatibility: backward
deprecationWindow: 90d
provenance: { source: written for a measurement, version: 1.0.0, fetched: '2026-11-28' }
`;
const CONNECTOR = `apiVersion: tenon/v1
kind: Connector
metadata: { name: effects, version: 1.0.0, owner: shop }
contract: effects
operations:
  addEffect: { effect: create, idempotency: { mode: header, name: Idempotency-Key, retention: 7d } }
`;

function pipeline(kind: string): string {
  return `apiVersion: tenon/v1
kind: Pipeline
metadata: { name: shipped, version: 1, description: Each message makes one effect. }
owner: { team: shop, backup: platform, escalation: 'pagerduty:shop', respond: 1h, recover: 8h }
tier: low
trigger: { event: ${kind}.orderShipped }
identity:
  key: \${ event.orderId }:\${ event.version }
  retain: 30d
  orderBy: \${ event.orderId }
limits: { concurrency: 64, deadline: 30m }
steps:
  - id: effect
    call: effects.addEffect
    with: { body: { orderId: '\${ event.orderId }', version: '\${ event.version }' } }
    retry: { attempts: 20, within: 10m, backoff: { initial: 100ms, factor: 2, max: 5s }, jitter: full }
    irreversible: { because: it is counted, forward: { task: take it off by hand, owner: shop, within: 1d } }
success: \${ steps.effect.done }
onFailure: compensate
`;
}

function config(kind: string): string {
  return `apiVersion: tenon/v1
kind: Workspace
engine: { type: embedded, file: .tenon/tenon.db }
server: { host: 127.0.0.1, port: 0 }
connections:
  bus:
    connector: ${kind}
    baseUrl: env:BUS_URL
    credentials: { login: { username: 'env:BUS_USER', password: 'env:BUS_PASSWORD' } }
  effects:
    connector: effects
    baseUrl: env:EFFECTS_URL
    grants: { shipped: { operations: [addEffect] } }
`;
}
