import { once } from 'node:events';
import { appendFile, copyFile, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@tenon/model';
import { openRuntime } from '@tenon/runtime';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCommandLine } from '../command.ts';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';
import { type CommandRun, runCommand } from '../testing/run-command.ts';
import { doctorCommand } from './doctor.ts';
import { serveCommand } from './serve.ts';

let folder: string;
/** Not in the workspace. */
let elsewhere: string;
beforeEach(async () => {
  folder = await initFolder('doctor');
  elsewhere = await mkdtemp(join(tmpdir(), 'tenon-doctor-data-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
  await rm(elsewhere, { recursive: true });
});

async function configure(file: string, port = 1): Promise<void> {
  const path = join(folder, 'tenon.config.yaml');
  const config = (await readFile(path, 'utf8'))
    .replace(/^engine: .*$/m, `engine: { type: embedded, file: ${file} }`)
    // Nobody listens there: on the port that is standard, another workspace's Tenon may answer.
    .replace(/^server: .*$/m, `server: { port: ${port} }`);
  await writeFile(path, config);
}

const ENV = { SHOP_URL: 'http://127.0.0.1:1', SHOP_KEY: 'a key', SHOP_WEBHOOK_SECRET: 'a secret' };
const doctor = (): Promise<CommandRun> => runCommand([doctorCommand], ['doctor'], { cwd: folder, env: ENV });

/** Serves until it is up. */
async function served(...options: string[]): Promise<{ readonly code: number; readonly said: string }> {
  let said = '';
  let interrupt = (): void => {};
  const interrupted = new Promise<void>((resolve) => {
    interrupt = resolve;
  });
  const hear = (text: string): void => {
    said += text;
    if (said.includes('http://127.0.0.1:')) interrupt();
  };
  const code = await runCommandLine([serveCommand], ['serve', '--port', '0', ...options], {
    out: hear,
    err: hear,
    cwd: folder,
    env: ENV,
    color: false,
    clock: systemClock,
    random: systemRandom,
    interrupted: () => interrupted,
  });
  return { code, said };
}

/** A database whose ledger has grown by an entry. */
async function grown(file: string): Promise<void> {
  const runtime = await openRuntime({
    file,
    clock: systemClock,
    random: systemRandom,
    transport: () => {
      throw new Error('nothing is called');
    },
  });
  await runtime.setSwitch(
    { kind: 'kill', scope: { everything: true }, sparesCompensation: false },
    'ana',
    'a drill',
  );
  await runtime.stop();
}

describe('a database outside the workspace', () => {
  it('is looked through where it lies', async () => {
    const file = join(elsewhere, 'tenon.db');
    await configure(file);
    await grown(file);
    expect((await doctor()).out).toContain(`✓ database ${file}: sound`);
    await writeFile(file, 'this is no database, '.repeat(1_000));
    const { out, code } = await doctor();
    expect(out).toContain(`✗ ${file} cannot be read`);
    expect(code).toBe(exit.findings);
    const asJson = await runCommand([doctorCommand], ['doctor', '--format', 'json'], {
      cwd: folder,
      env: ENV,
    });
    expect([JSON.parse(asJson.out), asJson.code]).toMatchObject([
      {
        sound: false,
        verdicts: expect.arrayContaining([
          { verdict: 'ok', what: `Node ${process.versions.node}` },
          {
            verdict: 'failed',
            what: expect.stringContaining(`${file} cannot be read`),
            fix: expect.stringContaining('put a backup back'),
          },
        ]),
      },
      exit.findings,
    ]);
  });

  it('that is not there yet is made by nobody who only looks', async () => {
    const before = await readdir(folder, { recursive: true });
    await configure(join(elsewhere, 'data', 'tenon.db'));
    const { out } = await doctor();
    expect(out).toContain(`✓ storage ${join(elsewhere, 'data', 'tenon.db')}`);
    expect(await readdir(elsewhere)).toEqual([]);
    expect(await readdir(folder, { recursive: true })).toEqual(before);
  });

  it('below what is no folder cannot be made', async () => {
    await configure(join(folder, 'README.md', 'tenon.db'));
    const { out, code } = await doctor();
    expect(out).toContain(`✗ storage ${join(folder, 'README.md', 'tenon.db')}`);
    expect(code).toBe(exit.findings);
  });
});

it.runIf(process.platform === 'linux')(
  'a disk without room for events is named, with what to do',
  async () => {
    // A file system that has no free byte, and never will.
    await configure('/proc/tenon.db');
    const { out, code } = await doctor();
    expect(out).toContain('✗ storage /proc/tenon.db: no event is taken: RUNTIME_DISK_LOW: 0 MiB are free');
    expect(out).toContain('fix  see `tenon explain RUNTIME_DISK_LOW`: Free space on the disk');
    expect(code).toBe(exit.findings);
  },
);

it('a Tenon of this workspace that takes no event is no Tenon that is well', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  try {
    // A server that listens has an address of this kind.
    await configure('.tenon/tenon.db', (taken.address() as AddressInfo).port);
    const intake = (refusal?: object) =>
      vi.stubGlobal('fetch', async () => Response.json({ intake: { ...(refusal && { refusal }) } }));
    intake();
    expect((await doctor()).out).toMatch(/✓ port .*: the Tenon of this workspace serves there\n/);
    intake({ code: 'RUNTIME_DISK_FAILED', message: 'the disk refused a write' });
    const { out, code } = await doctor();
    expect(out).toMatch(/✗ port .* serves there, and takes no event: RUNTIME_DISK_FAILED: the disk refused/);
    expect(out).toContain('fix  see `tenon explain RUNTIME_DISK_FAILED`: Free or repair the disk');
    expect(code).toBe(exit.findings);
  } finally {
    vi.unstubAllGlobals();
    taken.close();
  }
});

it('a Tenon that nobody may ask about its flow is told from something else that listens there', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  try {
    // A server that listens has an address of this kind.
    await configure('.tenon/tenon.db', (taken.address() as AddressInfo).port);
    await grown(join(folder, '.tenon', 'tenon.db'));
    const answers = (ready: () => Response) =>
      vi.stubGlobal('fetch', async (url: URL) =>
        url.pathname === '/v1/ready'
          ? ready()
          : Response.json({ title: 'Who are you?', code: 'ACCESS_TOKEN_MISSING' }, { status: 401 }),
      );
    answers(() => Response.json({ status: 'ok' }));
    // Nobody has the database: it is the Tenon of another workspace.
    expect((await doctor()).out).toMatch(/✗ port .* is taken by something else/);
    await writeFile(join(folder, '.tenon', 'tenon.db.owner'), String(process.pid));
    const { out } = await doctor();
    expect(out).toContain(
      `a Tenon serves there, and process ${process.pid} has the database of this workspace`,
    );
    expect(out).not.toContain('stop what listens there');
    answers(() =>
      Response.json(
        { title: 'Not taken', code: 'RUNTIME_DISK_LOW', detail: '9 MiB are free' },
        { status: 503 },
      ),
    );
    expect((await doctor()).out).toMatch(/✗ port .*, and takes no event: RUNTIME_DISK_LOW: 9 MiB are free/);
    answers(() => Response.json({ ok: true }));
    expect((await doctor()).out).toMatch(/✗ port .* is taken by something else/);
  } finally {
    vi.unstubAllGlobals();
    taken.close();
  }
});

