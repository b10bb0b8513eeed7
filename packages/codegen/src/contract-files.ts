import type { ConnectorManifest } from '@tenon/connector';
import type { Contract, ContractUsage, Named } from '@tenon/contract';
import { compareText, type JsonObject } from '@tenon/model';
import { adapterFiles } from './adapter/adapter.ts';
import { bareManifest } from './bare-manifest.ts';
import { contractTestFiles } from './contract-test/contract-test.ts';
import { type GeneratedFile, headerLine } from './generated-file.ts';
import { packageFiles } from './package-files.ts';
import { type OperationPlanner, surfaceOf } from './surface.ts';
import { messageTypes } from './types/message-types.ts';
import { openapiTypes } from './types/openapi-types.ts';
import { inUse, validatorFiles } from './validators/validators.ts';
import { usedOf } from './wanted.ts';

export interface ContractInput {
  readonly contract: Contract;
  /** The connector that speaks it; without one, operations carry no authentication and cautious defaults. */
  readonly manifest?: ConnectorManifest;
  /** What of it is made; left out: all. */
  readonly wanted?: Named;
  /** What pipelines read and write; entries of other contracts are passed over. */
  readonly usage?: readonly ContractUsage[];
  /** By operation, inputs that name what a real system has: for its contract tests. */
  readonly inputs?: Readonly<Record<string, JsonObject>>;
}

/** All files of `generated/<contract>/`, sorted by path, with the join of contract and manifest handed in. */
export async function contractFiles(
  planner: OperationPlanner,
  input: ContractInput,
): Promise<GeneratedFile[]> {
  const { contract } = input;
  const folder = `generated/${contract.name}`;
  const surface = surfaceOf(contract, input.manifest ?? bareManifest(contract), planner, input.wanted);
  const usage = (input.usage ?? []).filter((entry) => entry.contract === contract.name);
  const tests = contractTestFiles(surface, { usage, inputs: input.inputs ?? {} }, folder);
  const types = contract.format === 'openapi' ? await openapiTypes(surface) : await messageTypes(surface);
  const files = [
    { path: `${folder}/types.d.ts`, text: `${headerLine(contract)}\n\n${types}` },
    ...adapterFiles(surface, folder),
    ...(await validatorFiles(surface, inUse(surface, usedOf(usage)), folder)),
    ...tests,
    ...packageFiles(surface, folder, tests.length > 0),
  ];
  return files.sort((a, b) => compareText(a.path, b.path));
}
