import type { Names } from './names.ts';
import type { Statements } from './statements.ts';

/** What it needs of the engine whose names it knows. */
interface NamesHost {
  readonly read: Statements;
  readonly rows: { readonly names: Pick<Names, 'isMixed'> };
  lastEventSeq(): number;
  setTimer(delayMs: number, fire: () => void): () => void;
}

/**
 * Words of each filter: when one has as many names as it is good for, the next is begun, and the last takes all that comes. 27 MiB in
 * all, for nine million events.
 */
const WORDS = [2 ** 15, 2 ** 17, 2 ** 19, 2 ** 21, 2 ** 22] as const;
/** In a filter that is full: then one name in a hundred is held that was not added. */
const NAMES_PER_WORD = 8 / 3;
const BITS_PER_NAME = 3;
const ROWS_AT_ONCE = 500;
/** Between two looks at the rows of an earlier process: a tenth of the thread's time at most. */
const PAUSE_MS = 5;

/**
 * A number for a name. A text as the key of a map is first looked up among all texts of the process, and stays there until the next
 * full collection; a number is not.
 */
export function nameNumber(kind: 'delivery' | 'key' | 'entity', of: string, name: string): number {
  return mixed(mixed(kind.length, of), name);
}

function mixed(start: number, name: string): number {
  // As it comes back from the file: halves of a character are lost there.
  const text = name.toWellFormed();
  let number = start;
  for (let at = 0; at < text.length; at++) number = (Math.imul(number, 31) + text.charCodeAt(at)) | 0;
  // Names that differ in their last characters alone are to differ in all bits.
  number = Math.imul(number ^ (number >>> 16), 0x85ebca6b);
  return Math.imul(number ^ (number >>> 13), 0xc2b2ae35) | 0;
}

/**
 * Deliveries and business keys that may be in the file, as a Bloom filter over their numbers: what it does not hold is surely new.
 * Nearly all that comes is, and to look into the file for it is dear, since each commit of the other thread empties what this connection
 * had cached. Of the rows of an earlier process it knows nothing until all of them were read, a few at a time.
 */
export class KnownNames {
  readonly #engine: NamesHost;
  readonly #filters = [new Uint32Array(WORDS[0])];
  /** That may still be added to the last one. */
  #room = WORDS[0] * NAMES_PER_WORD;
  #isBegun = false;
  #isComplete = false;
  #afterEvent = 0;
  #afterKey: readonly [pipeline: string, key: string] = ['', ''];
  #cancel: (() => void) | undefined;

  constructor(engine: NamesHost) {
    this.#engine = engine;
  }

  /**
   * What is in the file is read from now on. Not while names are on their way from one form into the other: then it is begun once that
   * is done.
   */
  begin(): void {
    if (this.#isBegun || this.#engine.rows.names.isMixed) return;
    this.#isBegun = true;
    if (this.#engine.lastEventSeq() === 0) this.#isComplete = true;
    else this.#readSoon();
  }

  stop(): void {
    this.#cancel?.();
  }

  add(number: number): void {
    const filter = this.#toFill();
    for (let at = number, i = 0; i < BITS_PER_NAME; i++, at = next(at))
      filter[wordOf(at, filter)]! |= 1 << (at & 31);
  }

  #toFill(): Uint32Array {
    const words = WORDS[this.#filters.length];
    if (this.#room-- > 0 || words === undefined) return this.#filters.at(-1)!;
    const filter = new Uint32Array(words);
    this.#filters.push(filter);
    this.#room = words * NAMES_PER_WORD;
    return filter;
  }

  /** `false`: it was never stored. */
  mayHold(number: number): boolean {
    return !this.#isComplete || this.#filters.some((filter) => holds(filter, number));
  }

  #readSoon(): void {
    this.#cancel = this.#engine.setTimer(PAUSE_MS, () => this.#readOn());
  }

  #readOn(): void {
    try {
      this.#isComplete = this.#isThrough();
    } catch {
      // Then each name is asked for in the file, which says to whoever asks why it cannot be read.
      return;
    }
    if (!this.#isComplete) this.#readSoon();
  }

  #isThrough(): boolean {
    const { read } = this.#engine;
    const events = read
      .of('SELECT seq, source, delivery_id FROM events WHERE seq > ? ORDER BY seq LIMIT ?')
      .all(this.#afterEvent, ROWS_AT_ONCE);
    for (const row of events) {
      this.add(nameNumber('delivery', String(row['source']), String(row['delivery_id'])));
      this.#afterEvent = Number(row['seq']);
    }
    if (events.length === ROWS_AT_ONCE) return false;
    const keys = read
      .of('SELECT pipeline, key FROM keys WHERE (pipeline, key) > (?, ?) ORDER BY pipeline, key LIMIT ?')
      .all(...this.#afterKey, ROWS_AT_ONCE);
    for (const row of keys) {
      this.#afterKey = [String(row['pipeline']), String(row['key'])];
      this.add(nameNumber('key', ...this.#afterKey));
    }
    return keys.length < ROWS_AT_ONCE;
  }
}

function holds(filter: Uint32Array, number: number): boolean {
  for (let at = number, i = 0; i < BITS_PER_NAME; i++, at = next(at))
    if ((filter[wordOf(at, filter)]! & (1 << (at & 31))) === 0) return false;
  return true;
}

/** Filters have a power of two of words. */
function wordOf(at: number, { length }: Uint32Array): number {
  return (at >>> 5) & (length - 1);
}

function next(at: number): number {
  return Math.imul(at ^ (at >>> 15), 0x9e3779b1) | 0;
}
