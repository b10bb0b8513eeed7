import { type DiagnosticMaker, type DiagnosticRules, diagnosticMaker } from '@tenon/model';

const RUN = 'Run `tenon generate` and commit what it writes.';

export const codegenRules = {
  'generated-missing': {
    severity: 'error',
    title: 'a generated file is missing',
    why: 'The code that uses a contract is committed beside it, so that a review shows what a change of the contract means.',
    fix: RUN,
  },
  'generated-outdated': {
    severity: 'error',
    title: 'a generated file is not what its contract gives now',
    why: 'Types and validators of an older contract let through what the current one refuses.',
    fix: RUN,
  },
  'generated-edited': {
    severity: 'error',
    title: 'a generated file was edited by hand',
    why: 'The next generation would undo the edit without a word.',
    fix: 'Make the change in the contract, its overlay or the connector, then run `tenon generate`.',
  },
  'generated-left-over': {
    severity: 'error',
    title: 'a generated file belongs to nothing in the workspace',
    why: 'Code for a contract or an operation that is gone still compiles, and someone will use it.',
    fix: 'Run `tenon generate`, which removes it, or bring the contract back.',
  },
} as const satisfies DiagnosticRules;

export const codegenDiagnostic: DiagnosticMaker<keyof typeof codegenRules> = diagnosticMaker(codegenRules);
