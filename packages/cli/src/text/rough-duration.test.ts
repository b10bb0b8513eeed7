import { expect, it } from 'vitest';
import { roughDuration } from './rough-duration.ts';

it.each([
  [-5, '0s'],
  [0, '0s'],
  [1, '<1s'],
  [999, '<1s'],
  [1_000, '1s'],
  [83_234, '1m 23s'],
  [60_000, '1m'],
  [7_500_999, '2h 5m'],
  [3_605_000, '1h'],
  [86_400_000, '1d'],
  [3 * 86_400_000 + 4 * 3_600_000 + 59_999, '3d 4h'],
  [400 * 86_400_000, '400d'],
])('%d ms are said as %s', (durationMs, said) => {
  expect(roughDuration(durationMs)).toBe(said);
});
