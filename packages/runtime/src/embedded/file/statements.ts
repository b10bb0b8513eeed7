import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { finalStates, listed, terminalStates } from '../../states.ts';
import type { Place } from './value-codec.ts';

export type SqlValue = null | number | string;
/** As it is bound: what was sealed may be bytes. */
export type BoundValue = SqlValue | Uint8Array;

/** As SQL lists them: of `finalStates` and `terminalStates`. */
export const FINAL: string = listed(finalStates);
export const TERMINAL: string = listed(terminalStates);

/** Ended, and of no run that may still have to undo it. */
const SETTLED = `state IN (${FINAL}) AND NOT EXISTS (SELECT 1 FROM children JOIN runs AS root ON root.seq = children.root_seq
  WHERE children.run_seq = runs.seq AND root.state NOT IN (${FINAL}))`;

/**
 * A run whose data is kept no longer: `?3` now, `?4` how long (ms) where its pipeline says nothing, `?5` how long by plan and
 * by pipeline (JSON).
 */
const EXPIRED = `${SETTLED} AND updated_at < ?3 - coalesce(?5 ->> ('$."' || plan_hash || '"'), ?5 ->> ('$."' || pipeline || '"'), ?4)`;
/** An event that began no run, and that none waits for. */
const LONE = `seq > ?1 AND seq <= ?2 AND received_at < ?3 AND NOT EXISTS (SELECT 1 FROM runs WHERE event_seq = events.seq)
    AND NOT EXISTS (SELECT 1 FROM openings WHERE openings.event = events.event)`;

/** Replays and cancellations that were asked for before `?1`, and have no run that is still to go out or to end. */
const PAST_REPLAYS = `SELECT token FROM replays WHERE at < ?1
    AND NOT EXISTS (SELECT 1 FROM replay_runs WHERE replay_runs.token = replays.token AND state IN ('waiting', 'sent'))`;

/** States in which a run heeds that it is cancelled, at once or when it comes to it. */
const STOPPABLE = `'accepted', 'running', 'waiting', 'inDoubt', 'failed'`;

