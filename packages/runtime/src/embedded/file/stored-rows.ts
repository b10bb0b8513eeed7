import { canonicalJson, type Json } from '@tenon/model';
import { GIVEN } from '../../interpreter/several-approvals.ts';
import { RuntimeError } from '../../runtime-error.ts';
import { connectionOf } from '../intake/event-connection.ts';
import type { NewEvent } from '../intake/intake.ts';
import { eventParts } from './event-value.ts';
import { type Names, saltAndNames } from './names.ts';
import { carried, digestsIn, firstRowOf, hiddenPlace, hidesItems, itemsOf, shownPlace } from './places.ts';
import type { JournalRow, OpeningRow, RunRow } from './run-row.ts';
import type { Statements } from './statements.ts';
import { isSealed, type Place, UnreadableValue, type ValueCodec } from './value-codec.ts';

/** A row of `runs` as it lies in the file: what is data of somebody is still closed. */
export type StoredRun = Omit<
  RunRow,
  'intake_failure' | 'failure' | 'salt' | 'stored_order_key' | 'delivery'
> & {
  readonly intake_failure: unknown;
  readonly failure: unknown;
  readonly salt: unknown;
};

/** An event as it is stored, and its source. */
export type CameIn = Pick<NewEvent, 'payload' | 'source'>;

/** Reads rows with their data opened. What cannot be opened throws `UnreadableValue`; in `shown` rows it is left out. */
export class StoredRows {
  readonly read: Statements;
  readonly codec: ValueCodec;
  readonly names: Names;

  constructor(read: Statements, codec: ValueCodec, names: Names) {
    this.read = read;
    this.codec = codec;
    this.names = names;
  }

  run(stored: StoredRun): RunRow {
    const { seq, intake_failure: intake, failure, salt } = stored;
    const open = (value: unknown, place: Place): string | null =>
      value === null ? null : this.codec.openJson(value, place);
    return {
      ...stored,
      step: this.#step(stored),
      intake_failure: open(intake, `runs/${seq}/intake`),
      failure: open(failure, `runs/${seq}/failure`),
      ...namesOf(stored, salt === null ? null : this.codec.open(salt, `runs/${seq}/salt`)),
    };
  }

  shownRun(stored: StoredRun): RunRow {
    const { seq, intake_failure: intake, failure, salt } = stored;
    return {
      ...stored,
      step: this.#step(stored),
      intake_failure: intake === null ? null : this.#shown(intake, `runs/${seq}/intake`),
      failure: failure === null ? null : this.#shown(failure, `runs/${seq}/failure`),
      ...namesOf(stored, salt === null ? null : readable(() => this.codec.open(salt, `runs/${seq}/salt`))),
    };
  }

  /** A row as it lies in the file, with its names where they can be read. */
  named<Row extends StoredNames>(stored: Row): Row & { readonly delivery?: string | undefined } {
    const { seq, salt } = stored;
    const step = this.#step(stored);
    // In a file that is not encrypted they stand in the row.
    if (!isSealed(salt)) return step === stored.step ? stored : { ...stored, step };
    const { key, order_key, delivery } = namesOf(
      stored,
      readable(() => this.codec.open(salt, `runs/${seq}/salt`)),
    );
    return { ...stored, step, key, order_key, delivery };
  }

