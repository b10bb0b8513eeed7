export { byOwnName } from './by-own-name.ts';
export type { DataCheck } from './check/data/data.ts';
export { incomingOver } from './check/data/incoming.ts';
export { listRead } from './check/data/list-read.ts';
export { inputSource, resultSource } from './check/data/payloads.ts';
export { expressionsIn } from './check/data/policies.ts';
export { inputGap } from './check/data/schema-path.ts';
export { problemOfAll, type RuleProblem } from './check/manifest/failure-rules.ts';
export type { CallMeaning, PipelineModel } from './check/model.ts';
export { VACANT } from './check/proofs/owners.ts';
export { knownRefusals, stepResultSource } from './check/proofs/refusals.ts';
export { type WorstCase, worstCaseOf } from './check/proofs/time.ts';
export { secretDiagnostics } from './check/secrets.ts';
export { isLoopback } from './check/server.ts';
export { type CheckStore, checkFiles, type FilesCheckOptions, type KeptCheck } from './check-files.ts';
export {
  type CheckMemory,
  createCheckMemory,
  inspectPipeline,
  type PipelineInspection,
} from './check-memory.ts';
export { type CheckOptions, checkWorkspace, type WorkspaceCheck } from './check-workspace.ts';
export type { Conclusion } from './conclude.ts';
export {
  catalogOfSystems,
  renderCatalog,
  type SystemEntry,
  type VerbEntry,
} from './graph/catalog-of-systems.ts';
export { type Declassification, declassificationsOf, renderDeclassifications } from './graph/declassified.ts';
export { type GraphEdge, type GraphNode, graphOf, type WorkspaceGraph } from './graph/graph.ts';
export { type GraphFormat, graphFormats } from './graph/render-graph.ts';
export { type QuotasConfig, readConfig } from './load/config.ts';
export { namedBy } from './load/named-by.ts';
export { OWNERS_FILE, readOwners } from './load/owners.ts';
export { type PolicySpec, readPolicies } from './load/policies.ts';
export type { SecretsConfig, VaultConfig } from './load/secrets-config.ts';
export { memoryWorkspaceFiles, nodeWorkspaceFiles, type WorkspaceFiles } from './load/workspace-files.ts';
export type * from './plan.ts';
export { planAdapterOperation } from './plan-adapter-operation.ts';
export { planHash } from './plan-hash.ts';
export { planOperation } from './plan-operation.ts';
export { planPublications } from './plan-publication.ts';
export { headersRead, planSources } from './plan-source.ts';
export type * from './reconciliation-plan.ts';
export { pipelineRules } from './rules.ts';
export { configSchema } from './shape/config-schema.ts';
export { ownersSchema } from './shape/owners-schema.ts';
export { pipelineSchema } from './shape/pipeline-schema.ts';
export { policySchema } from './shape/policy-schema.ts';
export { reconciliationSchema } from './shape/reconciliation-schema.ts';
export { allSteps, type PipelineSpec, type StepSpec } from './spec/pipeline-spec.ts';
export type { SpecExpression } from './spec/template.ts';
export { usageBetween } from './usage-between.ts';
export {
  CONNECTOR_ENTRIES,
  type ConnectionPlaces,
  type EncryptionConfig,
  isPipelineFile,
  isReconciliationFile,
  type KeptContract,
  type LedgerConfig,
  loadWorkspace,
  loadWorkspaceFiles,
  type Operator,
  type Workspace,
  type WorkspaceConfig,
  type WorkspaceConnection,
  type WorkspaceOptions,
} from './workspace.ts';
export { writeConnection } from './write-connection.ts';
export { writeGrants } from './write-grants.ts';
export { parseSpec, type SpecDocument, type SpecNode, type SpecScalar } from './yaml/spec-document.ts';
