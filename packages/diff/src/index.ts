export { type DiffOptions, diffContracts } from './diff.ts';
export {
  diffSchemas,
  type SchemaDiff,
  type SchemaDiffOptions,
  type SchemaDirection,
} from './diff-schemas.ts';
export type {
  AcceptedBy,
  ChangeSeverity,
  DiffReport,
  Finding,
  FindingDirection,
  Place,
  Undecided,
  Victim,
} from './finding.ts';
export { blockingOf, isBlocking } from './policy.ts';
export { contractTest } from './report/contract-test.ts';
export { toDiagnostics } from './report/diagnostics.ts';
export { exampleOf } from './report/example.ts';
export { toJson } from './report/json.ts';
export { renderMarkdown } from './report/markdown.ts';
export { changeRules, FAMILIES, type RuleId } from './rules/registry.ts';
export { diffRules } from './rules.ts';
export { type SchemaDocument, schemaReport } from './schema-report.ts';
export {
  type Acceptance,
  acceptFinding,
  applyWaivers,
  loadWaivers,
  type Waiver,
  type Waivers,
} from './waivers.ts';
