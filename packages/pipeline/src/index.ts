export type * from './plan.ts';
export { planOperation } from './plan-operation.ts';
export { pipelineRules } from './rules.ts';
export type * from './usage.ts';
export {
  checkWorkspace,
  loadWorkspace,
  type Workspace,
  type WorkspaceCheck,
  type WorkspaceConfig,
} from './workspace.ts';
