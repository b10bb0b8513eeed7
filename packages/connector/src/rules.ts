import type { DiagnosticRules } from '@tenon/model';

export const connectorRules = {} satisfies DiagnosticRules;
