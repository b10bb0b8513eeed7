import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { compareKey, type Difference, oncePerId, type RecordRow, type Rules, Sum } from './compare.ts';

/** Records are parted by the digest of their key, so that all of one key lie in one part. */
export const PARTS = 256;
/** Records of one key that are looked at; more of them are counted as that many. */
const ROWS_OF_KEY_MAX = 1_000;
const TAG_BYTES = 16;
const NONCE_BYTES = 12;
const DIGEST_BYTES = 16;

/** `only`: one reading. `note`: the first of two, which remembers what differs. `confirm`: the second, which gives what did before, too. */
export type Look = 'only' | 'note' | 'confirm';

export interface Part {
  readonly differences: readonly Difference[];
  readonly unsettled: number;
  /** Records that count, by side, and what they add up to. */
  readonly records: { readonly source: number; readonly target: number };
  readonly totals: { readonly source: readonly number[]; readonly target: readonly number[] };
}

/**
 * Records of one comparison in a file of its own, which is worth nothing without this object: each record is encrypted
 * with a key that was never written down, and found by a keyed digest of its own key. So a process that dies leaves no
 * data behind; what it had read is read again. Memory: SQLite's cache (16 MiB) and one part.
 */
export class StagedRecords {
  readonly #file: string;
  readonly #db: DatabaseSync;
  readonly #insert: StatementSync[];
  readonly #secret = randomBytes(32);
  readonly #cipherKey = randomBytes(32);
  readonly #nonce = Buffer.alloc(NONCE_BYTES);
  #written = 0;

  constructor(file: string) {
    this.#file = file;
    rmSync(file, { force: true });
    this.#db = new DatabaseSync(file);
    // Nothing here outlives the process: no journal, no fsync.
    this.#db.exec(
      'PRAGMA page_size = 16384; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -16384; PRAGMA temp_store = FILE',
    );
    for (let part = 0; part < PARTS; part++)
      this.#db.exec(`CREATE TABLE part${part} (digest BLOB NOT NULL, record BLOB NOT NULL)`);
    this.#db.exec('CREATE TABLE noted (digest BLOB PRIMARY KEY, what TEXT NOT NULL) WITHOUT ROWID');
    this.#insert = Array.from({ length: PARTS }, (_, part) =>
      this.#db.prepare(`INSERT INTO part${part} VALUES (?, ?)`),
    );
  }

  add(rows: readonly RecordRow[]): void {
    this.#db.exec('BEGIN');
    for (const row of rows) {
      // One without a key is a key of its own.
      const digest = this.#digest(row.key === null ? randomBytes(16).toString('hex') : `k${row.key}`);
      this.#insert[digest[0]!]!.run(digest, this.#seal(JSON.stringify(row)));
    }
    this.#db.exec('COMMIT');
  }

  comparePart(part: number, rules: Rules, look: Look): Part {
    const differences: Difference[] = [];
    const records = { source: 0, target: 0 };
    const sums: { source: Sum[]; target: Sum[] } = { source: [], target: [] };
    let unsettled = 0;
    for (const { digest, rows } of this.#keysOf(part)) {
      const outcome = compareKey(rows, rules);
      if (outcome.isUnsettled) {
        unsettled++;
        continue;
      }
      for (const side of ['source', 'target'] as const)
        for (const row of oncePerId(rows.filter((one) => one.side === side))) {
          records[side]++;
          for (const [index, value] of row.totals.entries()) sumAt(sums[side], index).add(value ?? 0);
        }
      for (const difference of outcome.differences)
        if (this.#counts(digest, difference, look)) differences.push(difference);
    }
    const valuesOf = (all: readonly Sum[]): number[] => all.map(({ value }) => value);
    return {
      differences,
      unsettled,
      records,
      totals: { source: valuesOf(sums.source), target: valuesOf(sums.target) },
    };
  }

  /** Forgets the records, not what was noted of them. */
  again(): void {
    for (let part = 0; part < PARTS; part++) this.#db.exec(`DELETE FROM part${part}`);
  }

  close(): void {
    this.#db.close();
    rmSync(this.#file, { force: true });
  }

  /** Records of each key of a part, those of one side in the order in which they were read. */
  *#keysOf(part: number): Iterable<{ readonly digest: Uint8Array; readonly rows: readonly RecordRow[] }> {
    let last: Uint8Array | undefined;
    let rows: RecordRow[] = [];
    for (const { digest, record } of this.#db
      .prepare(`SELECT digest, record FROM part${part} ORDER BY digest, rowid`)
      .iterate()) {
      // Columns of BLOB.
      const [key, sealed] = [digest as Uint8Array, record as Uint8Array];
      if (last !== undefined && Buffer.compare(last, key) !== 0) {
        yield { digest: last, rows };
        rows = [];
      }
      last = key;
      if (rows.length < ROWS_OF_KEY_MAX) rows.push(JSON.parse(this.#open(sealed)));
    }
    if (last !== undefined) yield { digest: last, rows };
  }

  /** Is it to be told of? What differs once only, was on its way, or was moved between two pages. */
  #counts(digest: Uint8Array, difference: Difference, look: Look): boolean {
    if (look === 'only' || difference.kind === 'withoutKey') return look !== 'note';
    const what = `${difference.kind} ${difference.fields.map(({ name }) => name).join()}`;
    if (look === 'note') {
      this.#db.prepare('INSERT OR REPLACE INTO noted VALUES (?, ?)').run(digest, what);
      return false;
    }
    return this.#db.prepare('SELECT what FROM noted WHERE digest = ?').get(digest)?.['what'] === what;
  }

  #digest(text: string): Buffer {
    return createHmac('sha256', this.#secret).update(text).digest().subarray(0, DIGEST_BYTES);
  }

  #seal(text: string): Buffer {
    // A number that is never used twice is all that a nonce has to be; the key lives as long as this object.
    this.#nonce.writeUIntBE(++this.#written, NONCE_BYTES - 6, 6);
    const cipher = createCipheriv('aes-256-gcm', this.#cipherKey, this.#nonce);
    const body = cipher.update(text, 'utf8');
    return Buffer.concat([this.#nonce, body, cipher.final(), cipher.getAuthTag()]);
  }

  #open(sealed: Uint8Array): string {
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.length);
    const decipher = createDecipheriv('aes-256-gcm', this.#cipherKey, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    return (
      decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
    );
  }
}

function sumAt(sums: Sum[], index: number): Sum {
  const known = sums[index] ?? new Sum();
  sums[index] = known;
  return known;
}
