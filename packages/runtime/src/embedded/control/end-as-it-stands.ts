import type { Failure, JsonObject } from '@tenon/model';
import type { Cancellation, ChildEnd, Fact, Opening } from '../../engine.ts';
import { failureDetails } from '../../interpreter/effect-facts.ts';
import { forwardFact } from '../../interpreter/interpret.ts';
import { fix } from '../../interpreter/openings.ts';
import type { RuntimeCode } from '../../rules.ts';
import type { EmbeddedEngine } from '../engine.ts';
import type { RunRow } from '../file/run-row.ts';
import type { Queries } from '../reads/queries.ts';
import { canBeTold, linkOf, wordWrites } from '../work/children.ts';
import { openingRow, putOpening } from '../work/run-openings.ts';
import type { Also } from './operations.ts';

/** How a run ends that is neither carried to its end nor undone. */
export interface Ending {
  readonly action: 'cancel' | 'close';
  readonly failure: Failure;
  /** What somebody has to do about it yet. */
  readonly owed?: Opening;
}

/**
 * Ends a run as it stands. With the answer it has ended; there is nothing in it that could heed a word later. Whoever ran it as a child is told
 * that it is gone.
 */
export function endAsItStands(
  engine: EmbeddedEngine,
  run: RunRow,
  { action, failure: why, owed }: Ending,
  by: Cancellation,
): Also & { readonly told: () => void } {
  const now = engine.now();
  const step = run.step ?? 'run';
  const failure = failureDetails(why);
  const end: ChildEnd = { state: 'cancelled', effects: 1, failure: { ...failure, step }, workedMs: 0 };
  const found = linkOf(engine, run.seq);
  // Where its own row is damaged, the run above finds that when it goes on.
  const link = found !== undefined && canBeTold(found) ? found : undefined;
  const facts: Fact[] = [
    { kind: 'operator', details: { action, ...by } },
    { kind: 'state', step, details: { from: run.state, to: 'cancelled', ...by, ...failure } },
    ...(owed === undefined ? [] : [forwardFact(owed)]),
  ];
  return {
    writes: [
      // Refused where it has ended meanwhile.
      ['wake', run.seq, now],
      ['closeForEnd', run.seq, step],
      ...(owed === undefined ? [] : [putOpening(openingRow(run.seq, owed, now))]),
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

/**
 * Of one that was to be undone and cannot be executed again, or stops with an internal error each time: what may be left is its owner's work.
 * `why` completes "nothing more of the run was undone, as".
 */
export function notUndone(queries: Queries, run: RunRow, why: string, now: number): Ending {
  const owed = workLeft(queries, run, why, run.step ?? 'run', now);
  const message = `nothing more of the run was undone, as ${why}`;
  return { action: 'cancel', failure: ofNoCall('RUN_CANCELLED_NOT_UNDONE', message), owed };
}

/** Of one that a person takes as it is: `at` is where it was parked, and why. */
export function closed(at: string): Ending {
  return {
    action: 'close',
    failure: ofNoCall('RUN_CLOSED', `a person has closed it as it stood, parked at ${at}`),
  };
}

function ofNoCall(code: RuntimeCode, message: string): Failure {
  return { class: 'permanent', code, message, delivery: 'notSent' };
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
