import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { faultyHop, missingService } from '@tenon/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TenonProcess } from './demo/child.ts';

const REDIS = 6379;
const missing = await missingService('Redis', REDIS, process.env);
const QUOTA = 20;
const WINDOW_MS = 2_000;

const files = (redis: string, account: string): Readonly<Record<string, string>> => ({
  'contracts/vendor/openapi.yaml': `openapi: 3.1.0
info: { title: Vendor, version: 1.0.0 }
paths:
  /things/{id}:
    get:
      operationId: getThing
      parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
      responses:
        '200': { description: one, content: { application/json: { schema: { type: object, required: [id], properties: { id: { type: string } } } } } }
`,
  'contracts/vendor/contract.yaml':
    'apiVersion: tenon/v1\nkind: Contract\nsteward: team\ncompatibility: none\n',
  'connectors/vendor/connector.yaml': `apiVersion: tenon/v1
kind: Connector
metadata: { name: vendor, version: 1.0.0, owner: team }
contract: vendor
defaults: { timeout: 30s, inFlight: 100, rateLimit: { quota: ${QUOTA}, window: ${WINDOW_MS}ms } }
operations: { getThing: { effect: read } }
`,
  'pipelines/look.pipeline.yaml': `apiVersion: tenon/v1
kind: Pipeline
metadata: { name: look, version: 1, description: Looks at one thing. }
owner: { team: team, backup: other, escalation: pager, respond: 15m, recover: 4h }
tier: low
trigger: { manual: { input: { type: object, required: [id], properties: { id: { type: string } } } } }
identity: { key: '\${ event.id }', retain: 30d }
limits: { concurrency: 100, deadline: 15m }
steps: [{ id: thing, call: vendor.getThing, with: { id: '\${ event.id }' } }]
success: \${ steps.thing.id != '' }
onFailure: hold
`,
  'owners.yaml': 'apiVersion: tenon/v1\nkind: Owners\nteams: [{ name: team }, { name: other }]\n',
  'tenon.config.yaml': `apiVersion: tenon/v1
kind: Workspace
quotas: { redis: '${redis}' }
connections:
  vendor:
    connector: vendor
    baseUrl: env:VENDOR_URL
    quota: { account: ${account}, share: 0.5 }
    grants: { look: { operations: [getThing] } }
`,
});

/** The vendor: counts what it is asked, and when. */
async function vendor() {
  const asked: { readonly at: number; readonly by: string }[] = [];
  const server = createServer((request, response) => {
    const id = String(request.url).split('/').pop() ?? '';
    asked.push({ at: Date.now(), by: id.split('-')[0]! });
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ id }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // Listening on TCP, so the address is one with a port.
  const { port } = server.address() as AddressInfo;
  return {
    asked,
    url: `http://127.0.0.1:${port}`,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

describe.skipIf(missing !== undefined)('a quota that two processes share', () => {
  let target: Awaited<ReturnType<typeof vendor>>;
  let hop: Awaited<ReturnType<typeof faultyHop>>;
  const roots: string[] = [];
  const processes: TenonProcess[] = [];
  beforeAll(async () => {
    target = await vendor();
    hop = await faultyHop(REDIS);
    const account = `test-${randomBytes(6).toString('hex')}`;
    for (const _ of [1, 2]) {
      const root = await mkdtemp(join(tmpdir(), 'tenon-quota-'));
      roots.push(root);
      for (const [path, text] of Object.entries(files(`redis://127.0.0.1:${hop.port}`, account))) {
        await mkdir(dirname(join(root, path)), { recursive: true });
        await writeFile(join(root, path), text);
      }
      const tenon = new TenonProcess(join(root, 'tenon.db'), { VENDOR_URL: target.url }, root);
      processes.push(tenon);
      await tenon.start();
    }
  });
  afterAll(async () => {
    await Promise.all(processes.map((tenon) => tenon.stop()));
    await hop[Symbol.asyncDispose]();
    await target.close();
    for (const root of roots) await rm(root, { recursive: true, force: true });
  });

  /** Gives each process more to do than its time allows, and gives what the vendor was asked meanwhile. */
  async function load(name: string, ms: number) {
    const from = Date.now();
    await Promise.all(
      processes.map(async (tenon, index) => {
        const token = (await readFile(join(roots[index]!, '.tenon/operator.token'), 'utf8')).trim();
        const starts = Array.from({ length: 150 }, (_, n) =>
          fetch(`${tenon.url}/v1/pipelines/look/runs`, {
            method: 'POST',
            headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
            body: JSON.stringify({ input: { id: `p${index}-${name}-${n}` } }),
          }).then(({ status }) => expect(status).toBe(202)),
        );
        await Promise.all(starts);
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, from + ms - Date.now())));
    const to = Date.now();
    const asked = target.asked.filter(({ at }) => at >= from && at < to);
    const windows = Math.ceil((to - from) / WINDOW_MS) + 1;
    return { asked, windows, by: (name: string) => asked.filter((one) => one.by === name).length };
  }

  it('is kept by both together, and with Redis away by each within its share', async () => {
    const shared = await load('shared', 6_000);
    process.stdout.write(
      `shared: ${shared.asked.length} calls in ${shared.windows - 1} windows of ${QUOTA}: ${shared.by('p0')} and ${shared.by('p1')}\n`,
    );
    expect(shared.asked.length).toBeLessThanOrEqual(QUOTA * shared.windows);
    // It is used, by both: less than that, and something else would have held them.
    expect(shared.asked.length).toBeGreaterThanOrEqual(QUOTA * (shared.windows - 2));
    expect(shared.by('p0')).toBeGreaterThan(0);
    expect(shared.by('p1')).toBeGreaterThan(0);

    // What was there already goes on meanwhile; the window in which Redis goes may have more.
    hop.mode = 'refuse';
    hop.cut();
    await new Promise((resolve) => setTimeout(resolve, WINDOW_MS));
    const alone = await load('alone', 6_000);
    process.stdout.write(
      `Redis away: ${alone.asked.length} calls in ${alone.windows - 1} windows: ${alone.by('p0')} and ${alone.by('p1')}\n`,
    );
    for (const one of ['p0', 'p1']) {
      expect(alone.by(one)).toBeLessThanOrEqual((QUOTA / 2) * alone.windows);
      expect(alone.by(one)).toBeGreaterThanOrEqual((QUOTA / 2) * (alone.windows - 2));
    }
    for (const tenon of processes)
      expect(tenon.lines).toContainEqual(expect.objectContaining({ kind: 'quotaStore', isThere: false }));

    // A store that is deaf is no better than none, and holds no call for long.
    hop.mode = 'deaf';
    const deaf = await load('deaf', 4_000);
    for (const one of ['p0', 'p1']) expect(deaf.by(one)).toBeGreaterThanOrEqual(QUOTA / 2);
    hop.cut();
    hop.mode = 'open';
    for (const tenon of processes)
      await tenon.waitFor(
        (line) => line.kind === 'quotaStore' && Reflect.get(line, 'isThere') === true,
        'Redis to be used again',
        30_000,
        0,
      );
    await new Promise((resolve) => setTimeout(resolve, WINDOW_MS));
    const again = await load('again', 4_000);
    process.stdout.write(
      `Redis back: ${again.asked.length} calls in ${again.windows - 1} windows: ${again.by('p0')} and ${again.by('p1')}\n`,
    );
    expect(again.asked.length).toBeLessThanOrEqual(QUOTA * again.windows);
  });
});
