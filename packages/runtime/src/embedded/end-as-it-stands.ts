import type { Failure, JsonObject } from '@tenon/model';
import type { Cancellation, ChildEnd, Fact, Opening } from '../engine.ts';
import { failureDetails } from '../interpreter/effect-facts.ts';
import { forwardFact } from '../interpreter/interpret.ts';
import { fix } from '../interpreter/openings.ts';
import { canBeTold, linkOf, wordWrites } from './children.ts';
import type { EmbeddedEngine } from './engine.ts';
import type { Also } from './operations.ts';
import type { Queries } from './queries.ts';
import type { RunRow } from './run-row.ts';

/**
 * Ends a run that cannot be executed again, or stops with an internal error each time. So it cannot be undone either: what may be
 * left is its owner's work, and whoever ran it as a child is told that it is gone. With the answer it has ended; there is nothing in it
 * that could heed a word later. `why` completes "nothing more of the run was undone, as".
 */
export function endAsItStands(
  engine: EmbeddedEngine,
  queries: Queries,
  run: RunRow,
  why: string,
  by: Cancellation,
): Also & { readonly told: () => void } {
  const now = engine.now();
  const step = run.step ?? 'run';
  const failure = failureDetails(notUndone(why));
  const owed = workLeft(queries, run, why, step, now);
  const end: ChildEnd = { state: 'cancelled', effects: 1, failure: { ...failure, step }, workedMs: 0 };
  const found = linkOf(engine, run.seq);
  // Where its own row is damaged, the run above finds that when it goes on.
  const link = found !== undefined && canBeTold(found) ? found : undefined;
  const facts: Fact[] = [
    { kind: 'operator', details: { action: 'cancel', ...by } },
    { kind: 'state', step, details: { from: run.state, to: 'cancelled', ...by, ...failure } },
    forwardFact(owed),
  ];
  return {
    writes: [
      // Refused where it has ended meanwhile.
      ['wake', run.seq, now],
      ['closeForEnd', run.seq, step],
      [
        'putOpening',
        run.seq,
        owed.key,
        owed.kind,
        owed.step,
        owed.owner,
        now,
        null,
        null,
        null,
        JSON.stringify(owed.detail),
        null,
        null,
      ],
      ['end', run.seq, 'cancelled', now, step, JSON.stringify({ ...failure, step })],
      ...(run.stored_order_key === null
        ? []
        : [['admitNext', run.pipeline, run.stored_order_key, now] as const]),
      ...(link === undefined ? [] : wordWrites(link, run.seq, now, end)),
    ],
    facts,
    told: () => {
      if (link !== undefined) engine.passOn(link, end);
    },
  };
}

function workLeft(queries: Queries, run: RunRow, why: string, step: string, now: number): Opening {
  const { recoverMs } = queries.planOf(run).owner;
  const children = queries.childrenOf(run.seq).map(({ run_id: runId }) => runId);
  const below =
    children.length === 0
      ? ''
      : `; the runs that it started were not told, and are cancelled each by itself: ${children.join(', ')}`;
  const detail: JsonObject = {
    task: `find out what the run has done and take back what is not wanted: \`tenon runs trace ${run.run_id}\` names what it sent${below}`,
    because: `it was cancelled and nothing more of it was undone, as ${why}`,
    dueAtMs: now + recoverMs,
  };
  return fix(step, run.owner, detail);
}

function notUndone(why: string): Failure {
  return {
    class: 'permanent',
    code: 'RUN_CANCELLED_NOT_UNDONE',
    message: `nothing more of the run was undone, as ${why}`,
    delivery: 'notSent',
  };
}
