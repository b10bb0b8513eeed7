import { expect, it } from 'vitest';
import { killLoad } from './kill.ts';

it('SIGKILL at random moments loses no acknowledged event and doubles no effect', {
  timeout: 120_000,
}, async () => {
  const report = await killLoad(4, 12, 11);
  expect(report.violations).toEqual([]);
  expect(report.accepted).toBe(12);
});
