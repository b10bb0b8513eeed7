import type { Failure, Json } from '@tenon/model';
import type { FreshPlan } from '@tenon/pipeline';
import { isOlder, isVersion } from '../entity-version.ts';
import { type Progress, scopeOf } from './interpret.ts';

/** Judges an answer by its age or its version (C38): one that is older than the step takes is read again, within its budget. */
export function staleness(
  progress: Progress,
  fresh: FreshPlan,
): (answer: Json, nowMs: number) => Failure | undefined {
  const evaluated = (source: string, answer: Json) =>
    progress.loaded.expression(source, { ...scopeOf(progress), result: answer });
  if ('maxAgeMs' in fresh)
    return (answer, nowMs) => {
      const moment = evaluated(fresh.at, answer);
      if (!moment.ok) return answered(moment.failure);
      const ms = typeof moment.value === 'string' ? Date.parse(moment.value) : moment.value;
      if (typeof ms !== 'number' || !Number.isFinite(ms)) return unknown(fresh.at);
      const ageMs = nowMs - ms;
      return ageMs <= fresh.maxAgeMs
        ? undefined
        : stale(`is ${ageMs} ms old, and may be ${fresh.maxAgeMs} ms`);
    };
  return (answer) => {
    const [version, wanted] = [evaluated(fresh.version, answer), evaluated(fresh.atLeast, answer)];
    if (!version.ok) return answered(version.failure);
    if (!wanted.ok) return answered(wanted.failure);
    if (!isVersion(version.value)) return unknown(fresh.version);
    if (!isVersion(wanted.value)) return unknown(fresh.atLeast);
    return isOlder(version.value, wanted.value)
      ? stale('is of an earlier version than is wanted')
      : undefined;
  };
}

/** The call was made and answered; it is what came that cannot be used. */
function answered(failure: Failure): Failure {
  return { ...failure, delivery: 'answered' };
}

function stale(what: string): Failure {
  return { class: 'stale', code: 'READ_STALE', message: `the answer ${what}`, delivery: 'answered' };
}

function unknown(source: string): Failure {
  return {
    class: 'validation',
    code: 'READ_AGE_UNKNOWN',
    message: `"${source}" gave nothing that tells how old the answer is`,
    delivery: 'answered',
  };
}
