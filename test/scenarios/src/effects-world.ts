import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { httpTransport, secretStore } from '@tenon/connector';
import { type JsonObject, systemClock, systemRandom } from '@tenon/model';
import { checkWorkspace, loadWorkspaceFiles, memoryWorkspaceFiles } from '@tenon/pipeline';
import { openRuntime, type Runtime } from '@tenon/runtime';
import { type Sandbox, startSandbox } from '@tenon/testkit';

/** A store over real HTTP, as its contract and connector describe it, and a runtime with pipelines that passed the check. */
export interface EffectsWorld {
  readonly store: Sandbox;
  readonly runtime: Runtime;
  /** Starts a pipeline by hand. */
  start(pipeline: string, input: JsonObject): Promise<string>;
  row(resource: string, id: string): JsonObject;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function effectsWorld(
  pipelines: readonly string[],
  data: Readonly<Record<string, readonly JsonObject[]>>,
): Promise<EffectsWorld> {
  const files = Object.fromEntries(
    pipelines.map((text, index) => [`pipelines/p${index}.pipeline.yaml`, text]),
  );
  const loaded = await loadWorkspaceFiles(
    '/store',
    memoryWorkspaceFiles({ ...STORE, 'tenon.config.yaml': configFor(pipelines), ...files }),
  );
  const workspace = loaded.value!;
  const check = checkWorkspace(workspace);
  const found = [...loaded.diagnostics, ...check.diagnostics];
  if (found.length > 0) throw new Error(found.map(({ code, message }) => `${code}: ${message}`).join('\n'));
  const contract = workspace.contracts.get('store')!;
  const store = await startSandbox({ contract, manifest: workspace.connectors.get('store')!, data });
  const folder = await mkdtemp(join(tmpdir(), 'tenon-effects-'));
  const transport = httpTransport({
    connection: {
      name: 'store',
      connector: 'store',
      baseUrl: store.url,
      credentials: {},
      webhookSecrets: [],
    },
    secrets: secretStore({
      env: {},
      root: folder,
      readFile: () => Promise.reject(new Error('there is no secret')),
    }),
    clock: systemClock,
    random: systemRandom,
  });
  const runtime = await openRuntime({
    file: join(folder, 'tenon.db'),
    clock: systemClock,
    random: systemRandom,
    transport: () => transport,
  });
  for (const plan of check.plans.values()) await runtime.activate(plan);
  return {
    store,
    runtime,
    start: async (pipeline, input) => {
      const accepted = await runtime.trigger(pipeline, input, 'ana');
      if (!accepted.ok) throw new Error(accepted.failure.message);
      // An older one starts none.
      return accepted.runs[0]?.runId ?? '';
    },
    row: (resource, id) => store.state()[resource]!.find((row) => row['id'] === id)!,
    [Symbol.asyncDispose]: async () => {
      await runtime.stop();
      await transport.close();
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A pipeline started by hand with `{ order, id, version? }`. */
export function manual(name: string, steps: string, identity = ''): string {
  return `apiVersion: tenon/v1
kind: Pipeline
metadata: { name: ${name}, version: 1, description: Shows a promise about effects. }
owner: { team: platform, backup: support, escalation: mail:platform, respond: 30m, recover: 1h }
tier: low
trigger:
  manual:
    input:
      type: object
      required: [order, id]
      properties: { order: { type: string }, id: { type: string }, version: { type: integer } }
identity: { key: '\${ event.order }', retain: 30d${identity} }
limits: { concurrency: 10, deadline: 15m }
steps:
${steps}
onFailure: compensate
`;
}

const object = (name: string, changes: string): string => `  /${name}/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
    get:
      operationId: get-${name}
      responses:
        '200': { description: It, content: { application/json: { schema: { $ref: '#/components/schemas/${name}' } } } }
        '404': { description: None }
    patch:
      operationId: set-${name}
      parameters: [{ name: If-Match, in: header, schema: { type: string } }]
      requestBody:
        required: true
        content: { application/json: { schema: { type: object, additionalProperties: false, ${changes} } } }
      responses:
        '200': { description: It, content: { application/json: { schema: { $ref: '#/components/schemas/${name}' } } } }
        '409': { description: Changed }
        '412': { description: Changed }
        '422': { description: Refused }
`;

const STORE: Readonly<Record<string, string>> = {
  'owners.yaml': `apiVersion: tenon/v1
kind: Owners
teams: [{ name: platform }, { name: support }]
`,
  'contracts/store/contract.yaml': `apiVersion: tenon/v1
kind: Contract
steward: platform
compatibility: backward
deprecationWindow: 90d
provenance: { source: written for a scenario, version: 1.0.0, fetched: '2026-11-28' }
`,
  'contracts/store/openapi.yaml': `openapi: 3.1.0
info: { title: Store, version: 1.0.0, description: Things that several write., license: { name: none, identifier: Apache-2.0 } }
servers: [{ url: https://store.example }]
security: []
paths:
${object('items', 'properties: { stock: { type: integer } }')}${object('shelves', 'required: [version], properties: { count: { type: integer }, version: { type: integer } }')}${object('labels', 'properties: { text: { type: string } }')}components:
  schemas:
    items: { type: object, required: [id, stock], properties: { id: { type: string }, stock: { type: integer } } }
    shelves: { type: object, required: [id, count, version], properties: { id: { type: string }, count: { type: integer }, version: { type: integer } } }
    labels: { type: object, required: [id, text], properties: { id: { type: string }, text: { type: string } } }
`,
  'connectors/store/connector.yaml': `apiVersion: tenon/v1
kind: Connector
metadata: { name: store, version: 1.0.0, owner: platform }
contract: store
defaults: { timeout: 2s }
operations:
  get-items: { effect: read, concurrency: etag }
  set-items: { effect: update, idempotency: { mode: none }, concurrency: etag }
  get-shelves: { effect: read, concurrency: { field: /version } }
  set-shelves: { effect: update, idempotency: { mode: none }, concurrency: { field: /version } }
  get-labels: { effect: read }
  set-labels:
    effect: update
    idempotency: { mode: checkFirst }
    probe:
      operation: get-labels
      with: { id: '\${ request.id }' }
      state: \${ body }
      settle: 100ms
`,
};

/** A connection is granted what the pipelines call, and the read by which labels are compared. */
function configFor(pipelines: readonly string[]): string {
  const grants = pipelines.map((text) => {
    const called = [...text.matchAll(/store\.([a-z-]+)/g)].map(([, operation]) => operation!);
    const operations = new Set(called.includes('set-labels') ? [...called, 'get-labels'] : called);
    return `      ${/name: ([a-z-]+)/.exec(text)![1]}: { operations: [${[...operations].sort().join(', ')}] }\n`;
  });
  return `apiVersion: tenon/v1
kind: Workspace
connections:
  store:
    connector: store
    baseUrl: env:STORE_URL
    grants:
${grants.join('')}`;
}
