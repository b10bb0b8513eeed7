import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { TreeHead } from './checkpoint.ts';
import { type Hash, leafHash, type NodeSource, nodeHash, rangeRoot } from './merkle.ts';

/** Hashes in a tile: eight levels of the tree in one row. */
export const TILE_WIDTH = 256;
const TILE_HEIGHT = 8;
const HASH_BYTES = 32;
/** Levels of tiles that a file can need: 256^6 rows are more than a disk holds. */
const LEVELS_MAX = 6;

/** A row of the ledger, as it is hashed. */
export interface LedgerRow {
  readonly seq: number;
  readonly runSeq: number;
  readonly count: number;
  readonly facts: string;
}

/** The bytes that the leaf of a row is made of: its number is in them, so that a row cannot change its place. */
export function leafText({ seq, runSeq, count, facts }: LedgerRow): string {
  return `${seq} ${runSeq} ${count}\n${facts}`;
}

/**
 * The Merkle tree over the ledger's rows, kept beside them, in the transactions that store the rows. It goes on from
 * what is stored, never from the rows: an edit made behind its back stays visible. Owned by whoever commits: on a thread
 * of its own, so the event loop pays nothing.
 */
export class LedgerTree {
  readonly #insertTile: StatementSync;
  readonly #updateOpen: StatementSync;
  /** Hashes of each level that fill no tile yet. */
  #open: Hash[][];
  #size: number;
  #lastSequence: number;
  #isSaved = true;

