import { callStep, type Reading } from './call-step.ts';
import { type Progress, scopeOf, withinDeadline } from './interpret.ts';
import { type StepEnd, stepKinds } from './steps.ts';

export type Failed = Extract<StepEnd, { as: 'failed' }>;

/**
 * A step that came before, as it would be now: a read is made once more, a `set` or `check` of it computed; nothing else is ever named.
 * `round` of the check that asks for it: then a read has its own deadline. For a write that is based on it, the write's is enough.
 */
export async function madeAgain(progress: Progress, id: string, round?: string): Promise<Failed | undefined> {
  const step = progress.loaded.steps.get(id);
  if (step === undefined) throw new Error(`the plan holds no step ${id}`);
  if (step.when !== undefined) {
    const when = progress.loaded.condition(step.when, scopeOf(progress));
    if (!when.ok) return { as: 'failed', failure: when.failure, attempts: 0 };
    if (!when.value) {
      delete progress.steps[id];
      return undefined;
    }
  }
  const make = (): Promise<StepEnd> =>
    step.kind === 'call' ? readAgain(progress, id) : stepKinds[step.kind](progress, step, 0, 1);
  const isBound = round !== undefined && step.deadlineMs !== undefined;
  const end = await (isBound ? withinDeadline(progress, id, step.deadlineMs, round, make) : make());
  if (end.as === 'failed') return end;
  if (end.as === 'done' && end.value !== undefined) progress.steps[id] = end.value;
  return undefined;
}

/** Its attempts go on where those before have ended. */
export async function readAgain(
  progress: Progress,
  id: string,
): Promise<Failed | Extract<StepEnd, { as: 'done' }>> {
  const read = progress.loaded.steps.get(id);
  if (read?.kind !== 'call') throw new Error(`the plan's step ${id} reads nothing`);
  const { attempts }: Reading = progress.readings[id] ?? { attempts: 0 };
  const end = await callStep(progress, read, attempts + 1);
  if (end.as === 'failed') {
    progress.readings[id] = { attempts: end.attempts };
    const { idempotencyKey: _none, ...failed } = end;
    return failed;
  }
  if (end.as !== 'done') throw new Error(`a read ends as ${end.as}`);
  if (end.value !== undefined) progress.steps[id] = end.value;
  return end;
}
