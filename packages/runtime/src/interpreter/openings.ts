import type { FailureClass, JsonObject } from '@tenon/model';
import type { CallStep } from '@tenon/pipeline';
import type { Opening } from '../engine.ts';
import type { DeadLetter } from '../runtime.ts';
import { failureDetails } from './effect-facts.ts';
import type { Confirmed, Progress, Stop } from './interpret.ts';

/** A dead letter with all that is known of it (C63); the engine adds run, key, event and correlation. */
export function deadLetter(
  progress: Progress,
  stop: Stop,
  settled: DeadLetter['settled'],
  key: string,
): Opening {
  const { owner } = progress.loaded.plan;
  return {
    kind: 'deadLetter',
    key,
    step: stop.step,
    owner: owner.team,
    detail: {
      queue: queueOf(stop),
      settled,
      failure: failureDetails(stop.failure),
      attempts: stop.attempts,
      escalation: owner.escalation,
      ...(progress.lastStep !== undefined && { lastCheckpoint: progress.lastStep }),
      ...(stop.idempotencyKey !== undefined && { idempotencyKey: stop.idempotencyKey }),
      ...(stop.context !== undefined && { context: stop.context }),
    },
  };
}

/** Where a dead letter goes (C64): a retry can mend the first kind, a person must mend the second. */
function queueOf(stop: Stop): DeadLetter['queue'] {
  if (stop.quarantine) return 'quarantine';
  return RETRYABLE.has(stop.failure.class) ? 'retry' : 'repair';
}

const RETRYABLE: ReadonlySet<FailureClass> = new Set(['timeout', 'transient', 'rateLimited', 'stale']);

/** Owned work of a run that is parked going forward: what was declared of each irreversible effect done so far, and the failed step. */
export function forwardFixes(progress: Progress, stop: Stop): readonly Opening[] {
  const now = progress.ctx.now();
  const { owner } = progress.loaded.plan;
  return [
    ...irreversibleFixes(progress.confirmed, now),
    fix(stop.step, owner.team, {
      task: `complete the step ${stop.step}: mend what it failed of and resume the run, or do by hand what it was to do and say so (tenon runs done)`,
      because: stop.failure.message,
      dueAtMs: now + owner.recoverMs,
    }),
  ];
}

/** What was declared to be done where an effect that cannot be undone is not wanted any more. */
export function irreversibleFixes(effects: readonly Confirmed[], now: number): readonly Opening[] {
  return effects.flatMap(({ step, place }): Opening[] => {
    // What a child leaves is its own matter.
    if (step.kind === 'run' || step.irreversible === undefined) return [];
    const { because, forward } = step.irreversible;
    return [fix(place, forward.owner, { task: forward.task, because, dueAtMs: now + forward.withinMs })];
  });
}

/** Of an effect that a person gave up without knowing whether it happened: nothing undoes it, so somebody is to look. */
export function lookFix(progress: Progress, step: CallStep, what: string, over: string): Opening {
  const { owner } = progress.loaded.plan;
  const place = progress.place + step.id;
  // Which of several accounts it is, the operation does not say.
  const operation = typeof step.connection === 'string' ? what : `${what} over ${over}`;
  return fix(place, owner.team, {
    task: `find out whether ${place} (${operation}) happened, and undo it in the other system if it did`,
    because: 'it was in doubt when the run was given up, so nothing has undone it',
    dueAtMs: progress.ctx.now() + owner.recoverMs,
  });
}

export function fix(step: string, owner: string, detail: JsonObject): Opening {
  return { kind: 'forwardFix', key: `forwardFix:${step}`, step, owner, detail };
}
