import type { PlanStep } from '@tenon/pipeline';
import type { RunSummary } from '../../runtime.ts';
import type { History } from './history.ts';

/**
 * A list with two items of one key, or a bad one that holds it, had no effect at all. In a run that succeeded, each of
 * the others was carried out to its end, in every list and branch that every run goes through.
 */
export function judgeLists(history: History, run: RunSummary): readonly string[] {
  const violations: string[] = [];
  // Nothing is known of its steps any more.
  if (history.isErased(run.runId)) return violations;
  const records = history.detail(run.runId).steps;
  const given = history.givenUp(run.runId);
  const lines = history.witness.lines.get(run.key) ?? [];
  visit(history.planOf(run).steps, '');
  return violations;

  function visit(steps: readonly PlanStep[], place: string): void {
    for (const each of steps) {
      const here = place + each.id;
      if (each.kind === 'parallel') for (const branch of each.branches) visit(branch.steps, place);
      if (each.kind === 'forEach') list(each, here);
      if (each.kind !== 'call' || run.state !== 'succeeded') continue;
      if (given.some((item) => here.startsWith(`${item}.`))) continue;
      const isDone = records.some(({ id, state }) => id === here && state === 'succeeded');
      if (!isDone) violations.push(`${run.key} succeeded without ${here}`);
    }
  }

  function list(each: Extract<PlanStep, { kind: 'forEach' }>, here: string): void {
    const isDoubled = new Set(lines.map(({ sku }) => sku)).size < lines.length;
    const bad = each.check === undefined ? [] : lines.filter(({ quantity }) => quantity <= 0);
    const isHeld = isDoubled || (bad.length > 0 && each.check?.otherwise === 'quarantine');
    const touched = records.filter(({ id }) => id.startsWith(`${here}[`));
    if (isHeld && touched.length > 0)
      violations.push(`${run.key}: ${here} was held, and half of it was done`);
    const isGivenUp = given.some((item) => here.startsWith(`${item}.`));
    if (isHeld && run.state === 'succeeded' && !isGivenUp)
      violations.push(`${run.key} succeeded past a held list ${here}`);
    for (const { sku } of bad)
      if (touched.some(({ id }) => id.startsWith(`${here}[${sku}].`)))
        violations.push(`${run.key}: the bad item ${here}[${sku}] was carried out`);
    if (isHeld) return;
    for (const line of lines) if (!bad.includes(line)) visit(each.steps, `${here}[${line.sku}].`);
  }
}
