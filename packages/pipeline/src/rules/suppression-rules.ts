import type { DiagnosticRules } from '@tenon/model';

/** Comments that allow a finding. */
export const suppressionRules = {
  'suppression-without-reason': {
    severity: 'error',
    title: 'a finding is allowed without a reason',
    why: 'Nobody can tell later whether the reason still holds.',
    fix: 'write `# tenon: allow <code> because <reason>`',
    example: {
      bad: '# tenon: allow approval-missing',
      good: '# tenon: allow approval-missing because refunds below 5 are agreed with finance',
    },
  },
  'suppression-stale': {
    severity: 'error',
    title: 'a finding is allowed that is not found any more',
    why: 'It would hide the next one.',
    fix: 'remove the comment',
  },
  'suppression-not-possible': {
    severity: 'error',
    title: 'a finding that cannot be allowed',
    why: 'Only proofs and warnings can be allowed: a spec that cannot be read, or holds a secret, cannot run.',
    fix: 'mend the finding',
  },
} as const satisfies DiagnosticRules;
