import type { Failure } from '@tenon/model';
import type {
  AcceptResult,
  RecheckedEvent,
  RecheckFilter,
  RecheckReport,
  ReleasedTo,
} from '../../runtime.ts';
import { CommitRefused } from '../commit/commit-queue.ts';
import { cancelWrites } from '../control/operations.ts';
import type { EmbeddedEngine } from '../engine.ts';
import { type EventParts, eventParts } from '../file/event-value.ts';
import type { Noted } from '../file/ledger-rows.ts';
import { isOneOf } from '../file/names.ts';
import type { RunRow } from '../file/run-row.ts';
import { FINAL, type Write } from '../file/statements.ts';
import type { StoredRows, StoredRun } from '../file/stored-rows.ts';
import { type Draft, draftsFor, keyText, seenOf, unreadFailure } from '../intake/intake.ts';
import { nextTurn } from '../next-turn.ts';

/** Events looked at before others get their turn. */
const LOOKED_AT_ONCE = 50;
/** Codes of a connector that could not read the message: what was stored is not its payload, or not that of a known event. */
const UNREADABLE = /^MESSAGE_/;

/** An event that was held whole at intake, with the parked runs that say so. */
interface Held {
  readonly seq: number;
  readonly event: string;
  readonly source: string;
  readonly deliveryId: string;
  readonly traceparent: string | null;
  readonly runs: readonly RunRow[];
  /** A run of it is not parked yet: its pipeline stands still, or a person has just ended or resumed it. */
  readonly isMoving: boolean;
  /** Something of it is damaged, or its key is not at hand: `failure` says what. */
  readonly isUnread: boolean;
  readonly failure: Failure;
}

/**
 * Holds events in quarantine against the contracts in force now, in the order in which they came, and with `apply` releases
 * those that pass: the event is taken in again, under the same delivery id, and the parked runs that it had are
 * cancelled, in one write. So a crash in between loses none and starts none twice.
 *
 * An event is released as a whole, or some pipeline would go without it: the inbox knows it from then on. Order of a key is
 * kept: one that an earlier event of its key still stands before stays (also where the filter leaves that one out), and so does one that a later
 * event of its key has overtaken, unless `overtaken` says that it does not matter (a pipeline with `identity.version` decides by that).
 */
export async function recheck(
  engine: EmbeddedEngine,
  filter: RecheckFilter,
  actor: string,
  reason: string,
): Promise<RecheckReport> {
  const { replayRunsMax } = engine.limits;
  const last = Math.min(
    filter.through ?? Number.POSITIVE_INFINITY,
    engine.number('SELECT coalesce(max(seq), 0) AS n FROM events'),
  );
  let through = 0;
  let more = false;
  /** Keys of which an earlier event stays. */
  const blocked = new Set<string>();
  const events: RecheckedEvent[] = [];
  for (const [index, seq] of heldSeqs(engine, last).entries()) {
    if (index % LOOKED_AT_ONCE === LOOKED_AT_ONCE - 1) await nextTurn();
    const one = heldEvent(engine, seq);
    if (one === undefined) continue;
    if (!isWanted(one, filter)) {
      // It stays, so what comes after it stays too.
      for (const name of orderKeys(engine, one, partsOf(engine, one))) blocked.add(name);
      continue;
    }
    if (events.length === replayRunsMax) {
      more = true;
      break;
    }
    through = seq;
    const judged = judge(engine, one, blocked, filter.overtaken === true);
    const { outcome, became }: Pick<RecheckedEvent, 'outcome' | 'became'> =
      filter.apply && judged.outcome === 'passes'
        ? await release(engine, one, judged, actor, reason)
        : judged;
    if (outcome !== 'passes' && outcome !== 'released') for (const name of judged.keys) blocked.add(name);
    events.push({
      event: one.event,
      source: one.source,
      deliveryId: one.deliveryId,
      runs: one.runs.map(({ run_id: runId, pipeline }) => ({ runId, pipeline })),
      outcome,
      ...(judged.failure && { failure: judged.failure }),
      ...(became && { became }),
    });
  }
  const released = events.filter(({ outcome }) => outcome === 'released').length;
  if (filter.apply) {
    const details = { action: 'recheck', actor, reason, released, held: events.length - released };
    await engine.commit([], [engine.system({ kind: 'operator', details })]);
  }
  return { applied: filter.apply === true, through, events, more };
}

