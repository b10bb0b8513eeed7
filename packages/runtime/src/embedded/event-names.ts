import type { PlanStep } from '@tenon/pipeline';
import type { LoadedPlan } from '../loaded-plan.ts';
import { finalStates, runStates } from '../states.ts';
import type { Statements } from './statements.ts';

/** One step of the index for each name, however many events it has. */
const STORED = `WITH RECURSIVE named (event) AS (SELECT min(event) FROM events
  UNION ALL SELECT (SELECT min(event) FROM events WHERE event > named.event) FROM named WHERE event IS NOT NULL)
  SELECT event FROM named WHERE event IS NOT NULL`;

/** Events that plans in force start with or wait for, and those that are stored, by name. */
export function eventNames(active: Iterable<LoadedPlan>, read: Statements): readonly string[] {
  const stored = read
    .of(STORED)
    .all()
    .map((row) => String(row['event']));
  return [...new Set([...heardBy(active), ...stored])].toSorted();
}

/** Events that plans start with or wait for. */
export function heardBy(plans: Iterable<LoadedPlan>): ReadonlySet<string> {
  return new Set(
    [...plans].flatMap((loaded) => [
      ...('event' in loaded.plan.trigger ? [loaded.plan.trigger.event] : []),
      ...waitsOf(loaded),
    ]),
  );
}

export function waitsOf({ steps }: LoadedPlan): readonly string[] {
  return [...steps.values()].flatMap((step) => awaitedBy(step) ?? []);
}

/** The event that a step waits for. */
export function awaitedBy(step: PlanStep): string | undefined {
  return step.kind === 'wait' && 'event' in step.for ? step.for.event : undefined;
}

/** Runs looked at in a state for one of a plan. Beyond, there is taken to be one: what nobody wants is let go again, what is missed is lost. */
const LOOKED_AT_MAX = 10_000;

/** Events that runs which have not ended may wait for yet, by plans that are not in force any more. */
export function awaitedByOlder(
  plans: ReadonlyMap<string, LoadedPlan>,
  read: Statements,
  planOf: (hash: string) => LoadedPlan,
): readonly string[] {
  const inForce = new Set([...plans.values()].map(({ plan }) => plan.hash));
  const names = new Set<string>();
  // Most plans wait for nothing, and are not read.
  for (const row of read.of(`SELECT hash FROM plans WHERE plan LIKE '%"kind":"wait"%'`).all()) {
    const hash = String(row['hash']);
    if (inForce.has(hash)) continue;
    const waits = waitsOf(planOf(hash));
    if (waits.some((event) => !names.has(event)) && hasUnended(read, hash))
      for (const event of waits) names.add(event);
  }
  return [...names].toSorted();
}

function hasUnended(read: Statements, planHash: string): boolean {
  return runStates.some((state) => {
    if (finalStates.has(state)) return false;
    const row = read
      .of(
        `SELECT count(*) AS n, max(plan_hash = ?1) AS found FROM
          (SELECT plan_hash FROM runs WHERE state = ?2 AND state <> 'succeeded' LIMIT ${LOOKED_AT_MAX})`,
      )
      .get(planHash, state);
    return row?.['found'] === 1 || Number(row?.['n']) === LOOKED_AT_MAX;
  });
}
