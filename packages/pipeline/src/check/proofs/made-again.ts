import { references } from '@tenon/expression';
import { allSteps, type CheckSpec, innerSteps, type StepSpec } from '../../spec/pipeline-spec.ts';
import { expressionsOfStep } from '../data/policies.ts';
import type { PipelineModel } from '../model.ts';

/**
 * Ids of the steps that are made again when a person resumes a run that a check has parked: the reads that it looks at, and what was
 * read, set or checked of them since, in order. Empty where that would not be sound: something was done after the first of those
 * reads, here or beside it, which may have changed what it read; or a person, a branch or a list went by what was read, and would stay as
 * it is, as would what such a step gave. What the list itself was given, by its item or by steps around it, stays as the event does.
 */
export function madeAgain(
  model: PipelineModel,
  list: readonly StepSpec[],
  check: CheckSpec,
): readonly string[] {
  const before = list.slice(0, list.indexOf(check));
  const isRead = (step: StepSpec): boolean =>
    step.kind === 'call' && model.calls.get(step)?.call.declared.effect === 'read';
  const isSeen = (step: StepSpec): boolean => DOES.has(step.kind) && !isRead(step);

  const wanted = new Set(stepsRead(check));
  for (const step of before.toReversed()) {
    const inside = allSteps([step]);
    if (!inside.some(({ id }) => wanted.has(id.value))) continue;
    if (innerSteps(step).length > 0 && inside.some(isRead)) return [];
    for (const id of inside.flatMap(stepsRead)) wanted.add(id);
  }
  const first = before.findIndex((step) => isRead(step) && wanted.has(step.id.value));
  if (first < 0 || wanted.has(ALL) || besides(model.spec.steps, list)?.some(isSeen)) return [];

  const again = new Set<string>();
  for (const step of before.slice(first)) {
    const id = step.id.value;
    const inside = allSteps([step]);
    const goesByThem = inside
      .flatMap(stepsRead)
      .some((read) => again.has(read) || (read === ALL && again.size > 0));
    if (isRead(step)) {
      if (goesByThem || wanted.has(id)) again.add(id);
    } else if (step.kind === 'set' || step.kind === 'check') {
      if (goesByThem) again.add(id);
    } else if (goesByThem || inside.some(isSeen)) return [];
  }
  return [...again];
}

/** What may be carried out between two steps of a list by strands beside it; `undefined` where these steps do not hold the list. */
function besides(steps: readonly StepSpec[], list: readonly StepSpec[]): readonly StepSpec[] | undefined {
  if (steps === list) return [];
  for (const step of steps)
    for (const inner of innerSteps(step)) {
      const found = besides(inner, list);
      if (found !== undefined) return [...found, ...allSteps(strandsBeside(step, inner))];
    }
  return undefined;
}

/** One item at a time leaves nothing beside it, unless the list goes on with others when it has failed. */
function strandsBeside(step: StepSpec, own: readonly StepSpec[]): readonly StepSpec[] {
  if (step.kind === 'parallel') return innerSteps(step).flatMap((one) => (one === own ? [] : one));
  const isAlone =
    step.kind !== 'forEach' || ((step.concurrency ?? 1) === 1 && step.onItemFailure !== 'collect');
  return isAlone ? [] : own;
}

/** Kinds of steps that others see. */
const DOES: ReadonlySet<StepSpec['kind']> = new Set<StepSpec['kind']>(['call', 'emit', 'run']);

function stepsRead(step: StepSpec): readonly string[] {
  return expressionsOfStep(step).flatMap(({ parsed }) =>
    references(parsed.ast).flatMap(({ root, path }) => (root === 'steps' ? [path[0]?.name ?? ALL] : [])),
  );
}

/** An expression that takes the results of all steps as one value. */
const ALL = '*';
