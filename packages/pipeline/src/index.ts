export { checkWorkspace, type WorkspaceCheck } from './check-workspace.ts';
export { memoryWorkspaceFiles, nodeWorkspaceFiles, type WorkspaceFiles } from './load/workspace-files.ts';
export type * from './plan.ts';
export { planHash } from './plan-hash.ts';
export { planOperation } from './plan-operation.ts';
export { pipelineRules } from './rules.ts';
export { configSchema } from './shape/config-schema.ts';
export { ownersSchema } from './shape/owners-schema.ts';
export { pipelineSchema } from './shape/pipeline-schema.ts';
export { policySchema } from './shape/policy-schema.ts';
export type * from './usage.ts';
export {
  type ConnectionPlaces,
  loadWorkspace,
  loadWorkspaceFiles,
  type Operator,
  type Workspace,
  type WorkspaceConfig,
  type WorkspaceConnection,
} from './workspace.ts';
