import { spawnSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exit } from './exit.ts';
import { initFolder } from './testing/init-folder.ts';

let folder: string;
beforeEach(async () => {
  folder = await initFolder('connector-module');
  await mkdir(join(folder, 'connectors/shop/src'));
});
afterEach(() => rm(folder, { recursive: true }));

/** In a process of its own: how modules are found is a matter of the process. */
function tenon(...argv: string[]): { readonly code: number | null; readonly said: string } {
  const env = { PATH: process.env['PATH'], SHOP_URL: 'http://127.0.0.1:9', SHOP_KEY: 'k', NO_COLOR: '1' };
  const run = spawnSync(
    process.execPath,
    ['--conditions=source', join(import.meta.dirname, 'main.ts'), '--in', folder, ...argv],
    { env, encoding: 'utf8' },
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

  it('is told where it lies when it is to be served, too', async () => {
    await code('\nthrow new Error("boom");\n');
    const { code: ended, said } = tenon('health');
    expect(said).toBe(
      'connectors/shop/src/index.ts:2:7: this code cannot be loaded: boom\nsee `tenon explain connector-code-broken`\n',
    );
    expect(ended).toBe(exit.failed);
  });
});
