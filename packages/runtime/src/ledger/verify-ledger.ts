import type { DatabaseSync } from 'node:sqlite';
import { isObject } from '@tenon/model';
import type { RuntimeCode } from '../rules.ts';
import { type CheckpointPublicKey, checkpointDigest, isSigned, parseCheckpoints } from './checkpoint.ts';
import { Frontier, type Hash, isSameHash, leafHash } from './merkle.ts';
import { foldWhole, type LedgerRow, leafText, splitHashes, TILE_WIDTH } from './tiles.ts';

/** Something that is not as it was written. `sequence`: the entry at or after which it shows. */
export interface LedgerFinding {
  readonly code: RuntimeCode;
  readonly message: string;
  readonly sequence?: number;
}

export interface LedgerReport {
  readonly findings: readonly LedgerFinding[];
  /** Findings beyond those listed. */
  readonly leftOff: number;
  readonly rows: number;
  readonly entries: number;
  readonly root: string;
  readonly checkpoints: number;
  /** Rows that a signed checkpoint covers; later ones rest on the file alone. */
  readonly covered: number;
  readonly coveredAtMs?: number;
  /** Times that the ledger was set back with someone's word for it. */
  readonly setBacks: readonly { readonly atMs: number; readonly why: string }[];
}

export interface VerifyOptions {
  /** Files of checkpoints, by name: their lines. */
  readonly checkpoints: readonly { readonly name: string; readonly lines: Iterable<string> }[];
  readonly keys: readonly CheckpointPublicKey[];
}

/** Findings listed at most: a file that was rewritten has one for each row. */
const FINDINGS_MAX = 100;
/** Rows and leaves compared at a time where they differ. */
const WINDOW = 512;
/** Rows read in one query: memory stays bounded, and no long read holds up the writer's housekeeping. */
const ROWS_READ = 4_096;

/**
 * Reads the whole ledger once and says what is not as it was written: against the tree that was stored with it, which
 * tells the row; and against signed checkpoints kept elsewhere, which tell that nobody rewrote the tree as well.
 * Beside a process that writes: what is stored later is left for the next time.
 */
export function verifyLedger(db: DatabaseSync, options: VerifyOptions): LedgerReport {
  const found = new Findings();
  const { bound, treeEnd } = lastNumbers(db);
  const run = db.prepare('SELECT run_id, pipeline, correlation_id FROM runs WHERE seq = ?');
  const report = verified(
    {
      rows: computedLeaves(db, bound),
      leaves: storedLeaves(db, bound, found),
      treeEnd,
      runOf: (seq) => run.get(seq),
    },
    options,
    found,
  );
  checkTiles(db, found);
  return { ...report, leftOff: found.leftOff };
}

/**
 * The same for an export (`tenon audit export`), which holds no tree of its own: checkpoints tell what was changed, to
 * within the entries between two of them; those in the export are used beside those given.
 */
export function verifyExport(lines: Iterable<string>, options: VerifyOptions): LedgerReport {
  const found = new Findings();
  const { notes, rows } = readExport(lines, found);
  const own = { name: 'export', lines: notes.join('\n').split('\n') };
  const checkpoints = notes.length > 0 ? [...options.checkpoints, own] : options.checkpoints;
  const source = { rows, leaves: [], treeEnd: Number.POSITIVE_INFINITY, runOf: undefined };
  return { ...verified(source, { ...options, checkpoints }, found), leftOff: found.leftOff };
}

interface Source {
  readonly rows: Iterable<Computed>;
  readonly leaves: Iterable<Stored>;
  /** The last number that the tree knew when the pass began. */
  readonly treeEnd: number;
  readonly runOf: ((seq: number) => Record<string, unknown> | undefined) | undefined;
}

