import type { RunDetail } from './runtime.ts';

type Child = NonNullable<RunDetail['children']>[number];

/**
 * The child for which a run that is parked at a step can only fail there again, however often it is resumed: what the child was to give is
 * gone. A block says in its failure which run that is.
 */
export function lostChild({ state, failure, children = [] }: RunDetail): Child | undefined {
  if (state !== 'failed' || failure === undefined || failure.step.startsWith('compensate:')) return undefined;
  return children.find(
    (child) =>
      (child.state === 'cancelled' || child.state === 'compensated') &&
      (child.step === failure.step || failure.message.includes(child.runId)),
  );
}
