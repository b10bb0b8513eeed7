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
      const late: number[] = [];
      const onTime: number[] = [];
      for (let at = next(positionMs); at !== undefined && at <= nowMs; at = next(at)) {
        (nowMs - at > ON_TIME_MS ? late : onTime).push(at);
        if (late.length > MISSED_MAX) late.shift();
      }
      // A moment that is on time stands for those missed before it.
      const once = onTime.length > 0 ? [] : late.slice(-1);
      const madeUp = missed === 'all' ? late : missed === 'once' ? once : [];
      return [
        ...madeUp.map((atMs) => ({ atMs, isLate: true })),
        ...onTime.map((atMs) => ({ atMs, isLate: false })),
      ];
    },
  };
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