function verified(source: Source, options: VerifyOptions, found: Findings): LedgerReport {
  const anchors = readAnchors(options, found);
  const pass = new Pass(source, found, anchors.list);
  pass.run();
  const last = anchors.list.findLast((anchor) => anchor.size <= pass.tree.size);
  return {
    findings: found.list,
    leftOff: found.leftOff,
    rows: pass.rows,
    entries: pass.entries,
    root: Buffer.from(pass.tree.root()).toString('base64'),
    checkpoints: anchors.count,
    covered: last?.size ?? 0,
    ...(last !== undefined && { coveredAtMs: last.atMs }),
    setBacks: anchors.setBacks,
  };
}

class Findings {
  readonly list: LedgerFinding[] = [];
  leftOff = 0;

  add(code: RuntimeCode, message: string, sequence?: number): void {
    if (this.list.length >= FINDINGS_MAX) this.leftOff++;
    else this.list.push({ code, message, ...(sequence !== undefined && { sequence }) });
  }
}

/** What a checkpoint says of the tree. */
interface Anchor {
  readonly size: number;
  readonly root: Hash;
  readonly lastSequence: number;
  readonly atMs: number;
  readonly where: string;
}

function readAnchors(
  { checkpoints, keys }: VerifyOptions,
  found: Findings,
): { readonly list: readonly Anchor[]; readonly count: number; readonly setBacks: LedgerReport['setBacks'] } {
  let list: Anchor[] = [];
  const setBacks: { atMs: number; why: string }[] = [];
  let count = 0;
  for (const { name, lines } of checkpoints) {
    let before: (Anchor & { readonly digest: string }) | undefined;
    for (const note of parseCheckpoints(lines)) {
      const where = `${name}:${note.line}`;
      if (!note.ok) {
        found.add('CHECKPOINT_UNREADABLE', `${where} is no whole checkpoint`);
        before = undefined;
        continue;
      }
      const { checkpoint } = note;
      if (!isSigned(checkpoint, keys)) {
        found.add('CHECKPOINT_UNSIGNED', `the checkpoint at ${where} is not signed by a key that was given`);
        continue;
      }
      count++;
      const { size, root, lastSequence, atMs, previous, setBack, text } = checkpoint;
      if (before !== undefined && previous !== before.digest)
        found.add(
          'CHECKPOINT_MISSING',
          `between ${before.where} and ${where} a checkpoint was taken out`,
          before.lastSequence,
        );
      if (setBack !== undefined) {
        list = list.filter((anchor) => anchor.size <= setBack.size);
        setBacks.push({ atMs, why: setBack.why });
      } else if (before !== undefined && size < before.size)
        found.add(
          'LEDGER_FORKED',
          `${where} counts ${size} rows where ${before.where} counted ${before.size}, and nobody said why`,
          lastSequence,
        );
      const anchor = { size, root, lastSequence, atMs, where };
      list.push(anchor);
      before = { ...anchor, digest: checkpointDigest(text) };
    }
  }
  list.sort((a, b) => a.size - b.size);
  for (const [index, anchor] of list.entries()) {
    const other = list[index - 1];
    if (other?.size === anchor.size && !isSameHash(other.root, anchor.root))
      found.add(
        'LEDGER_FORKED',
        `${other.where} and ${anchor.where} were both signed for ${anchor.size} rows, and differ`,
        anchor.lastSequence,
      );
  }
  return { list, count, setBacks };
}

/** One row with its leaf as computed; or, of a stored leaf, its hash (unknown where its tile is gone). */
interface Computed extends LedgerRow {
  readonly hash: Hash;
}
interface Stored {
  readonly hash: Hash | undefined;
}

/** The pass over rows and stored leaves side by side. */
class Pass {
  readonly tree = new Frontier();
  rows = 0;
  entries = 0;
  readonly #found: Findings;
  readonly #anchors: readonly Anchor[];
  readonly #computed: Ahead<Computed>;
  readonly #stored: Ahead<Stored>;
  readonly #runOf: Source['runOf'];
  /** The last number that the tree knew when the pass began. */
  readonly #treeEnd: number;
  #anchor = 0;
  #lastGood: Anchor | undefined;
  #isRewritten = false;
  #last = 0;
  /** Entry after which numbers are missing: a hint where something was cut out. */
  #gapAfter: number | undefined;

