import type { Failure } from '@tenon/model';
import type { EmbeddedEngine } from '../engine.ts';
import { refusalWith } from '../file/disk-space.ts';
import type { Draft } from './intake.ts';

/** Why no event can be taken at present, or `undefined`: each bound has its code, and its pause. */
export function intakeRefusal(engine: EmbeddedEngine): Failure | undefined {
  const { failure, isStopping, limits, writesWaiting } = engine;
  const { bytesWaiting } = engine.admission;
  if (failure !== undefined) return refused('RUNTIME_DISK_FAILED', failure.message, 30_000);
  if (isStopping) return refused('RUNTIME_STOPPING', 'the runtime is stopping', 5_000);
  const { backlog } = engine.counts;
  if (backlog >= limits.backlogMax)
    return refused('RUNTIME_BACKLOG_FULL', `${backlog} runs wait for their turn`, 10_000);
  if (writesWaiting >= limits.queueMax)
    return refused('RUNTIME_DISK_BUSY', `${writesWaiting} writes wait for the disk`, 1_000);
  if (bytesWaiting >= limits.queueBytesMax)
    return refused('RUNTIME_DISK_BUSY', `${bytesWaiting} bytes wait for the disk`, 1_000);
  return diskSpaceRefusal(engine);
}

/** Alone: no run is counted for it. */
export function diskSpaceRefusal(engine: EmbeddedEngine): Failure | undefined {
  return refusalWith(engine.disk.freeBytes(engine.now()), engine.limits.diskFreeBytesMin);
}

/** Why an event for these pipelines cannot be taken at present: each has its part of the backlog (C60). */
export function backlogRefusal(
  { counts, limits }: EmbeddedEngine,
  drafts: readonly Draft[],
): Failure | undefined {
  const full = drafts.find(
    ({ loaded }) => counts.backlogOf(loaded.plan.pipeline) >= limits.pipelineBacklogMax,
  );
  if (full === undefined) return undefined;
  const { pipeline } = full.loaded.plan;
  return {
    class: 'rateLimited',
    code: 'PIPELINE_BACKLOG_FULL',
    message: `${counts.backlogOf(pipeline)} runs of ${pipeline} wait for their turn`,
    delivery: 'notSent',
    retryAfterMs: 10_000,
  };
}

function refused(code: string, message: string, retryAfterMs: number): Failure {
  return { class: 'transient', code, message, delivery: 'notSent', retryAfterMs };
}
