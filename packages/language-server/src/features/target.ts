import { calls, references } from '@tenon/expression';
import type { Location } from '@tenon/model';
import { allSteps, type PipelineInspection, type PolicySpec, type StepSpec } from '@tenon/pipeline';
import { holds, type Snapshot } from '../snapshot.ts';
import { type DataSource, partOf, placesAt, resultOf } from './contract-place.ts';
import { expressionAt } from './expression-at.ts';

/** What the name under a cursor means. `at` is the name itself. */
export type Target = { readonly at: Location } & (
  | { readonly kind: 'step'; readonly step: StepSpec }
  | { readonly kind: 'policy'; readonly policy: PolicySpec }
  | { readonly kind: 'field'; readonly source: DataSource; readonly path: readonly string[] }
  | {
      readonly kind: 'node';
      readonly what: string;
      readonly doc?: string;
      readonly places: readonly Location[];
    }
);

export function targetAt(snapshot: Snapshot, file: string, offset: number): Target | undefined {
  const inspection = snapshot.pipeline(file);
  return inExpression(snapshot, file, offset, inspection) ?? (inspection && inYaml(inspection, offset));
}

function inExpression(
  snapshot: Snapshot,
  file: string,
  offset: number,
  inspection: PipelineInspection | undefined,
): Target | undefined {
  const found = expressionAt(snapshot, file, offset);
  if (!found?.expression) return undefined;
  const { index, expression, step } = found;
  const on = (span: { start: number; end: number }): boolean => span.start <= index && index <= span.end;
  const { ast } = expression.parsed;
  const call = calls(ast).find(({ namespace, nameSpan }) => namespace === 'policy' && on(nameSpan));
  const policy = call && snapshot.policies.find(({ name }) => name.value === call.name);
  if (call && policy) return { kind: 'policy', policy, at: expression.locate(call.nameSpan) };
  if (!inspection?.model) return undefined;
  const reference = references(ast).find(({ span }) => on(span));
  if (!reference) return undefined;
  const names = reference.path.map(({ name }) => name);
  const segment = reference.path.findIndex((one) => on(one));
  if (reference.root !== 'steps') {
    const part = partOf(inspection, reference.root, step);
    const end = segment < 0 ? reference.span.start + reference.root.length : 0;
    const span = segment < 0 ? { start: reference.span.start, end } : reference.path[segment]!;
    const path = [...(part?.path ?? []), ...names.slice(0, segment + 1)];
    return part && { kind: 'field', source: part.source, path, at: expression.locate(span) };
  }
  const named = allSteps(inspection.model.spec.steps).find(({ id }) => id.value === names[0]);
  if (!named || segment < 0) return undefined;
  const at = expression.locate(reference.path[segment]!);
  if (segment === 0) return { kind: 'step', step: named, at };
  const source = resultOf(inspection, named);
  return source && { kind: 'field', source, path: names.slice(1, segment + 1), at };
}

function inYaml({ model }: PipelineInspection, offset: number): Target | undefined {
  if (!model) return undefined;
  const { trigger } = model.spec;
  if (trigger?.kind === 'event' && model.trigger && holds(trigger.event.at, offset))
    return node(
      trigger.event.at,
      model.trigger.contract,
      model.trigger.definition,
      `event ${model.trigger.name}`,
    );
  for (const step of allSteps(model.spec.steps)) {
    // What stands for the sides of a reconciliation has no name of its own.
    if (!model.spec.reconciliation && holds(step.id.at, offset))
      return { kind: 'step', step, at: step.id.at };
    const meaning = step.kind === 'call' ? model.calls.get(step) : undefined;
    const called = [
      [step.kind === 'call' ? step.call : undefined, meaning?.call],
      [step.kind === 'call' ? step.compensate?.call : undefined, meaning?.compensation],
      [step.kind === 'call' ? step.compensate?.guard?.read : undefined, meaning?.guard],
    ] as const;
    for (const [name, call] of called)
      if (name && call && holds(name.at, offset))
        return node(
          name.at,
          call.contract,
          call.operation,
          `${call.declared.effect} operation ${name.value}`,
        );
    const event = model.events.get(step);
    const name = step.kind === 'emit' ? step.emit : step.kind === 'wait' ? step.event : undefined;
    if (name && event && holds(name.at, offset))
      return node(name.at, event.contract, event.definition, `event ${event.name}`);
  }
  return undefined;
}

function node(
  at: Location,
  contract: DataSource['contract'],
  described: { readonly summary?: string; readonly description?: string },
  what: string,
): Target {
  const place = contract.locate(described);
  const doc = [described.summary, described.description].filter((one) => one !== undefined).join('\n\n');
  return { kind: 'node', at, what, ...(doc !== '' && { doc }), places: place ? [place] : [] };
}

/** Where the thing that a name means is written: in a contract, a pipeline or a policy file. */
export function definitionAt(snapshot: Snapshot, file: string, offset: number): readonly Location[] {
  const target = targetAt(snapshot, file, offset);
  switch (target?.kind) {
    case undefined:
      return [];
    case 'step':
      return [target.step.id.at];
    case 'policy':
      return [target.policy.name.at];
    case 'field':
      return placesAt(target.source, target.path);
    case 'node':
      return target.places;
  }
}
