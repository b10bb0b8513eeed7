import { httpTransport } from '@tenon/connector';
import { systemClock, systemRandom } from '@tenon/model';
import { checkWorkspace, loadWorkspaceFiles, memoryWorkspaceFiles } from '@tenon/pipeline';
import { openRuntime } from '@tenon/runtime';

// The process that `reconcile.ts` measures: checks the workspace below, opens a runtime, compares, says what came of it.

const [baseUrl = '', file = '', how = ''] = process.argv.slice(2);

const listed = (side: string): string => `
  /${side}:
    get:
      operationId: ${side}
      parameters: [{ name: cursor, in: query, schema: { type: string } }]
      responses:
        '200':
          description: A page
          content: { application/json: { schema: { $ref: '#/components/schemas/Page' } } }`;

const { value: workspace } = await loadWorkspaceFiles(
  '/bench',
  memoryWorkspaceFiles({
    'tenon.config.yaml': `apiVersion: tenon/v1
kind: Workspace
connections: { both: { connector: both, baseUrl: '${baseUrl}', grants: { agree: { operations: [source, target] } } } }
`,
    'owners.yaml': 'apiVersion: tenon/v1\nkind: Owners\nteams: [{ name: a }, { name: b }]\n',
    'contracts/both/openapi.yaml': `openapi: 3.1.0
info: { title: Both, version: 1.0.0 }
servers: [{ url: https://both.example }]
paths:${listed('source')}${listed('target')}
components:
  schemas:
    Page:
      type: object
      required: [items, next]
      properties:
        next: { type: [string, 'null'] }
        items:
          type: array
          items:
            type: object
            required: [id, key, total, at]
            properties: { id: { type: string }, key: { type: string }, total: { type: integer }, at: { type: string } }
`,
    'connectors/both/connector.yaml': `apiVersion: tenon/v1
kind: Connector
metadata: { name: both, version: 1.0.0, owner: a }
contract: both
operations:
  source: { effect: read, pagination: { type: cursor, in: cursor, out: /next, items: /items } }
  target: { effect: read, pagination: { type: cursor, in: cursor, out: /next, items: /items } }
`,
    'pipelines/agree.reconciliation.yaml': `apiVersion: tenon/v1
kind: Reconciliation
metadata: { name: agree, version: 1, description: Both hold the same. }
owner: { team: a, backup: b, escalation: 'pager:a', respond: 1h, recover: 8h }
source: { read: both.source, key: '\${ record.key }', id: '\${ record.id }', changedAt: '\${ record.at }' }
target: { read: both.target, key: '\${ record.key }', id: '\${ record.id }' }
compare: { total: '\${ record.total }' }
totals: { sum: '\${ record.total }' }
settle: 1h
`,
  }),
);
const plan = workspace && checkWorkspace(workspace).reconciliations.get('agree');
if (!plan) throw new Error('the workspace has findings');
const connection = workspace.config.connections['both']!;
const runtime = await openRuntime({
  file,
  clock: systemClock,
  random: systemRandom,
  transport: () =>
    httpTransport({
      connection: { ...connection, baseUrl },
      clock: systemClock,
      random: systemRandom,
      secrets: { resolve: () => Promise.reject(new Error('there is none')) },
    }),
});
await runtime.activateReconciliations([plan]);
const startedAt = performance.now();
const before = process.cpuUsage();
let report: ReturnType<typeof runtime.reconciliationReport>;
if (how === 'whole') {
  const begun = await runtime.reconcile('agree', 'bench', 'to measure it', false);
  if (!begun.ok) throw new Error(begun.message);
  do {
    await new Promise((resolve) => setTimeout(resolve, 50));
    report = runtime.reconciliationReport(begun.report);
  } while (report?.state === 'comparing');
}
const { user, system } = process.cpuUsage(before);
process.send?.({
  seconds: (performance.now() - startedAt) / 1_000,
  cpuSeconds: (user + system) / 1e6,
  report: report ?? {},
});
