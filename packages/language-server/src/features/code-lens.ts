import { formatDuration, type Range } from '@tenon/model';
import { worstCaseOf } from '@tenon/pipeline';
import type { Snapshot } from '../snapshot.ts';

/** A line of facts above a place. */
export interface Lens {
  readonly range: Range;
  readonly title: string;
}

/** Above a pipeline's name: who answers for it, and how long a run can take; above its slowest step: how long that is. */
export function codeLensesOf(snapshot: Snapshot, file: string): readonly Lens[] {
  const model = snapshot.pipeline(file)?.model;
  if (!model) return [];
  const { spec } = model;
  const { totalMs, longest } = worstCaseOf(model);
  const team = spec.owner?.team?.value ?? 'nobody';
  const backup = spec.owner?.backup?.value;
  const within = spec.slo?.within?.value;
  const lenses: Lens[] = [
    { range: spec.name.at.range, title: `owned by ${team}${backup === undefined ? '' : `, then ${backup}`}` },
    {
      range: spec.name.at.range,
      title: `can take ${formatDuration(totalMs)}${model.runs.size > 0 ? ' besides what it runs' : ''}${within === undefined ? '' : ` (SLO ${formatDuration(within)})`}`,
    },
  ];
  if (longest)
    lenses.push({
      range: longest.step.id.at.range,
      title: `up to ${formatDuration(longest.ms)}, the longest step`,
    });
  return lenses;
}
