import type { SourcePlan } from '@tenon/connector';
import { isObject } from '@tenon/model';
import { planSources, type Workspace, type WorkspaceCheck, type WorkspaceConnection } from '@tenon/pipeline';

/**
 * The places from which the events come that some plan listens to, over a connection that takes them. `awaited`: events that are listened to
 * besides, by earlier plans.
 */
export function sourcePlansOf(
  { connector, sources }: Pick<WorkspaceConnection, 'connector' | 'sources'>,
  workspace: Workspace,
  check: WorkspaceCheck,
  awaited: readonly string[] = [],
): readonly SourcePlan[] {
  const manifest = workspace.connectors.get(connector);
  const contract = manifest && workspace.contracts.get(manifest.contract);
  return contract
    ? planSources(contract, manifest, new Set([...heardEvents(check), ...awaited]), sources)
    : [];
}

/** Is nothing that comes from there for a plan of the workspace? */
export function isForEarlierPlans({ events }: SourcePlan, check: WorkspaceCheck): boolean {
  const heard = heardEvents(check);
  return !events.some(({ name, isHeard }) => isHeard && heard.has(name));
}

/** Names of the events that start a run, or that a step waits for, however deep it stands. */
function heardEvents(check: WorkspaceCheck): ReadonlySet<string> {
  const heard = new Set<string>();
  for (const plan of check.plans.values()) {
    if ('event' in plan.trigger) heard.add(plan.trigger.event);
    for (const event of Object.keys(plan.events)) if (isWaitedFor(event, plan.steps)) heard.add(event);
  }
  return heard;
}

/** Steps stand in each other in more ways than one: a plan is JSON, so it is searched as such. */
function isWaitedFor(event: string, part: unknown): boolean {
  if (Array.isArray(part)) return part.some((item) => isWaitedFor(event, item));
  if (!isObject(part)) return false;
  if (part['kind'] === 'wait' && isObject(part['for'])) return part['for']['event'] === event;
  return Object.values(part).some((item) => isWaitedFor(event, item));
}
