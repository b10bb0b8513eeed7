import type { OperationPlan } from './operation-plan.ts';

/** Does a call of it carry its idempotency key: in the header that is declared for it, or as the id of the message or event that it sends? */
export function sendsKey({ idempotency, http, message }: OperationPlan): boolean {
  return idempotency.mode === 'header' || http?.envelope !== undefined || message !== undefined;
}
