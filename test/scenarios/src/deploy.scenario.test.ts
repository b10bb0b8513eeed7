import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, systemClock, systemRandom } from '@tenon/model';
import { commands, runCommandLine } from 'tenon';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { tenon } from './tenon.ts';

// Each command of "Deploys, and a wrong one" in docs/operate.md, as it stands there and in its order. Only `systemctl` and `journalctl` are
// others: the service is a `tenon serve` in this process, and its log is at hand.

const SECTION = /^## Deploys, and a wrong one\n(.*?)^## /ms;
const docs = readFileSync(join(import.meta.dirname, '../../../docs/operate.md'), 'utf8');
const [look, deploy, wrong, back] = [...SECTION.exec(docs)![1]!.matchAll(/^```sh\n(.*?)^```/gms)].map(
  ([, lines]) => lines!.trim().split('\n'),
);

const VERSION_7 = `
  - id: shipment
    call: shop.createShipment
    with: { body: { orderId: "\${ steps.order.id }", items: "\${ steps.order.items }" } }
    compensate: { call: shop.cancelShipment, with: { shipmentId: "\${ steps.shipment.id }" } }
  - id: handover
    approve: { by: fulfilment, within: 4h, onExpiry: reject, show: "\${ steps.shipment.id }" }
success: \${ steps.shipment.status == 'preparing' }
onFailure: compensate
`;
const VERSION_8 = VERSION_7.replace(
  'items: "${ steps.order.items }"',
  'items: [{ sku: mug-blue, quantity: 100 }]',
);

const VERSION_9 = `
  - id: handover
    approve: { by: fulfilment, within: 4h, onExpiry: reject, show: "\${ steps.order.id }" }
success: \${ steps.order.id != '' }
onFailure: hold
`;

/** A program that runs until it is ended, and what it has printed. */
interface Running {
  readonly out: () => string;
  readonly end: () => Promise<void>;
}

let folder: string;
let shop: string;
let env: Record<string, string>;
let service: Running | undefined;
let sandbox: Running | undefined;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tenon-deploy-'));
  shop = join(folder, 'shop');
  const origin = join(folder, 'origin');
  git(folder, 'init', '-q', '-b', 'main', origin);
  await tenon(origin, ['init', '.']);
  const config = join(origin, 'tenon.config.yaml');
  writeFileSync(config, readFileSync(config, 'utf8').replace('port: 4700', `port: ${await freePort()}`));
  for (const [version, steps] of [
    [7, VERSION_7],
    [8, VERSION_8],
  ] as const)
    await release(origin, version, steps);
  git(folder, 'clone', '-q', origin, shop);
  git(shop, 'checkout', '-q', '--detach', 'v7');
  sandbox = await running(['sandbox'], {}, /SHOP_URL=/);
  env = Object.fromEntries(
    [...sandbox.out().matchAll(/^(?:export )?(\w+)='?(.*?)'?$/gm)].map(([, name, value]) => [name!, value!]),
  );
});
afterEach(async () => {
  await service?.end();
  await sandbox?.end();
  rmSync(folder, { recursive: true, force: true });
});

it('a version is looked at, deployed, found wrong and taken back by the commands of the docs', {
  timeout: 180_000,
}, async () => {
  await restart();
  await order('a7');

  for (const line of look!) await carryOut(line);
  for (const line of deploy!) await carryOut(line);
  expect(service!.out()).toMatch(/"kind":"activated".*"version":8/);
  expect(logged('otherPlan')).toMatchObject([
    { pipeline: 'order-paid', version: 7, runs: 1, states: { waiting: 1 }, active: { version: 8 } },
  ]);
  for (const id of ['b8', 'c8']) await order(id);

  const said = new Map<string, string>();
  for (const line of wrong!) said.set(line, await carryOut(line));
  const saidBy = (begin: string): string => [...said].find(([line]) => line.startsWith(begin))![1];
  expect(saidBy('tenon approvals')).toMatch(/ 8 +c8 +handover/);
  expect(saidBy('tenon runs cancel --pipeline')).toMatch(/ 8 +c8 +waiting +handover +shipment/);
  expect(saidBy('tenon runs cancel --pipeline')).not.toContain(' a7 ');
  expect(saidBy('tenon runs cancel --apply')).toContain('cancelled: 2 of 2 runs');
  await settled('b8', 'cancelled');
  await settled('c8', 'cancelled');
  await order('d7');
  for (const line of back!) await carryOut(line);
  expect(logged('otherPlan')).toEqual([]);
  const runs = await listed();
  expect(runs.map(({ key, version, state }) => [key, version, state])).toEqual([
    ['d7', 7, 'waiting'],
    ['c8', 8, 'cancelled'],
    ['b8', 8, 'cancelled'],
    ['a7', 7, 'waiting'],
  ]);
});

