import { type Diagnostic, didYouMean } from '@tenon/model';
import { diagnostic } from '../rules.ts';
import {
  allSteps,
  type CallSpec,
  type Located,
  type PipelineSpec,
  type RunSpec,
  type StepSpec,
} from '../spec/pipeline-spec.ts';
import type { Catalog, Resolved, ResolvedCall, ResolvedEvent } from './catalog.ts';
import type { Interfaces, PipelineInterface } from './pipeline-interface.ts';
import { withReconciliationSteps } from './proofs/reconciliation-steps.ts';

/** A pipeline whose names have been resolved: what all later checks and the compiler work on. */
export interface PipelineModel {
  readonly spec: PipelineSpec;
  readonly catalog: Catalog;
  readonly trigger?: ResolvedEvent;
  readonly calls: ReadonlyMap<CallSpec, CallMeaning>;
  /** Events of `emit` and `wait` steps. */
  readonly events: ReadonlyMap<StepSpec, ResolvedEvent>;
  /** Pipelines that `run` steps run. */
  readonly runs: ReadonlyMap<RunSpec, PipelineInterface>;
}

export interface CallMeaning {
  readonly step: CallSpec;
  readonly call: ResolvedCall;
  readonly compensation?: ResolvedCall;
  /** The read that its compensation's guard makes. */
  readonly guard?: ResolvedCall;
}

/** Resolves every name of a pipeline; what cannot be resolved is reported and absent from the model. */
export function modelOf(
  written: PipelineSpec,
  catalog: Catalog,
  interfaces: Interfaces,
): { readonly model: PipelineModel; readonly diagnostics: readonly Diagnostic[] } {
  const spec = withReconciliationSteps(written, catalog);
  const found: Diagnostic[] = [];
  const calls = new Map<CallSpec, CallMeaning>();
  const events = new Map<StepSpec, ResolvedEvent>();
  const runs = new Map<RunSpec, PipelineInterface>();
  const trigger = spec.trigger?.kind === 'event' ? take(catalog.event(spec.trigger.event)) : undefined;
  const ids = new Map<string, Located<string>>();
  for (const step of allSteps(spec.steps)) {
    const earlier = ids.get(step.id.value);
    if (earlier) {
      found.push(
        diagnostic('duplicate-step', {
          message: `two steps are named \`${step.id.value}\``,
          at: step.id.at,
          subject: step.id.value,
          related: [{ ...earlier.at, message: 'the first is here' }],
        }),
      );
    } else ids.set(step.id.value, step.id);
    if (step.kind === 'call') {
      const call = take(catalog.call(step.call, step.over?.source, trigger ?? null));
      const compensation = step.compensate && take(besides(step, step.compensate.call));
      const guard = step.compensate?.guard && take(besides(step, step.compensate.guard.read));
      if (call)
        calls.set(step, { step, call, ...(compensation && { compensation }), ...(guard && { guard }) });
    }
    const named = step.kind === 'emit' ? step.emit : step.kind === 'wait' ? step.event : undefined;
    const event = named && take(catalog.event(named));
    if (event) events.set(step, event);
    if (step.kind === 'run') {
      const child = take(runnable(step.pipeline, interfaces));
      if (child) runs.set(step, child);
    }
  }
  return { model: { spec, catalog, calls, events, runs, ...(trigger && { trigger }) }, diagnostics: found };

  /** What undoes a step by the same connector goes over the connection that the step went over. */
  function besides(step: CallSpec, name: Located<string>): Resolved<ResolvedCall> {
    const isSame = connectorOf(name) === connectorOf(step.call);
    return isSame ? catalog.call(name, step.over?.source, trigger ?? null) : catalog.call(name);
  }

  function take<T>(resolved: Resolved<T>): T | undefined {
    if ('value' in resolved) return resolved.value;
    // The same bad connection is said once, however many steps use it.
    if (
      !found.some(
        (other) =>
          other.fingerprint === resolved.problem.fingerprint &&
          other.range?.start.offset === resolved.problem.range?.start.offset,
      )
    )
      found.push(resolved.problem);
    return undefined;
  }
}

function connectorOf({ value }: Located<string>): string {
  return value.slice(0, value.indexOf('.'));
}

function runnable({ value: name, at }: Located<string>, interfaces: Interfaces): Resolved<PipelineInterface> {
  const found = interfaces.get(name);
  if (found === undefined)
    return {
      problem: diagnostic('unknown-pipeline', {
        message: `there is no pipeline \`${name}\``,
        at,
        subject: name,
        misspelt: { name, meant: didYouMean(name, interfaces.keys()) },
      }),
    };
  if (found.input !== undefined) return { value: found };
  return {
    problem: diagnostic('pipeline-not-runnable', {
      message: `\`${name}\` is started by an event, so it takes no input`,
      at,
      subject: name,
      related: [{ ...found.at, message: 'has no `manual` trigger' }],
    }),
  };
}

/** The calls that change something, in document order. */
export function effectsOf(model: PipelineModel): readonly CallMeaning[] {
  return [...model.calls.values()].filter(({ call }) => call.declared.effect !== 'read');
}

/** Who answers for the pipeline. */
export function ownerOf(model: PipelineModel): string {
  return model.spec.owner?.team?.value ?? '';
}
