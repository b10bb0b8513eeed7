import type { RunDetail } from './runtime.ts';

type Child = Pick<NonNullable<RunDetail['children']>[number], 'runId' | 'step' | 'state'>;

/** What of a run tells: all of it is in its detail. */
interface Parent<T> extends Pick<RunDetail, 'state'> {
  readonly failure?: { readonly step: string; readonly message: string };
  readonly children?: readonly T[];
}

/**
 * The child for which a run that is parked at a step can only fail there again, however often it is resumed: what the child was to give is
 * gone. A block says in its failure which run that is.
 */
export function lostChild<T extends Child>({ state, failure, children = [] }: Parent<T>): T | undefined {
  if (state !== 'failed' || failure === undefined || failure.step.startsWith('compensate:')) return undefined;
  return children.find(
    (child) =>
      (child.state === 'cancelled' || child.state === 'compensated') &&
      (child.step === failure.step || failure.message.includes(child.runId)),
  );
}
