import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@tenon/model';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CommandSpec, runCommandLine } from '../command.ts';
import { doctorCommand } from '../commands/doctor.ts';
import { grantsCommand } from '../commands/grants.ts';
import { serveCommand } from '../commands/serve.ts';
import { testCommand } from '../commands/test.ts';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';
import { type CommandRun, runCommand } from '../testing/run-command.ts';
import { withTokensOf } from '../testing/with-tokens-of.ts';

const KEY = Buffer.alloc(32, 'right').toString('base64');
const OTHER = Buffer.alloc(32, 'wrong').toString('base64');
const ENV = {
  SHOP_URL: 'http://127.0.0.1:1',
  SHOP_ID: 'an id',
  SHOP_KEY: 'a key',
  SHOP_REFRESH: 'cnry-spent',
  SHOP_WEBHOOK_SECRET: 'a secret',
};
const KEPT = JSON.stringify({ token: 'cnry-living', seed: 'sha256:0' });

let folder: string;
let tokens: string;
let kept: string;
beforeEach(async () => {
  folder = await initFolder('kept-tokens');
  tokens = join(folder, '.tenon', 'tokens');
  // By the name of the connection and its scheme.
  kept = join(tokens, `${createHash('sha256').update('shop/key').digest('hex').slice(0, 32)}.token`);
  await mkdir(tokens, { recursive: true, mode: 0o700 });
  await writeFile(kept, KEPT, { mode: 0o600 });
});
afterEach(() => rm(folder, { recursive: true }));

async function encrypted(keys: string | undefined): Promise<void> {
  const path = join(folder, 'tenon.config.yaml');
  const config = await readFile(path, 'utf8');
  const encryption = keys === undefined ? '' : `, encryption: { keys: [${keys}] }`;
  await writeFile(
    path,
    config.replace(/^engine: .*$/m, `engine: { type: embedded, file: .tenon/tenon.db${encryption} }`),
  );
}

/** Starts, and stops as soon as it serves. */
async function served(env: Readonly<Record<string, string>>): Promise<CommandRun> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let said = '';
  const hear = (text: string): void => {
    said += text;
    if (text.includes('"serving"')) resolve();
  };
  const code = await runCommandLine([serveCommand as CommandSpec], ['serve', '--port', '0'], {
    out: hear,
    err: hear,
    cwd: folder,
    env: { ...ENV, ...env },
    color: false,
    clock: systemClock,
    random: systemRandom,
    interrupted: () => promise,
  });
  return { code, out: said, err: said, said };
}

const doctor = (env: Readonly<Record<string, string>>): Promise<CommandRun> =>
  runCommand([doctorCommand], ['doctor'], { cwd: folder, env: { ...ENV, ...env } });

it('refresh tokens are encrypted by a start that encrypts the rest, and by a later one with its new key', async () => {
  await encrypted('{ id: k1, key: env:DATA_KEY }');
  expect((await doctor({ DATA_KEY: KEY })).out).toContain(
    '✗ 1 refresh token in .tenon/tokens stands in clear',
  );
  expect(await served({ DATA_KEY: KEY })).toMatchObject({ code: exit.clean });
  const first = await readFile(kept, 'utf8');
  expect(first).not.toContain('cnry');
  expect(await readdir(tokens)).toHaveLength(1);
  expect((await doctor({ DATA_KEY: KEY })).out).not.toContain('refresh token');
  await encrypted('{ id: k2, key: env:NEXT_KEY }, { id: k1, key: env:DATA_KEY }');
  expect(await served({ DATA_KEY: KEY, NEXT_KEY: OTHER })).toMatchObject({ code: exit.clean });
  expect(JSON.parse(await readFile(kept, 'utf8'))).toMatchObject({ sealedBy: 'k2' });
});

it('they stay as they are where nothing is encrypted', async () => {
  await encrypted(undefined);
  expect(await served({})).toMatchObject({ code: exit.clean });
  expect(await readFile(kept, 'utf8')).toBe(KEPT);
  expect((await doctor({})).out).not.toContain('refresh token');
});

