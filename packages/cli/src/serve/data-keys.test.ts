import { appendFile, chmod, copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@tenon/model';
import { openRuntime } from '@tenon/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CommandSpec, runCommandLine } from '../command.ts';
import { backupCommand } from '../commands/backup.ts';
import { dataCommands } from '../commands/data.ts';
import { doctorCommand } from '../commands/doctor.ts';
import { operateCommands } from '../commands/operate.ts';
import { devCommand, serveCommand } from '../commands/serve.ts';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';
import { type CommandRun, runCommand } from '../testing/run-command.ts';

const KEY = Buffer.alloc(32, 'right').toString('base64');
const OTHER = Buffer.alloc(32, 'wrong').toString('base64');
const COMMANDS = [serveCommand, doctorCommand, backupCommand, ...dataCommands, ...operateCommands];

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await initFolder('keys');
  file = join(folder, '.tenon', 'tenon.db');
  await mkdir(join(folder, '.tenon'), { recursive: true });
  await configure('env:DATA_KEY');
  const runtime = await openRuntime({
    file,
    clock: systemClock,
    random: systemRandom,
    transport: () => {
      throw new Error('nothing is called');
    },
    encryption: { keys: { k1: Buffer.from(KEY, 'base64') }, current: 'k1' },
  });
  await runtime.accept({
    event: 'shop.orderPaid',
    payload: { orderId: 'o-1' },
    deliveryId: 'd-1',
    source: 'test',
    cursor: { name: 'orders', value: '17' },
  });
  await runtime.stop();
});
afterEach(() => rm(folder, { recursive: true }));

async function configure(key: string): Promise<void> {
  const path = join(folder, 'tenon.config.yaml');
  const config = await readFile(path, 'utf8');
  const engine = `engine: { type: embedded, file: .tenon/tenon.db, encryption: { keys: [{ id: k1, key: '${key}' }] } }`;
  // Nobody listens there: on the port that is standard, another workspace's Tenon may answer.
  const server = config.includes('\nserver:') ? '' : '\nserver: { port: 1 }\n';
  await writeFile(path, config.replace(/^engine: .*$/m, engine) + server);
}

function run(key: string | undefined, ...argv: string[]): Promise<CommandRun> {
  const env = {
    SHOP_URL: 'http://127.0.0.1:1',
    SHOP_KEY: 'a key',
    SHOP_WEBHOOK_SECRET: 'a secret',
    ...(key !== undefined && { DATA_KEY: key }),
  };
  return runCommand(COMMANDS, argv, { cwd: folder, env });
}

describe.each([
  ['missing', undefined, 'RUNTIME_KEY_MISSING', 'the key k1 of engine.encryption.keys cannot be read'],
  ['no key', 'short', 'RUNTIME_KEY_MISSING', 'is no key of 32 bytes'],
  ['wrong', OTHER, 'RUNTIME_KEY_WRONG', 'the key that is configured as k1 does not open'],
] as const)('with a key that is %s', (_what, key, code, sentence) => {
  it('doctor names the key and where that is explained, and sees no damage', async () => {
    const { out, code: ended } = await run(key, 'doctor');
    expect(ended).toBe(exit.findings);
    expect(out).toContain('✓ database .tenon/tenon.db: sound as far as it can be read without its keys');
    expect(out).toContain(`✗ stored data cannot be read: ${code}: `);
    expect(out.split(sentence), out).toHaveLength(2);
    expect(out.split('values are encrypted')).toHaveLength(2);
    expect(out).toContain(`fix  see \`tenon explain ${code}\` and \`tenon explain STORED_VALUE_LOCKED\``);
    expect(out).not.toMatch(/backup|✓ stored data/);
  });

  it('a backup is called neither sound nor damaged', async () => {
    const backup = join(folder, 'copy.db');
    await copyFile(file, backup);
    const { out, code: ended } = await run(key, 'backup', '--check', backup);
    expect(ended).toBe(exit.findings);
    expect(out).toContain(`✗ ${code}: `);
    expect(out).toContain(`see \`tenon explain ${code}\``);
    expect(out).toContain('nothing is damaged that can be read without its keys');
    expect(out).not.toContain('sound');
  });

  it('data ends with a finding', async () => {
    const { err, code: ended } = await run(key, 'data');
    expect(ended).toBe(exit.findings);
    expect(err).toContain(`${code}: `);
    expect(err).toContain(`see \`tenon explain ${code}\``);
  });

  it('serve does not start, by code', async () => {
    const { err, code: ended } = await run(key, 'serve', '--port', '0');
    expect(ended).toBe(exit.failed);
    expect(err.split(`${code}: `), err).toHaveLength(2);
    expect(err).toContain(`see \`tenon explain ${code}\``);
  });
});

