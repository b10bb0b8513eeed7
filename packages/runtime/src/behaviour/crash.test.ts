import { expect, test } from 'vitest';
import { killUnderLoad } from '../testing/kill-harness.ts';

test('SIGKILL at random moments of a load loses nothing and doubles nothing', {
  timeout: 600_000,
}, async () => {
  const report = await killUnderLoad({ kills: 8, runs: 20, seed: 7 });
  expect(report).toMatchObject({ kills: 8, lost: [], doubled: [], wrong: [] });
  expect(report.acknowledged).toBeGreaterThan(0);
  expect(report.states.succeeded).toBeGreaterThan(0);
  expect(report.states.compensated).toBeGreaterThan(0);
});
