import type { DatabaseSync } from 'node:sqlite';
import { RuntimeError } from '../../runtime-error.ts';
import { listed, runStates, terminalStates, transitions } from '../../states.ts';

const TERMINAL = listed(terminalStates);
const STATES = listed(runStates);

/** One entry per version, never edited once released; `user_version` counts those that a file has been through. */
const migrations: readonly string[] = [
  `
CREATE TABLE plans (hash TEXT PRIMARY KEY, pipeline TEXT NOT NULL, version INTEGER NOT NULL, stored_at INTEGER NOT NULL, plan TEXT NOT NULL) WITHOUT ROWID;
-- The active version of each pipeline.
CREATE TABLE pipelines (pipeline TEXT PRIMARY KEY, plan_hash TEXT NOT NULL REFERENCES plans(hash)) WITHOUT ROWID;

-- The inbox: every delivery once (C78), with its whole payload (C79).
CREATE TABLE events (
  seq INTEGER PRIMARY KEY, source TEXT NOT NULL, delivery_id TEXT NOT NULL, event TEXT NOT NULL,
  received_at INTEGER NOT NULL, traceparent TEXT, payload TEXT NOT NULL,
  UNIQUE (source, delivery_id)
);
CREATE INDEX events_by_name ON events (event, seq);

CREATE TABLE transitions (from_state TEXT NOT NULL, to_state TEXT NOT NULL, PRIMARY KEY (from_state, to_state)) WITHOUT ROWID;

CREATE TABLE runs (
  seq INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE, pipeline TEXT NOT NULL, version INTEGER NOT NULL, plan_hash TEXT NOT NULL,
  key TEXT NOT NULL, order_key TEXT, event_seq INTEGER NOT NULL, correlation_id TEXT NOT NULL, traceparent TEXT NOT NULL, owner TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN (${STATES})),
  step TEXT, accepted_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  -- The deadline counts from here; moved on by the length of each wait.
  clock_from INTEGER, paused_since INTEGER,
  -- When the run has something to do; null: not before something happens.
  due_at INTEGER,
  -- 1: a process is at it. 2: a process was, and ended without saying so.
  claimed INTEGER NOT NULL DEFAULT 0,
  -- 1: waits for an earlier run of its order key.
  behind INTEGER NOT NULL DEFAULT 0,
  intake_failure TEXT, failure TEXT
);
CREATE INDEX runs_due ON runs (pipeline, due_at, seq) WHERE due_at IS NOT NULL;
CREATE INDEX runs_claimed ON runs (claimed) WHERE claimed > 0;
CREATE INDEX runs_order ON runs (pipeline, order_key, seq) WHERE order_key IS NOT NULL AND state NOT IN (${TERMINAL});
CREATE INDEX runs_open ON runs (state, seq) WHERE state <> 'succeeded';
CREATE INDEX runs_key ON runs (key, seq);
CREATE INDEX runs_correlation ON runs (correlation_id, seq);
CREATE INDEX runs_event ON runs (event_seq);
CREATE TRIGGER runs_transition BEFORE UPDATE OF state ON runs
WHEN OLD.state <> NEW.state AND NOT EXISTS (SELECT 1 FROM transitions WHERE from_state = OLD.state AND to_state = NEW.state)
BEGIN SELECT RAISE(ABORT, 'RUN_TRANSITION_ILLEGAL'); END;

-- Business keys: the first run of each, until the key is let go (C42).
CREATE TABLE keys (pipeline TEXT NOT NULL, key TEXT NOT NULL, run_seq INTEGER NOT NULL, expires_at INTEGER NOT NULL, PRIMARY KEY (pipeline, key)) WITHOUT ROWID;
CREATE INDEX keys_by_run ON keys (run_seq);

-- What the interpreter did and was told, by key: its memory across waits and crashes.
CREATE TABLE journal (run_seq INTEGER NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (run_seq, key)) WITHOUT ROWID;

-- Approvals, doubts, dead letters, forward fixes and awaited events that are open now. Their history is in the ledger.
CREATE TABLE openings (
  run_seq INTEGER NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, step TEXT NOT NULL, owner TEXT NOT NULL, since INTEGER NOT NULL,
  expires_at INTEGER, event TEXT, scanned_to INTEGER, detail TEXT NOT NULL, PRIMARY KEY (run_seq, key)
) WITHOUT ROWID;
CREATE INDEX openings_by_kind ON openings (kind, since);
CREATE INDEX openings_by_event ON openings (event) WHERE event IS NOT NULL;

-- One row for the facts that one write recorded of one run; seq is the first fact's number.
CREATE TABLE ledger (seq INTEGER PRIMARY KEY, run_seq INTEGER NOT NULL, count INTEGER NOT NULL, facts TEXT NOT NULL);
CREATE INDEX ledger_by_run ON ledger (run_seq, seq);
CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'LEDGER_APPEND_ONLY'); END;
CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'LEDGER_APPEND_ONLY'); END;
`,
  `
-- The Merkle tree over the rows of the ledger: 256 hashes a row, level 0 over leaves, level n over roots of level n - 1.
CREATE TABLE ledger_tiles (
  level INTEGER NOT NULL, idx INTEGER NOT NULL, last_seq INTEGER NOT NULL, root BLOB NOT NULL, hashes BLOB NOT NULL,
  PRIMARY KEY (level, idx)
) WITHOUT ROWID;
-- The leaves behind the last full tile; one row, written once a batch.
CREATE TABLE ledger_open (id INTEGER PRIMARY KEY CHECK (id = 0), size INTEGER NOT NULL, last_seq INTEGER NOT NULL, hashes BLOB NOT NULL);
INSERT INTO ledger_open VALUES (0, 0, 0, x'');
`,
  `
-- What people have switched: see switches.ts.
CREATE TABLE switches (id TEXT PRIMARY KEY, tag TEXT NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
-- Tags (JSON) of the switches that hold a run.
ALTER TABLE runs ADD COLUMN held TEXT;
CREATE INDEX runs_held ON runs (seq) WHERE held IS NOT NULL;
-- Runs that are due and not new: those that go on while a pipeline is killed.
CREATE INDEX runs_due_begun ON runs (pipeline, due_at, seq) WHERE due_at IS NOT NULL AND state <> 'accepted';
`,
  `
-- Dry runs of replays with the runs that they froze, and those that were applied: see replays.ts.
CREATE TABLE replays (token TEXT PRIMARY KEY, at INTEGER NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE replay_starts (token TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE replay_runs (token TEXT NOT NULL, run_seq INTEGER NOT NULL, state TEXT NOT NULL, PRIMARY KEY (token, run_seq)) WITHOUT ROWID;
CREATE INDEX replay_runs_open ON replay_runs (state, token) WHERE state IN ('waiting', 'sent');
`,
  `
-- How far a source has come; written with the event that it covers.
CREATE TABLE cursors (name TEXT PRIMARY KEY, value TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
`,
  `
-- What the guard of a connection must remember over a restart: breaker, quota, retry budget.
CREATE TABLE guards (connection TEXT PRIMARY KEY, at INTEGER NOT NULL, snapshot TEXT NOT NULL) WITHOUT ROWID;
`,
  `
-- Runs of one pipeline, latest first: without it a pipeline with few runs is found by reading all of them.
CREATE INDEX runs_by_pipeline ON runs (pipeline, seq);
`,
  `
-- Goes into every digest that the ledger keeps of a run's data, and goes with that data: what is erased cannot be guessed.
ALTER TABLE runs ADD COLUMN salt TEXT;
`,
  `
-- Numbers of the data keys (see data-keys.ts) that the values of an event, and of a run, are encrypted with.
ALTER TABLE events ADD COLUMN data_key INTEGER;
ALTER TABLE runs ADD COLUMN data_key INTEGER;
-- Data keys to be destroyed: written with what says why, gone when it is done.
CREATE TABLE shreds (data_key INTEGER PRIMARY KEY);
-- Queue and class of a dead letter, which are counted: its detail may be encrypted.
ALTER TABLE openings ADD COLUMN letter_queue TEXT;
ALTER TABLE openings ADD COLUMN letter_class TEXT;
UPDATE openings SET letter_queue = detail ->> '$.queue', letter_class = detail ->> '$.failure.class' WHERE kind = 'deadLetter';
-- What is true of the file as a whole: that it is encrypted, and how far what was there before has come.
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
`,
  `
-- Who has used a secret for what, summed up; each use is in the ledger. Pipeline and step are empty where no run is behind it.
CREATE TABLE secret_users (
  reference TEXT NOT NULL, connection TEXT NOT NULL, purpose TEXT NOT NULL, pipeline TEXT NOT NULL, step TEXT NOT NULL,
  first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, uses INTEGER NOT NULL, failed INTEGER NOT NULL, unexpected INTEGER NOT NULL,
  PRIMARY KEY (reference, connection, purpose, pipeline, step)
) WITHOUT ROWID;
`,
  `
-- Runs that a run started as its children: see children.ts.
CREATE TABLE children (
  run_seq INTEGER PRIMARY KEY, parent_seq INTEGER NOT NULL, parent_key TEXT NOT NULL, parent_step TEXT NOT NULL, root_seq INTEGER NOT NULL,
  hops INTEGER NOT NULL, deadline_ms INTEGER NOT NULL, told INTEGER NOT NULL DEFAULT 0,
  UNIQUE (parent_seq, parent_key)
);
CREATE TRIGGER runs_taken_back BEFORE UPDATE OF state ON runs
WHEN OLD.state = 'succeeded' AND NEW.state = 'compensating' AND NOT EXISTS (SELECT 1 FROM children WHERE run_seq = OLD.seq)
BEGIN SELECT RAISE(ABORT, 'RUN_TRANSITION_ILLEGAL'); END;
`,
  `
-- The newest version of each entity that a pipeline has taken an event of: what is older and comes later is left out.
CREATE TABLE newest (pipeline TEXT NOT NULL, order_key TEXT NOT NULL, version TEXT NOT NULL, run_seq INTEGER NOT NULL, expires_at INTEGER NOT NULL, PRIMARY KEY (pipeline, order_key)) WITHOUT ROWID;
CREATE INDEX newest_by_run ON newest (run_seq);
`,
  `
-- What two systems were compared by, and what came of it: see reconcile/reconciliations.ts.
CREATE TABLE reconciliation_plans (hash TEXT PRIMARY KEY, name TEXT NOT NULL, version INTEGER NOT NULL, stored_at INTEGER NOT NULL, plan TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE reports (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('comparing', 'complete', 'failed')),
  begun_at INTEGER NOT NULL, ended_at INTEGER, is_dry INTEGER NOT NULL, value TEXT NOT NULL, plan TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX reports_by_name ON reports (name, id);
CREATE TRIGGER reports_end_once BEFORE UPDATE OF state ON reports WHEN OLD.state <> 'comparing'
BEGIN SELECT RAISE(ABORT, 'REPORT_ENDED'); END;
-- <report>/<number>
CREATE TABLE differences (id TEXT PRIMARY KEY, kind TEXT NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
-- Dry runs of repairs, and those that were applied: see reconcile/repairs.ts.
CREATE TABLE repairs (token TEXT PRIMARY KEY, at INTEGER NOT NULL, state TEXT NOT NULL CHECK (state IN ('planned', 'applied', 'done')), value TEXT NOT NULL) WITHOUT ROWID;
CREATE TRIGGER repairs_apply_once BEFORE UPDATE OF state ON repairs WHEN NEW.state = 'applied' AND OLD.state <> 'planned'
BEGIN SELECT RAISE(ABORT, 'REPAIR_APPLIED'); END;
`,
  `
-- The journal in the order of writing: in that of runs, a commit of many runs dirtied a page for every few of its rows.
CREATE TABLE journal_rows (seq INTEGER PRIMARY KEY, run_seq INTEGER NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL, value TEXT NOT NULL);
INSERT INTO journal_rows (run_seq, key, at, value) SELECT run_seq, key, at, value FROM journal ORDER BY run_seq, key;
DROP TABLE journal;
ALTER TABLE journal_rows RENAME TO journal;
CREATE UNIQUE INDEX journal_by_key ON journal (run_seq, key);
`,
  `
-- Nothing is changed, but an earlier version may not have the file: it would take the digests in an encrypted one for its names.
`,
  `
-- A refused move takes the whole transaction back, which the writer does anyway: taking back the one statement, SQLite copies each
-- page beforehand that the statement changes, half of what an end cost.
DROP TRIGGER runs_transition;
CREATE TRIGGER runs_transition BEFORE UPDATE OF state ON runs
WHEN OLD.state <> NEW.state AND NOT EXISTS (SELECT 1 FROM transitions WHERE from_state = OLD.state AND to_state = NEW.state)
BEGIN SELECT RAISE(ROLLBACK, 'RUN_TRANSITION_ILLEGAL'); END;
DROP TRIGGER runs_taken_back;
CREATE TRIGGER runs_taken_back BEFORE UPDATE OF state ON runs
WHEN OLD.state = 'succeeded' AND NEW.state = 'compensating' AND NOT EXISTS (SELECT 1 FROM children WHERE run_seq = OLD.seq)
BEGIN SELECT RAISE(ROLLBACK, 'RUN_TRANSITION_ILLEGAL'); END;
-- Each index is a page more in nearly every commit. Keys are found by the pipeline and key of their run; claimed runs are among those at
-- work; the first run of an event that came without a trace has its own id for correlation id.
DROP INDEX keys_by_run;
DROP INDEX runs_claimed;
DROP INDEX runs_correlation;
CREATE INDEX runs_correlation ON runs (correlation_id, seq) WHERE correlation_id <> run_id;
`,
  `
-- Compensations that a process has taken: the next start finds them without those that wait. Runs that are not undone are never in it.
CREATE INDEX runs_undoing ON runs (seq) WHERE state = 'compensating' AND claimed > 0;
`,
  `
-- Nothing is changed, but an earlier version may not have the file: it would take a person's word that they did an effect by hand for one to go
-- on with it, and send it.
`,
  `
-- Nothing is changed, but an earlier version may not have the file: it does not ask for the rows that say that a step was left out in a later round
-- ('/passed/'), and takes itself to be replaying for ever; and a run that was cancelled during its last call, and is being undone, would succeed.
`,
  `
-- Nothing is changed, but an earlier version may not have the file: it would take the first of several approvals for all of them.
`,
  `
-- Nothing is changed, but an earlier version may not have the file: it would take an event of another account for one that a run waits for, and
-- knows no call that chooses its connection.
`,
  `
-- Over which connection the event of a run came: '' over none, NULL not stored, of a run from before this. And which parts of all runs have one
-- of a connection: see connection-parts.ts, which fills in what was there before while everything goes on.
ALTER TABLE runs ADD COLUMN connection TEXT;
CREATE TABLE connection_parts (connection TEXT NOT NULL, part INTEGER NOT NULL, PRIMARY KEY (connection, part)) WITHOUT ROWID;
INSERT INTO settings (name, value) SELECT 'connectionsLeft', coalesce(max(seq), 0) FROM runs;
`,
];

