const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const DURATION = /^(?:\d+(?:ms|s|m|h|d))+$/;

/** Milliseconds of a duration such as `500ms`, `2m`, `1h30m`, `30d` (a day is 24 h); `undefined` when it is none. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  let totalMs = 0;
  for (const [, digits, unit] of text.matchAll(/(\d+)(ms|s|m|h|d)/g))
    totalMs += Number(digits) * UNIT_MS[unit!]!;
  return Number.isSafeInteger(totalMs) ? totalMs : undefined;
}

/** The shortest exact text of a duration: `432000` → `7m12s`. */
export function formatDuration(durationMs: number): string {
  let restMs = Math.max(0, Math.round(durationMs));
  if (restMs === 0) return '0ms';
  let text = '';
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    const count = Math.floor(restMs / UNIT_MS[unit]!);
    if (count > 0) text += `${count}${unit}`;
    restMs -= count * UNIT_MS[unit]!;
  }
  return text;
}
