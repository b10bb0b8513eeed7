import type { LedgerEntry, RunSummary } from '../../runtime.ts';
import { flatten, type History, stepOf } from './history.ts';

/** Where several must approve, each of them counts once, and nothing goes on before all have. */
export function judgeApprovals(history: History): readonly string[] {
  return history.runs.flatMap((run) => {
    const counts = new Map(
      flatten(history.planOf(run).steps).flatMap((step) =>
        step.kind === 'approve' && step.count !== undefined ? [[step.id, step.count] as const] : [],
      ),
    );
    if (counts.size === 0) return [];
    const asked = history
      .trace(run.runId)
      .filter(
        ({ kind, step }) => (kind === 'approval' || kind === 'waiting') && counts.has(stepOf(step ?? '')),
      );
    return [...Map.groupBy(asked, ({ step }) => step!)].flatMap(([place, entries]) =>
      judgeAsked(history, run, place, counts.get(stepOf(place))!, entries),
    );
  });
}

function judgeAsked(
  history: History,
  run: RunSummary,
  place: string,
  count: number,
  entries: readonly LedgerEntry[],
): readonly string[] {
  const found: string[] = [];
  let people: unknown[] = [];
  let isEscalated = false;
  for (const { kind, details } of entries) {
    const { decision, actor, given } = details;
    // Asked anew, but for whoever stands in: what was given before counts on for them.
    if (kind === 'waiting' && !isEscalated) people = [];
    isEscalated = details['escalated'] === true;
    if (decision !== 'approve') continue;
    if (people.includes(actor)) found.push(`${run.key} ${place} counts ${actor} twice`);
    people.push(actor);
    if (given !== people.length)
      found.push(`${run.key} ${place} says ${given} where ${people.length} have approved`);
  }
  const record = history.detail(run.runId).steps.find(({ id }) => id === place);
  if (record?.state === 'succeeded' && people.length !== count)
    found.push(`${run.key} ${place} went on with ${people.length} of ${count} who must approve`);
  return found;
}
