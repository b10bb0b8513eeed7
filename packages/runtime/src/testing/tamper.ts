import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { openLedger } from '../embedded/file/open-ledger.ts';
import { checkpointKey, newCheckpointKey, signCheckpoint } from '../ledger/checkpoint.ts';
import { leafHash } from '../ledger/merkle.ts';
import { joinHashes, LedgerTree, leafText, rowsAfter } from '../ledger/tiles.ts';
import type { LedgerReport } from '../ledger/verify-ledger.ts';
import type { RuntimeCode } from '../rules.ts';
import { openBench, testKey } from './bench.ts';
import { planFor } from './plan.ts';

/** A ledger of a few tiles with its checkpoints, written by a real runtime and stopped. */
export interface SoundLedger {
  readonly file: string;
  readonly checkpoints: string;
  /** Numbers of its rows, in order. */
  readonly rows: readonly number[];
  close(): Promise<void>;
}

const RUNS = 560;
/** Runs that come in at a time. */
const TOGETHER = 20;
const EVERY_ROWS = 100;

export async function soundLedger(): Promise<SoundLedger> {
  const bench = await openBench(planFor({ steps: [] }));
  bench.checkpoints = { everyRows: EVERY_ROWS };
  await bench.restart();
  for (let i = 0; i < RUNS; i += TOGETHER) {
    await Promise.all(Array.from({ length: TOGETHER }, (_, n) => bench.order({ id: `o${i + n}` })));
    await bench.runtime.idle();
  }
  await bench.runtime.stop();
  const db = new DatabaseSync(bench.file);
  const rows = [...rowsAfter(db, 0)].map(({ seq }) => seq);
  db.close();
  return {
    file: bench.file,
    checkpoints: `${bench.file}.checkpoints`,
    rows,
    close: () => bench.close(),
  };
}

/** A change made behind the runtime's back, and what `tenon audit verify` must call it. */
export interface Tampering {
  readonly name: string;
  /** Of the database, its triggers dropped. `row` gives the number of the nth row. */
  edit?(db: DatabaseSync, row: (index: number) => number): void;
  /** Of the file of checkpoints. */
  sign?(text: string): string;
  readonly code: RuntimeCode;
  /** The entry at which it must be found, as an index of its row. */
  readonly at?: number;
}

const SET_FACTS = `UPDATE ledger SET facts = replace(facts, '"accepted"', '"duplicate"') WHERE seq = ?`;

