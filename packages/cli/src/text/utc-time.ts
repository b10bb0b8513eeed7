import { UsageError } from '../command.ts';

/** In UTC, which it says: whoever reads it at night compares it with a clock on the wall, or copies it into `--from`. */
export function time(atMs: number): string {
  return `${new Date(atMs).toISOString().replace('T', ' ').slice(0, 19)}Z`;
}

export function parseTime(
  text: string | undefined,
  option: string,
  /** What else it may be, in words. */
  orElse: string = '',
): number | undefined {
  if (text === undefined) return undefined;
  const at = Date.parse(text.replace(' ', 'T'));
  // What else `Date.parse` takes is guessed at: `14` is a day in 2001, and a time without a zone one of this machine, a day alone one in UTC.
  const [isTime, day, clock, zone] =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:\d{2})?)?$/i.exec(text) ?? [];
  if (isTime === undefined || Number.isNaN(at))
    throw new UsageError('argument-invalid', `${option} is no time such as 2026-11-21T09:00:00Z${orElse}`);
  if (zone === undefined) {
    const moment = `${day}T${clock ?? '00:00:00'}`;
    throw new UsageError(
      'argument-invalid',
      `${option} says no zone: ${moment}Z is UTC, and another is written ${moment}+01:00`,
    );
  }
  return at;
}
