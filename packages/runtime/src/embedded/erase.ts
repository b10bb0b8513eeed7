import type { ErasureReport } from '../runtime.ts';
import type { EmbeddedEngine } from './engine.ts';
import type { Noted } from './ledger-rows.ts';
import type { RunRow } from './run-row.ts';
import type { Write } from './statements.ts';

/** Runs erased in one write: short, so that intake does not wait for it. */
const SLICE_RUNS = 50;
const FINAL: ReadonlySet<string> = new Set(['succeeded', 'compensated', 'cancelled']);

/**
 * Lets all data of a subject go: payloads, results, decisions, failures and the salts of digests, of every run that has the
 * subject as its key or order key or holds it anywhere as a value. Runs, keys and ledger stay, so no effect can
 * happen again and the ledger verifies as before. Runs that have not ended are named and left: they need their data.
 */
export async function erase(
  engine: EmbeddedEngine,
  subject: string,
  actor: string,
  reason: string,
  apply: boolean,
): Promise<ErasureReport> {
  const runs = runsOf(engine, subject);
  const ended = runs.filter(({ state }) => FINAL.has(state));
  const events = eventsOf(engine, subject);
  if (apply) {
    for (let at = 0; at < ended.length; at += SLICE_RUNS)
      await eraseRuns(engine, ended.slice(at, at + SLICE_RUNS), actor, reason);
    // The subject itself is not said: an entry stays for ever.
    const details = { action: 'erase', actor, reason, runs: ended.length, events: events.length };
    await engine.commit(
      events.map((seq): Write => ['eraseEvent', seq]),
      [engine.system({ kind: 'erased', details })],
    );
    await engine.scrub();
  }
  return {
    applied: apply,
    runs: ended.map(({ run_id: runId, pipeline, state }) => ({ runId, pipeline, state })),
    kept: runs
      .filter(({ state }) => !FINAL.has(state))
      .map(({ run_id: runId, pipeline, state }) => ({ runId, pipeline, state })),
    events: events.length,
  };
}

async function eraseRuns(
  engine: EmbeddedEngine,
  runs: readonly RunRow[],
  actor: string,
  reason: string,
): Promise<void> {
  const writes = runs.flatMap(({ seq }): Write[] => [
    ['eraseJournal', seq],
    ['eraseOpenings', seq],
    ['erasePayload', seq],
    ['eraseRun', seq],
  ]);
  const noted = runs.map(
    (run): Noted => engine.noted(run, [{ kind: 'erased', details: { action: 'erase', actor, reason } }]),
  );
  await engine.commit(writes, noted);
}

function runsOf(engine: EmbeddedEngine, subject: string): readonly RunRow[] {
  // Rows of `runs` have the shape of `RunRow`. Every value of every payload and result is looked at: it is rare, and must be whole.
  return engine.read
    .of(
      `SELECT * FROM runs WHERE key = ?1 OR order_key = ?1
        OR event_seq IN (SELECT events.seq FROM events, json_tree(events.payload) AS node WHERE node.atom = ?1)
        OR seq IN (SELECT run_seq FROM journal, json_tree(journal.value) AS node WHERE node.atom = ?1)
        OR seq IN (SELECT run_seq FROM openings, json_tree(openings.detail) AS node WHERE node.atom = ?1)
      ORDER BY seq`,
    )
    .all(subject) as unknown as RunRow[];
}

/** Events that hold the subject and began no run: those that a run waited for, or that nothing wanted. */
function eventsOf(engine: EmbeddedEngine, subject: string): readonly number[] {
  return engine.read
    .of(
      `SELECT DISTINCT events.seq AS seq FROM events, json_tree(events.payload) AS node
      WHERE node.atom = ?1 AND NOT EXISTS (SELECT 1 FROM runs WHERE event_seq = events.seq)`,
    )
    .all(subject)
    .map((row) => Number(row['seq']));
}
