import type { DatabaseSync } from 'node:sqlite';
import { RuntimeError } from '../../runtime-error.ts';
import { emptyLog, type Scrub, writeAnew } from '../commit/apply-batch.ts';
import type { EmbeddedEngine } from '../engine.ts';
import { openDatabase } from './database.ts';
import { lockFile } from './lock.ts';
import { isMarkedEncrypted, olderLeft } from './seal-older.ts';
import { Statements, type Write, writes } from './statements.ts';

/**
 * What is known of unused bytes of the file's pages, where what was overwritten since may still stand; a row of the settings. A crash
 * leaves it as it is: `tracesSinceMs` is there before anything goes, and goes when the file has been written anew.
 */
interface UnusedBytes {
  /** When the file was last written anew. */
  readonly anewAtMs?: number;
  /** In an encrypted file: nothing was in clear since, for it was so from its first row on, or all of it was when it was written anew. */
  readonly isSealed?: true;
  /** Since when they may hold what had to go: of a subject, or of a file that was encrypted later. */
  readonly tracesSinceMs?: number;
}

const SETTING = 'unusedBytes';

export function unusedBytes(read: Statements): UnusedBytes {
  const row = read.of('SELECT value FROM settings WHERE name = ?').get(SETTING);
  // Written here alone.
  return row === undefined ? {} : (JSON.parse(String(row['value'])) as UnusedBytes);
}

/** A file that is marked as encrypted before it has its first row never holds anything in clear. */
export function sealedFromTheFirst(db: DatabaseSync): void {
  const read = new Statements(db);
  if (read.of('SELECT 1 FROM ledger LIMIT 1').get() !== undefined) return;
  store(read, { ...unusedBytes(read), isSealed: true });
}

/** Is the file too large to be written anew while runs go on? Nothing is stored meanwhile. */
export function isTooLarge({ reader, limits }: EmbeddedEngine): boolean {
  const { page_count: pages } = reader.prepare('PRAGMA page_count').get()!;
  const { page_size: size } = reader.prepare('PRAGMA page_size').get()!;
  return Number(pages) * Number(size) > limits.writtenAnewBytesMax;
}

/**
 * Is all that unused bytes can hold of these runs, and of events without one, sealed with data keys that go with it? Not what another key
 * seals (differences that reports list), nor keys of list items that are numbers, which stand in clear (`places.ts`).
 */
export function goesWithItsKeys(
  { read }: EmbeddedEngine,
  runs: readonly { readonly seq: number }[],
): boolean {
  const { isSealed, tracesSinceMs } = unusedBytes(read);
  if (isSealed !== true || tracesSinceMs !== undefined) return false;
  if (read.of('SELECT 1 FROM reports LIMIT 1').get() !== undefined) return false;
  const numbered = read.of(`SELECT 1 FROM journal WHERE run_seq = ? AND key GLOB '*[[][0-9]*' LIMIT 1`);
  return runs.every(({ seq }) => numbered.get(seq) === undefined);
}

/** Written before anything goes: a process that dies in between leaves traces, too. */
export function mayLeaveTraces(engine: EmbeddedEngine): Write {
  const known = unusedBytes(engine.read);
  return settingOf({ ...known, tracesSinceMs: known.tracesSinceMs ?? engine.now() });
}

/** Takes what was overwritten out of the write-ahead log, and out of the file where it is to be written anew. */
export async function leaveNothing(engine: EmbeddedEngine, how: Scrub): Promise<void> {
  await engine.scrub(how);
  if (how === 'writeAnew') await engine.commit([settingOf(writtenAnew(engine.read, engine.now()))]);
}

/**
 * Writes the file of a runtime that is stopped anew, whatever its size. Throws `RUNTIME_FILE_IN_USE`, `RUNTIME_FILE_UNREADABLE`,
 * `RUNTIME_FILE_NEWER`, `RUNTIME_LEDGER_BEHIND`, `RUNTIME_LEDGER_ALTERED`, `RUNTIME_CHORE_UNFINISHED` (no room for a second file).
 */
export function writeFileAnew(file: string, nowMs: number): void {
  const lock = lockFile(file);
  try {
    const db = openDatabase(file);
    try {
      writeAnew(db);
      const read = new Statements(db);
      store(read, writtenAnew(read, nowMs));
      emptyLog(db);
    } catch (cause) {
      const because = cause instanceof Error ? cause.message : String(cause);
      throw new RuntimeError(
        'RUNTIME_CHORE_UNFINISHED',
        `${file} was not written anew and stands as it was: ${because}`,
        { cause },
      );
    } finally {
      db.close();
    }
  } finally {
    lock.release();
  }
}

function writtenAnew(read: Statements, anewAtMs: number): UnusedBytes {
  const isSealed = isMarkedEncrypted(read) && olderLeft(read) === 0;
  return { anewAtMs, ...(isSealed && { isSealed }) };
}

function settingOf(known: UnusedBytes): Write {
  return ['putSetting', SETTING, JSON.stringify(known)];
}

function store(read: Statements, known: UnusedBytes): void {
  read.of(writes.putSetting).run(SETTING, JSON.stringify(known));
}