it('a key in a file that is not there is named by serve as well', async () => {
  await configure('file:./absent');
  const { err } = await run(KEY, 'serve', '--port', '0');
  expect(err).toContain('RUNTIME_KEY_MISSING: the key k1 of engine.encryption.keys cannot be read');
});

describe('a key that a secret manager keeps', () => {
  const VAULT_KEY = 'vault:secret/tenon#key';
  const ENV = { VAULT_TOKEN: 'root-token' };

  /** Knows one token, and one secret at `secret/tenon`. */
  async function vault(key: string | undefined): Promise<Server> {
    const server = createServer(({ url, headers }, response) => {
      const isKnown = headers['x-vault-token'] === ENV.VAULT_TOKEN;
      const isLogin = url === '/v1/auth/token/lookup-self';
      const data = isLogin ? { ttl: 0 } : { data: { key } };
      const isThere = isLogin || (url === '/v1/secret/data/tenon' && key !== undefined);
      response.writeHead(isKnown ? (isThere ? 200 : 404) : 403).end(JSON.stringify({ data }));
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    return server;
  }

  let server: Server;
  async function keptIn(key: string | undefined): Promise<void> {
    server = await vault(key);
    // A TCP server's address is an object once it listens.
    const { port } = server.address() as AddressInfo;
    await configure(VAULT_KEY);
    await appendFile(
      join(folder, 'tenon.config.yaml'),
      `\nsecrets: { vault: { address: 'http://127.0.0.1:${port}', token: env:VAULT_TOKEN } }\n`,
    );
  }
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });
  const read = (...argv: string[]): Promise<CommandRun> =>
    runCommand(COMMANDS, argv, { cwd: folder, env: ENV });

  it('is asked for as by serve, so that a file is read while nothing serves', async () => {
    await keptIn(KEY);
    const { err } = await read('runs', 'ls');
    expect(err).toContain('read from ');
    expect(err).not.toContain('is not shown');
    const backup = join(folder, 'copy.db');
    await copyFile(file, backup);
    expect(await read('backup', '--check', backup)).toMatchObject({ code: exit.clean });
    expect((await read('doctor')).out).toContain('✓ stored data is encrypted, by k1');
    expect(await read('data')).toMatchObject({ code: exit.clean });
  });

  it('and is not there is missing, by code', async () => {
    await keptIn(undefined);
    const { out, code } = await read('doctor');
    expect(code).toBe(exit.findings);
    expect(out).toContain('✗ stored data cannot be read: RUNTIME_KEY_MISSING: the key k1 ');
    expect((await read('runs', 'ls')).err).toContain('RUNTIME_KEY_MISSING: the key k1 ');
  });

  it('is missing where the configuration names no manager, wherever that is asked', async () => {
    await keptIn(KEY);
    const config = join(folder, 'tenon.config.yaml');
    await writeFile(config, (await readFile(config, 'utf8')).replace(/\nsecrets: .*/, ''));
    const { out, code } = await read('doctor');
    expect(code).toBe(exit.findings);
    expect(out).toContain('✗ stored data cannot be read: RUNTIME_KEY_MISSING: the key k1 ');
    expect(out).toContain('tenon.config.yaml names no `secrets.vault`');
  });

  it('is not called missing or wrong where the manager cannot be asked', async () => {
    await keptIn(KEY);
    const unasked = (...argv: string[]): Promise<CommandRun> => run(undefined, ...argv);
    const { out } = await unasked('doctor');
    expect(out).toContain('✓ stored data is encrypted, and was not looked at: the key k1 ');
    expect(out).toContain('set VAULT_TOKEN in the environment');
    expect(out).toContain('run this where that could');
    const data = await unasked('data');
    expect(data.code, 'how it is protected was said').toBe(exit.clean);
    expect(data.err.split('its secret manager is asked')).toHaveLength(2);
    const backup = join(folder, 'copy.db');
    await copyFile(file, backup);
    const checked = await unasked('backup', '--check', backup);
    expect(checked.code, 'what can be looked at is sound').toBe(exit.partlyDone);
    expect(checked.out).toContain('nothing is damaged that can be read without its keys');
    const shown = await unasked('runs', 'ls');
    expect(shown.code).toBe(exit.clean);
    expect(shown.err).toContain('what is encrypted there is not shown: STORED_VALUE_LOCKED: the key k1 ');
    expect(out).not.toMatch(/RUNTIME_KEY|put a backup/);
    await rm(file);
    expect((await unasked('doctor')).out).not.toContain('STORED_VALUE_LOCKED');
  });
});