export const tamperings = [
  {
    name: 'an entry edited in a full tile',
    edit: (db, row) => db.prepare(SET_FACTS).run(row(40)),
    code: 'LEDGER_ROW_EDITED',
    at: 40,
  },
  {
    name: 'an entry edited at the open end',
    edit: (db, row) => db.prepare(SET_FACTS).run(row(-2)),
    code: 'LEDGER_ROW_EDITED',
    at: -2,
  },
  {
    name: 'an entry given to another run',
    edit: (db, row) => db.prepare('UPDATE ledger SET run_seq = 1 WHERE seq = ?').run(row(41)),
    code: 'LEDGER_ROW_EDITED',
    at: 41,
  },
  {
    name: 'an entry deleted',
    edit: (db, row) => db.prepare('DELETE FROM ledger WHERE seq = ?').run(row(50)),
    code: 'LEDGER_ROW_MISSING',
    at: 49,
  },
  {
    name: 'many entries deleted',
    edit: (db, row) => db.prepare('DELETE FROM ledger WHERE seq >= ? AND seq < ?').run(row(10), row(290)),
    code: 'LEDGER_ROW_MISSING',
    at: 9,
  },
  {
    name: 'the first entry deleted',
    edit: (db, row) => db.prepare('DELETE FROM ledger WHERE seq = ?').run(row(0)),
    code: 'LEDGER_ROW_MISSING',
  },
  {
    name: 'an entry put in before the first',
    edit: (db) => db.prepare(`INSERT INTO ledger VALUES (-5, 1, 1, '[]')`).run(),
    code: 'LEDGER_ROW_INSERTED',
  },
  {
    name: 'an entry put in at the end',
    edit: (db, row) => db.prepare(`INSERT INTO ledger VALUES (?, 1, 1, '[]')`).run(row(-1) + 2),
    code: 'LEDGER_ROW_INSERTED',
  },
  {
    name: 'two entries exchanged',
    edit: (db, row) => {
      const swap = db.prepare('UPDATE ledger SET seq = ? WHERE seq = ?');
      swap.run(-1, row(60));
      swap.run(row(60), row(61));
      swap.run(row(61), -1);
    },
    code: 'LEDGER_ROWS_REORDERED',
    at: 60,
  },
  {
    name: 'the end cut off',
    edit: (db, row) => db.prepare('DELETE FROM ledger WHERE seq >= ?').run(row(-3)),
    code: 'LEDGER_TRUNCATED',
    at: -4,
  },
  {
    name: 'the end cut off, and the tree with it',
    edit: (db, row) => {
      db.prepare('DELETE FROM ledger WHERE seq >= ?').run(row(-30));
      rebuildTree(db);
    },
    code: 'LEDGER_TRUNCATED',
    at: -31,
  },
  {
    name: 'an entry edited, and the tree computed anew',
    edit: (db, row) => {
      db.prepare(SET_FACTS).run(row(150));
      rebuildTree(db);
    },
    code: 'LEDGER_REWRITTEN',
  },
  {
    name: 'an entry edited at the open end, and its leaf with it',
    edit: (db, row) => {
      db.prepare(SET_FACTS).run(row(-2));
      const { size } = db.prepare('SELECT size FROM ledger_open').get() as { size: number };
      const open = [...rowsAfter(db, 0)].slice(Math.floor(size / 256) * 256);
      db.prepare('UPDATE ledger_open SET hashes = ?').run(
        joinHashes(open.map((each) => leafHash(leafText(each)))),
      );
    },
    code: 'LEDGER_REWRITTEN',
  },
  {
    name: 'a run given to another pipeline',
    edit: (db) => db.prepare(`UPDATE runs SET pipeline = 'other' WHERE seq = 7`).run(),
    code: 'LEDGER_RUN_ALTERED',
  },
  {
    name: 'a run deleted',
    edit: (db) => db.prepare('DELETE FROM runs WHERE seq = 7').run(),
    code: 'LEDGER_RUN_ALTERED',
  },
  {
    name: 'a tile changed',
    edit: (db) => db.exec(`UPDATE ledger_tiles SET hashes = zeroblob(8192) WHERE level = 0 AND idx = 0`),
    code: 'LEDGER_TREE_DAMAGED',
  },
  {
    name: 'a tile deleted',
    edit: (db) => db.exec('DELETE FROM ledger_tiles WHERE level = 0 AND idx = 0'),
    code: 'LEDGER_TREE_DAMAGED',
  },
  {
    name: 'a checkpoint edited',
    sign: (text) => text.replace(/\n(\d+)\n/, (_, size) => `\n${Number(size) + 1}\n`),
    code: 'CHECKPOINT_UNSIGNED',
  },
  {
    name: 'a checkpoint signed by someone else',
    sign: (text) => text + signCheckpoint(someCheckpoint(testKey.name), foreignKey),
    code: 'CHECKPOINT_UNSIGNED',
  },
  {
    name: 'a checkpoint taken out',
    sign: (text) => text.split('\n\n').toSpliced(2, 2).join('\n\n'),
    code: 'CHECKPOINT_MISSING',
  },
  {
    name: 'a checkpoint made illegible',
    sign: (text) => text.replace(/\n— \S+/, '\nx'),
    code: 'CHECKPOINT_UNREADABLE',
  },
  {
    name: 'a checkpoint of another history',
    sign: (text) => `${text}${signCheckpoint(someCheckpoint(testKey.name), testKey)}`,
    code: 'LEDGER_FORKED',
  },
] as const satisfies readonly Tampering[];

const foreignKey = checkpointKey(newCheckpointKey(), testKey.name);

function someCheckpoint(origin: string): Parameters<typeof signCheckpoint>[0] {
  return { origin, size: EVERY_ROWS, root: leafHash('other'), lastSequence: 1, atMs: 1_800_000_000_000 };
}

function rebuildTree(db: DatabaseSync): void {
  db.exec(`DELETE FROM ledger_tiles; UPDATE ledger_open SET size = 0, last_seq = 0, hashes = x''`);
  new LedgerTree(db);
}

/** Tampers with a copy, and verifies that. */
export function verifyTampered(ledger: SoundLedger, { edit, sign }: Partial<Tampering>): LedgerReport {
  const file = `${ledger.file}.copy`;
  copyFileSync(ledger.file, file);
  const db = new DatabaseSync(file);
  const triggers = db.prepare(`SELECT name FROM sqlite_schema WHERE type = 'trigger'`).all();
  for (const { name } of triggers) db.exec(`DROP TRIGGER ${String(name)}`);
  edit?.(db, (index) => ledger.rows.at(index)!);
  db.close();
  const text = readFileSync(ledger.checkpoints, 'utf8');
  writeFileSync(`${file}.checkpoints`, sign?.(text) ?? text);
  const lines = readFileSync(`${file}.checkpoints`, 'utf8').split('\n');
  const reader = openLedger(file);
  try {
    return reader.verify({ checkpoints: [{ name: 'checkpoints', lines }], keys: [testKey.publicKey] });
  } finally {
    reader.close();
  }
}
