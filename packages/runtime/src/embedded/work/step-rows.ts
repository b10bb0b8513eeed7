import type { Failure, JsonObject } from '@tenon/model';
import { placeOfVersion } from '../../interpreter/call-step.ts';
import { GIVEN } from '../../interpreter/several-approvals.ts';
import type { JournalRow } from '../file/run-row.ts';
import { FAILED } from './strand-memory.ts';

/** Behind the id of a block its strands are named: `lines[7]`, `both.left`. */
export const BEHIND_BLOCK = /[.[]/;

/** The block that the strand is one of whose step it is. */
export function blockOf(key: string): string {
  const strand = listOf(key).slice(0, -1);
  const start = strand.lastIndexOf('|') + 1;
  return strand.slice(0, start) + strand.slice(start).split(BEHIND_BLOCK, 1)[0];
}

/** Begins the keys of rows that say where a strand was told to stop. */
export const STOP = '#stop/';

/** Without what the engine puts in front of its own. */
export function placeOf(key: string): string {
  const own = [STOP, FAILED, GIVEN].find((prefix) => key.startsWith(prefix));
  return own === undefined ? key : key.slice(own.length);
}

/** The strand whose steps the key is of: what all of its keys begin with. */
export function listOf(key: string): string {
  return key.slice(0, key.lastIndexOf('|') + 1);
}

export const COMPENSATE = 'compensate:';

/**
 * A run's journal as its steps ask for it: of a list with thousands of items no step looks through the rows of all others, since an operator's
 * question is answered by the thread that the runs are on.
 */
export class StepRows {
  readonly #values: ReadonlyMap<string, string>;
  readonly #times: ReadonlyMap<string, number>;
  readonly #lists: ReadonlyMap<string, readonly string[]>;
  /** By what they undo. */
  readonly #undoings: ReadonlyMap<string, readonly string[]>;
  /** By block: the names of those that were begun, in the order of their first rows. */
  readonly #items = new Map<string, Set<string>>();

  constructor(journal: readonly JournalRow[]) {
    this.#values = new Map(journal.map(({ key, value }) => [key, value]));
    this.#times = new Map(journal.map(({ key, at }) => [key, at]));
    this.#lists = Map.groupBy(this.#values.keys(), (key) => listOf(placeOf(key)));
    this.#undoings = Map.groupBy(this.#values.keys(), (key) => {
      const at = key.lastIndexOf(COMPENSATE);
      return at < 0 ? '' : (UNDOING.exec(key.slice(at + COMPENSATE.length))?.[1] ?? '');
    });
    for (const list of new Set([...this.#values.keys()].map(listOf))) this.#addItem(list.slice(0, -1));
  }

  /** `lines[7]` to `lines`; what it is inside of was begun before it. */
  #addItem(strand: string): void {
    const start = strand.lastIndexOf('|') + 1;
    const bracket = strand.indexOf('[', start);
    if (bracket < 0) return;
    const block = strand.slice(0, bracket);
    const items = this.#items.get(block) ?? new Set();
    this.#items.set(block, items.add(strand.slice(start)));
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  get(key: string): string | undefined {
    return this.#values.get(key);
  }

  atOf(key: string): number {
    return this.#times.get(key) ?? 0;
  }

  /** When the newest row of a step was stored, its strands' own left out; 0: it has none. */
  lastAt(key: string): number {
    const own = this.inList(listOf(key)).filter(
      (row) => row.startsWith(key) && OF_STEP.test(row.slice(key.length)),
    );
    return Math.max(0, ...own.map((row) => this.atOf(row)));
  }

  /** Keys of the rows of a strand, the engine's own among them. */
  inList(list: string): readonly string[] {
    return this.#lists.get(list) ?? [];
  }

  /** Keys of what was done to undo a step: tries of a call, ends of a child, and what people said of it. */
  undoingsOf(place: string): readonly string[] {
    return this.#undoings.get(place) ?? [];
  }

  itemsOf(block: string): readonly string[] {
    return [...(this.#items.get(block) ?? [])];
  }

  /** Those that had not begun when all others had ended; absent before that. */
  unbegunOf(block: string): readonly string[] | undefined {
    const key = `${block}/joined/`;
    const last = Math.max(
      ...this.inList(listOf(block)).flatMap((row) =>
        row.startsWith(key) ? Number.parseInt(row.slice(key.length), 10) : [],
      ),
    );
    const joined = this.#values.get(`${key}${last}`);
    // Written by `Strand.fork`.
    return joined === undefined ? undefined : (JSON.parse(joined) as { unbegun: readonly string[] }).unbegun;
  }
}

/** What follows a step's id in keys of its own: `pay#1~`, `lines/joined/0`. */
const OF_STEP = /^(?:$|[#/])/;
const UNDOING = /^(.*?)(?:#\d+[!~]?|\/child#\d+[!=]|\/resume\/\d+|\/confirm#\d+~|\/guard\/\d+#\d+~)$/;

/** Has a person said this of the undoing: that they did it themselves, or that the effect is to stay? */
export function isSaid(rows: StepRows, place: string, isIt: (said: JsonObject) => boolean): boolean {
  return rows.undoingsOf(place).some((key) => {
    if (!SAID.test(key)) return false;
    // The operations API wrote it, or nothing came.
    const { value }: { readonly value?: JsonObject } = JSON.parse(rows.get(key)!);
    return value !== undefined && isIt(value);
  });
}

export const SAID = /(?:\/resume\/\d+|~)$/;

interface CallValue {
  readonly outcome?: string;
  readonly found?: string;
  readonly failure?: Failure;
}

/** How many rows there are of a name and a number, from 1 on, and the last of them. */
export function newest(name: string, rows: StepRows): { readonly count: number; readonly value?: CallValue } {
  let count = 0;
  while (rows.has(`${name}${count + 1}`)) count++;
  const value = rows.get(`${name}${count}`);
  return { count, ...(value !== undefined && { value: JSON.parse(value) }) };
}

/** Where the step is based on a version, its key is that of the last version it went by. */
export function keyPlace(id: string, place: string, last: number, rows: StepRows): string {
  let from = 1;
  for (let n = 2; n <= last; n++) if (rows.has(`${id}#${n}%`)) from = n;
  return placeOfVersion(place, from);
}

/**
 * Rounds of which something is on record, in order. In a strand the first may be a later one, and some be left out; and in one that
 * goes on waiting for what an earlier one has begun, earlier versions recorded nothing but the end.
 */
export function roundsOf(name: string, rows: StepRows): readonly number[] {
  const found = rows
    .inList(listOf(placeOf(name)))
    .flatMap((key) => (key.startsWith(name) ? Number.parseInt(key.slice(name.length), 10) : []));
  return [...new Set(found)].toSorted((a, b) => a - b);
}

/** Journal keys of the undoing of a step: the run's, or that of a list which undid what its failed items had done. */
export function compensations(rows: StepRows, place: string): readonly string[] {
  return rows
    .undoingsOf(place)
    .flatMap((key) => (/#1!?$/.test(key) ? [key.slice(0, key.lastIndexOf('#'))] : []));
}

/** The step for which the run is undone: it failed, or the run was stopped in it. */
export function undoneAt(rows: StepRows): string | undefined {
  const { step }: { readonly step?: string } = JSON.parse(rows.get('/compensating') ?? 'null') ?? {};
  return step;
}
