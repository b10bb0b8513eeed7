import type { LedgerEntry } from '../../runtime.ts';
import type { EmbeddedEngine } from '../engine.ts';
import { entriesOf } from '../file/ledger-rows.ts';
import { nextTurn } from '../next-turn.ts';

/** Numbers of entries gone through at once, before others get their turn. */
const AT_ONCE = 5_000;

/** Entries of the runs of a pipeline behind a number, in order. What is gone through is the ledger since then, and no more. */
export async function* entriesSince(
  engine: EmbeddedEngine,
  pipeline: string,
  sequence: number,
): AsyncIterable<LedgerEntry> {
  const last = lastSequence(engine);
  for (let after = sequence; after <= last; after += AT_ONCE) {
    const rows = engine.read
      .of(
        `SELECT l.seq, l.run_seq, l.facts, r.run_id, r.correlation_id FROM ledger l CROSS JOIN runs r ON r.seq = l.run_seq
         WHERE l.seq > ? AND l.seq <= ? AND r.pipeline = ? ORDER BY l.seq`,
      )
      .all(after, after + AT_ONCE, pipeline);
    for (const row of rows)
      yield* entriesOf(
        {
          seq: Number(row['run_seq']),
          runId: String(row['run_id']),
          pipeline,
          correlationId: String(row['correlation_id']),
        },
        Number(row['seq']),
        String(row['facts']),
      );
    await nextTurn();
  }
}

/** Of the last row: its first entry. */
export function lastSequence(engine: EmbeddedEngine): number {
  return engine.number('SELECT coalesce(max(seq), 0) AS n FROM ledger');
}
