import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Workspace } from '@tenon/pipeline';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { TOKEN_FILE } from '../client/operations-client.ts';
import { openKeyFiles } from './data-keys.ts';
import { loadOperators } from './load-operators.ts';

const server = { host: '127.0.0.1', port: 0, operators: [] };
const config = {
  server,
  engine: { type: 'embedded', file: 'x' },
  ledger: {},
  // Of the whole, what is read here.
} as unknown as Workspace['config'];

let root: string;
let file: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tenon-operators-'));
  file = join(root, TOKEN_FILE);
  await mkdir(dirname(file));
});
afterEach(() => rm(root, { recursive: true }));

async function token(): Promise<string | undefined> {
  const never = { resolve: () => Promise.reject(new Error('nothing is asked')) };
  // All that is looked at.
  const [local] = await loadOperators({ config } as Workspace, never, root);
  return local?.token.reveal();
}

it('the token of the local operator is the same at each start, and its owner’s alone', async () => {
  const first = await token();
  expect(await token()).toBe(first);
  expect((await readFile(file, 'utf8')).trim()).toBe(first);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

it('one is made where the file holds none, and nobody else may read that', async () => {
  await writeFile(file, ' \n', { mode: 0o644 });
  const first = await token();
  expect((await readFile(file, 'utf8')).trim(), 'commands read it there').toBe(first);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

it('a token that anybody on the machine may read is named, with what to do', async () => {
  await token();
  expect(await openKeyFiles(config, root)).toEqual([]);
  await chmod(file, 0o644);
  expect(await openKeyFiles(config, root)).toEqual([
    {
      what: `the token of the local operator lies in ${file}, which anybody on this machine may read (mode 0644)`,
      fix: `chmod 600 ${file}`,
    },
  ]);
  const ada = join(root, 'ada');
  await writeFile(ada, 'a token', { mode: 0o644 });
  const named = {
    ...config,
    server: { ...server, operators: [{ name: 'ada', role: 'viewer', token: `file:${ada}` }] },
  };
  // As above.
  expect((await openKeyFiles(named as unknown as Workspace['config'], root)).map(({ what }) => what)).toEqual(
    [expect.stringMatching(/^the token of ada of server\.operators lies in /)],
  );
});
