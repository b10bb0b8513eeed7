import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { signWebhook } from '@tenon/connector';
import { Secret } from '@tenon/model';
import type { DrillResult, LedgerEntry, RunSummary } from '@tenon/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';
import { runCommand } from '../testing/run-command.ts';
import { type ServeProcess, SHOP_ENV, serveProcess } from '../testing/serve-process.ts';
import { drillsCommands } from './drills.ts';

let folder: string;
let served: ServeProcess;
let vendor: Server;
/** Keys that the vendor takes. */
let living: ReadonlySet<string> = new Set(['key-1']);
const shipments = new Map<string, object>();
let refusals = 0;

beforeAll(async () => {
  vendor = createServer((request, response) => {
    const answer = (status: number, body: object): void => {
      response.writeHead(status, {
        'content-type': status < 400 ? 'application/json' : 'application/problem+json',
      });
      response.end(JSON.stringify(body));
    };
    request.resume();
    if (!living.has(String(request.headers.authorization).replace('Bearer ', ''))) {
      refusals++;
      return answer(401, { title: 'no', status: 401 });
    }
    const [, what, id = ''] = String(request.url).split('/');
    if (what === 'status') return answer(200, { open: true });
    if (what === 'orders')
      return answer(200, {
        id,
        email: 'ada@shop.example',
        status: 'paid',
        items: [{ sku: 'mug', quantity: 1 }],
      });
    const key = String(request.headers['idempotency-key']);
    const made = shipments.get(key) ?? { id: `shp_${shipments.size}`, orderId: 'o', status: 'preparing' };
    shipments.set(key, made);
    return answer(201, made);
  });
  await new Promise<void>((resolve) => vendor.listen(0, '127.0.0.1', resolve));
  // It listens on TCP.
  const { port } = vendor.address() as AddressInfo;
  folder = await initFolder('live-rotation');
  const config = join(folder, 'tenon.config.yaml');
  await writeFile(config, (await readFile(config, 'utf8')).replace('env:SHOP_KEY', 'file:shop.key'));
  await writeFile(join(folder, 'shop.key'), 'key-1', { mode: 0o600 });
  served = await serveProcess(folder, { ...SHOP_ENV, SHOP_URL: `http://127.0.0.1:${port}` });
}, 60_000);
afterAll(async () => {
  await served.stop();
  vendor.closeAllConnections();
  await new Promise((resolve) => vendor.close(resolve));
  await rm(folder, { recursive: true });
});

let orders = 0;
const order = (): { readonly id: string } => ({
  id: `evt_${++orders}`,
  ...{ orderId: `ord_${orders}`, occurredAt: '2026-11-02T10:15:00Z' },
});
async function deliver(): Promise<void> {
  const payload = order();
  const body = JSON.stringify(payload);
  const headers = signWebhook(
    { verify: 'standard-webhooks', toleranceMs: 300_000, id: 'webhook-id' },
    new Secret('env:SHOP_WEBHOOK_SECRET', SHOP_ENV['SHOP_WEBHOOK_SECRET']!),
    { id: payload.id, body: new TextEncoder().encode(body), sentAtMs: Date.now() },
  );
  const answer = await fetch(`${served.url}/hooks/shop/orderPaid`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
  expect(answer.status).toBe(202);
}
const get = async <T>(path: string): Promise<T> => {
  const headers = { authorization: `Bearer ${served.token}` };
  return (await fetch(`${served.url}${path}`, { headers })).json() as Promise<T>;
};
const runsIn = async (state: string) =>
  (await get<{ runs: RunSummary[] }>(`/v1/runs?state=${state}&limit=1000`)).runs.length;
async function live(...words: string[]): Promise<{ readonly code: number; readonly made: DrillResult }> {
  const argv = ['drill', 'live', ...words, '--url', served.url, '--reason', 'ticket 1', '--format', 'json'];
  const { code, out, said } = await runCommand(drillsCommands, argv, {
    cwd: folder,
    env: { TENON_TOKEN: served.token },
  });
  expect(said).not.toContain('key-');
  return { code, made: JSON.parse(out) };
}
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a Tenon that runs', () => {
  it('goes on under load while its credential is rotated, and no run fails', async () => {
    let isOver = false;
    const load = (async () => {
      for (; !isOver; await wait(100)) await deliver();
    })();
    const drill = live('rotation', '--connection', 'shop', '--wait', '1m', '--watch', '4s');
    await wait(2_500);
    // The other side first, as whoever rotates one does: both are live, then the new one alone.
    living = new Set(['key-1', 'key-2']);
    await writeFile(join(folder, 'shop.key'), 'key-2', { mode: 0o600 });
    await wait(2_500);
    living = new Set(['key-2']);
    const { code, made } = await drill;
    isOver = true;
    await load;
    expect(made).toMatchObject({ kind: 'rotation', connection: 'shop', verdict: 'passed', findings: [] });
    expect(code).toBe(exit.clean);
    expect(made.figures).toMatchObject({ failed: 0 });
    expect([made.figures['calls']! > 10, made.figures['readAnew']! > 0, refusals > 0]).toEqual([
      true,
      true,
      true,
    ]);
    while ((await runsIn('succeeded')) < orders) await wait(50);
    expect(await runsIn('failed')).toBe(0);
    const { entries } = await get<{ entries: LedgerEntry[] }>('/v1/trace?system=true');
    expect(JSON.stringify(entries)).not.toMatch(/key-[12]/);
  });

  it('keeps one event out by a flag, and starts it once without', async () => {
    const before = shipments.size;
    const { code, made } = await live(
      ...['flag', '--pipeline', 'order-paid', '--event', JSON.stringify(order())],
    );
    expect([code, made.verdict, made.figures]).toEqual([
      exit.clean,
      'passed',
      { keptOut: 1, othersKeptOut: 0, startedOff: 0, startedOn: 1 },
    ]);
    while (shipments.size === before) await wait(20);
    expect(shipments.size).toBe(before + 1);
  });

  it('replays what has succeeded, and sends nothing', async () => {
    while ((await runsIn('succeeded')) < orders) await wait(50);
    const before = shipments.size;
    const { code, made } = await live('replay', '--pipeline', 'order-paid', '--apply');
    expect([code, made.verdict, made.findings]).toEqual([exit.clean, 'passed', []]);
    expect(made.figures).toMatchObject({ runs: orders, applied: orders, extraEffects: 0 });
    expect(shipments.size).toBe(before);
  });
});
