import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { installOnDemand } from './install-on-demand.ts';
import { type Database, freePort, freshDatabase } from './postgres-server.ts';

/** A running Unleash: a real system that nobody here wrote, on a database of its own. */
export interface UnleashServer {
  /** `http://127.0.0.1:<port>`; the same after a restart. */
  readonly url: string;
  /** Sent as `Authorization`, without a scheme word. */
  readonly adminToken: string;
  /** Ends the process at once (SIGKILL), as a crash would. */
  kill(): Promise<void>;
  /** Starts it again on the same database and port. */
  start(): Promise<void>;
  restart(): Promise<void>;
  /** Ends it and drops its database. */
  stop(): Promise<void>;
}

export type UnleashStart =
  | { readonly ok: true; readonly server: UnleashServer }
  /** It cannot be had on this machine: no npm registry, or no PostgreSQL. */
  | { readonly ok: false; readonly reason: string };

const VERSION = '8.2.0';
const HOST = '127.0.0.1';
const START_MS = 60_000;
const POLL_MS = 100;

/**
 * Installs Unleash below `.cache` when it is not there (AGPL: a test target, never a dependency), makes a fresh
 * database and starts it.
 */
export async function startUnleash(): Promise<UnleashStart> {
  const installed = await installOnDemand('unleash-server', VERSION);
  if (!installed.ok) return installed;
  const made = await freshDatabase(installed.folder);
  if (!made.ok) return made;
  const server = new UnleashProcess(installed.folder, made.database, await freePort());
  try {
    await server.start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { ok: true, server };
}

class UnleashProcess implements UnleashServer {
  readonly url: string;
  readonly adminToken = `*:*.${randomBytes(24).toString('hex')}`;
  readonly #folder: string;
  readonly #database: Database;
  readonly #port: number;
  #child: ChildProcess | undefined;
  #said = '';

  constructor(folder: string, database: Database, port: number) {
    this.#folder = folder;
    this.#database = database;
    this.#port = port;
    this.url = `http://${HOST}:${port}`;
  }

  async start(): Promise<void> {
    const main = join(this.#folder, 'node_modules/unleash-server/dist/server.js');
    // An environment of its own: nothing of ours reaches it, and it calls nobody.
    const env = {
      PATH: process.env['PATH'] ?? '',
      NODE_ENV: 'production',
      DATABASE_HOST: this.#database.host,
      DATABASE_PORT: String(this.#database.port),
      DATABASE_USERNAME: this.#database.user,
      DATABASE_PASSWORD: '',
      DATABASE_NAME: this.#database.name,
      DATABASE_SSL: 'false',
      HTTP_HOST: HOST,
      HTTP_PORT: String(this.#port),
      UNLEASH_URL: this.url,
      INIT_ADMIN_API_TOKENS: this.adminToken,
      LOG_LEVEL: 'error',
      CHECK_VERSION: 'false',
      SEND_TELEMETRY: 'false',
    };
    const child = spawn(process.execPath, [main], {
      cwd: this.#folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        this.#said = (this.#said + chunk.toString()).slice(-4_000);
      });
    await this.#healthy(child);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  async stop(): Promise<void> {
    await this.kill();
    await this.#database.drop();
  }

  async #healthy(child: ChildProcess): Promise<void> {
    for (let waitedMs = 0; waitedMs < START_MS; waitedMs += POLL_MS) {
      if (child.exitCode !== null) throw new Error(`unleash ended with ${child.exitCode}:\n${this.#said}`);
      const answer = await fetch(`${this.url}/health`).catch(() => undefined);
      if (answer?.ok) return;
      await pause(POLL_MS);
    }
    throw new Error(`unleash is not up after ${START_MS} ms:\n${this.#said}`);
  }
}
