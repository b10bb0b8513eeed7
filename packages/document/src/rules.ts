import type { DiagnosticRules } from '@tenon/model';

export const documentRules = {} satisfies DiagnosticRules;
