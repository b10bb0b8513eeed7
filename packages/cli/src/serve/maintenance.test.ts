import { describe, expect, it } from 'vitest';
import { MaintenanceError, maintenanceOf } from './maintenance.ts';

const at = (text: string): number => Date.parse(text);
const iso = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString();

describe('a maintenance window', () => {
  const sunday = maintenanceOf('acme', [{ schedule: '0 2 * * SUN', zone: 'UTC', forMs: 7_200_000 }]);

  it.each([
    ['2026-11-29T01:59:59.999Z', undefined],
    ['2026-11-29T02:00:00.000Z', '2026-11-29T04:00:00.000Z'],
    ['2026-11-29T03:59:59.999Z', '2026-11-29T04:00:00.000Z'],
    ['2026-11-29T04:00:00.000Z', undefined],
    ['2026-11-30T03:00:00.000Z', undefined],
    // Asked out of order: what is kept is not taken for another time.
    ['2026-11-22T03:00:00.000Z', '2026-11-22T04:00:00.000Z'],
  ])('at %s is open until %s', (now, until) => {
    expect(iso(sunday(at(now)))).toBe(until);
  });

  it('goes by the clocks of its zone, also when they are changed', () => {
    const berlin = maintenanceOf('acme', [
      { schedule: '0 3 * * *', zone: 'Europe/Berlin', forMs: 3_600_000 },
    ]);
    // Summer time begins on 29 March 2026: three o'clock is 02:00 UTC before it, 01:00 UTC from then on.
    expect(iso(berlin(at('2026-03-28T02:30:00Z')))).toBe('2026-03-28T03:00:00.000Z');
    expect(iso(berlin(at('2026-03-30T01:30:00Z')))).toBe('2026-03-30T02:00:00.000Z');
    expect(berlin(at('2026-03-30T02:30:00Z'))).toBeUndefined();
  });

  it('is open until the last of those that overlap ends', () => {
    const two = maintenanceOf('acme', [
      { schedule: '0 2 * * *', zone: 'UTC', forMs: 3_600_000 },
      { schedule: '30 2 * * *', zone: 'UTC', forMs: 3_600_000 },
    ]);
    expect(iso(two(at('2026-11-29T02:10:00Z')))).toBe('2026-11-29T03:00:00.000Z');
    expect(iso(two(at('2026-11-29T02:40:00Z')))).toBe('2026-11-29T03:30:00.000Z');
  });

  it.each([
    ['soon', 'UTC'],
    ['0 2 * * SUN', 'Europe/Nowhere'],
  ])('%s in %s is refused when it starts, with what one looks like', (schedule, zone) => {
    expect(() => maintenanceOf('acme', [{ schedule, zone, forMs: 1_000 }])).toThrow(MaintenanceError);
  });
});
