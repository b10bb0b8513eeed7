import { references } from '@tenon/expression';
import type { Diagnostic } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import { allSteps, type StepSpec } from '../../spec/pipeline-spec.ts';
import { expressionsIn } from '../data/policies.ts';
import type { PipelineModel } from '../model.ts';

/**
 * Steps that only make a value, which nobody reads. For a pipeline without errors: where one is, the step that was to
 * read it may be what is wrong or what is still missing.
 */
export function checkUnused(model: PipelineModel): Diagnostic[] {
  const { spec } = model;
  const read = readSteps(model);
  if (read === undefined) return [];
  return allSteps(spec.steps).flatMap((step): Diagnostic[] => {
    const what = onlyMakes(step, model);
    if (what === undefined || read.has(step.id.value)) return [];
    return [
      diagnostic('step-unused', {
        message: `\`${step.id.value}\` ${what}, and nothing reads it`,
        at: step.id.at,
        subject: step.id.value,
      }),
    ];
  });
}

/** What a step is good for that is good for its result alone; `undefined` for one that does something. */
function onlyMakes(step: StepSpec, model: PipelineModel): string | undefined {
  switch (step.kind) {
    case 'set':
      return 'sets a value';
    case 'call':
      return model.calls.get(step)?.call.declared.effect === 'read' ? 'only fetches' : undefined;
    case 'forEach': {
      const inner = allSteps(step.steps);
      const isMaking =
        !step.check && inner.length > 0 && inner.every((one) => onlyMakes(one, model) !== undefined);
      return isMaking ? 'only makes values of a list' : undefined;
    }
    default:
      return undefined;
  }
}

/** Ids of the steps that some expression reads; `undefined` where one reads `steps` as a whole, or cannot be read. */
function readSteps({ spec }: PipelineModel): ReadonlySet<string> | undefined {
  const found = new Set<string>();
  for (const { parsed } of expressionsIn(spec)) {
    if (parsed.errors.length > 0) return undefined;
    for (const { root, path } of references(parsed.ast)) {
      if (root !== 'steps') continue;
      const [id] = path;
      if (id === undefined) return undefined;
      found.add(id.name);
    }
  }
  return found;
}
