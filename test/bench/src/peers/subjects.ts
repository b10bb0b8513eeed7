import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { arch, platform, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { youngGenerationFlags } from '@tenon/runtime/process';
import { installed } from './installed.ts';
import { end, freePort, type Started, startApp, startProcess } from './subject.ts';

/** The systems that are measured. Each is started anew for a measurement and stopped after it. */
export const subjects: Readonly<Record<SubjectName, () => Promise<Started>>> = {
  'bare HTTP': () => app('bare-app.ts'),
  tenon: () => app('tenon-app.ts', ['steps'], asServed),
  'tenon, HTTP effects': withTarget,
  'tenon, lean': () => app('tenon-app.ts', ['lean'], asServed),
  restate,
  dbos,
  'node-red': nodeRed,
};

export type SubjectName =
  | 'bare HTTP'
  | 'tenon'
  | 'tenon, HTTP effects'
  | 'tenon, lean'
  | 'restate'
  | 'dbos'
  | 'node-red';

/** Node's options that `tenon serve` gives itself. */
const asServed = youngGenerationFlags(totalmem(), process.env['NODE_OPTIONS'] ?? '');

async function app(
  file: string,
  args: readonly string[] = [],
  options: readonly string[] = [],
): Promise<Started> {
  const { child, url } = await startApp(file, args, {}, options);
  return { url, pids: async () => [child.pid!], stop: () => end(child) };
}

/** The target is not ours to count. */
async function withTarget(): Promise<Started> {
  const target = await startApp('target-app.ts');
  const ours = await app('tenon-app.ts', ['effects', target.url], asServed);
  return {
    ...ours,
    stop: async () => {
      await ours.stop();
      await end(target.child);
    },
  };
}

/** Its server with default settings but for addresses and folder, and a worker that it calls. */
async function restate(): Promise<Started> {
  const serverFolder = installed('@restatedev/restate-server', '1.7.12');
  const sdkFolder = installed('@restatedev/restate-sdk', '1.17.2');
  const folder = mkdtempSync(join(tmpdir(), 'tenon-peer-restate-'));
  const [ingress, admin, node] = [await freePort(), await freePort(), await freePort()];
  const worker = await startApp('restate-app.ts', [sdkFolder, String(await freePort())]);
  const binary = join(
    serverFolder,
    `node_modules/@restatedev/restate-server-${platform()}-${arch()}/bin/restate-server`,
  );
  const server = await startProcess(
    binary,
    ['--no-logo', '--base-dir', folder, '--listen-mode', 'tcp'],
    {
      RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
      DO_NOT_TRACK: '1',
    },
    () => true,
  );
  await until(async () => (await fetch(`http://127.0.0.1:${admin}/health`)).ok);
  await until(async () => {
    const answer = await fetch(`http://127.0.0.1:${admin}/deployments`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ uri: worker.url }),
    });
    return answer.ok;
  });
  return {
    url: `http://127.0.0.1:${ingress}/orders/take`,
    pids: async () => [server.child.pid!, worker.child.pid!],
    stop: async () => {
      await end(server.child);
      await end(worker.child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** On the PostgreSQL that is there, in a database of its own. Counted with it: the backends that serve it. */
async function dbos(): Promise<Started> {
  const folder = installed('@dbos-inc/dbos-sdk', '5.3.0');
  const server = process.env['TENON_BENCH_POSTGRES'] ?? 'postgresql://postgres@127.0.0.1:5432';
  const database = `tenon_bench_dbos_${process.pid}`;
  const sql = (text: string, of = 'postgres'): string => {
    const done = spawnSync('psql', [`${server}/${of}`, '-Atqc', text], { encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`psql: ${done.error?.message ?? done.stderr}`);
    return done.stdout;
  };
  sql(`CREATE DATABASE ${database}`);
  const worker = await startApp('dbos-app.ts', [folder, `${server}/${database}`]);
  return {
    url: worker.url,
    pids: async () => {
      const backends = sql(`SELECT pid FROM pg_stat_activity WHERE datname = '${database}'`);
      return [worker.child.pid!, ...backends.split('\n').filter(Boolean).map(Number)];
    },
    stop: async () => {
      await end(worker.child);
      sql(`DROP DATABASE ${database} WITH (FORCE)`);
    },
  };
}

/** HTTP in → function → HTTP response; no editor. It keeps nothing. */
async function nodeRed(): Promise<Started> {
  const folder = installed('node-red', '5.0.7');
  const user = mkdtempSync(join(tmpdir(), 'tenon-peer-node-red-'));
  const port = await freePort();
  mkdirSync(user, { recursive: true });
  const flow = [
    { id: 'tab', type: 'tab', label: 'orders' },
    { id: 'in', type: 'http in', z: 'tab', url: '/orders', method: 'post', wires: [['one']] },
    {
      id: 'one',
      type: 'function',
      z: 'tab',
      func: 'msg.payload = { id: msg.payload.id };\nreturn msg;',
      outputs: 1,
      wires: [['out']],
    },
    { id: 'out', type: 'http response', z: 'tab', statusCode: '200', wires: [] },
  ];
  writeFileSync(join(user, 'flows.json'), JSON.stringify(flow));
  writeFileSync(
    join(user, 'settings.js'),
    `module.exports = { uiHost: '127.0.0.1', uiPort: ${port}, flowFile: 'flows.json', httpAdminRoot: false, logging: { console: { level: 'info' } } };\n`,
  );
  const { child } = await startProcess(
    process.execPath,
    [
      join(folder, 'node_modules/node-red/red.js'),
      '--settings',
      join(user, 'settings.js'),
      '--userDir',
      user,
    ],
    { NODE_ENV: 'production' },
    (line) => line.includes('Started flows'),
  );
  const url = `http://127.0.0.1:${port}/orders`;
  await until(async () => {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"id":"x"}',
    });
    return answer.ok;
  });
  return {
    url,
    pids: async () => [child.pid!],
    stop: async () => {
      await end(child);
      rmSync(user, { recursive: true, force: true });
    },
  };
}

/** Asks every 100 ms, for half a minute. */
async function until(isDone: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 300; i++) {
    if (await isDone().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('a peer was not ready in half a minute');
}