/** All writes there are. A write is data (a name and its values), so that another thread can carry it out. */
export const writes = {
  putChild:
    'INSERT INTO children (run_seq, parent_seq, parent_key, parent_step, root_seq, hops, deadline_ms) VALUES (?, ?, ?, ?, ?, ?, ?)',
  countWord: 'UPDATE children SET told = ?2 WHERE run_seq = ?1',
  /** A run that has ended is told in vain. */
  wakeParent: `UPDATE runs SET due_at = ?2 WHERE seq = ?1 AND claimed <> 1 AND state NOT IN (${FINAL})`,
  /** Refused where the child was parked or has ended since: values child, words that it had left by then. */
  stillTold: 'UPDATE OR ROLLBACK children SET told = CASE told WHEN ?2 THEN told END WHERE run_seq = ?1',
  boundChild: 'UPDATE children SET deadline_ms = ?2 WHERE run_seq = ?1',
  /** What a child worked counts as its parent's: values parent, ms. */
  charge: 'UPDATE runs SET clock_from = clock_from - ?2 WHERE seq = ?1',
  /** A child that has not ended is cancelled, one that has succeeded is taken back: values child, now, who and why. */
  cancelChild: `INSERT INTO journal (run_seq, key, at, value) SELECT seq, '#cancel', ?2, ?3 FROM runs WHERE seq = ?1 AND state IN (${STOPPABLE})
    ON CONFLICT DO NOTHING`,
  takeBackChild: `INSERT INTO journal (run_seq, key, at, value) SELECT seq, '#takenBack', ?2, ?3 FROM runs WHERE seq = ?1 AND state = 'succeeded'
    ON CONFLICT DO NOTHING`,
  closeChildWaits: `DELETE FROM openings WHERE run_seq = ?1 AND kind IN ('approval', 'event', 'child')
    AND EXISTS (SELECT 1 FROM runs WHERE seq = ?1 AND state IN (${STOPPABLE}))`,
  /** Of a run that is parked at a step, not at a compensation. */
  closeChildLetter: `DELETE FROM openings WHERE run_seq = ?1 AND kind IN ('deadLetter', 'forwardFix') AND step NOT LIKE 'compensate:%'
    AND step = (SELECT step FROM runs WHERE seq = ?1 AND state = 'failed')`,
  wakeChild: `UPDATE runs SET due_at = ?2 WHERE seq = ?1 AND claimed <> 1 AND state IN (${STOPPABLE}, 'succeeded')`,
  putPlan:
    'INSERT INTO plans (hash, pipeline, version, stored_at, plan) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  activatePlan:
    'INSERT INTO pipelines (pipeline, plan_hash) VALUES (?, ?) ON CONFLICT (pipeline) DO UPDATE SET plan_hash = excluded.plan_hash',
  retirePipeline: 'DELETE FROM pipelines WHERE pipeline = ?',
  putEvent:
    'INSERT INTO events (seq, source, delivery_id, event, received_at, traceparent, payload, data_key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)',
  /** One whose payload nobody needs: of its business key there is a run already. */
  putKnownEvent: `INSERT INTO events (seq, source, delivery_id, event, received_at, traceparent, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'null')`,
  /** Wakes every run that waits for such an event; each looks for itself whether it matches. */
  wakeWaiting:
    'UPDATE runs SET due_at = ?1 WHERE seq IN (SELECT run_seq FROM openings WHERE event = ?2) AND claimed <> 1',
  /** Values: seq, id, pipeline, version, plan, key, order key, event, correlation, traceparent, owner, now, intake failure, salt, connection. */
  putRun: `INSERT INTO runs (seq, run_id, pipeline, version, plan_hash, key, order_key, event_seq, correlation_id, traceparent, owner, state, accepted_at, updated_at, intake_failure, salt, connection, data_key, behind, due_at)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'accepted', ?12, ?12, ?13, ?14, ?15, ?16, taken, CASE taken WHEN 1 THEN NULL ELSE ?12 END
    FROM (SELECT ?7 IS NOT NULL AND EXISTS (SELECT 1 FROM runs WHERE pipeline = ?3 AND order_key = ?7 AND order_key IS NOT NULL AND state NOT IN (${TERMINAL})) AS taken)`,
  /** A run that begins at once: values as `putRun`, without an order key and without an intake failure. */
  putClaimedRun: `INSERT INTO runs (seq, run_id, pipeline, version, plan_hash, key, event_seq, correlation_id, traceparent, owner, state, accepted_at, updated_at, clock_from, claimed, salt, connection, data_key)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'running', ?11, ?11, ?11, 1, ?12, ?13, ?14)`,
  /** One that succeeds in the write that stores it: values as `putClaimedRun`, and when it ended. See `joinedEnds`. */
  putEndedRun: `INSERT INTO runs (seq, run_id, pipeline, version, plan_hash, key, event_seq, correlation_id, traceparent, owner, state, accepted_at, updated_at, clock_from, salt, connection, data_key)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'succeeded', ?11, ?14, ?11, ?12, ?13, ?15)`,
  /** Some run of the part came over the connection: see `ConnectionParts`. */
  putConnectionPart: 'INSERT INTO connection_parts (connection, part) VALUES (?, ?) ON CONFLICT DO NOTHING',
  putKey:
    'INSERT INTO keys (pipeline, key, run_seq, expires_at) VALUES (?, ?, ?, ?) ON CONFLICT (pipeline, key) DO UPDATE SET run_seq = excluded.run_seq, expires_at = excluded.expires_at',
  putNewest:
    'INSERT INTO newest (pipeline, order_key, version, run_seq, expires_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (pipeline, order_key) DO UPDATE SET version = excluded.version, run_seq = excluded.run_seq, expires_at = excluded.expires_at',
  putJournal: 'INSERT INTO journal (run_seq, key, at, value) VALUES (?, ?, ?, ?)',
  /** Refused where the run was cancelled: its row is there twice then. */
  unlessCancelled:
    "INSERT INTO journal (run_seq, key, at, value) SELECT run_seq, key, at, value FROM journal WHERE run_seq = ? AND key = '#cancel'",
  /** Refused where the run has this row: it is there twice then. */
  unlessRecorded:
    'INSERT INTO journal (run_seq, key, at, value) SELECT run_seq, key, at, value FROM journal WHERE run_seq = ?1 AND key = ?2',
  putOpening: `INSERT INTO openings (run_seq, key, kind, step, owner, since, expires_at, event, scanned_to, detail, letter_queue, letter_class) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (run_seq, key) DO UPDATE SET scanned_to = excluded.scanned_to`,
  closeOpening: 'DELETE FROM openings WHERE run_seq = ? AND key = ?',
  closeWaits: `DELETE FROM openings WHERE run_seq = ? AND kind IN ('approval', 'event', 'child')`,
  closeSteps: `DELETE FROM openings WHERE run_seq = ? AND step = ? AND kind IN ('deadLetter', 'forwardFix')`,
  /** Of a run that ends where it stands: what was owed for other steps still is. */
  closeForEnd: `DELETE FROM openings WHERE run_seq = ?1 AND (kind <> 'forwardFix' OR step = ?2)`,
  /** Takes a run on: values seq, state, now. The clock of its deadline goes on where a wait had stopped it. */
  claim: `UPDATE OR ROLLBACK runs SET state = ?2, claimed = 1, due_at = NULL, updated_at = ?3, behind = 0,
    clock_from = coalesce(clock_from + coalesce(?3 - paused_since, 0), ?3), paused_since = NULL, failure = NULL, held = NULL WHERE seq = ?1`,
  /**
   * Leaves a run until it is due: values seq, state, now, due, step, paused since, failure, and two journal keys that
   * would end the wait: due at once when one of them was written meanwhile.
   */
  suspend: `UPDATE OR ROLLBACK runs SET state = ?2, updated_at = ?3, step = ?5, paused_since = coalesce(paused_since, ?6), failure = ?7, claimed = 0, held = NULL,
    due_at = CASE WHEN EXISTS (SELECT 1 FROM journal WHERE run_seq = ?1 AND key IN (?8, ?9)) THEN ?3 ELSE ?4 END WHERE seq = ?1`,
  /** Lets go of what a switch held, in the order of acceptance: values first run (not included), last run, tag. */
  release: `UPDATE runs SET due_at = accepted_at, held = NULL WHERE held IS NOT NULL AND seq > ?1 AND seq <= ?2
    AND EXISTS (SELECT 1 FROM json_each(held) WHERE value = ?3)`,
  putSwitch:
    'INSERT INTO switches (id, tag, value) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET tag = excluded.tag, value = excluded.value',
  putReplay: 'INSERT INTO replays (token, at, value) VALUES (?, ?, ?)',
  putReplayRun: 'INSERT INTO replay_runs (token, run_seq, state) VALUES (?, ?, ?)',
  /** Refused when it was started before. */
  startReplay: 'INSERT INTO replay_starts (token, value) VALUES (?, ?)',
  releaseReplayRuns: `UPDATE replay_runs SET state = 'waiting' WHERE token = ? AND state = 'planned'`,
  setReplayRun: 'UPDATE replay_runs SET state = ?3 WHERE token = ?1 AND run_seq = ?2',
  /** Sets of dry runs from before `?1` that nobody applied. */
  dropReplayRuns: `DELETE FROM replay_runs WHERE token IN (SELECT token FROM replays WHERE at < ?1 AND token NOT IN (SELECT token FROM replay_starts))`,
  /** What was asked for long ago may name somebody. Values: asked before. In this order: the last says which they are. */
  purgeReplayRuns: `DELETE FROM replay_runs WHERE token IN (${PAST_REPLAYS})`,
  purgeReplayStarts: `DELETE FROM replay_starts WHERE token IN (${PAST_REPLAYS})`,
  purgeReplays: `DELETE FROM replays WHERE token IN (${PAST_REPLAYS})`,
  purgeRepairs: `DELETE FROM repairs WHERE at < ?1 AND state <> 'applied'`,
  /** Values: token, what is said of it without whom it was about. */
  rewordReplay: 'UPDATE replays SET value = ?2 WHERE token = ?1',
  rewordRepair: 'UPDATE repairs SET value = ?2 WHERE token = ?1',
  putGuard:
    'INSERT INTO guards (connection, at, snapshot) VALUES (?, ?, ?) ON CONFLICT (connection) DO UPDATE SET at = excluded.at, snapshot = excluded.snapshot',
  putSecretUser: `INSERT INTO secret_users (reference, connection, purpose, pipeline, step, first_at, last_at, uses, failed, unexpected) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (reference, connection, purpose, pipeline, step) DO UPDATE SET last_at = excluded.last_at, uses = uses + excluded.uses, failed = failed + excluded.failed, unexpected = excluded.unexpected`,
  putSetting:
    'INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
  dropSwitch: 'DELETE FROM switches WHERE id = ?',
  putReconciliationPlan:
    'INSERT INTO reconciliation_plans (hash, name, version, stored_at, plan) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  /** Values: id, name, now, dry or not, what is said of it, plan. */
  putReport: `INSERT INTO reports (id, name, begun_at, is_dry, value, plan, state) VALUES (?, ?, ?, ?, ?, ?, 'comparing')`,
  /** Values: id, what is said of it: how often it was begun. */
  noteReport: `UPDATE reports SET value = ?2 WHERE id = ?1 AND state = 'comparing'`,
  /** Values: id, now, state, what is said of it. A report that has ended is refused. */
  endReport: 'UPDATE reports SET ended_at = ?2, state = ?3, value = ?4 WHERE id = ?1',
  putDifference: 'INSERT INTO differences (id, kind, value) VALUES (?, ?, ?)',
  /** Values: from, to. */
  dropDifferences: 'DELETE FROM differences WHERE id > ? AND id < ?',
  eraseDifference: 'DELETE FROM differences WHERE id = ?',
  /**
   * What was found long ago is let go; that it was, and how much, stays. Values: now, how long (ms) where no contract says
   * less for a class of its data.
   */
  purgeDifferences: `DELETE FROM differences WHERE substr(id, 1, instr(id, '/') - 1) IN (
    SELECT id FROM reports LEFT JOIN reconciliation_plans ON hash = reports.plan WHERE ended_at < ?1 - min(?2, coalesce(reconciliation_plans.plan ->> '$.keepMs', ?2)))`,
  putRepair: 'INSERT INTO repairs (token, at, state, value) VALUES (?, ?, ?, ?)',
  /** Refused when it was applied before. */
  applyRepair: `UPDATE repairs SET state = 'applied', value = ?2 WHERE token = ?1`,
  endRepair: `UPDATE repairs SET state = 'done', value = ?2 WHERE token = ?1`,
  dropRepairs: `DELETE FROM repairs WHERE state = 'planned' AND at < ?1`,
  /** The time that runs stood ready while their pipeline was paused does not count: values pipeline, now, paused at. */
  forgetPause: `UPDATE runs SET clock_from = clock_from + (?2 - max(?3, due_at))
    WHERE pipeline = ?1 AND due_at IS NOT NULL AND due_at < ?2 AND state <> 'accepted' AND clock_from IS NOT NULL AND paused_since IS NULL`,
  /** As `suspend` in `waiting`, for event `?5`: due at once when one came (after `?6`) while this was being written. */
  suspendForEvent: `UPDATE OR ROLLBACK runs SET state = 'waiting', updated_at = ?2, step = ?4, paused_since = coalesce(paused_since, ?2), claimed = 0,
    due_at = CASE WHEN EXISTS (SELECT 1 FROM events WHERE event = ?5 AND seq > ?6) THEN ?2 ELSE ?3 END WHERE seq = ?1`,
  /**
   * As `suspend`, for several waits: `?8` lists journal keys, `?9` events `{ name, scannedTo }` that would end one, `?10`
   * tags of switches that hold one: due at once when one of them is gone. `?11` 2: it may have sent something, and stays claimed.
   */
  suspendMany: `UPDATE OR ROLLBACK runs SET state = ?2, updated_at = ?3, step = ?5, paused_since = coalesce(paused_since, ?6), failure = ?7, claimed = ?11, held = nullif(?10, '[]'),
    due_at = CASE WHEN EXISTS (SELECT 1 FROM journal WHERE run_seq = ?1 AND key IN (SELECT value FROM json_each(?8)))
      OR EXISTS (SELECT 1 FROM json_each(?10) AS holder WHERE instr(holder.value, '#') > 0 AND holder.value NOT IN (SELECT tag FROM switches))
      OR EXISTS (SELECT 1 FROM json_each(?9) AS awaited JOIN events ON events.event = awaited.value ->> 'name' AND events.seq > awaited.value ->> 'scannedTo')
      THEN ?3 ELSE ?4 END WHERE seq = ?1`,
  /** `OR ROLLBACK`, wherever a state is set: see the triggers in the schema. */
  end: 'UPDATE OR ROLLBACK runs SET state = ?2, updated_at = ?3, due_at = NULL, claimed = 0, step = ?4, failure = ?5 WHERE seq = ?1',
  /** Lets the next run of an order key begin: values pipeline, order key, now. */
  admitNext: `UPDATE runs SET due_at = ?3, behind = 0 WHERE behind = 1 AND seq = (SELECT min(seq) FROM runs WHERE pipeline = ?1 AND order_key = ?2 AND order_key IS NOT NULL AND state NOT IN (${TERMINAL}))`,
  /**
   * A person has said something to a run: values seq, now. Refused by the trigger where it has ended in a write before this one:
   * whoever said so is told, and what has ended is never due.
   */
  wake: `UPDATE OR ROLLBACK runs SET due_at = ?2, state = CASE WHEN state IN (${FINAL}) THEN 'accepted' ELSE state END WHERE seq = ?1 AND claimed <> 1`,
  /** Of a run that has ended, and is not to be undone with another one. */
  rest: `UPDATE runs SET due_at = NULL WHERE seq = ?1 AND state IN (${FINAL})
    AND NOT (state = 'succeeded' AND EXISTS (SELECT 1 FROM journal WHERE run_seq = ?1 AND key = '#takenBack'))`,
  /** A person resumed it: values seq, state, now. The deadline begins anew, once it has its turn in the order of its key. */
  resume: `UPDATE OR ROLLBACK runs SET state = ?2, updated_at = ?3, clock_from = ?3, paused_since = CASE taken WHEN 1 THEN ?3 END, claimed = 0, failure = NULL,
    behind = taken, due_at = CASE taken WHEN 1 THEN NULL ELSE ?3 END
    FROM (SELECT EXISTS (SELECT 1 FROM runs AS other JOIN runs AS self ON self.seq = ?1 WHERE other.pipeline = self.pipeline AND other.order_key = self.order_key
      AND other.order_key IS NOT NULL AND other.seq <> ?1 AND other.state NOT IN (${TERMINAL})) AS taken)
    WHERE seq = ?1`,
  /** Lets go of a run that nothing would move: values seq, now. A claim without a holder counts as cut short. */
  unstick: `UPDATE runs SET due_at = ?2, claimed = CASE claimed WHEN 0 THEN 0 ELSE 2 END, behind = 0, held = NULL
    WHERE seq = ?1 AND due_at IS NULL AND state NOT IN (${TERMINAL})`,
  /** As a crash leaves a run, but in this process: values seq, now. */
  setAside: 'UPDATE runs SET due_at = ?2, claimed = 2 WHERE seq = ?1',
  /**
   * Only runs in these states are claimed for work. One that waits, and had been cut short before, stays marked so. Compensations have an
   * index of those that are claimed, since any number of them may wait, for a time or for a child.
   */
  reclaim: `UPDATE runs SET due_at = 0, claimed = 2 WHERE seq IN (
    SELECT seq FROM runs INDEXED BY runs_open WHERE state = 'running' AND state <> 'succeeded' AND claimed > 0
    UNION ALL SELECT seq FROM runs INDEXED BY runs_undoing WHERE state = 'compensating' AND claimed > 0)`,
  /** Let go of what ended long ago: values first run (not included), last run, and those of `EXPIRED`. The ledger stays. */
  purgeJournal: `DELETE FROM journal WHERE run_seq > ?1 AND run_seq <= ?2
    AND run_seq IN (SELECT seq FROM runs WHERE seq > ?1 AND seq <= ?2 AND ${EXPIRED})`,
  /** Save what somebody still owes. */
  purgeOpenings: `DELETE FROM openings WHERE run_seq > ?1 AND run_seq <= ?2 AND kind <> 'forwardFix'
    AND run_seq IN (SELECT seq FROM runs WHERE seq > ?1 AND seq <= ?2 AND ${EXPIRED})`,
  /** A payload that several runs began with stays until all of them have ended. */
  purgePayloads: `UPDATE events SET payload = 'null', data_key = NULL WHERE payload <> 'null'
    AND seq IN (SELECT event_seq FROM runs WHERE seq > ?1 AND seq <= ?2 AND ${EXPIRED})
    AND NOT EXISTS (SELECT 1 FROM runs WHERE event_seq = events.seq AND NOT (${EXPIRED}))`,
  /** Before the payloads go: their keys are to be destroyed. */
  shredPurgedEvents: `INSERT OR IGNORE INTO shreds SELECT data_key FROM events WHERE data_key IS NOT NULL
    AND seq IN (SELECT event_seq FROM runs WHERE seq > ?1 AND seq <= ?2 AND ${EXPIRED})
    AND NOT EXISTS (SELECT 1 FROM runs WHERE event_seq = events.seq AND NOT (${EXPIRED}))`,
  /** Once the openings are gone: what is still owed needs its key. */
  shredPurgedRuns: `INSERT OR IGNORE INTO shreds SELECT data_key FROM runs WHERE data_key IS NOT NULL AND seq > ?1 AND seq <= ?2
    AND ${EXPIRED} AND NOT EXISTS (SELECT 1 FROM openings WHERE run_seq = runs.seq)`,
  purgeRuns: `UPDATE runs SET salt = NULL, data_key = NULL, failure = NULL, intake_failure = NULL WHERE (salt IS NOT NULL OR data_key IS NOT NULL) AND seq > ?1 AND seq <= ?2
    AND ${EXPIRED} AND NOT EXISTS (SELECT 1 FROM openings WHERE run_seq = runs.seq)`,
  /** Events that nothing wanted: values first event (not included), last event, received before. */
  shredPurgedLoneEvents: `INSERT OR IGNORE INTO shreds SELECT data_key FROM events WHERE data_key IS NOT NULL AND ${LONE}`,
  purgeLoneEvents: `UPDATE events SET payload = 'null', data_key = NULL WHERE payload <> 'null' AND ${LONE}`,
  /** All that a run that has ended holds of anybody, but its keys: they keep its effects from happening again. */
  eraseJournal: `DELETE FROM journal WHERE run_seq IN (SELECT seq FROM runs WHERE seq = ?1 AND ${SETTLED})`,
  eraseOpenings: `DELETE FROM openings WHERE run_seq IN (SELECT seq FROM runs WHERE seq = ?1 AND ${SETTLED})`,
  shredEvent: `INSERT OR IGNORE INTO shreds SELECT data_key FROM events WHERE data_key IS NOT NULL AND seq = (SELECT event_seq FROM runs WHERE seq = ?1 AND ${SETTLED})
    AND NOT EXISTS (SELECT 1 FROM runs WHERE event_seq = events.seq AND state NOT IN (${FINAL}))`,
  erasePayload: `UPDATE events SET payload = 'null', data_key = NULL WHERE seq = (SELECT event_seq FROM runs WHERE seq = ?1 AND ${SETTLED})
    AND NOT EXISTS (SELECT 1 FROM runs WHERE event_seq = events.seq AND state NOT IN (${FINAL}))`,
  shredRun: `INSERT OR IGNORE INTO shreds SELECT data_key FROM runs WHERE data_key IS NOT NULL AND seq = ?1 AND ${SETTLED}`,
  eraseRun: `UPDATE runs SET salt = NULL, data_key = NULL, failure = NULL, intake_failure = NULL WHERE seq = ?1 AND ${SETTLED}`,
  /** An event that began no run, unless a run may still wait for it. */
  shredLoneEvent: `INSERT OR IGNORE INTO shreds SELECT data_key FROM events WHERE data_key IS NOT NULL AND seq = ?1
    AND NOT EXISTS (SELECT 1 FROM runs WHERE event_seq = ?1) AND NOT EXISTS (SELECT 1 FROM openings WHERE openings.event = events.event)`,
  eraseEvent: `UPDATE events SET payload = 'null', data_key = NULL WHERE seq = ?1 AND NOT EXISTS (SELECT 1 FROM runs WHERE event_seq = ?1)
    AND NOT EXISTS (SELECT 1 FROM openings WHERE openings.event = events.event)`,
  /** Values: first run, last run, now. */
  purgeKeys: `DELETE FROM keys WHERE expires_at < ?3 AND run_seq > ?1 AND run_seq <= ?2
    AND (pipeline, key) IN (SELECT pipeline, key FROM runs WHERE seq > ?1 AND seq <= ?2)
    AND (SELECT state FROM runs WHERE seq = run_seq) IN (${FINAL})`,
  /** Values: first run, last run, now. */
  purgeNewest: `DELETE FROM newest WHERE expires_at < ?3 AND run_seq > ?1 AND run_seq <= ?2
    AND run_seq IN (SELECT seq FROM runs WHERE seq > ?1 AND seq <= ?2 AND state IN (${FINAL}))`,
  putCursor:
    'INSERT INTO cursors (name, value, at) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value, at = excluded.at',
  putLedger: 'INSERT INTO ledger (seq, run_seq, count, facts) VALUES (?, ?, ?, ?)',
} as const;

