import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** A broker of this run's own: its own port, its own data, killed and started again on it as often as wanted. */
export interface PrivateBroker {
  readonly port: number;
  /** SIGKILL: no goodbye, no flush. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Ends it and takes its data away. */
  end(): Promise<void>;
}

export type BrokerKind = 'rabbitmq' | 'nats' | 'kafka';

const START_MS = 90_000;
const HOST = '127.0.0.1';

export async function privateBroker(kind: BrokerKind): Promise<PrivateBroker> {
  const folder = await mkdtemp(join(tmpdir(), `tenon-${kind}-`));
  const port = await freePort();
  const begin = await starter(kind, folder, port);
  let child: ChildProcess | undefined;
  const broker: PrivateBroker = {
    port,
    start: async () => {
      child = begin();
      child.stderr?.resume();
      for (const untilMs = Date.now() + START_MS; !(await answers(port)); ) {
        if (Date.now() > untilMs || child.exitCode !== null)
          throw new Error(`${kind} does not come up on ${port}`);
        await pause(100);
      }
    },
    kill: async () => {
      if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      // The group: a server may be a shell that has started another.
      process.kill(-child.pid, 'SIGKILL');
      await gone;
      while (await answers(port)) await pause(50);
    },
    end: async () => {
      await broker.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
  await broker.start();
  return broker;
}

async function starter(kind: BrokerKind, folder: string, port: number): Promise<() => ChildProcess> {
  if (kind === 'nats') return () => natsServer(folder, port);
  return kind === 'kafka' ? () => kafkaProcess(folder, port) : rabbitServer(folder, port);
}

function kafkaProcess(folder: string, port: number): ChildProcess {
  const main = join(import.meta.dirname, '../../../../packages/testkit/src/kafka/kafka-main.ts');
  const args = ['--conditions=source', main, folder, String(port), 'orders.shipped:6'];
  return spawn(process.execPath, args, { detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
}

function natsServer(folder: string, port: number): ChildProcess {
  const binary = found('nats-server', [
    '/usr/sbin/nats-server',
    '/usr/bin/nats-server',
    '/usr/local/bin/nats-server',
  ]);
  const options = ['-a', HOST, '-p', String(port), '-js', '-sd', folder];
  return spawn(binary, options, { detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
}

async function rabbitServer(folder: string, port: number): Promise<() => ChildProcess> {
  const binary = found(
    'rabbitmq-server',
    globSync('/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server'),
  );
  await mkdir(join(folder, 'home'));
  await writeFile(join(folder, 'home/.erlang.cookie'), `tenon${process.pid}`, { mode: 0o400 });
  await writeFile(join(folder, 'enabled_plugins'), '[].\n');
  await writeFile(join(folder, 'rabbitmq.conf'), `listeners.tcp.1 = ${HOST}:${port}\n`);
  const distribution = await freePort();
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: join(folder, 'home'),
    RABBITMQ_NODENAME: `tenon-${port}@localhost`,
    RABBITMQ_DIST_PORT: String(distribution),
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
    RABBITMQ_CONF_ENV_FILE: join(folder, 'none.conf'),
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
  };
  return () => spawn(binary, [], { detached: true, stdio: ['ignore', 'ignore', 'pipe'], env, cwd: folder });
}

function found(name: string, places: readonly string[]): string {
  const place = places.find((one) => existsSync(one));
  if (place === undefined)
    throw new Error(`there is no ${name} on this machine: looked in ${places.join(', ')}`);
  return place;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: HOST, port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