describe('a database that is behind', () => {
  let file: string;
  beforeEach(async () => {
    file = join(elsewhere, 'tenon.db');
    await configure(file);
  });

  it('what the process before had stored is one that serve refuses, and doctor says so', async () => {
    await grown(file);
    await copyFile(file, `${file}.older`);
    await grown(file);
    expect((await doctor()).out).not.toContain('would not start');
    await rename(`${file}.older`, file);
    const { out, code } = await doctor();
    expect(out).toContain(
      `✗ database ${file}: \`tenon serve\` would not start on it: RUNTIME_LEDGER_BEHIND: `,
    );
    expect(out).toContain('start once with `--accept-set-back "<reason>"`');
    expect(code).toBe(exit.findings);
    expect((await served()).said).toContain('RUNTIME_LEDGER_BEHIND');
  });

  it('its last signed checkpoint is one, too; what is half written behind that is left', async () => {
    await grown(file);
    await copyFile(file, `${file}.older`);
    expect((await served()).code).toBe(exit.clean);
    expect((await doctor()).out).not.toContain('would not start');
    await rename(`${file}.older`, file);
    await rm(`${file}.mark`);
    await appendFile(`${file}.checkpoints`, 'tenon.local/half a');
    const before = await readFile(`${file}.checkpoints`);
    const { out } = await doctor();
    expect(out).toMatch(/would not start on it: RUNTIME_LEDGER_BEHIND: .* its checkpoint of .* counts/);
    expect(await readFile(`${file}.checkpoints`)).toEqual(before);
    expect((await served()).said).toContain('RUNTIME_LEDGER_BEHIND');
  });
});