/**
 * Business and order keys of what a pipeline has in quarantine, by the parked run, as far as they can be told: what does not
 * fit its contract may hold them all the same. A run of it goes by its delivery, so it is not found by them.
 */
export async function heldKeys(engine: EmbeddedEngine, pipeline: string): Promise<readonly HeldKeys[]> {
  const loaded = engine.inForce.begins.get(pipeline);
  if (loaded === undefined) return [];
  const { key, orderBy } = loaded.plan.identity;
  const found: HeldKeys[] = [];
  for (const [index, seq] of heldSeqs(engine, Number.MAX_SAFE_INTEGER).entries()) {
    if (index % LOOKED_AT_ONCE === LOOKED_AT_ONCE - 1) await nextTurn();
    const held = heldEvent(engine, seq);
    const run = held?.runs.find((one) => one.pipeline === pipeline);
    if (held === undefined || run === undefined) continue;
    const seen = seenOf({ ...partsOf(engine, held), source: held.source });
    const keys = [orderBy, key].flatMap((template) => {
      if (template === undefined) return [];
      const result = loaded.template(template, { ...seen, delivery: held.deliveryId });
      const text = result.ok ? keyText(result.value) : undefined;
      return text === undefined ? [] : [text];
    });
    found.push({ runId: run.run_id, event_seq: run.event_seq, connection: run.connection, keys });
  }
  return found;
}

/** A parked run of what is held, and the keys that its event has. */
interface HeldKeys extends Pick<RunRow, 'event_seq' | 'connection'> {
  readonly runId: string;
  readonly keys: readonly string[];
}

interface Judged extends Pick<RecheckedEvent, 'outcome' | 'became'> {
  readonly parts: EventParts;
  readonly drafts: readonly Draft[];
  /** Order keys that it has, by pipeline, as far as they can be told. */
  readonly keys: readonly string[];
  readonly failure?: Failure;
}

function judge(
  engine: EmbeddedEngine,
  held: Held,
  blocked: ReadonlySet<string>,
  mayBeOvertaken: boolean,
): Judged {
  const parts = partsOf(engine, held);
  const keys = orderKeys(engine, held, parts);
  const stays = (outcome: RecheckedEvent['outcome'], failure?: Failure): Judged => ({
    outcome,
    parts,
    keys,
    drafts: [],
    ...(failure && { failure }),
  });
  if (held.isMoving) return stays('moving');
  if (held.isUnread || UNREADABLE.test(held.failure.code)) return stays('unreadable', held.failure);
  const isGone = engine.read.of(`SELECT 1 FROM events WHERE seq = ? AND payload = 'null'`).get(held.seq);
  if (isGone !== undefined) return stays('gone');
  const { begins } = engine.inForce;
  const waiting = engine.inForce.waitingAlone(held.event);
  const isSpokenOf = [...begins.values()].some(({ plan }) => Object.hasOwn(plan.events, held.event));
  if (!isSpokenOf && waiting.length === 0) return stays('unheard');
  const { event, deliveryId, source } = held;
  const found = draftsFor({ ...parts, event, deliveryId, source }, begins, 'refuse', waiting);
  if (!found.ok) return stays('fails', found.failure);
  // Of a pipeline whose own run a person has ended already, nothing is begun again.
  const parked = new Set(held.runs.map(({ pipeline }) => pipeline));
  const drafts = found.drafts.filter(({ loaded }) => parked.has(loaded.plan.pipeline));
  const broken = drafts.find(({ failure }) => failure !== undefined);
  if (broken?.failure !== undefined) return stays('fails', broken.failure);
  if (keys.some((name) => blocked.has(name))) return stays('behind');
  if (!mayBeOvertaken && drafts.some((draft) => isOvertaken(engine, held, draft))) return stays('overtaken');
  // It may have been overtaken, and the file does not say any more: a person says that it does not matter.
  const unread = drafts.flatMap((draft) => engine.admission.unreadNewest(draft) ?? [])[0];
  if (!mayBeOvertaken && unread !== undefined) return stays('overtaken', unreadFailure(unread));
  const taken = drafts.map((draft) => ({ ...draft, maySucceedUnread: mayBeOvertaken }));
  const became = engine.admission.foreseen(asReleased(held), taken);
  return { outcome: 'passes', parts, drafts: taken, keys, became };
}