export type WriteName = keyof typeof writes;
export type Write = readonly [name: WriteName, ...values: SqlValue[]];

type ValuesOf = readonly SqlValue[];

/** A value of a write that is data of somebody: which one, and where it will lie. */
export interface SealedValue {
  readonly at: number;
  readonly place: (values: ValuesOf) => Place;
}

/** By whose data key: that of a new event or run, whose number is then one value more; that of a run; the system's. */
export interface Sealing {
  readonly by: 'newEvent' | 'newRun' | 'run' | 'system';
  readonly values: readonly SealedValue[];
}

const failureOfRun = (at: number): SealedValue => ({ at, place: ([seq]) => `runs/${seq}/failure` });

/** What of each write goes through the codec; all that is read of it comes back through it, from the same place. */
export const sealings: Readonly<Partial<Record<WriteName, Sealing>>> = {
  putEvent: { by: 'newEvent', values: [{ at: 6, place: ([seq]) => `events/${seq}` }] },
  putRun: {
    by: 'newRun',
    values: [
      { at: 12, place: ([seq]) => `runs/${seq}/intake` },
      { at: 13, place: ([seq]) => `runs/${seq}/salt` },
    ],
  },
  putClaimedRun: { by: 'newRun', values: [{ at: 11, place: ([seq]) => `runs/${seq}/salt` }] },
  putEndedRun: { by: 'newRun', values: [{ at: 11, place: ([seq]) => `runs/${seq}/salt` }] },
  // Not by the run's own: what is older is told from it when the run's data is gone, too.
  putNewest: { by: 'system', values: [{ at: 2, place: ([, , , run]) => `newest/${run}` }] },
  putJournal: { by: 'run', values: [{ at: 3, place: ([run, key]) => `journal/${run}/${key}` }] },
  cancelChild: { by: 'run', values: [{ at: 2, place: ([run]) => `journal/${run}/#cancel` }] },
  takeBackChild: { by: 'run', values: [{ at: 2, place: ([run]) => `journal/${run}/#takenBack` }] },
  putOpening: { by: 'run', values: [{ at: 9, place: ([run, key]) => `openings/${run}/${key}` }] },
  suspend: { by: 'run', values: [failureOfRun(6)] },
  suspendMany: { by: 'run', values: [failureOfRun(6)] },
  end: { by: 'run', values: [failureOfRun(4)] },
  putCursor: { by: 'system', values: [{ at: 1, place: ([name]) => `cursors/${name}` }] },
  putSwitch: { by: 'system', values: [{ at: 2, place: ([id]) => `switches/${id}` }] },
  putGuard: { by: 'system', values: [{ at: 2, place: ([connection]) => `guards/${connection}` }] },
  putReport: { by: 'system', values: [{ at: 4, place: ([id]) => `reports/${id}` }] },
  noteReport: { by: 'system', values: [{ at: 1, place: ([id]) => `reports/${id}` }] },
  endReport: { by: 'system', values: [{ at: 3, place: ([id]) => `reports/${id}` }] },
  putDifference: { by: 'system', values: [{ at: 2, place: ([id]) => `differences/${id}` }] },
  putRepair: { by: 'system', values: [{ at: 3, place: ([token]) => `repairs/${token}` }] },
  applyRepair: { by: 'system', values: [{ at: 1, place: ([token]) => `repairs/${token}` }] },
  endRepair: { by: 'system', values: [{ at: 1, place: ([token]) => `repairs/${token}` }] },
  putReplay: { by: 'system', values: [{ at: 2, place: ([token]) => `replays/${token}` }] },
  rewordReplay: { by: 'system', values: [{ at: 1, place: ([token]) => `replays/${token}` }] },
  rewordRepair: { by: 'system', values: [{ at: 1, place: ([token]) => `repairs/${token}` }] },
  startReplay: { by: 'system', values: [{ at: 1, place: ([token]) => `replay_starts/${token}` }] },
};

