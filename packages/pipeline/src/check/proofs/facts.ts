import { isObject, type Location } from '@tenon/model';
import { allSteps, innerSteps, type StepSpec, type Tier } from '../../spec/pipeline-spec.ts';
import type { ResolvedCall, ResolvedEvent } from '../catalog.ts';
import type { DataCheck } from '../data/data.ts';
import { incomingOver } from '../data/incoming.ts';
import { effectsOf, ownerOf, type PipelineModel } from '../model.ts';
import { requestersOf } from './approvals.ts';
import { calledOver } from './called-over.ts';
import { type FieldWrite, fieldWrites } from './masters.ts';
import { unapprovedOf } from './tier.ts';
import { type OpenDeadline, openDeadlinesOf, timeOf } from './time.ts';
import type { TimeTree } from './time-tree.ts';

/**
 * What one pipeline adds to the proofs over all pipelines. Plain JSON and nothing else, so that it can be kept on disk
 * from one check to the next: those proofs never need the pipelines themselves.
 */
export interface PipelineFacts {
  readonly pipeline: string;
  /** The team that answers for it; empty when it does not say. */
  readonly owner: string;
  /** The event that starts it. */
  readonly trigger?: EventUse;
  /** Persons start it. */
  readonly isManual?: true;
  /** Where its approvals keep out who started it, though an event does. */
  readonly requesters?: readonly Location[];
  /** Connections over which the event comes in that starts it; absent where there are none. */
  readonly comesOver?: readonly string[];
  /** Where it reads over which connection that event came. */
  readonly connectionRead?: Location;
  readonly causes: readonly Cause[];
  readonly waits: readonly Wait[];
  readonly writes: readonly FieldWrite[];
  readonly uses: readonly ConnectionUse[];
  /** What connectors ask so that it hears of its events. */
  readonly polls: readonly ConnectionUse[];
  readonly tier?: Tier;
  readonly runs: readonly RunUse[];
  readonly time: TimeTree;
  readonly openDeadlines: readonly OpenDeadline[];
  readonly deadline?: { readonly ms: number; readonly at: Location };
  /** Of the SLO. */
  readonly within?: { readonly ms: number; readonly at: Location };
  /** Effects with neither a way back nor a word why not. */
  readonly open: readonly NamedCall[];
  /** Calls that somebody should look at first, without an approval before them. */
  readonly unapproved: readonly NamedCall[];
}

export interface NamedCall {
  readonly what: string;
  readonly at: Location;
}

/** A step that runs another pipeline. */
export interface RunUse {
  readonly pipeline: string;
  readonly step: string;
  readonly order: number;
  readonly beside: readonly number[];
  readonly at: Location;
  /** Somebody approves before. */
  readonly isApproved: boolean;
}

export interface EventUse {
  /** `<contract>.<event>`. */
  readonly event: string;
  readonly at: Location;
  /** A connector takes deliveries of it, so somebody else may send it. */
  readonly isFromOutside: boolean;
}

/**
 * What a pipeline does that an event comes of: an `emit`, or an effect whose contract says which events follow
 * (`x-tenon-causes: [event]` on the operation; an overlay puts it onto a vendor's document).
 */
export interface Cause {
  readonly event: string;
  /** Place of the step among all steps of its pipeline, in document order. */
  readonly order: number;
  readonly at: Location;
  readonly what: string;
  /** Published here: it comes over no connection, or over one that takes such events in. */
  readonly isEmitted?: true | 'overOne';
}

export interface Wait extends EventUse {
  readonly step: string;
  readonly order: number;
  /** Places of steps in branches beside it: they come later in the document, and do not come after it. */
  readonly beside: readonly number[];
}

/** One use of a connection. */
export interface ConnectionUse {
  readonly connection: string;
  /** An operation of the contract; probes are used too, though no step names them. */
  readonly operation: string;
  readonly isReading: boolean;
  readonly at: Location;
}

export const CAUSES_EXTENSION = 'x-tenon-causes';

export function factsOf(model: PipelineModel, data: DataCheck): PipelineFacts {
  const { spec } = model;
  const { connectionRead } = data;
  const order = new Map<StepSpec, number>(allSteps(spec.steps).map((step, index) => [step, index]));
  const trigger =
    model.trigger && spec.trigger?.kind === 'event'
      ? eventUse(model, model.trigger, spec.trigger.event.at)
      : undefined;
  const waits = [...model.events].flatMap(([step, event]): Wait[] =>
    step.kind === 'wait'
      ? [
          {
            ...eventUse(model, event, step.id.at),
            step: step.id.value,
            order: order.get(step)!,
            beside: besideOf(spec.steps, step, order),
          },
        ]
      : [],
  );
  const unapproved = unapprovedOf(model);
  const requesters = requestersOf(model);
  const comesOver = trigger && model.trigger ? incomingOver(model.trigger, model.catalog.workspace) : [];
  const { tier, limits, slo } = spec;
  // What a repair starts is started by a person's word, as a run of its own.
  if (spec.reconciliation)
    return {
      pipeline: spec.name.value,
      owner: ownerOf(model),
      causes: [],
      waits: [],
      writes: [],
      uses: callUses(model, data),
      polls: [],
      runs: [],
      time: 0,
      openDeadlines: [],
      open: [],
      unapproved: [],
    };
  return {
    pipeline: spec.name.value,
    owner: ownerOf(model),
    ...(tier && { tier: tier.value }),
    runs: [...model.runs.keys()].map((step) => ({
      pipeline: step.pipeline.value,
      step: step.id.value,
      order: order.get(step)!,
      beside: besideOf(spec.steps, step, order),
      at: step.pipeline.at,
      isApproved: !unapproved.runs.includes(step),
    })),
    time: timeOf(model),
    openDeadlines: openDeadlinesOf(model),
    ...(limits?.deadline && { deadline: { ms: limits.deadline.value, at: limits.deadline.at } }),
    ...(slo?.within && { within: { ms: slo.within.value, at: slo.within.at } }),
    open: effectsOf(model).flatMap(({ step }) =>
      step.compensate || step.irreversible ? [] : [{ what: step.call.value, at: step.call.at }],
    ),
    unapproved: unapproved.calls.map(({ meaning: { step } }) => ({
      what: step.call.value,
      at: step.call.at,
    })),
    ...(trigger && { trigger }),
    ...(spec.trigger?.kind === 'manual' && { isManual: true as const }),
    ...(requesters.length > 0 && { requesters }),
    ...(comesOver.length > 0 && { comesOver }),
    ...(connectionRead && { connectionRead }),
    causes: causesOf(model, order, data),
    waits,
    writes: fieldWrites(model),
    uses: callUses(model, data),
    polls: pollUses(model),
  };
}