describe('one that cannot be opened', () => {
  beforeEach(async () => {
    await withTokensOf('127.0.0.1:1', folder);
    await refreshing();
    await runCommand([grantsCommand], ['grants', '--write'], { cwd: folder, env: ENV });
    await encrypted('{ id: k1, key: env:DATA_KEY }');
    await served({ DATA_KEY: KEY });
    // All but the tokens is new.
    for (const name of await readdir(join(folder, '.tenon')))
      if (name !== 'tokens') await rm(join(folder, '.tenon', name), { recursive: true });
  });

  it.each([
    ['with another key of the name', '{ id: k1, key: env:DATA_KEY }', OTHER, 'RUNTIME_KEY_WRONG'],
    ['without the key', '{ id: k2, key: env:DATA_KEY }', OTHER, 'RUNTIME_KEY_MISSING'],
    ['without encryption', undefined, '', 'RUNTIME_KEY_MISSING'],
  ])('%s keeps a start from spending another in its place', async (_what, keys, key, code) => {
    await encrypted(keys);
    const before = await readFile(kept, 'utf8');
    const { code: ended, said } = await served({ DATA_KEY: key });
    expect(ended).toBe(exit.failed);
    expect(said).toContain(`${code}: the refresh token in ${kept} was sealed by the key k1`);
    expect(said).toContain(`see \`tenon explain ${code}\``);
    expect(await readFile(kept, 'utf8')).toBe(before);
    expect((await doctor({ DATA_KEY: key })).out).toContain(`✗ a refresh token cannot be read: ${code}: `);
    expect(said).toContain('and then delete the file');
    await rm(kept);
    expect(await served({ DATA_KEY: key }), 'as it says').toMatchObject({ code: exit.clean });
  });

  it.each([
    ['is empty', ''],
    ['is not whole', '{"sealedBy":"k1","sea'],
  ])('and so does one whose file %s', async (how, text) => {
    await writeFile(kept, text);
    const { code, said } = await served({ DATA_KEY: KEY });
    expect(code).toBe(exit.failed);
    expect(said).toContain(`AUTH_TOKEN_LOCKED: the refresh token in ${kept} ${how}`);
    expect(await readFile(kept, 'utf8')).toBe(text);
    expect((await doctor({ DATA_KEY: KEY })).out).toContain(
      '✗ a refresh token cannot be read: AUTH_TOKEN_LOCKED: ',
    );
  });

  it.each([
    ['of a connection that is gone', () => rename(kept, join(tokens, `${'0'.repeat(32)}.token`))],
    [
      'of a connection whose token may be used again',
      () => refreshing('flow: refreshToken, rotation: reusable'),
    ],
  ])('%s is told, and the start goes on', async (_what, change) => {
    await change();
    await encrypted('{ id: k2, key: env:NEXT_KEY }');
    const [name] = await readdir(tokens);
    const before = await readFile(join(tokens, name!), 'utf8');
    const { code, said } = await served({ NEXT_KEY: OTHER });
    expect(code).toBe(exit.clean);
    const told = said.split('\n').filter((line) => line.includes('"RUNTIME_KEY_MISSING"'));
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(`${name} was sealed by the key k1`);
    expect(told[0]).toContain('delete the file, or configure its key once more');
    expect(await readFile(join(tokens, name!), 'utf8')).toBe(before);
    const { out } = await doctor({ NEXT_KEY: OTHER });
    expect(out).toContain('! a refresh token that no connection needs cannot be read: RUNTIME_KEY_MISSING: ');
    expect(out).not.toContain('an older key');
  });

  it('is not asked with, by a command that has no key', async () => {
    const asked: string[] = [];
    const server: Server = createServer((request, response) => {
      asked.push(String(request.url));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const { code, said } = await runCommand(
        [testCommand],
        ['test', 'shop', '--provider', url, '--connection', 'shop'],
        { cwd: folder, env: ENV },
      );
      expect(code).toBe(exit.failed);
      expect(said).toContain('AUTH_TOKEN_LOCKED');
      expect(asked).toEqual([]);
    } finally {
      server.close();
    }
  });
});

async function refreshing(flow = 'flow: refreshToken'): Promise<void> {
  for (const [file, from, to] of [
    ['connectors/shop/connector.yaml', /flow: (clientCredentials|refreshToken)/, flow],
    [
      'tenon.config.yaml',
      /clientSecret: env:SHOP_KEY(?!,)/,
      'clientSecret: env:SHOP_KEY, refreshToken: env:SHOP_REFRESH',
    ],
  ] as const) {
    const path = join(folder, file);
    await writeFile(path, (await readFile(path, 'utf8')).replace(from, to));
  }
}
