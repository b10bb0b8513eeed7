import { accountOf, type History } from './history.ts';

/** Runs of one order key: each begins after all before it have ended (or failed, which frees the place). */
export function judgeOrder(history: History): readonly string[] {
  const violations: string[] = [];
  const ordered = history.orders
    .filter((run) => history.planOf(run).identity.orderBy !== undefined)
    .map(({ runId, key }) => {
      const trace = history.trace(runId);
      const first = trace.find(({ kind, details }) => kind === 'state' && details['from'] === 'accepted');
      const freed = trace.find(({ kind, details }) => kind === 'state' && FREEING.has(String(details['to'])));
      return { key, first: first?.sequence, freed: freed?.sequence };
    });
  for (const [index, later] of ordered.entries())
    for (const earlier of ordered.slice(0, index))
      if (accountOf(earlier.key) === accountOf(later.key) && later.first !== undefined)
        if (earlier.freed === undefined || earlier.freed > later.first)
          violations.push(`${later.key} began before ${earlier.key} had ended`);
  return violations;
}

const FREEING: ReadonlySet<string> = new Set(['succeeded', 'compensated', 'cancelled', 'failed']);

/** No event of an account was taken after a newer one. */
export function judgeVersions(history: History): readonly string[] {
  const newest = new Map<string, number>();
  return history.orders
    .filter((run) => history.planOf(run).identity.version !== undefined)
    .flatMap(({ key }) => {
      const version = history.witness.versions.get(key)!;
      const before = newest.get(accountOf(key)) ?? version;
      newest.set(accountOf(key), Math.max(before, version));
      return version < before ? [`${key} of version ${version} was taken after version ${before}`] : [];
    });
}