function callUses(model: PipelineModel, data: DataCheck): readonly ConnectionUse[] {
  return [...model.calls.values()].flatMap(({ step, call, compensation, guard }) => {
    const uses = (one: ResolvedCall, at: Location) =>
      calledOver(one, step, data).flatMap((connection) => usesOf(one, connection, at));
    return [
      ...uses(call, step.call.at),
      ...(compensation && step.compensate ? uses(compensation, step.compensate.call.at) : []),
      ...(guard && step.compensate?.guard ? uses(guard, step.compensate.guard.read.at) : []),
    ];
  });
}

/** An event that is fetched is asked for on behalf of whoever listens to it, over each connection that takes it in. */
function pollUses({
  spec,
  trigger,
  events,
  catalog: { workspace },
}: PipelineModel): readonly ConnectionUse[] {
  const heard = [
    ...(trigger && spec.trigger?.kind === 'event' ? [{ event: trigger, at: spec.trigger.event.at }] : []),
    ...[...events].flatMap(([step, event]) => (step.kind === 'wait' ? [{ event, at: step.id.at }] : [])),
  ];
  return heard.flatMap(({ event: { contract, definition }, at }) =>
    Object.values(workspace.config.connections).flatMap(({ name, connector, sources }): ConnectionUse[] => {
      const manifest = workspace.connectors.get(connector);
      if (manifest?.contract !== contract.name || !Object.hasOwn(manifest.sources, definition.id)) return [];
      const poll = (sources?.includes(definition.id) ?? true) && manifest.sources[definition.id]?.poll;
      return poll ? [{ connection: name, operation: poll.operation, isReading: true, at }] : [];
    }),
  );
}

function besideOf(
  steps: readonly StepSpec[],
  wait: StepSpec,
  order: ReadonlyMap<StepSpec, number>,
): readonly number[] {
  return steps.flatMap((step): readonly number[] => {
    const inner = innerSteps(step);
    const own = inner.find((list) => allSteps(list).includes(wait));
    if (own === undefined) return [];
    const others = step.kind === 'parallel' ? inner.filter((list) => list !== own) : [];
    const places = others.flatMap((list) => allSteps(list).map((one) => order.get(one)!));
    return [...places, ...besideOf(own, wait, order)];
  });
}

function eventUse(model: PipelineModel, event: ResolvedEvent, at: Location): EventUse {
  const isFromOutside = [...model.catalog.workspace.connectors.values()].some(
    ({ contract, webhooks }) =>
      contract === event.contract.name && isObject(webhooks) && Object.hasOwn(webhooks, event.definition.id),
  );
  return { event: event.name, at, isFromOutside };
}

function causesOf(
  model: PipelineModel,
  order: ReadonlyMap<StepSpec, number>,
  data: Pick<DataCheck, 'over'>,
): readonly Cause[] {
  const emitted = [...model.events].flatMap(([step, event]): Cause[] => {
    if (step.kind !== 'emit') return [];
    const { name } = event;
    const taking = incomingOver(event, model.catalog.workspace);
    const isOverOne = step.over !== undefined && data.over.get(step)?.every((one) => taking.includes(one));
    const isEmitted = isOverOne ? 'overOne' : true;
    return [{ event: name, order: order.get(step)!, at: step.emit.at, what: `emits ${name}`, isEmitted }];
  });
  const followed = [...model.calls.values()].flatMap(({ step, call }): Cause[] => {
    const listed: unknown = call.operation.extensions[CAUSES_EXTENSION];
    return (Array.isArray(listed) ? listed : []).map((id: unknown) => {
      const event = `${call.contract.name}.${String(id)}`;
      return {
        event,
        order: order.get(step)!,
        at: step.call.at,
        what: `${step.call.value} causes ${event}`,
      };
    });
  });
  return [...emitted, ...followed];
}

function usesOf(
  { plan, declared }: ResolvedCall,
  connection: string,
  at: Location,
): readonly ConnectionUse[] {
  const use = { connection, operation: plan.operation, isReading: declared.effect === 'read', at };
  return declared.probe ? [use, { ...use, operation: declared.probe.operation }] : [use];
}