/**
 * A later event of the same order key was taken: going on now would be out of order. One that was itself released stands
 * where it first came. Versions are looked at on the way in.
 */
function isOvertaken(engine: EmbeddedEngine, held: Held, { loaded, orderKey, version }: Draft): boolean {
  if (orderKey === undefined || version !== undefined) return false;
  const { rows } = engine;
  const orderKeys = rows.names.forms('order', orderKey);
  const later = rows.read
    .of(
      `SELECT r.seq, r.step, r.key, r.order_key, r.salt, e.source, e.delivery_id FROM runs r JOIN events e ON e.seq = r.event_seq
      WHERE r.pipeline = ? AND r.order_key${isOneOf(orderKeys)} AND r.event_seq > ?`,
    )
    .iterate(loaded.plan.pipeline, ...orderKeys, held.seq);
  for (const row of later) {
    // The columns that it needs are selected above.
    const run = rows.named(row as unknown as Later);
    if (!stoodBefore(rows, run.source, run.delivery ?? run.delivery_id, held.seq)) return true;
  }
  return false;
}

type Later = Pick<StoredRun, 'seq' | 'step' | 'key' | 'order_key' | 'salt'> & {
  readonly source: string;
  readonly delivery_id: string;
};

/** Is it one that was released, and had come before `seq`? */
function stoodBefore({ read, names }: StoredRows, source: string, delivery: string, seq: number): boolean {
  if (!source.startsWith(RELEASED)) return false;
  const forms = names.forms('delivery', delivery);
  const first = read
    .of(`SELECT 1 FROM events WHERE source = ? AND delivery_id${isOneOf(forms)} AND seq < ?`)
    .get(source.slice(RELEASED.length), ...forms, seq);
  return first !== undefined;
}

/** Before the name of the source of what was released. */
const RELEASED = 'quarantine:';

/** Also of an event that does not fit: what is wrong with it need not be its key. */
function orderKeys(engine: EmbeddedEngine, held: Held, parts: EventParts): string[] {
  const seen = seenOf({ ...parts, source: held.source });
  return held.runs.flatMap(({ pipeline }) => {
    const loaded = engine.inForce.begins.get(pipeline);
    const orderBy = loaded?.plan.identity.orderBy;
    if (loaded === undefined || orderBy === undefined) return [];
    const key = loaded.template(orderBy, { ...seen, delivery: held.deliveryId });
    return key.ok ? [`${pipeline}\0${JSON.stringify(key.value)}`] : [];
  });
}

async function release(
  engine: EmbeddedEngine,
  held: Held,
  { parts, drafts }: Judged,
  actor: string,
  reason: string,
): Promise<Pick<RecheckedEvent, 'outcome' | 'became'>> {
  const now = engine.now();
  const writes: Write[] = [];
  const noted: Noted[] = [];
  for (const run of held.runs) {
    writes.push(...cancelWrites(run, actor, reason, now));
    noted.push(
      engine.noted(run, [
        { kind: 'operator', details: { action: 'release', actor, reason, deliveryId: held.deliveryId } },
      ]),
    );
  }
  let taken: Extract<AcceptResult, { ok: true }>;
  try {
    taken = await engine.admission.readmit({ ...asReleased(held), ...parts }, drafts, writes, noted);
  } catch (error) {
    // A person has ended or released one of its runs meanwhile.
    if (error instanceof CommitRefused) return { outcome: 'changed' };
    throw error;
  }
  for (const { pipeline } of held.runs) engine.dispatcher.touch(pipeline, engine.now());
  return { outcome: 'released', became: becameOf(taken) };
}

