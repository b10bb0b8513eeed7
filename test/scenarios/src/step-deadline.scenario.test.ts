import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { openLedger } from '@tenon/runtime';
import { expect, it } from 'vitest';
import { TenonProcess } from './demo/child.ts';
import { tenon } from './tenon.ts';
import { until } from './until.ts';

const DEADLINE_MS = 10_000;
/** After the deadline, until a busy machine has come to it. */
const SLACK_MS = 5_000;

it('a step keeps to the deadline that it began with, in the process after a SIGKILL', {
  timeout: 90_000,
}, async () => {
  const root = await mkdtemp(join(tmpdir(), 'tenon-deadline-'));
  let calls = 0;
  const server = createServer((_, response) => {
    calls++;
    response.writeHead(503);
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  for (const [file, text] of Object.entries(FILES)) {
    await mkdir(join(root, dirname(file)), { recursive: true });
    await writeFile(join(root, file), text);
  }
  const { code, err, out } = await tenon(root, ['grants', '--write']);
  expect(code, err + out).toBe(0);
  const served = new TenonProcess(
    join(root, '.tenon/tenon.db'),
    { DEPOT_URL: `http://127.0.0.1:${address.port}` },
    root,
  );
  try {
    await served.start();
    const token = (await readFile(join(root, '.tenon/operator.token'), 'utf8')).trim();
    await fetch(`${served.url}/v1/pipelines/stock-taken/runs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ input: { id: 'a' } }),
    });
    // Twice it is refused; from then on it waits for its connection, whose quota is used up.
    await until(() => calls >= 2);
    await new Promise((resolve) => setTimeout(resolve, DEADLINE_MS / 2));
    await served.kill();
    await served.start();
    await until(() => letters(served.engineFile).length > 0);
    const [letter] = letters(served.engineFile);
    expect(letter).toMatchObject({
      step: 'stock',
      failure: { code: 'STEP_DEADLINE_EXCEEDED', class: 'timeout' },
    });
    const ledger = openLedger(served.engineFile);
    const entries = ledger.trace({ runId: letter!.runId });
    ledger.close();
    const lastedMs = letter!.sinceMs - entries.find(({ kind }) => kind === 'attempt')!.at;
    expect(lastedMs).toBeGreaterThan(DEADLINE_MS - 1_000);
    expect(lastedMs).toBeLessThan(DEADLINE_MS + SLACK_MS);
    const after = calls;
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(calls).toBe(after);
  } finally {
    await served.kill();
    server.closeAllConnections();
    server.close();
    await rm(root, { recursive: true, force: true });
  }
});

function letters(file: string) {
  const ledger = openLedger(file);
  const found = ledger.deadLetters();
  ledger.close();
  return found;
}

const FILES: Readonly<Record<string, string>> = {
  'owners.yaml': 'apiVersion: tenon/v1\nkind: Owners\nteams: [{ name: depot }, { name: platform }]\n',
  'tenon.config.yaml': `apiVersion: tenon/v1
kind: Workspace
engine: { type: embedded, file: .tenon/tenon.db }
server: { host: 127.0.0.1, port: 0 }
connections: { depot: { connector: depot, baseUrl: 'env:DEPOT_URL' } }
`,
  'contracts/depot/contract.yaml': `apiVersion: tenon/v1
kind: Contract
steward: depot
systemOfRecord: []
compatibility: backward
deprecationWindow: 90d
provenance: { source: written for a test, version: 1.0.0, fetched: '2026-11-28' }
`,
  'contracts/depot/openapi.yaml': `openapi: 3.1.0
info: { title: Depot, version: 1.0.0, description: Knows what is in stock. }
servers: [{ url: https://depot.example }]
paths:
  /stock:
    get:
      operationId: getStock
      summary: What is there.
      responses:
        '200':
          description: So many
          content: { application/json: { schema: { type: object, required: [count], properties: { count: { type: integer } } } } }
`,
  'connectors/depot/connector.yaml': `apiVersion: tenon/v1
kind: Connector
metadata: { name: depot, version: 1.0.0, owner: depot }
contract: depot
defaults: { timeout: 500ms, rateLimit: { quota: 2, window: 1h, key: account } }
operations: { getStock: { effect: read } }
`,
  'pipelines/stock-taken.pipeline.yaml': `apiVersion: tenon/v1
kind: Pipeline
metadata: { name: stock-taken, version: 1, description: Looks at what is in stock. }
owner: { team: depot, backup: platform, escalation: 'pager:depot', respond: 1h, recover: 8h }
tier: low
trigger: { manual: { input: { type: object, required: [id], properties: { id: { type: string } } } } }
identity: { key: '\${ event.id }', retain: 30d }
limits: { deadline: 30m }
steps:
  - id: stock
    deadline: ${DEADLINE_MS / 1_000}s
    call: depot.getStock
    retry: { attempts: 20, within: 9s, backoff: { initial: 200ms, factor: 1, max: 200ms }, jitter: none }
success: \${ steps.stock.count >= 0 }
onFailure: hold
`,
};