  constructor(source: Source, found: Findings, anchors: readonly Anchor[]) {
    this.#found = found;
    this.#anchors = anchors;
    this.#treeEnd = source.treeEnd;
    this.#computed = new Ahead(source.rows);
    this.#stored = new Ahead(source.leaves);
    this.#runOf = source.runOf;
  }

  run(): void {
    this.#compareAnchors();
    for (;;) {
      const row = this.#computed.peek(0);
      const leaf = this.#stored.peek(0);
      if (row === undefined && leaf === undefined) break;
      if (row === undefined) {
        this.#missingAtEnd();
        break;
      }
      if (row.seq > this.#treeEnd) {
        this.#found.add('LEDGER_ROW_INSERTED', `entry ${row.seq} was put in behind the end`, row.seq);
        this.#note(row);
        this.#computed.drop(1);
        continue;
      }
      // Behind the last tile, or in one that is gone: the row's own word, until a checkpoint says otherwise.
      if (leaf === undefined || leaf.hash === undefined || isSameHash(row.hash, leaf.hash)) {
        this.#take(row, row.hash);
        this.#computed.drop(1);
        if (leaf !== undefined) this.#stored.drop(1);
      } else this.#differ();
    }
    const beyond = this.#anchors.find((anchor) => anchor.size > this.tree.size);
    if (beyond !== undefined) {
      const since = this.#lastGood?.lastSequence ?? 0;
      const hint = (this.#gapAfter ?? 0) > since ? `; numbers are missing after entry ${this.#gapAfter}` : '';
      this.#found.add(
        'LEDGER_TRUNCATED',
        `the checkpoint at ${beyond.where} (${time(beyond.atMs)}) counts ${beyond.size} rows up to entry ${beyond.lastSequence}; there are ${this.tree.size}, up to entry ${this.#last}${hint}`,
        this.#last,
      );
    }
  }

