import type { Diagnostic } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import { allSteps } from '../../spec/pipeline-spec.ts';
import type { PipelineModel } from '../model.ts';

/** Beyond these nobody keeps a pipeline in mind, least of all at night (C26). */
const BUDGET = { steps: 40, connections: 8, branches: 20 } as const;

/** Warns about a pipeline that has grown past what one person can follow. */
export function checkSize({ spec, calls }: PipelineModel): Diagnostic[] {
  const steps = allSteps(spec.steps);
  const connections = new Set([...calls.values()].map(({ call }) => call.connection));
  const branches = steps.reduce(
    (sum, step) => sum + (step.kind === 'choose' || step.kind === 'parallel' ? step.branches.length : 0),
    0,
  );
  const counted = { steps: steps.length, connections: connections.size, branches };
  const over = Object.entries(BUDGET).flatMap(([what, most]) => {
    // The keys of both tables are the same.
    const count = counted[what as keyof typeof BUDGET];
    return count > most ? [`${count} ${what} (at most ${most})`] : [];
  });
  if (over.length === 0) return [];
  return [
    diagnostic('pipeline-too-complex', {
      message: `\`${spec.name.value}\` has ${over.join(', ')}`,
      at: spec.name.at,
      subject: spec.name.value,
    }),
  ];
}
