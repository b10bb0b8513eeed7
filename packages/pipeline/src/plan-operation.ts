import type { ConnectorManifest, OperationPlan } from '@tenon/connector';
import type { Contract } from '@tenon/contract';

/** Joins one operation of a contract with what the manifest says of it; `undefined` when the contract has no such operation. */
export declare function planOperation(
  contract: Contract,
  manifest: ConnectorManifest,
  operation: string,
): OperationPlan | undefined;