  /** Row and stored leaf differ: finds where they agree again, and says what lies between. */
  #differ(): void {
    const rows = this.#computed.window(WINDOW);
    const leaves = this.#stored.window(WINDOW);
    const [rowCount, leafCount] = agreeAgain(rows, leaves);
    const pairs = Math.min(rowCount, leafCount);
    const moved = movedRows(rows.slice(0, pairs), leaves.slice(0, pairs));
    for (const [index, row] of rows.slice(0, rowCount).entries()) {
      if (index >= pairs)
        this.#found.add('LEDGER_ROW_INSERTED', `entry ${row.seq} was put in later`, row.seq);
      else if (moved.has(index))
        this.#found.add('LEDGER_ROWS_REORDERED', `what stands at entry ${row.seq} stood at another`, row.seq);
      else this.#found.add('LEDGER_ROW_EDITED', `entry ${row.seq} is not what was written`, row.seq);
      this.#note(row);
    }
    if (leafCount > pairs) {
      const after = rows[pairs - 1]?.seq ?? this.#last;
      const count = leafCount - pairs;
      this.#found.add(
        'LEDGER_ROW_MISSING',
        `${count === 1 ? 'a row is' : `${count} rows are`} missing after entry ${after}`,
        after,
      );
    }
    // The tree goes on with what was stored: so later checkpoints tell whether that, at least, is as it was signed.
    for (const leaf of leaves.slice(0, leafCount)) this.#addLeaf(leaf.hash ?? leafHash(''));
    this.#computed.drop(rowCount);
    this.#stored.drop(leafCount);
  }

  #missingAtEnd(): void {
    let count = 0;
    for (; this.#stored.peek(0) !== undefined; this.#stored.drop(1)) {
      this.#addLeaf(this.#stored.peek(0)!.hash ?? leafHash(''));
      count++;
    }
    this.#found.add(
      'LEDGER_TRUNCATED',
      `${count} rows are missing after entry ${this.#last}, the last`,
      this.#last,
    );
  }

  #take(row: Computed, hash: Hash): void {
    this.#note(row);
    this.#addLeaf(hash);
  }

  #note(row: Computed): void {
    if (this.rows > 0 && row.seq !== this.#next) this.#gapAfter = this.#last;
    this.rows++;
    this.entries += row.count;
    this.#last = row.seq + row.count - 1;
    if (row.facts.startsWith('[{"kind":"accepted"')) this.#compareRun(row);
  }

  get #next(): number {
    return this.#last + 1;
  }

  #addLeaf(hash: Hash): void {
    this.tree.add(hash);
    this.#compareAnchors();
  }

  #compareAnchors(): void {
    for (; this.#anchors[this.#anchor]?.size === this.tree.size; this.#anchor++) {
      const anchor = this.#anchors[this.#anchor]!;
      if (isSameHash(anchor.root, this.tree.root())) this.#lastGood = anchor;
      else if (!this.#isRewritten) {
        this.#isRewritten = true;
        const from = (this.#lastGood?.lastSequence ?? 0) + 1;
        this.#found.add(
          'LEDGER_REWRITTEN',
          `between entries ${from} and ${anchor.lastSequence} something was changed after the checkpoint at ${anchor.where} was signed (${time(anchor.atMs)})`,
          from,
        );
      }
    }
  }

  /** A run's row can be updated; whose it is stands in its first entry as well. */
  #compareRun(row: Computed): void {
    if (this.#runOf === undefined) return;
    const run = this.#runOf(row.runSeq);
    const details = acceptedDetails(row.facts);
    if (details === undefined || details['runId'] === undefined) return;
    const isSame =
      run !== undefined &&
      run['run_id'] === details['runId'] &&
      run['pipeline'] === details['pipeline'] &&
      run['correlation_id'] === details['correlationId'];
    if (!isSame)
      this.#found.add(
        'LEDGER_RUN_ALTERED',
        `the run that entry ${row.seq} began (${String(details['runId'])}) is ${run === undefined ? 'gone' : 'another now'}`,
        row.seq,
      );
  }
}

/** Up to where this pass goes: by the rows, and by what the tree says there were; in one statement, so at one moment. */
function lastNumbers(db: DatabaseSync): { readonly bound: number; readonly treeEnd: number } {
  const rows = 'coalesce((SELECT max(seq) FROM ledger), 0)';
  if (!hasTree(db)) {
    const bound = Number(db.prepare(`SELECT ${rows} AS n`).get()?.['n']);
    return { bound, treeEnd: bound };
  }
  const found = db
    .prepare(`SELECT ${rows} AS rows, coalesce((SELECT last_seq FROM ledger_open), 0) AS tree`)
    .get();
  const treeEnd = Number(found?.['tree']);
  return { bound: Math.max(Number(found?.['rows']), treeEnd), treeEnd };
}

function hasTree(db: DatabaseSync): boolean {
  return (
    db.prepare(`SELECT 1 FROM sqlite_schema WHERE name IN ('ledger_tiles', 'ledger_open')`).all().length === 2
  );
}

function acceptedDetails(facts: string): Record<string, unknown> | undefined {
  try {
    // Read as what `ledgerRow` writes; anything else was found by its hash.
    return (JSON.parse(facts) as { details?: Record<string, unknown> }[])[0]?.details;
  } catch {
    return undefined;
  }
}