it('is said at the start that begins it, once: it cannot be taken back', async () => {
  const started = async (command: CommandSpec): Promise<string> => {
    let said = '';
    const { promise: serves, resolve: stop } = Promise.withResolvers<void>();
    const hear = (text: string): void => {
      said += text;
      // Where it serves is the last that a start says.
      if (text.includes('http://127.0.0.1:')) stop();
    };
    const env = {
      SHOP_URL: 'http://127.0.0.1:1',
      SHOP_KEY: 'a key',
      SHOP_WEBHOOK_SECRET: 'a secret',
      DATA_KEY: KEY,
    };
    const code = await runCommandLine([command], [command.name, '--port', '0'], {
      out: hear,
      err: hear,
      cwd: folder,
      env,
      color: false,
      clock: systemClock,
      random: systemRandom,
      interrupted: () => serves,
    });
    expect(code, said).toBe(exit.clean);
    return said;
  };
  const once = 'stored data is encrypted from now on, and so is what was there before: by the key k1 ';
  for (const command of [devCommand, serveCommand]) {
    await rm(join(folder, '.tenon'), { recursive: true });
    const first = await started(command);
    expect(first).toContain(once);
    expect(first).not.toContain(KEY);
    expect(await started(command)).not.toContain(once);
  }
});

it('a file of a key that anybody may read is named, with what to do', async () => {
  const key = join(folder, 'data key');
  await writeFile(key, KEY);
  await chmod(key, 0o644);
  await configure(`file:${key}`);
  const open = await run(KEY, 'doctor');
  expect(open.out).toContain(
    `! the key k1 of engine.encryption.keys lies in ${key}, which anybody on this machine may read (mode 0644)\n    fix  chmod 600 '${key}'`,
  );
  for (const mode of [0o600, 0o640]) {
    await chmod(key, mode);
    const { out, code } = await run(KEY, 'doctor');
    expect(out).not.toContain('anybody');
    expect(open.code, 'it ends as it does with another mode').toBe(code);
  }
});

it('dev starts again when a key changes that a start takes from the workspace', async () => {
  const key = join(folder, 'keys', 'data.key');
  await mkdir(join(folder, 'keys'));
  await writeFile(key, KEY, { mode: 0o600 });
  await configure('file:keys/data.key');
  let said = '';
  let interrupt = (): void => {};
  const interrupted = new Promise<void>((resolve) => {
    interrupt = resolve;
  });
  const code = await runCommandLine([devCommand], ['dev', '--port', '0'], {
    out: (text) => {
      said += text;
    },
    err: (text) => {
      said += text;
      if (text.includes(' serving on ') && !said.includes('changed')) void writeFile(key, `${KEY}\n`);
      else if (text.includes(' serving on ')) interrupt();
    },
    cwd: folder,
    env: { SHOP_URL: 'http://127.0.0.1:1', SHOP_KEY: 'a key', SHOP_WEBHOOK_SECRET: 'a secret' },
    color: false,
    clock: systemClock,
    random: systemRandom,
    interrupted: () => interrupted,
  });
  expect(said).toContain(' keys/data.key changed\n');
  const lines = said.trimEnd().split('\n');
  expect(
    lines.filter((line) => !/^\d\d:\d\d:\d\d\.\d{3} \S/.test(line)),
    'each line of dev has its time',
  ).toEqual([]);
  expect(said, 'of the ledger, too').toContain(' activated ');
  expect(code).toBe(exit.clean);
});

it('with its key all is well', async () => {
  const doctor = await run(KEY, 'doctor');
  expect(doctor.out).toContain('✓ database .tenon/tenon.db: sound\n');
  expect(doctor.out).toContain('✓ stored data is encrypted, by k1');
  const backup = join(folder, 'copy.db');
  await copyFile(file, backup);
  expect(await run(KEY, 'backup', '--check', backup)).toMatchObject({ code: exit.clean });
  expect(await run(KEY, 'data')).toMatchObject({ code: exit.clean });
});
