import type { UsageEntry } from '../usage.ts';
import { ownerOf, type PipelineModel } from './model.ts';

/** What a pipeline uses of contracts without an expression or a request that says so. */
export function impliedUsage(model: PipelineModel): readonly UsageEntry[] {
  return heardEvents(model);
}

/** Who listens needs the event, whatever is read of it. */
function heardEvents(model: PipelineModel): UsageEntry[] {
  const { spec, trigger, events } = model;
  const heard = [...events].flatMap(([step, event]) =>
    step.kind === 'wait' && step.event ? [{ step: step.id.value, named: step.event, event }] : [],
  );
  if (trigger && spec.trigger?.kind === 'event')
    heard.unshift({ step: 'trigger', named: spec.trigger.event, event: trigger });
  return heard.map(({ step, named, event }) => ({
    pipeline: spec.name.value,
    step,
    contract: event.contract.name,
    target: { kind: 'event', event: event.plan.event },
    access: 'read',
    path: '',
    isNaming: true,
    expression: named.value,
    at: named.at,
    owner: ownerOf(model),
  }));
}
