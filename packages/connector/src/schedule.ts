import { Cron } from 'croner';
import type { ScheduleManifest } from './manifest.ts';

/** A moment of a schedule, and whether it was due while nobody was there. */
export interface Moment {
  readonly atMs: number;
  readonly isLate: boolean;
}

/** One that is looked at this much after it was due still counts as on time. */
const ON_TIME_MS = 60_000;
/** Missed moments that are made up for, at most: the last ones. */
const MISSED_MAX = 1_000;

export interface Schedule {
  /** What is due after `positionMs` and up to `nowMs`, under the policy for what was missed. */
  due(positionMs: number, nowMs: number): readonly Moment[];
  /** The first moment after `positionMs`, or `undefined` when there is none any more. */
  next(positionMs: number): number | undefined;
}

/** The moments of a schedule; pure. Throws on a cron expression that cannot be read. */
export function scheduleOf({
  cron,
  zone,
  missed,
}: Pick<ScheduleManifest, 'cron' | 'zone' | 'missed'>): Schedule {
  const pattern = patternOf(cron, zone);
  const next = (positionMs: number): number | undefined => pattern.nextRun(new Date(positionMs))?.getTime();
  return {
    next,
    due: (positionMs, nowMs) => {
      const onTime: number[] = [];
      const fromMs = Math.max(positionMs, nowMs - ON_TIME_MS - 1);
      for (let at = next(fromMs); at !== undefined && at <= nowMs; at = next(at)) onTime.push(at);
      // A moment that is on time stands for those missed before it.
      const wanted = missed === 'all' ? MISSED_MAX : missed === 'once' && onTime.length === 0 ? 1 : 0;
      const madeUp = lastBetween(pattern, positionMs, nowMs - ON_TIME_MS, wanted);
      return [
        ...madeUp.map((atMs) => ({ atMs, isLate: true })),
        ...onTime.map((atMs) => ({ atMs, isLate: false })),
      ];
    },
  };
}

/**
 * The last moments after `afterMs` and before `beforeMs`, in order, at most so many. Looked for from the end: a month of a
 * five-minute schedule is 8,640 moments, and a second of work, where one is wanted.
 */
function lastBetween(pattern: Cron, afterMs: number, beforeMs: number, max: number): readonly number[] {
  for (let count = Math.min(1, max); count > 0; count = Math.min(count * 4, max)) {
    const found = pattern
      .previousRuns(count, new Date(beforeMs))
      .map((at) => at.getTime())
      .reverse();
    const isAll = found.length < count || found[0]! <= afterMs;
    if (isAll || count === max) return found.filter((at) => at > afterMs);
  }
  return [];
}

/** Why a cron expression cannot be read, or why it names no moment; `undefined` for one that does. */
export function cronProblem(cron: string): string | undefined {
  try {
    return patternOf(cron, 'UTC').nextRun() === null ? 'it names no moment that is still to come' : undefined;
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^CronPattern: /, '') : 'it cannot be read';
  }
}

function patternOf(cron: string, zone: string): Cron {
  return new Cron(cron, { timezone: zone, paused: true, mode: '5-or-6-parts' });
}