/** Brings a file to this version's schema (or, for tests, to an earlier one); refuses one that a newer version wrote. */
export function migrate(db: DatabaseSync, file: string, target: number = migrations.length): void {
  const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
  if (version > migrations.length)
    throw new RuntimeError(
      'RUNTIME_FILE_NEWER',
      `${file} was written by a newer version of Tenon (schema ${version}, this one knows ${migrations.length})`,
    );
  if (version === target && hasTransitions(db)) return;
  db.exec('BEGIN IMMEDIATE');
  try {
    takeOver(db, version, target);
  } catch (cause) {
    // Some failures, such as a full disk, have taken it back already.
    if (db.isTransaction) db.exec('ROLLBACK');
    if (version === 0 || version === target) throw cause;
    const because = cause instanceof Error ? cause.message : String(cause);
    throw new RuntimeError(
      'RUNTIME_FILE_UNREADABLE',
      `${file} is of an earlier version of Tenon (schema ${version}, this one writes ${target}) and could not be taken over; it stands as it was: ${because}`,
      { cause },
    );
  }
}

function takeOver(db: DatabaseSync, version: number, target: number): void {
  for (const sql of migrations.slice(version, target)) db.exec(sql);
  db.exec('DELETE FROM transitions');
  const insert = db.prepare('INSERT INTO transitions VALUES (?, ?)');
  for (const [from, targets] of Object.entries(transitions)) for (const to of targets) insert.run(from, to);
  db.exec(`PRAGMA user_version = ${target}`);
  db.exec('COMMIT');
}

/** Does the file hold the moves that this version knows? Writing them anew would be one more fsync before the first run. */
function hasTransitions(db: DatabaseSync): boolean {
  const stored = db
    .prepare('SELECT from_state, to_state FROM transitions')
    .all()
    .map((row) => `${row['from_state']} ${row['to_state']}`);
  const known = Object.entries(transitions).flatMap(([from, targets]) =>
    targets.map((to) => `${from} ${to}`),
  );
  return stored.length === known.length && new Set([...stored, ...known]).size === known.length;
}

/** Settings that are per connection. `FULL`: a commit that returned is on the disk, whatever happens next. */
export function configure(db: DatabaseSync): void {
  db.exec(
    'PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384',
  );
}
