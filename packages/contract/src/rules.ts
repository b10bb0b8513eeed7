import type { DiagnosticRules } from '@tenon/model';

export const contractRules = {} satisfies DiagnosticRules;
