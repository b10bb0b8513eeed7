import { expect, test } from 'vitest';
import { planFor } from '../plan.ts';
import { judgeQuota } from './judge-quota.ts';
import type { WireEvent } from './wire.ts';

const operation = planFor({ steps: [] }).operations['acme.create']!;
const QUOTA = { quota: 30, windowMs: 60_000, key: 'account', headers: [] };

/** So many processes that each send one call and die, with nothing of it on record for sure. */
function deaths(count: number): readonly WireEvent[] {
  return Array.from({ length: count }, (_, nth): readonly WireEvent[] => {
    const atMs = nth * 100;
    const call = { request: { operation, input: {} }, connection: 'acme', askedAtMs: atMs, sentAtMs: atMs };
    return [
      { is: 'asked', atMs, call },
      { is: 'sent', atMs, call },
      { is: 'killed', atMs, knownUntilMs: atMs - 500 },
    ];
  }).flat();
}

test('what many deaths may have left on record is judged as fast as what one may', () => {
  expect(judgeQuota(deaths(30), QUOTA, false)).toEqual([]);
});

test('more calls than the quota are found where they were on record, and only there', () => {
  const sent = deaths(60).filter(({ is }) => is !== 'killed');
  expect(judgeQuota(sent, QUOTA, false)).toContain('more calls than 30 were sent in 60000 ms');
});
