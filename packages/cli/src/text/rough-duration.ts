/**
 * How long something has lasted, or still has, as a person at a terminal takes it in: two units at most, which follow each other, and what
 * is less is left out: `1m 23s`, `2h 5m`, `3d`. Less than a second is `<1s`; `0s` is none at all. Programs read the exact moments in JSON.
 */
export function roughDuration(durationMs: number): string {
  const at = UNITS.findIndex(({ ms }) => durationMs >= ms);
  if (at < 0) return durationMs > 0 ? '<1s' : '0s';
  const parts = UNITS.slice(at, at + 2).map(({ unit, ms }, nth) => {
    const inBigger = nth === 0 ? durationMs : durationMs % UNITS[at]!.ms;
    return { unit, count: Math.floor(inBigger / ms) };
  });
  return parts.flatMap(({ unit, count }) => (count > 0 ? [`${count}${unit}`] : [])).join(' ');
}

/** The largest first. */
const UNITS = [
  { unit: 'd', ms: 86_400_000 },
  { unit: 'h', ms: 3_600_000 },
  { unit: 'm', ms: 60_000 },
  { unit: 's', ms: 1_000 },
] as const;