  #step({ seq, step }: Pick<StoredRun, 'seq' | 'step'>): string | null {
    return step === null ? null : this.place(seq, step);
  }

  /** How far a source or a schedule has come. */
  cursor(name: string): string | undefined {
    const row = this.read.of('SELECT value FROM cursors WHERE name = ?').get(name);
    return row === undefined ? undefined : this.codec.open(row['value'], `cursors/${name}`);
  }

  /** A place of a run with the items that are digests in the file called as they are, as long as the run's journal says it. */
  place(runSeq: number, place: string): string {
    if (!hidesItems(place)) return place;
    const items = new Map<string, string>();
    const learn = (row: Readonly<Record<string, unknown>> | undefined): void => {
      if (row === undefined) return;
      const key = String(row['key']);
      const text = this.#shown(row['value'], `journal/${runSeq}/${key}`);
      const own = text === null ? undefined : carried(text).places?.[0];
      if (own !== undefined) for (const [hidden, item] of itemsOf(key, own)) items.set(hidden, item);
    };
    // The first row of its strand, which nearly always is where the place says.
    learn(
      this.read
        .of('SELECT key, value FROM journal WHERE run_seq = ? AND key = ?')
        .get(runSeq, firstRowOf(place)),
    );
    for (const digest of digestsIn(place)) {
      if (items.has(digest)) continue;
      // In one statement: between two, a row that an older file left in clear may be taken over.
      const rows = this.read
        .of(
          `SELECT key, value FROM journal WHERE run_seq = ? AND key LIKE '%]|@' AND (instr(key, ?) > 0 OR instr(key, '[~') = 0)`,
        )
        .all(runSeq, `[${digest}]|`);
      for (const row of rows) {
        const key = String(row['key']);
        if (hidesItems(key)) learn(row);
        else for (const [hidden, item] of this.#itemsInClear(runSeq, key)) items.set(hidden, item);
        if (items.has(digest)) break;
      }
    }
    return shownPlace(place, items);
  }

  #itemsInClear(runSeq: number, key: string): ReadonlyMap<string, string> {
    try {
      return itemsOf(hiddenPlace(key, runSeq, this.names), key);
    } catch (error) {
      // A reader without the keys of the file is shown digests.
      if (error instanceof RuntimeError) return new Map();
      throw error;
    }
  }

  /** The connection over which the event of a run came, if over any. */
  connectionOf({
    connection,
    event_seq: event,
  }: Pick<RunRow, 'connection' | 'event_seq'>): string | undefined {
    if (typeof connection === 'string') return connection || undefined;
    const row = this.read.of('SELECT source FROM events WHERE seq = ?').get(event);
    return connectionOf(String(row?.['source'] ?? ''));
  }

  /** The event that started a run, with where it came from. */
  cameIn(eventSeq: number): CameIn {
    const row = this.read.of('SELECT payload, source FROM events WHERE seq = ?').get(eventSeq);
    return {
      payload: this.codec.json(row?.['payload'] ?? 'null', `events/${eventSeq}`),
      source: String(row?.['source']),
    };
  }

  payload(eventSeq: number): Json {
    return this.codec.json(this.#payload(eventSeq), `events/${eventSeq}`);
  }

  shownPayload(eventSeq: number): Json {
    return this.codec.jsonOrNull(this.#payload(eventSeq), `events/${eventSeq}`);
  }

  /** Has the event another payload than the event in `text`? Of one that is gone, or cannot be read, it is not said. */
  isOtherPayload(eventSeq: number, text: string): boolean {
    const stored = this.#shown(this.#payload(eventSeq), `events/${eventSeq}`);
    if (stored === null || stored === 'null' || stored === text) return false;
    const payloadOf = (event: string): string => canonicalJson(eventParts(JSON.parse(event)).payload);
    return payloadOf(stored) !== payloadOf(text);
  }

  journal(seq: number): readonly JournalRow[] {
    const stored = this.#journal(seq);
    return inOrder(
      stored,
      stored.map((row) => journalRow(row, this.codec.openJson(row.value, `journal/${seq}/${row.key}`))),
    );
  }

  shownJournal(seq: number): readonly JournalRow[] {
    const stored = this.#journal(seq);
    return inOrder(
      stored,
      stored.flatMap((row) => {
        const value = this.#shown(row.value, `journal/${seq}/${row.key}`);
        return value === null ? [] : [journalRow(row, value)];
      }),
    );
  }

  /** What was given of approvals that several must give. */
  given(seq: number): readonly JournalRow[] {
    // Rows of this table have this shape, with what is data still closed.
    const stored = this.read
      .of(`SELECT key, at, value FROM journal WHERE run_seq = ? AND key GLOB '${GIVEN}*'`)
      .all(seq) as unknown as JournalRow[];
    return stored.flatMap((row) => {
      const value = this.#shown(row.value, `journal/${seq}/${row.key}`);
      return value === null ? [] : [journalRow(row, value)];
    });
  }

  /**
   * The person who started the run, or the run above all that started it; where an event did that some run emitted, who started the first run of that
   * chain: by whose id all that follows is correlated.
   */
  requesterOf(seq: number): string | undefined {
    const above = this.read
      .of(`${STARTED} WHERE r.seq = coalesce((SELECT root_seq FROM children WHERE run_seq = ?1), ?1)`)
      .get(seq);
    const first = () => this.read.of(`${STARTED} WHERE r.run_id = ?`).get(String(above?.['correlation_id']));
    return personIn(above) ?? personIn(first());
  }

  openings(seq: number): readonly OpeningRow[] {
    return this.#openings(seq).map((row) =>
      openingRow(row, this.codec.openJson(row.detail, `openings/${seq}/${row.key}`)),
    );
  }

  /** Why a run cannot be executed again: the first of its stored values that cannot be read. */
  unreadOf({ seq, event_seq: event }: Pick<RunRow, 'seq' | 'event_seq'>): UnreadableValue | undefined {
    // Rows of `runs` have the shape of `StoredRun`.
    const stored = this.read.of('SELECT * FROM runs WHERE seq = ?').get(seq) as unknown as StoredRun;
    try {
      this.run(stored);
      this.payload(event);
      this.journal(seq);
      this.openings(seq);
      return undefined;
    } catch (error) {
      if (error instanceof UnreadableValue) return error;
      throw error;
    }
  }

  shownOpenings(seq: number): readonly OpeningRow[] {
    return this.#openings(seq).map((row) => this.shownOpening(row));
  }

  /** Why what is open cannot be shown. */
  unreadOpening({ run_seq: seq, key, detail }: OpeningRow): UnreadableValue | undefined {
    try {
      this.codec.openJson(detail, `openings/${seq}/${key}`);
      return undefined;
    } catch (error) {
      if (error instanceof UnreadableValue) return error;
      throw error;
    }
  }

  shownOpening(row: OpeningRow): OpeningRow {
    return openingRow(row, this.#shown(row.detail, `openings/${row.run_seq}/${row.key}`) ?? '{}');
  }

  #shown(stored: unknown, place: Place): string | null {
    return readable(() => this.codec.openJson(stored, place));
  }

  #payload(eventSeq: number): unknown {
    return this.read.of('SELECT payload FROM events WHERE seq = ?').get(eventSeq)?.['payload'] ?? 'null';
  }

  // Rows of these tables have these shapes, with what is data still closed.
  #journal(seq: number): JournalRow[] {
    return this.read
      .of('SELECT key, at, value FROM journal WHERE run_seq = ?')
      .all(seq) as unknown as JournalRow[];
  }

  #openings(seq: number): OpeningRow[] {
    return this.read
      .of('SELECT * FROM openings WHERE run_seq = ? ORDER BY since')
      .all(seq) as unknown as OpeningRow[];
  }
}

