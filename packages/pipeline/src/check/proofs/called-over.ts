import type { StepSpec } from '../../spec/pipeline-spec.ts';
import type { ResolvedCall } from '../catalog.ts';
import type { DataCheck } from '../data/data.ts';

/** Connections that a call of a step may go over: the one that it names, or those that its `over` may name. */
export function calledOver(
  { connection, over }: ResolvedCall,
  step: StepSpec,
  data: Pick<DataCheck, 'over'>,
): readonly string[] {
  return over === undefined ? [connection] : (data.over.get(step) ?? []);
}
