export type * from './ir.ts';
export { type ContractSource, type FileReader, loadContract, nodeFileReader } from './load.ts';
export { contractRules } from './rules.ts';
