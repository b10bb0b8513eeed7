import { planAdapterOperation } from '@tenon/pipeline';
import { type ContractInput, contractFiles } from './contract-files.ts';
import type { GeneratedFile } from './generated-file.ts';

/** All files of `generated/<contract>/`, sorted by path. Pure: the same input gives the same bytes. */
export function generateContract(input: ContractInput): Promise<GeneratedFile[]> {
  return contractFiles(planAdapterOperation, input);
}
