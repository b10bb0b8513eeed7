import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { seededRandom, systemClock, systemRandom } from '@tenon/model';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openLedger } from '../embedded/file/open-ledger.ts';
import { openRuntime } from '../embedded/open-runtime.ts';
import { RuntimeError } from '../runtime-error.ts';

// Disks that fail under a real process: what was acknowledged is there afterwards, or the process says that it is not.

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenon-disk-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const child = join(import.meta.dirname, '../testing/disk-child.ts');

/** Runs the process to its end; `wrap` is put before its command line. */
async function run(file: string, events: number, first = 0, wrap: readonly string[] = []): Promise<string[]> {
  const started = start(file, events, first, wrap);
  await new Promise((resolve) => started.process.once('close', resolve));
  return started.lines();
}

function start(
  file: string,
  events: number,
  first = 0,
  wrap: readonly string[] = [],
): { readonly process: ChildProcess; lines(): string[] } {
  const [command, ...args] = [
    ...wrap,
    process.execPath,
    '--conditions=source',
    child,
    file,
    String(events),
    String(first),
  ];
  const process_ = spawn(command!, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  process_.stdout!.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  return { process: process_, lines: () => said.split('\n').filter((line) => line !== '') };
}

function accepted(lines: readonly string[]): string[] {
  return lines.flatMap((line) => (line.startsWith('accepted ') ? [line.slice('accepted '.length)] : []));
}

/** What was acknowledged and is not in the file. */
function lost(file: string, acknowledged: readonly string[]): string[] {
  const ledger = openLedger(file);
  try {
    const keys = new Set(ledger.runs({ limit: 10_000 }).map(({ key }) => key));
    return acknowledged.filter((id) => !keys.has(id));
  } finally {
    ledger.close();
  }
}

function problems(file: string): readonly string[] {
  const ledger = openLedger(file);
  try {
    return ledger.check();
  } finally {
    ledger.close();
  }
}

/** A shell that keeps files below so many KiB, and lets the write fail rather than the process die. */
const limited = (kib: number): string[] => [
  'bash',
  '-c',
  `trap '' XFSZ; ulimit -f ${kib}; exec "$@"`,
  'bash',
];

describe('a full disk', () => {
  test('stops the process from taking more; all it took is there, and it goes on when there is room', async () => {
    const file = join(folder, 'runtime.db');
    const full = await run(file, 60, 0, limited(3_000));
    const taken = accepted(full);
    expect(taken.length).toBeGreaterThan(5);
    expect(full.filter((line) => line.startsWith('refused RUNTIME_DISK_FAILED')).length).toBeGreaterThan(5);
    // Once it has refused it takes nothing more.
    const firstRefusal = full.findIndex((line) => line.startsWith('refused'));
    expect(accepted(full.slice(firstRefusal))).toEqual([]);
    expect(lost(file, taken)).toEqual([]);
    const later = await run(file, 5, 1_000);
    expect(accepted(later)).toHaveLength(5);
    expect(lost(file, [...taken, ...accepted(later)])).toEqual([]);
    expect(problems(file)).toEqual([]);
  });

  test('is said when a process is started on it', async () => {
    const lines = await run(join(folder, 'runtime.db'), 5, 0, limited(1));
    expect(lines).toEqual([expect.stringMatching(/^failed RUNTIME_FILE_UNREADABLE .*runtime\.db/)]);
  });
});

describe('a disk of its own', () => {
  let disk: string;
  let isMounted = false;
  beforeAll(() => {
    disk = mkdtempSync(join(tmpdir(), 'tenon-mount-'));
    isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', disk]).status === 0;
    if (!isMounted)
      console.warn('no file system can be mounted here: two tests of failing disks are skipped');
  });
  afterAll(() => {
    // Lazily: a test that failed may have left a process on it.
    if (isMounted) spawnSync('umount', ['-l', disk]);
    rmSync(disk, { recursive: true, force: true });
  });

  test('that is full loses nothing acknowledged', async ({ skip }) => {
    if (!isMounted) skip('mounting needs root');
    const file = join(disk, 'runtime.db');
    const lines = await run(file, 200);
    const taken = accepted(lines);
    expect(taken.length).toBeGreaterThan(10);
    expect(lines.some((line) => line.startsWith('refused RUNTIME_DISK_FAILED'))).toBe(true);
    spawnSync('mount', ['-o', 'remount,size=64m', disk]);
    expect(lost(file, taken)).toEqual([]);
    expect(accepted(await run(file, 5, 10_000))).toHaveLength(5);
    expect(problems(file)).toEqual([]);
  });

  test('that has become read-only is said when a process is started, which loses nothing', async ({
    skip,
  }) => {
    if (!isMounted) skip('mounting needs root');
    spawnSync('mount', ['-o', 'remount,size=64m', disk]);
    const file = join(disk, 'read-only.db');
    const taken = accepted(await run(file, 10));
    spawnSync('mount', ['-o', 'remount,ro', disk]);
    const lines = await run(file, 1, 10_000);
    expect(lines).toEqual([expect.stringMatching(/^failed RUNTIME_FILE_UNREADABLE .*read-only\.db/)]);
    expect(lost(file, taken)).toEqual([]);
    spawnSync('mount', ['-o', 'remount,rw', disk]);
    expect(accepted(await run(file, 2, 20_000))).toHaveLength(2);
  });
});

/** How many bytes of a WAL are in use: one that began anew keeps its length, and what stood there before (SQLite, file format §4.1). */
function inUse(wal: Buffer): number {
  const frameBytes = 24 + wal.readUInt32BE(8);
  const salts = wal.subarray(16, 24);
  let end = 32;
  while (end + frameBytes <= wal.length && wal.subarray(end + 8, end + 16).equals(salts)) end += frameBytes;
  return end;
}

describe('what a killed process left', () => {
  const kept = mkdtempSync(join(tmpdir(), 'tenon-left-'));
  let left: string;
  let taken: string[];
  const parts = ['', '-wal', '.mark'];
  beforeAll(async () => {
    // One time in some dozens all that is in the WAL is in the file as well: then nothing hangs on it.
    for (let isWhole = true; isWhole; isWhole = (await opened((wal) => rmSync(wal))).refused === undefined) {
      left = join(mkdtempSync(join(kept, 'left-')), 'runtime.db');
      const running = start(left, 100_000);
      const ended = new Promise((resolve) => running.process.once('close', resolve));
      while (accepted(running.lines()).length < 120) await new Promise((resolve) => setTimeout(resolve, 5));
      running.process.kill('SIGKILL');
      await ended;
      taken = accepted(running.lines());
    }
  });

  afterAll(() => rmSync(kept, { recursive: true }));

  /** A copy with its WAL changed, opened: the code of the refusal, or what is lost. */
  async function opened(
    change: (wal: string) => void,
  ): Promise<{ readonly refused?: string; readonly lost: string[] }> {
    const into = mkdtempSync(join(kept, 'copy-'));
    const file = join(into, 'runtime.db');
    for (const part of parts) if (existsSync(left + part)) copyFileSync(left + part, file + part);
    change(`${file}-wal`);
    const refused = await refusal(file);
    return refused === undefined ? { lost: lost(file, taken) } : { refused, lost: [] };
  }

  test('is all there', async () => {
    expect(statSync(`${left}-wal`).size).toBeGreaterThan(100_000);
    expect(await opened(() => {})).toEqual({ lost: [] });
  });

  test('is refused when its WAL was cut, or whole where what was cut off was not in use', async () => {
    const size = statSync(`${left}-wal`).size;
    const verdicts: string[] = [];
    for (const share of [0, 0.001, 0.05, 0.3, 0.6, 0.95]) {
      const verdict = await opened((wal) => truncateSync(wal, Math.floor(size * share)));
      expect(verdict.lost).toEqual([]);
      verdicts.push(verdict.refused ?? 'whole');
    }
    expect(verdicts.slice(0, 2)).toEqual(['RUNTIME_LEDGER_BEHIND', 'RUNTIME_LEDGER_BEHIND']);
  });

  test('is refused when its WAL is gone', async () => {
    expect(await opened((wal) => rmSync(wal))).toMatchObject({ refused: 'RUNTIME_LEDGER_BEHIND' });
  });

  test('is refused, or whole, when its WAL was torn', async () => {
    const random = seededRandom(5);
    const verdicts = new Set<string>();
    for (let i = 0; i < 8; i++) {
      const verdict = await opened((wal) => {
        const bytes = readFileSync(wal);
        const at = Math.floor(random.next() * (inUse(bytes) - 512));
        for (let n = 0; n < 512; n++) bytes[at + n] = Math.floor(random.next() * 256);
        writeFileSync(wal, bytes);
      });
      expect(verdict.lost).toEqual([]);
      verdicts.add(verdict.refused ?? 'whole');
    }
    expect(verdicts).toContain('RUNTIME_LEDGER_BEHIND');
  });

  test('goes on where the end of its WAL is a write that never finished', async () => {
    expect(
      await opened((wal) => writeFileSync(wal, Buffer.concat([readFileSync(wal), Buffer.alloc(10_000, 7)]))),
    ).toEqual({ lost: [] });
  });
});

describe('a damaged page', () => {
  test('is found, whichever it is, unless nothing stands where it is damaged', async () => {
    const file = join(folder, 'runtime.db');
    expect(accepted(await run(file, 90))).toHaveLength(90);
    const sound = readFileSync(file);
    const pageBytes = 16_384;
    expect(sound.readUInt16BE(16)).toBe(pageBytes);
    const contents = dump(file);
    const unseen: number[] = [];
    let harmless = 0;
    for (let page = 0; page < sound.length / pageBytes; page++) {
      const bytes = Buffer.from(sound);
      bytes.fill(0xa5, page * pageBytes + 200, page * pageBytes + 1_800);
      bytes.fill(0xa5, (page + 1) * pageBytes - 700, (page + 1) * pageBytes - 100);
      writeFileSync(file, bytes);
      const found = await refusal(file, true);
      if (found !== undefined || problems(file).length > 0) continue;
      if (dump(file) === contents) harmless++;
      else unseen.push(page);
    }
    expect(unseen).toEqual([]);
    expect(harmless).toBeLessThan(sound.length / pageBytes / 2);
  });
});

/** Everything that the tables hold, read in the order of their rows and through every index. */
function dump(file: string): string {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    const tables = db.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table'`).all();
    return JSON.stringify(tables.map(({ name }) => db.prepare(`SELECT * FROM "${String(name)}"`).all()));
  } finally {
    db.close();
  }
}

/** The code that a process refuses the file with. `readOnly`: looks without starting one. */
async function refusal(file: string, readOnly = false): Promise<string | undefined> {
  try {
    if (readOnly) openLedger(file).close();
    else {
      const runtime = await openRuntime({
        file,
        clock: systemClock,
        random: systemRandom,
        transport: () => {
          throw new Error('nothing is called');
        },
      });
      await runtime.stop();
    }
    return undefined;
  } catch (error) {
    return error instanceof RuntimeError ? error.code : `UNEXPECTED ${String(error)}`;
  }
}
