import type { LedgerEntry } from '@tenon/runtime';

/**
 * Entries for a person, each use of a secret behind the intent that it served. The ledger has the use first: it is known when
 * the call is over, and an intent is written with what became of it, in the same row. All else stays as it is in the
 * ledger, whatever its times say: a clock may be set back.
 */
export function asItHappened(entries: readonly LedgerEntry[]): readonly LedgerEntry[] {
  const early = usesBeforeIntent(entries);
  const put: LedgerEntry[] = [];
  const kept = new Map<string, LedgerEntry>();
  for (const entry of entries) {
    const place = placeOf(entry);
    if (early.has(entry)) {
      kept.set(place, entry);
      continue;
    }
    put.push(entry);
    const use = kept.get(place);
    if (use !== undefined) put.push(use);
    kept.delete(place);
  }
  return put;
}

/** Uses of secrets after which the next that the ledger says of their step is an intent. */
function usesBeforeIntent(entries: readonly LedgerEntry[]): ReadonlySet<LedgerEntry> {
  const early = new Set<LedgerEntry>();
  const next = new Map<string, LedgerEntry['kind']>();
  for (const entry of entries.toReversed()) {
    const place = placeOf(entry);
    if (entry.kind === 'secretUse' && next.get(place) === 'intent') early.add(entry);
    next.set(place, entry.kind);
  }
  return early;
}

function placeOf({ runId, step }: LedgerEntry): string {
  return JSON.stringify([runId, step]);
}