/** The source of an event that a person gave: see `trigger`; in a drill it may be said to come over a connection. */
const PERSON = /^(?:quarantine:)*(?:[^/:]+\/)?manual:(.*)$/s;
const STARTED = 'SELECT e.source, r.correlation_id FROM runs r JOIN events e ON e.seq = r.event_seq';

function personIn(started: Readonly<Record<string, unknown>> | undefined): string | undefined {
  return PERSON.exec(String(started?.['source']))?.[1];
}

type StoredNames = Pick<StoredRun, 'seq' | 'step' | 'key' | 'order_key' | 'salt'>;

/** As they lie in a file that hides nothing: by their keys. */
function inOrder(stored: readonly JournalRow[], rows: readonly JournalRow[]): readonly JournalRow[] {
  if (!stored.some(({ key }) => hidesItems(key))) return rows;
  return rows.toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

/** With its own key, where a digest stands in the file. */
function journalRow(row: JournalRow, value: string): JournalRow {
  if (!hidesItems(row.key)) return { ...row, value };
  const { places: [key = row.key] = [], text } = carried(value);
  return { ...row, key, value: text };
}

function openingRow(row: OpeningRow, detail: string): OpeningRow {
  if (!hidesItems(row.key) && !hidesItems(row.step)) return { ...row, detail };
  const { places: [key = row.key, step = row.step] = [], text } = carried(detail);
  return { ...row, key, step, detail: text };
}

/** Without its names a run is called by what stands in its columns. */
function namesOf(
  { key, order_key }: StoredNames,
  text: string | null,
): Pick<RunRow, 'key' | 'order_key' | 'stored_order_key' | 'delivery' | 'salt'> {
  if (text === null) return { key, order_key, stored_order_key: order_key, salt: null };
  const { salt, names } = saltAndNames(text);
  if (names === undefined) return { key, order_key, stored_order_key: order_key, salt };
  const { key: ownKey, orderKey, delivery } = names;
  return { key: ownKey, order_key: orderKey, stored_order_key: order_key, delivery, salt };
}

function readable(open: () => string): string | null {
  try {
    return open();
  } catch (error) {
    if (error instanceof UnreadableValue) return null;
    throw error;
  }
}
