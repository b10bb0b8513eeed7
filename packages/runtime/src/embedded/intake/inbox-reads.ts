import type { EntityVersion } from '../../entity-version.ts';
import { terminalStates } from '../../states.ts';
import type { EmbeddedEngine } from '../engine.ts';
import { isOneOf, type NameKind } from '../file/names.ts';
import type { RunRow } from '../file/run-row.ts';
import type { StoredRun } from '../file/stored-rows.ts';
import { UnreadableValue } from '../file/value-codec.ts';
import type { Draft, NewEvent } from './intake.ts';

/** An event, with the runs that it would start. */
interface Incoming {
  readonly event: NewEvent;
  readonly drafts: readonly Draft[];
}

/** What the file has of an event that comes in: the one that came under its name before, its runs, and the newest of its entity. */
export class InboxReads {
  readonly #engine: EmbeddedEngine;

  constructor(engine: EmbeddedEngine) {
    this.#engine = engine;
  }

  /**
   * Which are surely new, looked up in one read of the file: each commit of the other thread empties what this connection had cached,
   * so that the first look takes several times as long as the next. Empty where one cannot be looked up: then each is by itself, so
   * that the others do not suffer.
   */
  newsAmong<T extends Incoming>(incoming: ReadonlySet<T>): ReadonlyMap<T, boolean> {
    const look = () => new Map([...incoming].map((one) => [one, this.isNews(one)]));
    try {
      return incoming.size < 2 ? new Map() : this.#engine.read.together(look);
    } catch {
      return new Map();
    }
  }

  /** Are delivery and business key new? Answered of an event for one pipeline, where one look stands for two; else `false`. */
  isNews({ event: { source, deliveryId }, drafts: [draft, ...others] }: Incoming): boolean {
    if (draft === undefined || others.length > 0) return false;
    const found = this.#engine.read
      .of(this.#engine.rows.names.isMixed ? NEWS_OF_TWO_FORMS : NEWS)
      .get(
        source,
        ...this.#forms('delivery', deliveryId),
        draft.loaded.plan.pipeline,
        ...this.#forms('key', draft.key),
      );
    return found?.['n'] === 0;
  }

  /** The event that came under this name before. */
  firstDelivery({ source, deliveryId }: Pick<NewEvent, 'source' | 'deliveryId'>): number | undefined {
    const forms = this.#forms('delivery', deliveryId);
    const sql = `SELECT seq FROM events WHERE source = ? AND delivery_id${isOneOf(forms)}`;
    const row = this.#engine.read.of(sql).get(source, ...forms);
    return row && Number(row['seq']);
  }

  /** Those that an event has started. */
  runsOf(eventSeq: number): readonly RunRow[] {
    return (
      this.#engine.read
        .of('SELECT * FROM runs WHERE event_seq = ? ORDER BY seq')
        .all(eventSeq)
        // Rows of `runs` have the shape of `StoredRun`.
        .map((row) => this.#engine.rows.shownRun(row as unknown as StoredRun))
    );
  }

  /** The run that a business key stands for, while the key is kept. */
  runByKey(draft: Draft, now: number): RunRow | undefined {
    const forms = this.#forms('key', draft.key);
    const row = this.#engine.read
      .of(
        `SELECT r.*, k.expires_at AS expires_at FROM keys k JOIN runs r ON r.seq = k.run_seq WHERE k.pipeline = ? AND k.key${isOneOf(forms)}
         ORDER BY k.run_seq DESC LIMIT 1`,
      )
      // Rows of `runs` have the shape of `StoredRun`.
      .get(draft.loaded.plan.pipeline, ...forms) as unknown as
      | (StoredRun & { readonly expires_at: number })
      | undefined;
    if (row === undefined) return undefined;
    const isKept = row.expires_at > now || !terminalStates.has(row.state);
    return isKept ? this.#engine.rows.shownRun(row) : undefined;
  }

  /** The newest version of an entity that was taken; nothing where its versions are not counted, or none was. */
  newestOf({ loaded, orderKey, version, child }: Draft): EntityVersion | UnreadableValue | undefined {
    // A run that another one started is waited for: it is carried out, whatever has come since.
    if (version === undefined || orderKey === undefined || child !== undefined) return undefined;
    const forms = this.#forms('order', orderKey);
    // Of two forms the later run's is the newer one.
    const row = this.#engine.read
      .of(
        `SELECT version, run_seq FROM newest WHERE pipeline = ? AND order_key${isOneOf(forms)} ORDER BY run_seq DESC LIMIT 1`,
      )
      .get(loaded.plan.pipeline, ...forms);
    if (row === undefined) return undefined;
    try {
      // Written by `draftRun`, as the JSON of a version.
      return this.#engine.rows.codec.json(
        row['version'],
        `newest/${Number(row['run_seq'])}`,
      ) as EntityVersion;
    } catch (error) {
      if (error instanceof UnreadableValue) return error;
      throw error;
    }
  }

  /** Names of events that a run of an earlier process waits for. */
  awaitedNames(): ReadonlySet<string> {
    // From one name to the next by the index: a million runs may wait for one of them.
    const waits = this.#engine.read
      .of(
        `WITH RECURSIVE names (event) AS (
          SELECT min(event) FROM openings WHERE event IS NOT NULL
          UNION ALL SELECT (SELECT min(event) FROM openings WHERE event > names.event) FROM names WHERE event IS NOT NULL)
        SELECT event FROM names WHERE event IS NOT NULL`,
      )
      .all();
    return new Set(waits.map((row) => String(row['event'])));
  }

  /** How a name may stand in the file. */
  #forms(kind: NameKind, name: string): readonly string[] {
    const { names } = this.#engine.rows;
    return names.isMixed ? names.forms(kind, name) : [names.stored(kind, name)];
  }
}

const NEWS = `SELECT EXISTS (SELECT 1 FROM events WHERE source = ? AND delivery_id = ?)
  OR EXISTS (SELECT 1 FROM keys WHERE pipeline = ? AND key = ?) AS n`;
const NEWS_OF_TWO_FORMS = `SELECT EXISTS (SELECT 1 FROM events WHERE source = ? AND delivery_id IN (?, ?))
  OR EXISTS (SELECT 1 FROM keys WHERE pipeline = ? AND key IN (?, ?)) AS n`;
