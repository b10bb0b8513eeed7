export { type DiffOptions, diffContracts } from './diff.ts';
export type {
  ChangeSeverity,
  DiffReport,
  Finding,
  FindingDirection,
  Place,
  Undecided,
  Victim,
} from './finding.ts';
export { changeDiagnostics, changeRules, FAMILIES, type RuleId } from './rules/registry.ts';
export type { ContractUsage } from './usage.ts';