/** An export's checkpoints, which stand before its rows; and those, one by one. */
function readExport(
  lines: Iterable<string>,
  found: Findings,
): { readonly notes: readonly string[]; readonly rows: Iterable<Computed> } {
  const source = lines[Symbol.iterator]();
  const notes: string[] = [];
  let number = 0;
  const next = (): ExportLine | undefined => {
    for (let step = source.next(); step.done !== true; step = source.next()) {
      number++;
      if (step.value.trim() === '') continue;
      const line = exportLine(step.value);
      if (line !== undefined) return line;
      found.add('LEDGER_EXPORT_UNREADABLE', `line ${number} of the export cannot be read`);
    }
    return undefined;
  };
  let line = next();
  let size: number | undefined;
  for (; line !== undefined && line.type !== 'row'; line = next())
    if (line.type === 'checkpoint') notes.push(line.note);
    else size = line.size;
  return {
    notes,
    rows: rowsOf(),
  };

  function* rowsOf(): Iterable<Computed> {
    let count = 0;
    for (; line !== undefined; line = next()) {
      if (line.type !== 'row') continue;
      count++;
      yield { ...line.row, hash: leafHash(leafText(line.row)) };
    }
    if (size !== count)
      found.add('LEDGER_TRUNCATED', `the export says that it has ${size ?? 'no'} rows, and has ${count}`);
  }
}

type ExportLine =
  | { readonly type: 'ledger'; readonly size: number }
  | { readonly type: 'checkpoint'; readonly note: string }
  | { readonly type: 'row'; readonly row: LedgerRow };

/** `tenon audit export` writes these; the leaf is the text that is hashed, so nothing else of a row counts. */
function exportLine(text: string): ExportLine | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value)) return undefined;
    const { type, note, leaf, size } = value;
    if (type === 'ledger' && typeof size === 'number') return { type, size };
    if (type === 'checkpoint' && typeof note === 'string') return { type, note };
    const match = typeof leaf === 'string' ? /^(-?\d+) (\d+) (\d+)\n([\s\S]*)$/.exec(leaf) : null;
    if (type !== 'row' || match === null) return undefined;
    const [, seq, runSeq, count, facts] = match;
    return { type, row: { seq: Number(seq), runSeq: Number(runSeq), count: Number(count), facts: facts! } };
  } catch {
    return undefined;
  }
}

/** How many rows and how many leaves to pass until both agree again, or all of the window. */
function agreeAgain(rows: readonly Computed[], leaves: readonly Stored[]): [number, number] {
  const places = new Map<string, number>();
  for (const [index, { hash }] of leaves.entries())
    if (hash !== undefined && !places.has(hex(hash))) places.set(hex(hash), index);
  let best: [number, number] = [rows.length, leaves.length];
  for (const [index, { hash }] of rows.entries()) {
    if (index >= best[0] + best[1]) break;
    const place = places.get(hex(hash));
    if (place !== undefined && index + place < best[0] + best[1]) best = [index, place];
  }
  return best;
}

/** Rows at whose place another one's content would fit: two rows that changed places. */
function movedRows(rows: readonly Computed[], leaves: readonly Stored[]): ReadonlySet<number> {
  const moved = new Set<number>();
  const wanted = new Map(leaves.flatMap(({ hash }, index) => (hash ? [[hex(hash), index] as const] : [])));
  // Every pair is tried: only for a few rows.
  if (rows.length > 64) return moved;
  for (const [index, row] of rows.entries())
    for (const { seq } of rows) {
      const place = wanted.get(hex(leafHash(leafText({ ...row, seq }))));
      if (place !== undefined && seq !== row.seq) moved.add(index);
    }
  return moved;
}

function* computedLeaves(db: DatabaseSync, bound: number): Iterable<Computed> {
  const statement = db.prepare(
    'SELECT seq, run_seq, count, facts FROM ledger WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?',
  );
  statement.setReturnArrays(true);
  for (let after = Number.MIN_SAFE_INTEGER; ; ) {
    // Four columns, in this order.
    const rows = statement.all(after, bound, ROWS_READ) as unknown as [number, number, number, string][];
    for (const [seq, runSeq, count, facts] of rows) {
      const row = { seq, runSeq, count, facts };
      yield { ...row, hash: leafHash(leafText(row)) };
    }
    if (rows.length < ROWS_READ) return;
    after = rows.at(-1)![0];
  }
}

