import { execFileSync } from 'node:child_process';
import { cp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ciCommand } from '../commands/ci.ts';
import { diffCommand } from '../commands/diff.ts';
import { testConnectorCommand } from '../commands/test-connector.ts';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';
import { runCommand } from '../testing/run-command.ts';

const MANIFEST = 'connectors/shop/connector.yaml';
const MOVED = 'connectors/store/connector.yaml';
const HELD = '  holdShipment: { effect: update, idempotency: { mode: natural } }\n';
let folder: string;
beforeEach(async () => {
  folder = await initFolder('connector-versions');
});
afterEach(() => rm(folder, { recursive: true }));

async function edited(file: string, change: (text: string) => string): Promise<void> {
  const path = join(folder, file);
  await writeFile(path, change(await readFile(path, 'utf8')));
}

const git = (...argv: string[]) =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...argv], { cwd: folder });

describe.each(['folder', 'git ref'])('against a %s', (kind) => {
  /** The connector had an operation more, and lies in another folder now. */
  async function moved(change: (text: string) => string = (it) => it): Promise<string> {
    await edited(MANIFEST, (text) => text.replace('operations:\n', `operations:\n${HELD}`));
    if (kind === 'folder')
      for (const name of ['contracts', 'connectors'])
        await cp(join(folder, name), join(folder, 'before', name), { recursive: true });
    else for (const line of ['init -q', 'add .', 'commit -qm before']) git(...line.split(' '));
    await edited(MANIFEST, (text) => change(text.replace(HELD, '')));
    await rename(join(folder, 'connectors/shop'), join(folder, 'connectors/store'));
    return kind === 'folder' ? 'before' : 'HEAD';
  }
  const tenon = (...argv: string[]) =>
    runCommand([diffCommand, ciCommand, testConnectorCommand], argv, {
      cwd: folder,
      env: { SHOP_KEY: 'k' },
    });

  it('a connector is the same in a folder of another name', async () => {
    const { out, code } = await tenon('ci', '--against', await moved());
    expect(out).toContain('error connector-version-too-low  connector `shop`: ');
    expect(out).toContain(`${MOVED}:4:`);
    expect(code).toBe(exit.findings);
  });

  it('and is well there under a version that is far enough', async () => {
    const base = await moved((text) => text.replace('version: 1.0.0', 'version: 2.0.0'));
    const { out } = await tenon('diff', '--against', base);
    expect(out).not.toContain('connector-version-too-low');
  });

  it('one of another name is another', async () => {
    const base = await moved((text) => text.replace('name: shop', 'name: store'));
    expect((await tenon('diff', '--against', base)).out).not.toContain('connector-version-too-low');
  });

  it('the conformance kit finds the version before as well', async () => {
    const argv = ['test', 'connector', 'shop', '--only', '104', '--against', await moved()];
    expect((await tenon(...argv)).out).toMatch(/✗ 104 /);
  });
});

it('a contract whose break hits nobody here asks for as much, and that is said', async () => {
  for (const name of ['contracts', 'connectors', 'pipelines'])
    await cp(join(folder, name), join(folder, 'before', name), { recursive: true });
  const contract = 'contracts/shop/openapi.yaml';
  await edited(MANIFEST, (text) => text.replace('version: 1.0.0', 'version: 1.1.0'));
  await edited(contract, (text) => text.replace('orderId: { type: string }', 'orderId: { type: integer }'));
  const diff = () =>
    runCommand([diffCommand], ['diff', '--against', 'before'], { cwd: folder, env: { SHOP_KEY: 'k' } });
  const { out, code } = await diff();
  expect(out).toContain(
    'warning version-not-raised  callers break, none of them here, and the version is still 1.0.0',
  );
  expect(out).toContain('needs a major one: the contract breaks callers, none of them here: type-changed\n');
  expect(code).toBe(exit.findings);
  await edited(MANIFEST, (text) => text.replace('version: 1.1.0', 'version: 2.0.0'));
  expect((await diff()).code).toBe(exit.clean);

  const contractOf = 'contracts/shop/contract.yaml';
  await edited(contractOf, (text) => text.replace(/provenance:\n(?: {2}.*\n)+/, ''));
  const ours = await diff();
  expect(ours.out).toContain('error version-not-raised  callers break, none of them here, ');
  expect(ours.code).toBe(exit.findings);
});
