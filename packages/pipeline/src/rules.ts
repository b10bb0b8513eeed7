import { type DiagnosticRules, diagnosticMaker } from '@tenon/model';
import { dataRules } from './rules/data-rules.ts';
import { namesRules } from './rules/names-rules.ts';
import { proofsRules } from './rules/proofs-rules.ts';
import { reconciliationRules } from './rules/reconciliation-rules.ts';
import { shapeRules } from './rules/shape-rules.ts';
import { suppressionRules } from './rules/suppression-rules.ts';
import { workspaceRules } from './rules/workspace-rules.ts';
import { yamlRules } from './rules/yaml-rules.ts';

/** Every finding of this package: `tenon explain <code>` and the docs are made of these. */
export const pipelineRules = {
  ...yamlRules,
  ...shapeRules,
  ...namesRules,
  ...dataRules,
  ...proofsRules,
  ...reconciliationRules,
  ...suppressionRules,
  ...workspaceRules,
} as const satisfies DiagnosticRules;

export type PipelineCode = keyof typeof pipelineRules;

/** Makes a finding of this package. */
export const diagnostic = diagnosticMaker(pipelineRules);
