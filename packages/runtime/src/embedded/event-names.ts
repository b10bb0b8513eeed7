import type { PlanStep } from '@tenon/pipeline';
import type { LoadedPlan } from '../loaded-plan.ts';
import type { Statements } from './statements.ts';

/** One step of the index for each name, however many events it has. */
const STORED = `WITH RECURSIVE named (event) AS (SELECT min(event) FROM events
  UNION ALL SELECT (SELECT min(event) FROM events WHERE event > named.event) FROM named WHERE event IS NOT NULL)
  SELECT event FROM named WHERE event IS NOT NULL`;

/** Events that plans in force start with or wait for, and those that are stored, by name. */
export function eventNames(active: Iterable<LoadedPlan>, read: Statements): readonly string[] {
  const heard = [...active].flatMap(({ plan: { trigger }, steps }) => [
    ...('event' in trigger ? [trigger.event] : []),
    ...[...steps.values()].flatMap((step) => awaitedBy(step) ?? []),
  ]);
  const stored = read
    .of(STORED)
    .all()
    .map((row) => String(row['event']));
  return [...new Set([...heard, ...stored])].toSorted();
}

/** The event that a step waits for. */
export function awaitedBy(step: PlanStep): string | undefined {
  return step.kind === 'wait' && 'event' in step.for ? step.for.event : undefined;
}
