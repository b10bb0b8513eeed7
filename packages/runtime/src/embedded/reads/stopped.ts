import type { Failure } from '@tenon/model';

/** Why a run is parked or ended, and at which step: its `failure` column. */
export type Stopped = Failure & { readonly step: string };

export function withoutStep({ step: _, ...failure }: Stopped): Failure {
  return failure;
}
