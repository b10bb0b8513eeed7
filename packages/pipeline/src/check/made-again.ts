import { references } from '@tenon/expression';
import { allSteps, type CheckSpec, type StepSpec } from '../spec/pipeline-spec.ts';
import type { PipelineModel } from './model.ts';
import { expressionsOfStep } from './policies.ts';

/**
 * Ids of the steps that are made again when a person resumes a run that a check has parked: the reads that it looks at, and what was
 * read, set or checked of them since, in order. Empty where that would not be sound: something was done after the first of those
 * reads, which may have changed what it read; or a person, a branch or a list went by what was read, and would stay as it is.
 */
export function madeAgain(
  model: PipelineModel,
  list: readonly StepSpec[],
  check: CheckSpec,
): readonly string[] {
  const before = list.slice(0, list.indexOf(check));
  const isRead = (step: StepSpec): boolean =>
    step.kind === 'call' && model.calls.get(step)?.call.declared.effect === 'read';
  const wanted = new Set(stepsRead(check));
  for (const step of before.toReversed())
    if (wanted.has(step.id.value) && (isRead(step) || step.kind === 'set'))
      for (const id of stepsRead(step)) wanted.add(id);
  const first = before.findIndex((step) => isRead(step) && wanted.has(step.id.value));
  if (first < 0) return [];

  const again = new Set<string>();
  for (const step of before.slice(first)) {
    const id = step.id.value;
    const goesByThem = allSteps([step])
      .flatMap(stepsRead)
      .some((read) => again.has(read) || (read === ALL && again.size > 0));
    if (isRead(step)) {
      if (goesByThem || wanted.has(id)) again.add(id);
    } else if (step.kind === 'set' || step.kind === 'check') {
      if (goesByThem) again.add(id);
    } else if (goesByThem || allSteps([step]).some((one) => DOES.has(one.kind) && !isRead(one))) return [];
  }
  return [...again];
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
