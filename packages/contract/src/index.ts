export type { CheckCache } from './asyncapi-lint.ts';
export { type BodyPart, bodyParts } from './body-parts.ts';
export { derivedOperationId } from './derived-id.ts';
export type * from './ir.ts';
export { dataClasses } from './ir.ts';
export { type ContractSource, type LoadOptions, loadContract, loadContractText } from './load.ts';
export { type FileReader, nodeFileReader } from './reader.ts';
export { contractRules } from './rules.ts';
export type { ContractUsage, SentCredentials, SentScheme, UsageBetween } from './usage.ts';