/** Under a name of its own: the delivery itself is known already. */
function asReleased(held: Held) {
  return {
    event: held.event,
    deliveryId: held.deliveryId,
    source: `${RELEASED}${held.source}`,
    traceparent: held.traceparent ?? undefined,
    correlationId: held.runs[0]!.correlation_id,
  };
}

/** A flag and a newer version are looked at on the way in, so that only now is it known what came of it. */
function becameOf({
  runs,
  flaggedOff = [],
  older = [],
}: Extract<AcceptResult, { ok: true }>): readonly ReleasedTo[] {
  return [
    ...runs.map(
      ({ pipeline, runId, started }) => ({ pipeline, as: started ? 'started' : 'known', runId }) as const,
    ),
    ...flaggedOff.map((pipeline) => ({ pipeline, as: 'flaggedOff' }) as const),
    ...older.map((pipeline) => ({ pipeline, as: 'older' }) as const),
  ];
}

/** Numbers of the events that were held whole, the oldest first, up to `last`: those of whose runs some are still parked for it. */
function heldSeqs(engine: EmbeddedEngine, last: number): readonly number[] {
  return engine.read
    .of(
      `SELECT DISTINCT r.event_seq AS seq FROM openings o JOIN runs r ON r.seq = o.run_seq
      WHERE o.kind = 'deadLetter' AND o.letter_queue = 'quarantine' AND r.state = 'failed' AND r.intake_failure IS NOT NULL
        AND r.event_seq <= ? ORDER BY r.event_seq`,
    )
    .all(last)
    .map((row) => Number(row['seq']));
}

/** With all of its runs that have not ended; `undefined` where none is parked any more. */
function heldEvent(engine: EmbeddedEngine, seq: number): Held | undefined {
  const rows = engine.read
    .of(
      `SELECT r.*, e.event, e.source, e.delivery_id, e.traceparent AS event_traceparent, r.state = 'failed' AND EXISTS
        (SELECT 1 FROM openings o WHERE o.run_seq = r.seq AND o.kind = 'deadLetter' AND o.letter_queue = 'quarantine') AS is_parked
      FROM runs r JOIN events e ON e.seq = r.event_seq
      WHERE r.event_seq = ? AND r.intake_failure IS NOT NULL AND r.state NOT IN (${FINAL})
      ORDER BY r.seq`,
    )
    .all(seq);
  const parked = rows.filter((row) => row['is_parked'] === 1);
  const [first] = parked;
  if (first === undefined) return undefined;
  const { rows: stored } = engine;
  const unread = parked.flatMap(
    (row) => stored.unreadOf({ seq: Number(row['seq']), event_seq: seq }) ?? [],
  )[0];
  const runs = parked.map(({ event, source, delivery_id, event_traceparent, is_parked, ...columns }) =>
    // The columns of `runs`, as SQLite gives them.
    stored.shownRun(columns as unknown as StoredRun),
  );
  const traceparent = first['event_traceparent'];
  return {
    seq,
    event: String(first['event']),
    source: String(first['source']),
    deliveryId: runs[0]!.delivery ?? String(first['delivery_id']),
    traceparent: traceparent === null ? null : String(traceparent),
    // Written by intake, which puts a failure there.
    failure: unread === undefined ? (JSON.parse(runs[0]!.intake_failure!) as Failure) : unreadFailure(unread),
    isUnread: unread !== undefined,
    isMoving: parked.length < rows.length,
    runs,
  };
}

/** Nothing of one that cannot be read: its keys are not known either. */
function partsOf(engine: EmbeddedEngine, held: Held): EventParts {
  return held.isUnread ? { payload: null } : eventParts(engine.rows.payload(held.seq));
}

function isWanted({ event, runs }: Held, filter: RecheckFilter): boolean {
  return (
    (filter.event === undefined || event === filter.event) &&
    (filter.pipeline === undefined || runs.some(({ pipeline }) => pipeline === filter.pipeline))
  );
}
