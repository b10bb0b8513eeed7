import type { ReplayFilter, RunFilter, RunState } from '../../runtime.ts';
import { openStates } from '../../states.ts';
import { cameOver, rangesOf } from '../file/connection-parts.ts';
import { isOneOf } from '../file/names.ts';
import type { StoredRows, StoredRun } from '../file/stored-rows.ts';

/** By which index runs are gone through in parts: by all of a state, by all of a pipeline, or by their numbers alone. */
interface Base {
  readonly state?: RunState;
  readonly pipeline?: string | undefined;
}

interface Part {
  readonly by: Base;
  /** Numbers of runs. */
  readonly from: number;
  readonly before: number;
}

/** Which runs a filter names, found by the indexes that there are: those that SQLite would choose by itself are the wrong ones. */
export class RunSearch {
  readonly #stored: StoredRows;

  constructor(stored: StoredRows) {
    this.#stored = stored;
  }

  /** The newest first. */
  newest({ open, ...filter }: RunFilter, limit: number): readonly StoredRun[] {
    if (isByParts(filter)) {
      for (const search = this.#overConnection({ ...filter, ...(open && { open }) }, limit); ; ) {
        const { done, value } = search.next();
        if (done) return value;
      }
    }
    if (open !== true) return this.#rowsBy(filter, limit);
    // State by state, each in the order of its index: for several at once all of them would be sorted.
    return this.#inStates(filter, limit, openOf(filter));
  }

