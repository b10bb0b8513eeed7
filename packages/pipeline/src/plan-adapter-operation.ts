import type { ConnectorManifest, OperationPlan } from '@tenon/connector';
import type { Contract } from '@tenon/contract';
import { refusalsOfOperation } from './check/proofs/refusals.ts';
import { planOperation } from './plan-operation.ts';

/** As `planOperation`, for code that calls it: with every refusal that has a name, since nobody says beforehand which are taken. */
export function planAdapterOperation(
  contract: Contract,
  manifest: ConnectorManifest,
  operation: string,
  definitions: Contract['definitions'] = contract.definitions,
): OperationPlan | undefined {
  const plan = planOperation(contract, manifest, operation, definitions);
  const source = contract.operations.get(operation);
  if (plan === undefined || source?.kind !== 'http') return plan;
  const refusals = refusalsOfOperation(contract, source, plan);
  if (refusals.length === 0) return plan;
  const entries = refusals.map(({ code, schema }) => [code, schema === undefined ? {} : { schema }] as const);
  return { ...plan, refusals: Object.fromEntries(entries) };
}
