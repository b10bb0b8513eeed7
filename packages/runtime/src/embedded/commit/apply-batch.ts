import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { TreeHead } from '../../ledger/checkpoint.ts';
import { LedgerTree } from '../../ledger/tiles.ts';
import { fillConnections } from '../file/connection-parts.ts';
import type { EncryptionOptions } from '../file/data-keys.ts';
import { HighWaterMark } from '../file/high-water.ts';
import { nameLanes } from '../file/name-older.ts';
import { configure } from '../file/schema.ts';
import { sealOlder } from '../file/seal-older.ts';
import { Sealer } from '../file/sealer.ts';
import { Statements, type Write, writes } from '../file/statements.ts';

/** Writes that are stored all together or not at all. */
export type Group = readonly Write[];

/** Per group: `undefined` when it is on disk, else why it is not. */
export type BatchResult = readonly (string | undefined)[];

/** What the writer does for its file between batches, a slice at a time: see `Sealer`, `nameLanes`, `sealOlder` and the checkpoint thread. */
export type Chore = 'shred' | 'rewrap' | 'nameLanes' | 'sealOlder' | 'fillConnections' | 'emptyWal';

/**
 * How what was overwritten is taken out: `emptyLog` of the write-ahead log alone, `writeAnew` of unused bytes of pages as well. A row that
 * grew was moved, and its first place lies there, which `secure_delete` does not overwrite. Nothing is stored meanwhile (298 MiB: 4 s on a
 * busy machine).
 */
export type Scrub = 'writeAnew' | 'emptyLog';

/** The one writer of a file: its connection, and the tree over the ledger that grows with each row. */
export class BatchWriter {
  readonly #db: DatabaseSync;
  readonly #statements: Statements;
  readonly #tree: LedgerTree;
  readonly #mark: HighWaterMark;
  readonly #sealer: Sealer;
  #emptyWal: StatementSync | undefined;
  #failure: unknown;

  constructor(
    file: string,
    checkpoints: 'own' | 'elsewhere' = 'own',
    encryption: EncryptionOptions | undefined = undefined,
  ) {
    this.#db = new DatabaseSync(file);
    configure(this.#db);
    // A checkpoint that begins the WAL anew may ask this connection to wait a moment; nothing else writes.
    this.#db.exec('PRAGMA busy_timeout = 10000');
    // What is deleted is overwritten: erased data must not stay in free pages.
    this.#db.exec('PRAGMA secure_delete = ON');
    if (checkpoints === 'elsewhere') this.#db.exec('PRAGMA wal_autocheckpoint = 0');
    this.#mark = new HighWaterMark(file);
    this.#statements = new Statements(this.#db);
    this.#tree = new LedgerTree(this.#db);
    this.#sealer = new Sealer(file, this.#db, encryption);
  }

  /**
   * Stores a batch in one transaction, one fsync. When a group is refused (a key taken meanwhile, an illegal
   * transition), the batch is rolled back and each group stored by itself, so that the others do not suffer.
   * Throws when the disk fails: then nothing of the batch counts as stored, and nothing that comes after it is: it may build on it,
   * and may have been on its way already.
   */
  apply(groups: readonly Group[]): BatchResult {
    if (this.#failure !== undefined) throw this.#failure;
    const unroot = this.#tree.mark();
    try {
      inTransaction(this.#db, () => {
        for (const group of groups) this.#applyGroup(group);
        this.#tree.save();
      });
      this.#mark.write(this.#tree);
      return groups.map(() => undefined);
    } catch (error) {
      unroot();
      this.#sealer.forgetRuns();
      if (!isRefusal(error)) {
        this.#failure = error;
        throw error;
      }
      if (groups.length === 1) return [messageOf(error)];
      return groups.flatMap((group) => this.apply([group]));
    }
  }

  /** The ledger as it is on disk now. */
  head(): TreeHead {
    return this.#tree.head();
  }

  scrub(how: Scrub): void {
    try {
      if (how === 'writeAnew') writeAnew(this.#db);
    } finally {
      // Where the disk has no room for a second file, too: the log holds more of it than the pages do.
      emptyLog(this.#db);
    }
  }

  /** Does a slice of a chore; gives how much of it is left. */
  tend(chore: Chore): number {
    switch (chore) {
      case 'shred':
        return this.#sealer.shred();
      case 'rewrap':
        return this.#sealer.rewrap();
      case 'emptyWal': {
        // Waits for nobody. The next commit writes to the WAL's beginning if nobody is reading from it then.
        this.#emptyWal ??= this.#db.prepare('PRAGMA wal_checkpoint(PASSIVE)');
        const row = this.#emptyWal.get();
        return Number(row?.['log'] ?? 0) - Number(row?.['checkpointed'] ?? 0);
      }
      case 'nameLanes':
        return this.#slice(() => nameLanes(this.#db, this.#sealer));
      case 'sealOlder':
        return this.#slice(() => sealOlder(this.#db, this.#sealer));
      case 'fillConnections':
        return this.#slice(() => fillConnections(this.#statements));
    }
  }

  #slice(body: () => number): number {
    let left = 0;
    try {
      inTransaction(this.#db, () => {
        left = body();
      });
    } catch (error) {
      this.#sealer.forgetRuns();
      throw error;
    }
    return left;
  }

  /** Sets something of the connection, for tests. */
  pragma(setting: string): void {
    this.#db.exec(`PRAGMA ${setting}`);
  }

  close(): void {
    this.#db.close();
    this.#mark.close();
  }

  #applyGroup(group: Group): void {
    for (const write of group) {
      this.#statements.of(writes[write[0]]).run(...this.#sealer.bound(write));
      if (write[0] !== 'putLedger') continue;
      const [, seq, runSeq, count, facts] = write;
      this.#tree.add({
        seq: Number(seq),
        runSeq: Number(runSeq),
        count: Number(count),
        facts: String(facts),
      });
    }
  }
}

/**
 * The second file that SQLite writes is one of its temporary files: in memory, as these are otherwise, 200 MiB took 255 MiB more. Where there is
 * no folder for temporary files it is made there all the same.
 */
export function writeAnew(db: DatabaseSync): void {
  try {
    db.exec('PRAGMA temp_store = FILE; VACUUM');
  } catch {
    // What else is wrong is so again, and said then.
    db.exec('PRAGMA temp_store = MEMORY; VACUUM');
  } finally {
    db.exec('PRAGMA temp_store = MEMORY');
  }
}

/** Looks so often whether a checkpoint of another connection has ended, with so long a nap between: as long as a commit waits for others. */
const CHECKPOINT_LOOKS = 200;
const CHECKPOINT_NAP_MS = 50;

/** For readers SQLite waits by itself, for the checkpoint thread or a copy that has just begun it does not: it answers "busy" at once. */
export function emptyLog(db: DatabaseSync): void {
  const empty = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)');
  const nobodyWakes = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  for (let looks = 0; looks < CHECKPOINT_LOOKS; looks++) {
    const row = empty.get();
    if (row?.['busy'] === 0) return;
    // Of a log that it may not look at SQLite does not say how long it is.
    if (row?.['log'] !== -1) throw new Error('a reader keeps the write-ahead log from being emptied');
    Atomics.wait(nobodyWakes, 0, 0, CHECKPOINT_NAP_MS);
  }
  throw new Error('a checkpoint of another process keeps the write-ahead log from being emptied');
}

function inTransaction(db: DatabaseSync, body: () => void): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    body();
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

/** SQLITE_CONSTRAINT and its extended codes: the data was refused, the disk is well. */
function isRefusal(error: unknown): boolean {
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) : 0;
  return (code & 0xff) === 19;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
