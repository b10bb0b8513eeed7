import { type DiagnosticRules, diagnosticMaker } from '@tenon/model';
import { changeDiagnostics } from './rules/registry.ts';

/** What the comparison itself has to say, beside the changes it finds. */
export const diffOwnRules = {
  'schema-undecided': {
    severity: 'warning',
    title: 'It is not known whether a schema change breaks anyone',
    why: 'Neither a value that shows a break was found, nor a proof that there is none: the keyword named is not modelled, the search was given up, or (`unsatisfiable`) the schema accepts nothing as it is written.',
    fix: 'Look at the change and say whether it is right.',
  },
  'waiver-invalid': {
    severity: 'error',
    title: 'An entry of waivers.yaml cannot be read',
    why: 'A waiver that does not say what, why, who and until when accepts nothing.',
    fix: 'Give `fingerprint`, `reason`, `owner` and `expires` (a date).',
    example: {
      bad: 'waivers:\n  - fingerprint: 4f1d0c2b9a7e6d53',
      good: 'waivers:\n  - fingerprint: 4f1d0c2b9a7e6d53\n    reason: nobody calls it, see ticket 812\n    owner: team-billing\n    expires: 2027-03-31',
    },
  },
  'waiver-duplicate': {
    severity: 'error',
    title: 'A finding is accepted twice',
    why: 'Two entries may disagree about who accepted it, and until when.',
    fix: 'Keep one of them.',
  },
  'waiver-expired': {
    severity: 'error',
    title: 'An accepted finding has expired',
    why: 'It was accepted until a date that has passed, and it is still there.',
    fix: 'Undo the change, or agree on a new date.',
  },
  'waiver-stale': {
    severity: 'warning',
    title: 'A waiver matches no finding',
    why: 'What it accepted is gone: left behind, it only teaches to ignore the file.',
    fix: 'Remove the entry.',
  },
} as const satisfies DiagnosticRules;

/** Every code this package may report. */
export const diffRules: DiagnosticRules = { ...changeDiagnostics, ...diffOwnRules };

export const diffDiagnostic = diagnosticMaker(diffOwnRules);
