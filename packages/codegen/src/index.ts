export type { ContractInput } from './contract-files.ts';
export {
  type ExistingFiles,
  type Generation,
  generateWorkspace,
} from './generate-workspace.ts';
export { GENERATOR, type GeneratedFile } from './generated-file.ts';
export { isGeneratedPath, planWrite, type WritePlan } from './plan-write.ts';
export { codegenRules } from './rules.ts';
export type { Stamps } from './stamp.ts';

import type { ContractInput } from './contract-files.ts';
import type { GeneratedFile } from './generated-file.ts';

/** All files of `generated/<contract>/`, sorted by path. Pure: the same input gives the same bytes. */
export async function generateContract(input: ContractInput): Promise<GeneratedFile[]> {
  // Behind a dynamic import: Handlebars and the type generators cost 200 ms, and most runs of the CLI need none.
  const module = await import('./generate-contract.ts');
  return module.generateContract(input);
}
