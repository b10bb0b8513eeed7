import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { loadContract, nodeFileReader } from '@tenon/contract';
import { startSandbox } from '@tenon/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';
import { runCommand } from '../testing/run-command.ts';
import { withTokensOf } from '../testing/with-tokens-of.ts';
import { testConnectorCommand } from './test-connector.ts';

let folder: string;
beforeEach(async () => {
  folder = await initFolder('test-connector');
});
afterEach(() => rm(folder, { recursive: true }));

const run = (...options: string[]) =>
  runCommand([testConnectorCommand], ['test', 'connector', ...options], {
    cwd: folder,
    env: { SHOP_KEY: 'k', SHOP_ID: 'id' },
  });

const MANIFEST = 'connectors/shop/connector.yaml';

async function edit(change: (text: string) => string): Promise<void> {
  const path = join(folder, MANIFEST);
  await writeFile(path, change(await readFile(path, 'utf8')));
}

describe('test connector', () => {
  it('passes the connector that `tenon init` writes, and says what did not apply and why', async () => {
    const { code, out } = await run('shop');
    expect(out).not.toContain('✗');
    expect(out).toMatch(/– 104 .*\(there is no version before/);
    expect(out).toMatch(/shop 1\.0\.0 against sandbox: \d+ checks passed, 0 failed/);
    expect(code).toBe(exit.clean);
  });

  it('says of what fails what is wrong, why it matters and what to do', async () => {
    await edit((text) => text.replace(/^health:.*$/m, ''));
    const { code, out } = await run('shop', '--only', '106');
    expect(code).toBe(exit.findings);
    expect(out).toMatch(/✗ 106 .*\n {6}no `health` is declared\n {4}why {2}.*\n {4}fix {2}/);
  });

  it('names the file of a finding, of the connector or of its contract', async () => {
    const policy = join(folder, 'contracts/shop/contract.yaml');
    await writeFile(policy, (await readFile(policy, 'utf8')).replace(/^steward:.*$/m, 'steward: nobody'));
    const { out } = await run('shop', '--only', '101');
    expect(out).toMatch(/unknown-team: `nobody` .* \(contracts\/shop\/contract\.yaml:\d+:\d+\)\n/);
  });

  it('runs no check with fixtures that cannot be used, and shows where', async () => {
    const fixtures = 'connectors/shop/fixtures/conformance.yaml';
    await mkdir(join(folder, 'connectors/shop/fixtures'));
    await writeFile(join(folder, fixtures), 'data:\n  orders: { id: a }\n');
    const { code, out } = await run('shop');
    expect(code).toBe(exit.findings);
    expect(out).toMatch(
      /^error fixtures-value-invalid {2}`data\.orders`: expected a list, found an object\n.*conformance\.yaml:2:11\n/,
    );
    expect(out).not.toContain('101');
    await writeFile(join(folder, fixtures), 'data:\n  order: [{ id: a }]\n');
    expect((await run('shop', '--format', 'json')).out).toMatch(
      /"fixtures-name-unknown".*did you mean `orders`/s,
    );
    await writeFile(join(folder, fixtures), 'data:\n  orders:\n    - { id: a, statuss: paid }\n');
    const unfit = await run('shop');
    expect(unfit.code).toBe(exit.findings);
    expect(unfit.out).toMatch(
      /^error fixtures-row-unfit {2}`data`: `orders`: row 1: the contract has no such `statuss`; did you mean `status`\?\n.*conformance\.yaml:3:25\n/,
    );
    await writeFile(join(folder, fixtures), 'data:\n  orders: [{ id: a }]\n');
    expect((await run('shop', '--only', '101')).code).toBe(exit.clean);
  });

  it('shows what is wrong with a manifest, or a contract, that cannot be read, instead of saying that there is none', async () => {
    await edit((text) => text.replace('effect: create', 'effect: creat'));
    for (const names of [['shop'], []]) {
      const { code, said } = await run(...names);
      expect(said).toMatch(/^error manifest-value-invalid .*\n.*connectors\/shop\/connector\.yaml:\d+:\d+\n/);
      expect(said).not.toMatch(/there is no connector|Usage/);
      expect(code).toBe(exit.findings);
    }
    const other = await run('depot');
    expect(other.said).toContain(
      'there is no connector depot; there are: none; connectors/shop/connector.yaml cannot be read',
    );
    expect(other.code).toBe(exit.usage);
    await edit((text) => text.replace('effect: creat\n', 'effect: create\n'));
    await writeFile(join(folder, 'contracts/shop/openapi.yaml'), 'openapi: 3.1.0\npaths: {\n');
    const { code, said } = await run('shop');
    expect(said).toMatch(/^error .*\n.*contracts\/shop\/openapi\.yaml:\d+:\d+\n/);
    expect(code).toBe(exit.findings);
  });

  it('gives the same as JSON and as JUnit', async () => {
    await edit((text) => text.replace(/^health:.*$/m, ''));
    const json = await run('shop', '--only', '106', '--only', 'readme-tells-all', '--format', 'json');
    expect(JSON.parse(json.out)).toMatchObject({
      connectors: [
        {
          connector: 'shop',
          summary: { failed: 1 },
          checks: [{ number: 103 }, { number: 106, result: 'failed' }],
        },
      ],
    });
    const junit = await run('shop', '--only', '106', '--format', 'junit');
    expect(junit.out).toContain('<failure type="health-without-effect"');
    expect(junit.code).toBe(exit.findings);
  });

  it('calls no system but the declared sandbox, and changes nothing where data may be real', async () => {
    const elsewhere = await run('shop', '--target', 'https://api.shop.example');
    expect(elsewhere).toMatchObject({ code: exit.notAuthorised, out: '' });
    expect(elsewhere.err).toContain('nothing was called');
    await edit(
      (text) => `${text.replace(/^sandbox:.*$/m, '')}\nsandbox: { server: 'https://sandbox.shop.example' }\n`,
    );
    const real = await run('shop', '--target', 'https://sandbox.shop.example', '--allow-effects');
    expect(real.code).toBe(exit.notAuthorised);
  });

  it('runs against a system on this machine, effects only when they are allowed', async () => {
    const { value: contract } = await loadContract(
      { name: 'shop', document: 'contracts/shop/openapi.yaml' },
      nodeFileReader(folder),
    );
    const system = await startSandbox({ contract: contract!, imagine: true });
    try {
      const reading = await run('shop', '--target', system.url);
      expect(reading.out).toMatch(/✓ 201 /);
      expect(system.effects()).toEqual([]);
      const changing = await run('shop', '--target', system.url, '--allow-effects', '--only', '702');
      expect(changing.out).toMatch(/✓ 702 /);
      expect(system.effects().length).toBeGreaterThan(0);
      expect(changing.code).toBe(exit.clean);
    } finally {
      await system.close();
    }
  });

  it('asks a system on this machine for the tokens too, and gives no credential to the vendor', async () => {
    let asked = 0;
    const vendor = createServer((_request, response) => {
      asked += 1;
      response.writeHead(401).end('{}');
    });
    await new Promise<void>((listening) => vendor.listen(0, '127.0.0.1', listening));
    // Listening on TCP, so the address is one with a port.
    const host = `localhost:${(vendor.address() as AddressInfo).port}`;
    await withTokensOf(host, folder);
    const { value: contract } = await loadContract(
      { name: 'shop', document: 'contracts/shop/openapi.yaml' },
      nodeFileReader(folder),
    );
    const system = await startSandbox({
      contract: contract!,
      imagine: true,
      oauth: { clients: { id: 'k' } },
    });
    try {
      const { out } = await run('shop', '--target', system.url, '--only', '201');
      expect(out).toMatch(/✓ 201 /);
      expect(asked).toBe(0);
    } finally {
      await system.close();
      vendor.close();
    }
  });

  it('says once that no token is to be had, and nothing of what could not be looked at', async () => {
    await withTokensOf('tokens.shop.example', folder);
    const { value: contract } = await loadContract(
      { name: 'shop', document: 'contracts/shop/openapi.yaml' },
      nodeFileReader(folder),
    );
    const system = await startSandbox({
      contract: contract!,
      imagine: true,
      oauth: { clients: { another: 'k' } },
    });
    try {
      const { code, out } = await run('shop', '--target', system.url);
      expect(out).toMatch(/✗ 200 .*\n {6}getStatus: .*\(AUTH_/);
      expect(out.match(/^✗/gm)).toHaveLength(1);
      expect(out.match(/^ {4}fix {2}/gm)).toHaveLength(1);
      expect(out).toMatch(/^! 201 .*\(no call can be proven there: see 200\)$/m);
      expect(code).toBe(exit.findings);
      const alone = await run('shop', '--target', system.url, '--only', '201');
      expect(alone.out).toMatch(/^! 201 .*\(no call can be proven there: see 200\)$/m);
      expect(alone.code).toBe(exit.partlyDone);
    } finally {
      await system.close();
    }
  });

  it('holds the version against the one before', async () => {
    const before = `${folder}-before`;
    await cp(folder, before, { recursive: true });
    await edit((text) => text.replace(/^ {2}getOrder:[^\n]*\n/m, ''));
    const { code, out } = await run('shop', '--only', '104', '--against', before);
    await rm(before, { recursive: true });
    expect(out).toContain('operation getOrder is gone');
    expect(code).toBe(exit.findings);
  });

  it('names the connectors and checks that there are', async () => {
    expect(await run('shup')).toMatchObject({
      code: exit.usage,
      err: expect.stringContaining('there are: shop'),
    });
    expect(await run('shop', '--only', '999')).toMatchObject({ code: exit.usage });
    expect((await run('--list')).out).toMatch(/^101 {2}manifest-fits-contract: /);
  });
});
