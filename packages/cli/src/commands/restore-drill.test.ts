import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { DrillReport, DrillResult, LedgerEntry } from '@tenon/runtime';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';
import { runCommand } from '../testing/run-command.ts';
import { type ServeProcess, serveProcess } from '../testing/serve-process.ts';
import { drillsCommands } from './drills.ts';

const MAIN = join(import.meta.dirname, '../main.ts');
let folder: string;
let served: ServeProcess;
let scratch: string;
beforeAll(async () => {
  folder = await initFolder('restore-drill');
  served = await serveProcess(folder);
}, 60_000);
afterAll(async () => {
  await served.stop();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'tenon-scratch-'));
});
afterEach(() => rm(scratch, { recursive: true }));

const asked = () => ['--url', served.url, '--scratch', scratch, '--reason', 'every night'];
const drill = (...more: string[]) =>
  runCommand(drillsCommands, ['drill', 'live', 'restore', ...asked(), ...more], {
    cwd: folder,
    env: { TENON_TOKEN: served.token },
  });
const get = async (path: string): Promise<unknown> => {
  const headers = { authorization: `Bearer ${served.token}` };
  return (await fetch(`${served.url}${path}`, { headers })).json();
};

describe('a restore beside a Tenon that runs', () => {
  it('copies its database, holds the copy against it, and is entered with what it took', async () => {
    const { code, out, said } = await drill('--format', 'json');
    expect([code, said]).toEqual([exit.clean, expect.stringContaining('restore: passed (tookMs ')]);
    // One document.
    const made: DrillResult = JSON.parse(out);
    expect(made).toMatchObject({
      kind: 'restore',
      verdict: 'passed',
      judgedBy: 'command',
      reason: 'every night',
      findings: [],
      figures: { rows: expect.any(Number), runs: 0, events: 0, entries: expect.any(Number) },
    });
    expect(made.figures['rows']).toBeGreaterThan(0);
    expect(made.endedAtMs - made.startedAtMs).toBeGreaterThanOrEqual(made.figures['copiedMs']!);
    // The shapes that contracts/operations promises.
    const { results } = (await get('/v1/drills')) as DrillReport;
    expect(results[0]).toEqual(made);
    const { entries } = (await get('/v1/trace?system=true')) as { entries: LedgerEntry[] };
    expect(entries.filter(({ kind }) => kind === 'drill').at(-1)?.details).toMatchObject({
      id: made.id,
      actor: made.actor,
    });
    expect(await readdir(scratch)).toEqual([]);
  });

  it('finds a database whose ledger somebody has edited', async () => {
    const db = new DatabaseSync(join(folder, '.tenon/tenon.db'));
    db.exec('PRAGMA busy_timeout = 5000; DROP TRIGGER ledger_no_update');
    const { facts } = db.prepare('SELECT facts FROM ledger WHERE seq = 1').get() as { facts: string };
    const edit = db.prepare('UPDATE ledger SET facts = ? WHERE seq = 1');
    edit.run(facts.replace('"details"', '"detail5"'));
    const { code, out } = await drill('--format', 'json');
    edit.run(facts);
    db.exec(
      `CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'LEDGER_APPEND_ONLY'); END`,
    );
    db.close();
    const made: DrillResult = JSON.parse(out);
    expect([code, made.verdict]).toEqual([exit.findings, 'failed']);
    expect(made.findings.join('\n')).toContain('LEDGER_');
    expect((await drill()).code).toBe(exit.clean);
  });

  it('is taken away by the next one when it was killed, and by itself when it is interrupted', async () => {
    const killed = join(scratch, 'tenon-restore-drill-999999999-x');
    await mkdir(killed);
    await writeFile(join(killed, 'copy.db'), 'of somebody');
    const alive = join(scratch, `tenon-restore-drill-${process.pid}-y`);
    await mkdir(alive);
    expect((await drill()).code).toBe(exit.clean);
    expect([existsSync(killed), existsSync(alive)]).toEqual([false, true]);
    await rm(alive, { recursive: true });
    const child = spawn(
      process.execPath,
      ['--conditions=source', MAIN, 'drill', 'live', 'restore', ...asked()],
      { cwd: folder, env: { ...process.env, TENON_TOKEN: served.token }, stdio: 'ignore' },
    );
    const ended = once(child, 'exit');
    while ((await readdir(scratch)).length === 0 && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill('SIGINT');
    await ended;
    expect(await readdir(scratch)).toEqual([]);
  });

  it.skipIf(process.getuid?.() !== 0)('leaves alone what is of another user', async () => {
    const another = join(scratch, 'tenon-restore-drill-999999999-x');
    await mkdir(another);
    await chown(another, 65_534, 65_534);
    expect((await drill()).code).toBe(exit.clean);
    expect(await readdir(scratch)).toEqual(['tenon-restore-drill-999999999-x']);
  });

  it('says which folder has no room, or is none', async () => {
    const { code, said } = await drill('--scratch', join(scratch, 'none'));
    expect([code, said]).toEqual([exit.usage, expect.stringContaining('--scratch: there is no folder')]);
  });
});

describe('a restore of what is encrypted', () => {
  let sealed: string;
  let other: ServeProcess;
  beforeAll(async () => {
    sealed = await initFolder('restore-sealed');
    const config = join(sealed, 'tenon.config.yaml');
    const text = (await readFile(config, 'utf8')).replace(
      'engine: { type: embedded, file: .tenon/tenon.db }',
      'engine: { type: embedded, file: .tenon/tenon.db, encryption: { keys: [{ id: k1, key: file:data.key }] } }',
    );
    await writeFile(config, text);
    await writeFile(join(sealed, 'data.key'), randomBytes(32).toString('base64'), { mode: 0o600 });
    other = await serveProcess(sealed);
    await fetch(`${other.url}/v1/switches`, {
      method: 'POST',
      headers: { authorization: `Bearer ${other.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ switch: { kind: 'pause', pipeline: 'order-paid' }, reason: 'a value' }),
    });
  }, 60_000);
  afterAll(async () => {
    await other.stop();
    await rm(sealed, { recursive: true });
  });
  const drillIt = () =>
    runCommand(
      drillsCommands,
      ['drill', 'live', 'restore', '--url', other.url, '--scratch', scratch, '--reason', 'why'],
      { cwd: sealed, env: { TENON_TOKEN: other.token } },
    );

  it('reads it with the keys of the workspace, and says nothing of it where they are not to be had', async () => {
    expect((await drillIt()).code).toBe(exit.clean);
    await rm(join(sealed, 'data.key'));
    const { code, said } = await drillIt();
    expect([code, said]).toEqual([
      exit.partlyDone,
      expect.stringContaining('what is encrypted was not looked at'),
    ]);
  });

  it('is not taken for one of the Tenon that it was recorded with, where that has another database', async () => {
    const argv = ['drill', 'live', 'restore', '--url', served.url, '--scratch', scratch, '--reason', 'why'];
    const { code, said } = await runCommand(drillsCommands, argv, {
      cwd: sealed,
      env: { TENON_TOKEN: served.token },
    });
    expect([code, said]).toEqual([exit.failed, expect.stringContaining('has another database than')]);
  });
});

it('is not held where no Tenon has the database open', async () => {
  const other = await initFolder('restore-elsewhere');
  try {
    await mkdir(join(other, '.tenon'), { recursive: true });
    await writeFile(join(other, '.tenon/tenon.db'), '');
    const { code, said } = await runCommand(drillsCommands, ['drill', 'live', 'restore', ...asked()], {
      cwd: other,
      env: { TENON_TOKEN: served.token },
    });
    expect([code, said]).toEqual([exit.failed, expect.stringMatching(/^no Tenon has .*tenon\.db open/)]);
  } finally {
    await rm(other, { recursive: true });
  }
});