  constructor(db: DatabaseSync) {
    this.#insertTile = db.prepare(
      'INSERT INTO ledger_tiles (level, idx, last_seq, root, hashes) VALUES (?, ?, ?, ?, ?)',
    );
    this.#updateOpen = db.prepare('UPDATE ledger_open SET size = ?, last_seq = ?, hashes = ?');
    const { open, size, lastSequence } = openTiles(db);
    this.#open = open;
    this.#size = size;
    this.#lastSequence = lastSequence;
    // Rows of a file from before there was a tree.
    if (size === 0 && hasRowsAfter(db, 0)) this.#addOlder(db);
  }

  add(row: LedgerRow): void {
    this.#isSaved = false;
    this.#size++;
    this.#lastSequence = row.seq;
    this.#put(0, leafHash(leafText(row)));
  }

  /** Stores what changed since; within the transaction of the rows. */
  save(): void {
    if (this.#isSaved) return;
    this.#updateOpen.run(this.#size, this.#lastSequence, joinHashes(this.#open[0] ?? []));
    this.#isSaved = true;
  }

  get size(): number {
    return this.#size;
  }

  get lastSequence(): number {
    return this.#lastSequence;
  }

  head(): TreeHead {
    return {
      size: this.#size,
      root: rangeRoot(openNode(this.#open, this.#size), 0, this.#size),
      lastSequence: this.#lastSequence,
    };
  }

  /** For a transaction that may be rolled back: gives a way back to the tree as it is now. */
  mark(): () => void {
    const open = this.#open.map((hashes) => hashes.slice());
    const size = this.#size;
    const lastSequence = this.#lastSequence;
    return () => {
      this.#open = open;
      this.#size = size;
      this.#lastSequence = lastSequence;
      this.#isSaved = true;
    };
  }

  #put(level: number, hash: Hash): void {
    this.#open[level] ??= [];
    const hashes = this.#open[level];
    hashes.push(hash);
    if (hashes.length < TILE_WIDTH) return;
    const root = foldWhole(hashes);
    const index = this.#size / TILE_WIDTH ** (level + 1) - 1;
    this.#insertTile.run(level, index, this.#lastSequence, root, joinHashes(hashes));
    this.#open[level] = [];
    this.#put(level + 1, root);
  }

  #addOlder(db: DatabaseSync): void {
    db.exec('BEGIN IMMEDIATE');
    try {
      for (const row of rowsAfter(db, this.#lastSequence)) this.add(row);
      this.save();
      db.exec('COMMIT');
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }
}

/** The tree as stored, for whoever reads the file: roots and proofs without looking at the rows. */
export class StoredTree {
  readonly head: TreeHead;
  readonly #tile: StatementSync;
  readonly #open: readonly (readonly Hash[])[];
  #cached: { readonly level: number; readonly index: number; readonly hashes: readonly Hash[] } | undefined;

  constructor(db: DatabaseSync) {
    this.#tile = db.prepare('SELECT hashes FROM ledger_tiles WHERE level = ? AND idx = ?');
    const { open, size, lastSequence } = openTiles(db);
    this.#open = open;
    this.head = { size, root: rangeRoot(this.node, 0, size), lastSequence };
  }

  /** Root of the tree when it had `size` rows. */
  rootAt(size: number): Hash {
    return rangeRoot(this.node, 0, size);
  }

  readonly node: NodeSource = (height, index) => {
    const level = Math.floor(height / TILE_HEIGHT);
    const width = 2 ** (height % TILE_HEIGHT);
    const first = index * width;
    const hashes = this.#hashes(level, Math.floor(first / TILE_WIDTH));
    const within = first % TILE_WIDTH;
    return foldWhole(hashes.slice(within, within + width));
  };

  #hashes(level: number, index: number): readonly Hash[] {
    if (this.#cached?.level === level && this.#cached.index === index) return this.#cached.hashes;
    const row = this.#tile.get(level, index);
    // Columns declared so; anything else is damage, and found by whoever compares roots.
    const hashes = row === undefined ? (this.#open[level] ?? []) : splitHashes(row['hashes'] as Uint8Array);
    this.#cached = { level, index, hashes };
    return hashes;
  }
}

/** What is in no full tile: the open leaves, and the roots of tiles that fill no tile above them yet. */
function openTiles(db: DatabaseSync): { open: Hash[][]; size: number; lastSequence: number } {
  const bottom = db.prepare('SELECT size, last_seq, hashes FROM ledger_open').get();
  // Columns declared so; the row was put there with the table.
  const open = [splitHashes(bottom!['hashes'] as Uint8Array)];
  const lastTile = db.prepare('SELECT max(idx) AS idx FROM ledger_tiles WHERE level = ?');
  const roots = db.prepare('SELECT root FROM ledger_tiles WHERE level = ? AND idx >= ? ORDER BY idx');
  for (let level = 1; level <= LEVELS_MAX; level++) {
    const above = lastTile.get(level)?.['idx'] ?? -1;
    open[level] = roots
      .all(level - 1, (Number(above) + 1) * TILE_WIDTH)
      .map((row) => row['root'] as Uint8Array);
    // Tiles of a level are made of those below: where there is none, there is none above.
    if (above === -1) break;
  }
  return { open, size: Number(bottom!['size']), lastSequence: Number(bottom!['last_seq']) };
}

/** Rows that no tree knows: put in while no process ran. A tree of nothing stands for a file from before there were trees. */
export function rowsBehindTree(db: DatabaseSync): boolean {
  const open = db.prepare('SELECT size, last_seq FROM ledger_open').get();
  return open !== undefined && Number(open['size']) > 0 && hasRowsAfter(db, Number(open['last_seq']));
}

function hasRowsAfter(db: DatabaseSync, seq: number): boolean {
  return db.prepare('SELECT 1 FROM ledger WHERE seq > ? LIMIT 1').get(seq) !== undefined;
}

export function* rowsAfter(db: DatabaseSync, seq: number, limit: number = -1): Iterable<LedgerRow> {
  const statement = db.prepare(
    'SELECT seq, run_seq, count, facts FROM ledger WHERE seq > ? ORDER BY seq LIMIT ?',
  );
  for (const row of statement.iterate(seq, limit))
    yield {
      seq: Number(row['seq']),
      runSeq: Number(row['run_seq']),
      count: Number(row['count']),
      facts: String(row['facts']),
    };
}

/** Nodes of a tree whose whole tiles are known by their roots only: enough for the root of the whole tree. */
function openNode(open: readonly (readonly Hash[])[], size: number): NodeSource {
  return (height, index) => {
    const level = Math.floor(height / TILE_HEIGHT);
    const width = 2 ** (height % TILE_HEIGHT);
    const tilesBefore = Math.floor(size / TILE_WIDTH ** (level + 1)) * TILE_WIDTH;
    const within = index * width - tilesBefore;
    return foldWhole((open[level] ?? []).slice(within, within + width));
  };
}

/** Root over a power of two of hashes. */
export function foldWhole(hashes: readonly Hash[]): Hash {
  let row = hashes;
  while (row.length > 1) {
    const above: Hash[] = [];
    for (let i = 0; i + 1 < row.length; i += 2) above.push(nodeHash(row[i]!, row[i + 1]!));
    row = above;
  }
  if (row[0] === undefined) throw new Error('a tile of the ledger’s tree is missing');
  return row[0];
}

export function joinHashes(hashes: readonly Hash[]): Uint8Array {
  const bytes = new Uint8Array(hashes.length * HASH_BYTES);
  for (const [index, hash] of hashes.entries()) bytes.set(hash, index * HASH_BYTES);
  return bytes;
}

export function splitHashes(bytes: Uint8Array): Hash[] {
  return Array.from({ length: Math.floor(bytes.length / HASH_BYTES) }, (_, i) =>
    bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  );
}
