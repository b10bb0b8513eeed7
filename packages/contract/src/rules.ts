import type { DiagnosticRules } from '@tenon/model';
import { formatRules } from './rules-format.ts';
import { lintRules } from './rules-lint.ts';
import { workspaceRules } from './rules-workspace.ts';

/** All codes of this package: about the document's form, about its meaning, and about what Tenon adds beside it. */
export const contractRules = {
  ...formatRules,
  ...lintRules,
  ...workspaceRules,
} as const satisfies DiagnosticRules;