function* storedLeaves(db: DatabaseSync, bound: number, found: Findings): Iterable<Stored> {
  if (!hasTree(db)) {
    found.add(
      'LEDGER_TREE_DAMAGED',
      'the file has no tree of its ledger: it was written by an older version',
    );
    return;
  }
  const tile = db.prepare('SELECT hashes, root FROM ledger_tiles WHERE level = 0 AND idx = ?');
  const last = db
    .prepare('SELECT max(idx) AS idx FROM ledger_tiles WHERE level = 0 AND last_seq <= ?')
    .get(bound)?.['idx'];
  for (let index = 0; index <= Number(last ?? -1); index++) {
    const row = tile.get(index);
    const hashes = row === undefined ? [] : splitHashes(row['hashes'] as Uint8Array);
    const isWhole = hashes.length === TILE_WIDTH && isSameHash(foldWhole(hashes), row!['root'] as Uint8Array);
    if (!isWhole)
      found.add('LEDGER_TREE_DAMAGED', `tile ${index} of the ledger’s tree is ${row ? 'changed' : 'gone'}`);
    for (let i = 0; i < TILE_WIDTH; i++) yield { hash: isWhole ? hashes[i] : undefined };
  }
  const open = db.prepare('SELECT size, last_seq, hashes FROM ledger_open').get();
  const hashes = open === undefined ? [] : splitHashes(open['hashes'] as Uint8Array);
  // A process that wrote meanwhile has gone on from where this pass ends.
  if (open !== undefined && Number(open['last_seq']) > bound) return;
  if (Number(open?.['size'] ?? -1) !== (Number(last ?? -1) + 1) * TILE_WIDTH + hashes.length)
    found.add('LEDGER_TREE_DAMAGED', 'the open end of the ledger’s tree does not fit its tiles');
  else for (const hash of hashes) yield { hash };
}

/** Upper tiles are made of the roots of lower ones. */
function checkTiles(db: DatabaseSync, found: Findings): void {
  if (!hasTree(db)) return;
  const upper = db.prepare('SELECT level, idx, hashes FROM ledger_tiles WHERE level > 0 ORDER BY level, idx');
  const roots = db.prepare(
    'SELECT root FROM ledger_tiles WHERE level = ? AND idx >= ? AND idx < ? ORDER BY idx',
  );
  for (const { level, idx, hashes } of upper.iterate()) {
    const first = Number(idx) * TILE_WIDTH;
    const below = roots.all(Number(level) - 1, first, first + TILE_WIDTH);
    const wanted = Buffer.concat(below.map((row) => row['root'] as Uint8Array));
    if (Buffer.compare(wanted, hashes as Uint8Array) !== 0)
      found.add(
        'LEDGER_TREE_DAMAGED',
        `tile ${idx} of level ${level} of the ledger’s tree does not fit those below`,
      );
  }
}

/** An iterator that can be looked ahead into. */
class Ahead<T> {
  readonly #source: Iterator<T>;
  #buffer: T[] = [];
  #at = 0;

  constructor(source: Iterable<T>) {
    this.#source = source[Symbol.iterator]();
  }

  peek(offset: number): T | undefined {
    while (this.#buffer.length <= this.#at + offset) {
      const next = this.#source.next();
      if (next.done === true) return undefined;
      this.#buffer.push(next.value);
    }
    return this.#buffer[this.#at + offset];
  }

  window(length: number): T[] {
    this.peek(length - 1);
    return this.#buffer.slice(this.#at, this.#at + length);
  }

  drop(count: number): void {
    this.#at += count;
    if (this.#at < ROWS_READ) return;
    this.#buffer = this.#buffer.slice(this.#at);
    this.#at = 0;
  }
}

function hex(hash: Hash): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).toString('hex');
}

function time(atMs: number): string {
  return new Date(atMs).toISOString();
}