  /**
   * As `newest`, where what is asked for may stand in no index: then runs are looked through in parts, and others have their `turn` in
   * between. One that moves to another state meanwhile is told once.
   */
  async found(
    { open, ...filter }: RunFilter,
    limit: number,
    turn: () => Promise<void>,
  ): Promise<readonly StoredRun[]> {
    const { key, orderKey, version, planHash, connection } = filter;
    const asked = { ...filter, ...(open && { open }) };
    if (key !== undefined || (orderKey ?? version ?? planHash ?? connection) === undefined)
      return this.newest(asked, limit);
    const states = statesOf(asked);
    const isFew = states?.every((one) => this.#isRare(one)) || this.#isSmall(filter.pipeline);
    if (connection === undefined || isFew) return this.#inParts(filter, limit, turn, states);
    for (const search = this.#overConnection(asked, limit); ; ) {
      const { done, value } = search.next();
      if (done) return value;
      await turn();
    }
  }

  /** Those of a connection, by the parts that have one. Gives a turn whenever it has looked at as many as there are in a part of a search. */
  *#overConnection(filter: RunFilter, limit: number): Generator<void, readonly StoredRun[]> {
    const states = statesOf(filter);
    const lowest = this.#lowest(filter);
    if (filter.connection === undefined || lowest === undefined || states?.length === 0) return [];
    const found: StoredRun[] = [];
    let looked = 0;
    for (const { from, before } of rangesOf(this.#stored.read, filter.connection, 'newest')) {
      if (before <= lowest) break;
      const part = { by: {}, from, before };
      const left = limit - found.length;
      found.push(
        ...(states === undefined
          ? this.#rowsBy(filter, left, part)
          : this.#inStates(filter, left, states, part)),
      );
      if (found.length >= limit) break;
      looked += before - from;
      if (looked < PART) continue;
      looked = 0;
      yield;
    }
    return found;
  }

  /** `states`: those that are asked for, where not all are. In each part at once, for a run may move on to one that was looked through before. */
  async #inParts(
    filter: RunFilter,
    limit: number,
    turn: () => Promise<void>,
    states: readonly RunState[] | undefined,
  ): Promise<readonly StoredRun[]> {
    const lowest = this.#lowest(filter);
    if (lowest === undefined || states?.length === 0) return [];
    const isByState = states?.every(
      (state) => state !== 'succeeded' && (filter.pipeline === undefined || this.#isRare(state)),
    );
    const bases: readonly Base[] =
      states !== undefined && isByState
        ? states.map((state) => ({ state }))
        : [{ pipeline: filter.pipeline }];
    const found: StoredRun[] = [];
    for (let before = this.#lastSeq() + 1; before > lowest; ) {
      const from = Math.max(lowest, ...bases.map((by) => this.#partBelow(by, before)));
      const left = limit - found.length;
      const part = { by: bases[0]!, from, before };
      found.push(
        ...(states === undefined
          ? this.#rowsBy(filter, left, part)
          : this.#inStates(filter, left, states, part)),
      );
      before = from;
      if (found.length >= limit) break;
      if (before > lowest) await turn();
    }
    return found;
  }

  /** State by state, each in the order of its index: for several at once all of them would be sorted. */
  #inStates(
    filter: RunFilter,
    limit: number,
    states: readonly RunState[],
    part?: Part,
  ): readonly StoredRun[] {
    // In one transaction: a run that moves from one to another between two statements would be in none, or in both.
    return this.#stored.read
      .together(() => states.flatMap((state) => this.#rowsBy({ ...filter, state }, limit, part)))
      .toSorted((a, b) => b.seq - a.seq)
      .slice(0, limit);
  }

  /** The number from which on a part reaches up to `before`. */
  #partBelow({ state, pipeline }: Base, before: number): number {
    if (state === undefined && pipeline === undefined) return before - PART;
    const [column, value, more] =
      state === undefined ? ['pipeline', pipeline!, ''] : ['state', state, "AND state <> 'succeeded'"];
    const sql = `SELECT seq FROM runs WHERE ${column} = ? ${more} AND seq < ? ORDER BY seq DESC LIMIT 1 OFFSET ${PART - 1}`;
    return this.#stored.read.rows<{ seq: number }>(sql, value, before)[0]?.seq ?? 0;
  }

  #rowsBy(filter: RunFilter, limit: number, part?: Part): readonly StoredRun[] {
    const conditions: string[] = [];
    const values: (string | number)[] = [];
    const add = (condition: string, value: string | number | undefined): void => {
      if (value === undefined) return;
      conditions.push(condition);
      values.push(value);
    };
    // Of a pipeline with millions of runs the few in such a state are found by the state; SQLite, which counts nothing, would go by
    // the pipeline.
    const isByState =
      part === undefined
        ? filter.key === undefined && filter.orderKey === undefined && this.#isRare(filter.state)
        : part.by.state !== undefined;
    add(isByState ? '+pipeline = ?' : 'pipeline = ?', filter.pipeline);
    add(part !== undefined && !isByState ? '+state = ?' : 'state = ?', filter.state);
    for (const [kind, column, name] of [
      ['key', 'key', filter.key],
      ['order', 'order_key', filter.orderKey],
    ] as const) {
      if (name === undefined) continue;
      const forms = this.#stored.names.forms(kind, name);
      conditions.push(column + isOneOf(forms));
      values.push(...forms);
    }
    // Lets the partial index of unfinished runs be used.
    if (filter.state !== undefined && filter.state !== 'succeeded') conditions.push(`state <> 'succeeded'`);
    add('version = ?', filter.version);
    add('plan_hash = ?', filter.planHash);
    if (filter.connection !== undefined) {
      const { condition, values: named } = cameOver('runs', filter.connection);
      conditions.push(condition);
      values.push(...named);
    }
    if (part !== undefined) {
      add('seq >= ?', part.from);
      add('seq < ?', part.before);
    } else {
      const lowest = this.#lowest(filter);
      if (lowest === undefined) return [];
      if (lowest > 0) add('seq >= ?', lowest);
    }
    const where = conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : '';
    return this.#stored.read.rows<StoredRun>(
      `SELECT * FROM runs ${where} ORDER BY seq DESC LIMIT ?`,
      ...values,
      limit,
    );
  }

  /** No run is older than the plan that it keeps to; a version that never was has none. */
  #lowest(filter: RunFilter): number | undefined {
    if (filter.version === undefined && filter.planHash === undefined) return 0;
    const since = this.#firstStored(filter);
    return since === undefined ? undefined : this.#seqAt(since - CLOCK_SLACK_MS);
  }

  /** When the first of the plans was stored that a filter names. */
  #firstStored({ pipeline, version, planHash }: RunFilter): number | undefined {
    const at = this.#stored.read.rows<{ at: number | null }>(
      `SELECT min(stored_at) AS at FROM plans WHERE pipeline = coalesce(?, pipeline) AND version = coalesce(?, version) AND hash = coalesce(?, hash)`,
      pipeline ?? null,
      version ?? null,
      planHash ?? null,
    )[0]?.at;
    return at ?? undefined;
  }

