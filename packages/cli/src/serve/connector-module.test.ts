import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';

let folder: string;
beforeEach(async () => {
  folder = await initFolder('connector-module');
  await mkdir(join(folder, 'connectors/shop/src'));
});
afterEach(() => rm(folder, { recursive: true }));

/** In a process of its own: how modules are found is a matter of the process. */
function tenon(...argv: string[]): { readonly code: number | null; readonly said: string } {
  const env = {
    PATH: process.env['PATH'],
    SHOP_URL: 'http://127.0.0.1:9',
    SHOP_KEY: 'k',
    SHOP_WEBHOOK_SECRET: 's',
    NO_COLOR: '1',
  };
  const run = spawnSync(
    process.execPath,
    ['--conditions=source', join(import.meta.dirname, '../main.ts'), '--in', folder, ...argv],
    { env, encoding: 'utf8', timeout: 20_000 },
  );
  return { code: run.status, said: run.stdout + run.stderr };
}

async function code(text: string, name = 'index.ts'): Promise<void> {
  await writeFile(join(folder, 'connectors/shop/src', name), text);
}

const check = () => tenon('test', 'connector', 'shop', '--only', '101');

describe('code of a connector, in a workspace that has installed nothing', () => {
  it('may import what the docs tell it to, which is that of the Tenon that loads it', async () => {
    await code(`import { defineConnector } from '@tenon/connector';
import { isObject } from '@tenon/model';
export default defineConnector({ classify: ({ body }) => (isObject(body) ? undefined : 'transient') });
`);
    expect(check()).toMatchObject({ code: exit.clean });
  });

  it('may be that of a connector that comes with Tenon, handed on', async () => {
    const theirs = join(import.meta.dirname, '../../../../connectors/nats/src/index.ts');
    const own = join(folder, 'connectors/shop/src');
    await code(`export { default } from '${relative(own, theirs)}';\n`);
    expect(check()).toMatchObject({ code: exit.clean });
  });

  it('may use what Node itself does not strip', async () => {
    await code(`import { defineConnector } from '@tenon/connector';
enum Mode { fast }
export default { ...defineConnector({}), api: 7 + Mode.fast };
`);
    // Read to the end: what it exports is what is looked at.
    expect(tenon('health').said).toContain('it was written for connector API 7');
  });

  it.each([
    ['does not parse', 'export default {\n  x: 1,\n', '2:1', 'Unexpected token'],
    ['throws', '\nthrow new Error("boom");\n', '2:7', 'boom'],
    ['needs a package that is not there', "import 'nowhere';\n", '1:9', "Cannot find package 'nowhere'"],
    ['needs a file that is not there', "\nimport './gone.ts';\n", '2:11', 'connectors/shop/src/gone.ts'],
    ['takes what is not given', "import { no } from './other.ts';\n", '1:10', "named 'no'"],
    ['exports nothing', 'export const x = 1;\n', '1:1', 'there is no default export'],
    [
      'exports a scheme that is none',
      "export default {\n  webhookSchemes: { 'own-x': {} },\n};\n",
      '2:22',
      '`webhookSchemes`: `own-x` is no signature scheme: it has no function `read`, `matches`, `sign`',
    ],
    [
      'exports a scheme that parses nothing',
      "const f = () => {};\nexport default { webhookSchemes: { 'own-x': { read: f, matches: f, sign: f } } };\n",
      '2:37',
      '`own-x` is no signature scheme: its `parsers` are no functions',
    ],
    [
      'exports a transport that is none',
      'export default { transports: { own: 7 } };\n',
      '1:32',
      '`own` is no function',
    ],
    ['exports sources that are none', 'export default { sources: [] };\n', '1:18', '`sources` is no object'],
    [
      'exports a hook that is none',
      "export default { classify: 'transient' };\n",
      '1:18',
      '`classify` is no function',
    ],
  ])('that %s is told with its place', async (_, text, place, message) => {
    await code('export const yes = 1;\n', 'other.ts');
    await code(text);
    const { code: ended, said } = check();
    expect(said).toMatch(/^error connector-code-broken /m);
    expect(said).toContain(`connectors/shop/src/index.ts:${place}\n`);
    expect(said).toContain(message);
    expect(said).not.toMatch(/tenon itself failed|\n {4}at /);
    expect(ended).toBe(exit.findings);
  });

  it('is held to what the manifest names by `tenon ci`, as a start would', async () => {
    await code("import 'nowhere';\n");
    const lost = tenon('ci');
    expect(lost.said).toContain(
      "connector-code-broken  this code cannot be loaded: Cannot find package 'nowhere'",
    );
    expect(lost.code).toBe(exit.findings);
    await code('export default { connectorApi: 1 };\n');
    const manifest = join(folder, 'connectors/shop/connector.yaml');
    const text = await readFile(manifest, 'utf8');
    await writeFile(manifest, text.replace('verify: standard-webhooks', 'verify: own-shop'));
    tenon('generate');
    const { said, code: ended } = tenon('ci');
    expect(said).toContain(
      'connector shop verifies orderPaid by own-shop, and its code exports no such scheme',
    );
    expect(ended).toBe(exit.findings);
  });

  it('is told where it lies when it is to be served, too', async () => {
    await code('\nthrow new Error("boom");\n');
    const { code: ended, said } = tenon('health');
    expect(said).toBe(
      'connectors/shop/src/index.ts:2:7: this code cannot be loaded: boom\nsee `tenon explain connector-code-broken`\n',
    );
    expect(ended).toBe(exit.failed);
  });

  it('that gives no source for what a pipeline listens to ends the start, and leaves nothing behind', async () => {
    const root = join(import.meta.dirname, '../../../..');
    await cp(join(root, 'contracts/clock'), join(folder, 'contracts/clock'), { recursive: true });
    await mkdir(join(folder, 'connectors/clock/src'), { recursive: true });
    await cp(join(root, 'connectors/clock/connector.yaml'), join(folder, 'connectors/clock/connector.yaml'));
    await writeFile(join(folder, 'connectors/clock/src/index.ts'), 'export default { connectorApi: 1 };\n');
    const pipeline = join(folder, 'pipelines/order-paid.pipeline.yaml');
    const text = await readFile(pipeline, 'utf8');
    // The order of the morning is always the same: what counts is that it is listened to.
    await writeFile(
      pipeline,
      text.replace('shop.orderPaid', 'clock.workdayMorning').replaceAll('event.orderId', 'event.at'),
    );
    const config = join(folder, 'tenon.config.yaml');
    const settings = await readFile(config, 'utf8');
    await writeFile(
      config,
      settings.replace('connections:\n', 'connections:\n  clock: { connector: clock }\n'),
    );
    const { code: ended, said } = tenon('serve', '--port', '0');
    expect(said).toContain('clock has `sources` over clock, and its code exports no such source');
    expect(ended).toBe(exit.failed);
    expect(existsSync(join(folder, '.tenon/tenon.db'))).toBe(false);
  });
});