it('what a newer version gives up, in calls and in grants, a run of the earlier one still has until it has ended', {
  timeout: 180_000,
}, async () => {
  await restart();
  await order('a7');
  const origin = join(folder, 'origin');
  await release(origin, 9, VERSION_9);
  git(shop, 'fetch', '-q', '--tags');
  git(shop, 'checkout', '-q', '--detach', 'v9');
  expect(readFileSync(join(shop, 'tenon.config.yaml'), 'utf8')).not.toContain('cancelShipment');
  await restart();
  const message = expect.stringContaining(
    'it may still call shop.createShipment, shop.cancelShipment, which is granted to no version that is deployed',
  );
  await expect.poll(() => logged('otherPlan'), { timeout: 20_000 }).toMatchObject([{ version: 7, message }]);
  expect(logged('configured')).toMatchObject([
    { details: { changed: ['connections.shop'], before: expect.any(String), commit: expect.any(String) } },
  ]);
  const [run] = await listed();
  const cancel = ['runs', 'cancel', String(run?.runId), '--reason', 'not wanted'];
  expect((await tenon(shop, cancel, env)).code).toBe(0);
  await settled('a7', 'cancelled');
});

/** A line of the docs; gives what was said. */
async function carryOut(line: string): Promise<string> {
  const [program, ...words] = wordsOf(line.replace(/ +# .*$/, ''));
  switch (program) {
    case 'cd':
      expect(words).toEqual(['/srv/shop']);
      return '';
    case 'git':
      return git(shop, ...words);
    case 'systemctl':
      await restart();
      return '';
    case 'journalctl': {
      const pattern = new RegExp(/-E (\S+)/.exec(line)![1]!.replaceAll("'", ''));
      const found = service!
        .out()
        .split('\n')
        .filter((one) => pattern.test(one));
      expect(found.some((one) => one.includes('"serving"'))).toBe(true);
      return found.join('\n');
    }
    case 'tenon': {
      const token = words.indexOf('01j…');
      if (token >= 0) words[token] = lastToken;
      const { code, out, err } = await tenon(shop, words, env);
      lastToken = /--apply (\w+)/.exec(err)?.[1] ?? lastToken;
      // 5: a dry run that has something to do.
      expect([0, 5], `${line}\n${out}${err}`).toContain(code);
      return out + err;
    }
    default:
      throw new Error(`the docs name a program that is not known here: ${line}`);
  }
}

let lastToken = '';

function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
}

async function release(origin: string, version: number, steps: string): Promise<void> {
  const file = join(origin, 'pipelines/order-paid.pipeline.yaml');
  const text = readFileSync(file, 'utf8').replace(/^ {2}version: \d+$/m, `  version: ${version}`);
  writeFileSync(file, text.replace(/\n {2}- id: (shipment|handover)[\s\S]*$/, steps));
  expect(await tenon(origin, ['grants', '--write'])).toMatchObject({ code: 0 });
  expect(await tenon(origin, ['generate'])).toMatchObject({ code: 0 });
  git(origin, 'add', '-A');
  git(origin, 'commit', '-qm', `version ${version}`);
  git(origin, 'tag', `v${version}`);
}

/** The order `id` was paid; resolves when its run waits to be handed over. */
async function order(id: string): Promise<void> {
  const payload = { id: `evt_${id}`, orderId: id, occurredAt: '2026-11-02T10:15:00Z' };
  writeFileSync(join(folder, 'event.json'), JSON.stringify(payload));
  const argv = ['deliver', 'shop.orderPaid', '--payload', join(folder, 'event.json'), '--id', `msg_${id}`];
  const { code, out, err } = await tenon(shop, argv, env);
  expect(code, out + err).toBe(0);
  await settled(id, 'waiting');
}

async function settled(key: string, state: string): Promise<void> {
  await expect
    .poll(async () => (await listed()).find((run) => run.key === key)?.state, { timeout: 20_000 })
    .toBe(state);
}

async function listed(): Promise<
  readonly {
    readonly runId: string;
    readonly key: string;
    readonly version: number;
    readonly state: string;
  }[]
> {
  return JSON.parse((await tenon(shop, ['runs', 'ls', '--format', 'json'], env)).out);
}

function logged(kind: string): unknown[] {
  return service!
    .out()
    .split('\n')
    .flatMap((line) => (line.includes(`"kind":"${kind}"`) ? [JSON.parse(line)] : []));
}

async function restart(): Promise<void> {
  await service?.end();
  service = undefined;
  service = await running(['serve'], env, /"kind":"serving"/);
}

/** Until it has printed what shows that it is up. */
async function running(argv: readonly string[], given: Record<string, string>, up: RegExp): Promise<Running> {
  let out = '';
  let err = '';
  const stop = Promise.withResolvers<void>();
  const ended = runCommandLine(commands, argv, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    cwd: shop,
    env: given,
    color: false,
    clock: systemClock,
    random: systemRandom,
    interrupted: () => stop.promise,
  });
  let isOver = false;
  void ended.finally(() => {
    isOver = true;
  });
  while (!up.test(out)) {
    if (isOver) throw new Error(`${argv.join(' ')} has ended: ${out}${err}`);
    await sleep(systemClock, 20);
  }
  return {
    out: () => out,
    end: async () => {
      stop.resolve();
      await ended;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function git(cwd: string, ...argv: readonly string[]): string {
  return execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.invalid', ...argv], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
