import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Random } from '@tenon/model';
import { openDatabase } from '../embedded/file/database.ts';
import { RuntimeError } from '../runtime-error.ts';

/** What of a database was on the disk at a moment. */
export interface FileState {
  readonly db: Buffer;
  readonly wal: Buffer;
  readonly mark: Buffer | undefined;
}

export function fileStateOf(file: string): FileState {
  const read = (suffix: string): Buffer | undefined =>
    existsSync(file + suffix) ? readFileSync(file + suffix) : undefined;
  return { db: readFileSync(file), wal: read('-wal') ?? Buffer.alloc(0), mark: read('.mark') };
}

/** Sectors are written whole or not at all, in any order, until a sync. */
const SECTOR_BYTES = 512;
const WAL_HEADER_BYTES = 32;

/** A commit during which the power fails: which of its sectors reached the disk is a matter of chance. */
export class TornWrite {
  readonly #before: FileState;
  readonly #random: Random;
  /** What was torn, once it was. */
  kind: 'torn WAL' | 'torn page' | undefined;

  constructor(before: FileState, random: Random) {
    this.#before = before;
    this.#random = random;
  }

  /**
   * Makes of a copy of the files after the commit what such a failure leaves. The pages of the file are written once the log is
   * synced, and the log is begun anew once the file is: so one of both is torn, never both.
   */
  tear(file: string): void {
    const after = fileStateOf(file);
    const { db, wal, mark } = this.#before;
    // The mark is written when the commit is done.
    if (mark !== undefined) writeFileSync(`${file}.mark`, mark);
    if (!db.equals(after.db) && this.#random.next() < 0.5) {
      this.kind = 'torn page';
      writeFileSync(file, this.#mixed(db, after.db));
      return;
    }
    this.kind = 'torn WAL';
    writeFileSync(file, db);
    writeFileSync(`${file}-wal`, this.#tornLog(wal, after.wal));
  }

  #tornLog(before: Buffer, after: Buffer): Buffer {
    const isBegunAnew =
      before.length > 0 && !before.subarray(0, WAL_HEADER_BYTES).equals(after.subarray(0, WAL_HEADER_BYTES));
    // The header of a log that is begun anew is synced before any frame is written.
    if (isBegunAnew && this.#random.next() < 0.3) return before;
    const torn = this.#mixed(before, after);
    if (isBegunAnew) after.copy(torn, 0, 0, WAL_HEADER_BYTES);
    return torn;
  }

  /** Some sectors of each; the file ends where the last one was written. */
  #mixed(before: Buffer, after: Buffer): Buffer {
    const length = Math.max(
      before.length,
      Math.min(after.length, before.length + Math.ceil(this.#random.next() * after.length)),
    );
    const mixed = Buffer.alloc(length);
    before.copy(mixed);
    const share = this.#random.next();
    for (let at = 0; at < length; at += SECTOR_BYTES)
      if (this.#random.next() < share) after.copy(mixed, at, at, Math.min(at + SECTOR_BYTES, length));
    return mixed;
  }
}

const FRAME_HEADER_BYTES = 24;
/**
 * Behind its mark; or, where later pages had been moved into the file already, no database any more, or one whose ledger has
 * rows of which its tree knows nothing.
 */
const REFUSALS: ReadonlySet<string> = new Set([
  'RUNTIME_LEDGER_BEHIND',
  'RUNTIME_LEDGER_ALTERED',
  'RUNTIME_FILE_UNREADABLE',
]);

/**
 * The disk said that it had synced, and had not: the end of the log is gone, commits that were acknowledged among it.
 * Says what became of a start on a copy of such files: it must be refused, unless nothing of worth was lost.
 */
export function startWithoutTail(
  state: FileState,
  copy: string,
  pageBytes: number,
  random: Random,
): 'refused' | 'nothing lost' | 'went on' {
  const frames = Math.floor((state.wal.length - WAL_HEADER_BYTES) / (FRAME_HEADER_BYTES + pageBytes));
  const kept = Math.floor(random.next() * frames);
  writeFileSync(copy, state.db);
  writeFileSync(
    `${copy}-wal`,
    state.wal.subarray(0, kept === 0 ? 0 : WAL_HEADER_BYTES + kept * (FRAME_HEADER_BYTES + pageBytes)),
  );
  if (state.mark !== undefined) writeFileSync(`${copy}.mark`, state.mark);
  const marked = Number(state.mark?.toString().split(' ')[0] ?? 0);
  try {
    const db = openDatabase(copy);
    const size = Number(db.prepare('SELECT size FROM ledger_open').get()?.['size']);
    db.close();
    return size < marked ? 'went on' : 'nothing lost';
  } catch (error) {
    if (error instanceof RuntimeError && REFUSALS.has(error.code)) return 'refused';
    throw error;
  }
}