  #isSmall(pipeline: string | undefined): boolean {
    if (pipeline === undefined) return false;
    const sql = `SELECT count(*) AS n FROM (SELECT 1 FROM runs WHERE pipeline = ? LIMIT ${PART})`;
    return Number(this.#stored.read.rows<{ n: number }>(sql, pipeline)[0]?.n) < PART;
  }

  #isRare(state: RunState | undefined): boolean {
    if (state === undefined || state === 'succeeded') return false;
    const sql = `SELECT count(*) AS n FROM (SELECT 1 FROM runs WHERE state = ? AND state <> 'succeeded' LIMIT ${RARE_MAX})`;
    return Number(this.#stored.read.rows<{ n: number }>(sql, state)[0]?.n) < RARE_MAX;
  }

  /** The oldest first. Where no index knows what is asked for, runs are looked through in parts, and others have their `turn` in between. */
  async foundOldest(
    filter: ReplayFilter,
    limit: number,
    turn: () => Promise<void>,
  ): Promise<readonly StoredRun[]> {
    const { runId, key, deliveryId, correlationId, pipeline, connection, state, fromMs, toMs } = filter;
    if ((runId ?? key ?? deliveryId ?? correlationId) !== undefined) return this.oldest(filter, limit);
    const isByState =
      state !== undefined && state !== 'succeeded' && (pipeline === undefined || this.#isRare(state));
    if (connection !== undefined && !isByState && !this.#isSmall(pipeline))
      return this.#oldestOver(connection, filter, limit, turn);
    const by: Base = isByState ? { state } : { pipeline };
    const last = toMs === undefined ? Number.MAX_SAFE_INTEGER : this.#seqAt(toMs + CLOCK_SLACK_MS);
    const found: StoredRun[] = [];
    for (
      let from: number | undefined = fromMs === undefined ? 0 : this.#seqAt(fromMs - CLOCK_SLACK_MS);
      from !== undefined && from <= last && found.length < limit;
    ) {
      const next = this.#partAbove(by, from);
      const part = { by, from, before: next ?? Number.MAX_SAFE_INTEGER };
      found.push(...this.oldest(filter, limit - found.length, part));
      from = next;
      if (from !== undefined) await turn();
    }
    return found;
  }

  async #oldestOver(
    connection: string,
    filter: ReplayFilter,
    limit: number,
    turn: () => Promise<void>,
  ): Promise<readonly StoredRun[]> {
    const found: StoredRun[] = [];
    let looked = 0;
    for (const { from, before } of rangesOf(this.#stored.read, connection, 'oldest')) {
      found.push(...this.oldest(filter, limit - found.length, { by: {}, from, before }));
      if (found.length >= limit) break;
      looked += before - from;
      if (looked < PART) continue;
      looked = 0;
      await turn();
    }
    return found;
  }

  /** The number that a part from `from` on ends before; `undefined`: it is the last. */
  #partAbove({ state, pipeline }: Base, from: number): number | undefined {
    if (state === undefined && pipeline === undefined)
      return from + PART > this.#lastSeq() ? undefined : from + PART;
    const [column, value, more] =
      state === undefined ? ['pipeline', pipeline!, ''] : ['state', state, "AND state <> 'succeeded'"];
    const sql = `SELECT seq FROM runs WHERE ${column} = ? ${more} AND seq >= ? ORDER BY seq LIMIT 1 OFFSET ${PART}`;
    return this.#stored.read.rows<{ seq: number }>(sql, value, from)[0]?.seq;
  }

  /** The oldest first. */
  oldest(filter: ReplayFilter, limit: number, part?: Part): readonly StoredRun[] {
    const conditions = Object.entries(REPLAY_CONDITIONS).flatMap(
      ([name, condition]): readonly Condition[] => {
        const value = filter[name as keyof typeof REPLAY_CONDITIONS];
        if (value === undefined) return [];
        // Within a part runs are found by what it goes by, and by nothing else.
        const isFoundBy =
          part === undefined ||
          (name === 'state' && part.by.state !== undefined) ||
          (name === 'pipeline' && part.by.pipeline !== undefined);
        return [{ condition: isFoundBy ? condition : `+${condition}`, values: [value] }];
      },
    );
    if (part !== undefined)
      conditions.push({ condition: 'r.seq >= ? AND r.seq < ?', values: [part.from, part.before] });
    if (part?.by.state !== undefined) conditions.push({ condition: "r.state <> 'succeeded'", values: [] });
    for (const [kind, column, name] of [
      ['key', 'r.key', filter.key],
      ['order', 'r.order_key', filter.orderKey],
      ['delivery', 'e.delivery_id', filter.deliveryId],
    ] as const)
      if (name !== undefined) {
        const values = this.#stored.names.forms(kind, name);
        conditions.push({ condition: `${part === undefined ? '' : '+'}${column}${isOneOf(values)}`, values });
      }
    if (filter.correlationId !== undefined) conditions.push(ofCorrelation(filter.correlationId));
    if (filter.connection !== undefined) conditions.push(cameOver('r', filter.connection));
    // Runs are numbered as they are accepted: a window of time is one of numbers, found without reading what is between.
    if (filter.fromMs !== undefined && part === undefined)
      conditions.push({ condition: 'r.seq >= ?', values: [this.#seqAt(filter.fromMs - CLOCK_SLACK_MS)] });
    return this.#stored.read.rows<StoredRun>(
      `SELECT r.* FROM runs r JOIN events e ON e.seq = r.event_seq
       WHERE ${conditions.map(({ condition }) => condition).join(' AND ') || '1'} ORDER BY r.seq LIMIT ?`,
      ...conditions.flatMap(({ values }) => values),
      limit,
    );
  }

  #lastSeq(): number {
    return Number(this.#stored.read.rows<{ n: number | null }>('SELECT max(seq) AS n FROM runs')[0]?.n ?? 0);
  }

  /** A number that no run accepted at or after `ms` is below. */
  #seqAt(ms: number): number {
    let low = 0;
    let high = this.#lastSeq();
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const row = this.#stored.read.rows<{ accepted_at: number }>(
        'SELECT accepted_at FROM runs WHERE seq > ? ORDER BY seq LIMIT 1',
        middle,
      )[0];
      if (row !== undefined && row.accepted_at < ms) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Is it for the runs of a connection, with nothing that is found by an index of its own? */
function isByParts({ connection, key }: RunFilter): boolean {
  return connection !== undefined && key === undefined;
}

/** States that are asked for, where not all are. */
function statesOf({ open, state, ...filter }: RunFilter): readonly RunState[] | undefined {
  if (open === true) return openOf({ ...filter, ...(state && { state }) });
  return state === undefined ? undefined : [state];
}

/** The states of those that have not ended, of which the filter names none or one. */
function openOf({ state }: RunFilter): readonly RunState[] {
  return openStates.filter((one) => state === undefined || one === state);
}

/** Runs that are looked through before others get their turn. */
const PART = 5_000;
/** Looked through in some 25 ms, each on a page of its own, where none of them is of the pipeline that is asked for. */
const RARE_MAX = 5_000;
/** The clock of a machine may be set back: runs are looked for that much earlier than asked. */
const CLOCK_SLACK_MS = 3_600_000;

export interface Condition {
  readonly condition: string;
  readonly values: readonly (string | number)[];
}

/** The first run of a chain has its own id for it, unless a trace came with the event; the index holds the others alone. */
export function ofCorrelation(id: string): Condition {
  return {
    condition: `r.seq IN (SELECT seq FROM runs WHERE run_id = ? AND correlation_id = run_id
      UNION ALL SELECT seq FROM runs WHERE correlation_id = ? AND correlation_id <> run_id)`,
    values: [id, id],
  };
}

const REPLAY_CONDITIONS = {
  runId: 'r.run_id = ?',
  pipeline: 'r.pipeline = ?',
  state: 'r.state = ?',
  event: 'e.event = ?',
  fromMs: 'r.accepted_at >= ?',
  toMs: 'r.accepted_at <= ?',
} as const satisfies Partial<Record<keyof ReplayFilter, string>>;
