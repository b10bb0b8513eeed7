import { type Diagnostic, isObject, type Location } from '@tenon/model';
import { diagnostic } from '../rules.ts';
import { allSteps, type StepSpec } from '../spec/pipeline-spec.ts';
import type { PipelineModel } from './model.ts';

/**
 * What one pipeline does that an event comes of: an `emit`, or an effect whose contract says which events follow
 * (`x-tenon-causes: [event]` on the operation; an overlay puts it onto a vendor's document).
 */
interface Cause {
  readonly pipeline: PipelineModel;
  readonly event: string;
  readonly step: StepSpec;
  readonly at: Location;
  readonly what: string;
}

export const CAUSES_EXTENSION = 'x-tenon-causes';

/** No chain of pipelines starts itself again, and none waits for itself (C31, C32, C62). */
export function checkLoops(models: readonly PipelineModel[]): Diagnostic[] {
  const causes = models.flatMap(causesOf);
  return [...triggerCycles(models, causes), ...waitCycles(models, causes)];
}

function causesOf(model: PipelineModel): readonly Cause[] {
  const emitted = [...model.events].flatMap(([step, { name }]): Cause[] =>
    step.kind === 'emit'
      ? [{ pipeline: model, event: name, step, at: step.emit.at, what: `emits ${name}` }]
      : [],
  );
  const followed = [...model.calls.values()].flatMap(({ step, call }): Cause[] => {
    const listed: unknown = call.operation.extensions[CAUSES_EXTENSION];
    return (Array.isArray(listed) ? listed : []).map((id: unknown) => {
      const event = `${call.contract.name}.${String(id)}`;
      return { pipeline: model, event, step, at: step.call.at, what: `${step.call.value} causes ${event}` };
    });
  });
  return [...emitted, ...followed];
}

function triggerCycles(models: readonly PipelineModel[], causes: readonly Cause[]): Diagnostic[] {
  const startedBy = (event: string): readonly PipelineModel[] =>
    models.filter((model) => model.trigger?.name === event);
  const found = new Map<string, Diagnostic>();
  for (const start of models) search(start, []);
  return [...found.values()];

  function search(here: PipelineModel, path: readonly Cause[]): void {
    for (const cause of causes) {
      if (cause.pipeline !== here) continue;
      for (const next of startedBy(cause.event)) {
        const cycle = [...path, cause];
        const begin = cycle.findIndex(({ pipeline }) => pipeline === next);
        if (begin >= 0) report(cycle.slice(begin));
        else if (cycle.length < models.length) search(next, cycle);
      }
    }
  }

  function report(cycle: readonly Cause[]): void {
    const names = cycle.map(({ pipeline }) => pipeline.spec.name.value);
    const key = [...names].sort().join(' ');
    if (found.has(key)) return;
    // The same loop is found from each of its members; it is told from the first by name.
    const first = cycle.findIndex(({ pipeline }) => pipeline.spec.name.value === [...names].sort()[0]);
    const told = [...cycle.slice(first), ...cycle.slice(0, first)];
    const text = told.map(({ pipeline, what }) => `${pipeline.spec.name.value} → ${what}`).join(' → ');
    found.set(
      key,
      diagnostic('trigger-cycle', {
        message: `${text} → ${told[0]!.pipeline.spec.name.value}`,
        at: told[0]!.at,
        subject: key,
        related: told.slice(1).map(({ at, what }) => ({ ...at, message: what })),
      }),
    );
  }
}

interface Wait {
  readonly pipeline: PipelineModel;
  readonly step: StepSpec & { readonly kind: 'wait' };
  readonly event: string;
}

/** A wait whose event only comes after another wait, round in a circle: none of them ever ends by its event. */
function waitCycles(models: readonly PipelineModel[], causes: readonly Cause[]): Diagnostic[] {
  const waits = models.flatMap((model) =>
    [...model.events].flatMap(([step, { name }]): Wait[] =>
      step.kind === 'wait' ? [{ pipeline: model, step, event: name }] : [],
    ),
  );
  const order = new Map(models.map((model) => [model, [...allSteps(model.spec.steps)]]));
  const blocks = (wait: Wait): readonly Wait[] => {
    const sources = causes.filter(({ event }) => event === wait.event);
    // An event that comes from outside too may come whatever we do.
    if (sources.length === 0 || comesFromOutside(wait)) return [];
    const before = sources.map((cause) => waits.filter((other) => isBefore(other, cause)));
    // One source that waits for nothing is enough for the event to come.
    return before.some((list) => list.length === 0) ? [] : before.flat();
  };
  const found = new Map<string, Diagnostic>();
  for (const wait of waits) search(wait, [wait]);
  return [...found.values()];

  function isBefore(wait: Wait, cause: Cause): boolean {
    if (wait.pipeline !== cause.pipeline) return false;
    const steps = order.get(wait.pipeline) ?? [];
    return steps.indexOf(wait.step) < steps.indexOf(cause.step);
  }

  function search(here: Wait, path: readonly Wait[]): void {
    for (const next of blocks(here)) {
      if (next === path[0]) report(path);
      else if (!path.includes(next)) search(next, [...path, next]);
    }
  }

  function report(cycle: readonly Wait[]): void {
    const names = cycle.map(({ pipeline, step }) => `${pipeline.spec.name.value}.${step.id.value}`);
    const key = [...names].sort().join(' ');
    if (found.has(key)) return;
    const text = cycle
      .map(({ event }, index) => `${names[index]} waits for ${event}, which comes after`)
      .join(' ');
    found.set(
      key,
      diagnostic('wait-cycle', {
        message: `${text} ${names[0]}`,
        at: cycle[0]!.step.id.at,
        subject: key,
        related: cycle.slice(1).map(({ step }) => ({ ...step.id.at, message: 'part of the circle' })),
      }),
    );
  }
}

/** Some connector takes deliveries of it, so somebody else may send it. */
function comesFromOutside({ pipeline, step }: Wait): boolean {
  const event = pipeline.events.get(step);
  if (!event) return true;
  return [...pipeline.catalog.workspace.connectors.values()].some(
    ({ contract, webhooks }) =>
      contract === event.contract.name && isObject(webhooks) && Object.hasOwn(webhooks, event.definition.id),
  );
}