/** What may stand between both: none of it looks at the row of the run. */
const BETWEEN: ReadonlySet<WriteName> = new Set([
  'putKey',
  'putConnectionPart',
  'putNewest',
  'putLedger',
  'putJournal',
]);

/**
 * The writes of a group, with a run that is begun and succeeds in it as one row put in: as two writes it was put into the index
 * of unfinished runs, and taken out again, a third of what such a run takes the commit thread.
 */
export function joinedEnds(group: readonly Write[]): readonly Write[] {
  const begun = group.findIndex(([name]) => name === 'putClaimedRun');
  if (begun < 0) return group;
  const ended = group.findIndex(([name], index) => index > begun && !BETWEEN.has(name));
  const born = group[begun]!;
  const end = group[ended];
  if (end?.[0] !== 'end' || end[1] !== born[1] || end[2] !== 'succeeded') return group;
  const [, ...values] = born;
  const joined: Write = ['putEndedRun', ...values, end[3]!];
  return group.flatMap((write, index) => (index === begun ? [joined] : index === ended ? [] : [write]));
}

/** Statements of one connection, prepared when first used. */
export class Statements {
  readonly #db: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  of(sql: string): StatementSync {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }

  /** All rows that a statement gives, in the shape that whoever wrote it says. */
  rows<Row>(sql: string, ...values: SqlValue[]): Row[] {
    // The columns are the statement's, which the caller has beside it.
    return this.of(sql).all(...values) as Row[];
  }

  /** All that `look` reads is read in one transaction. */
  together<T>(look: () => T): T {
    this.of('BEGIN').run();
    try {
      return look();
    } finally {
      if (this.#db.isTransaction) this.of('COMMIT').run();
    }
  }
}
