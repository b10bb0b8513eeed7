import type { DiagnosticRules } from '@tenon/model';

export const pipelineRules = {} satisfies DiagnosticRules;
