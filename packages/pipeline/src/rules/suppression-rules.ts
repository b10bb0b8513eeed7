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
    fix: 'remove the comment; it is told only where every check could be made',
    example: {
      bad: '# tenon: allow slo-cannot-hold because it is fast\nslo: { objective: 0.99, within: 1h }',
      good: 'slo: { objective: 0.99, within: 1h }',
    },
  },
  'suppression-not-possible': {
    severity: 'error',
    title: 'a finding that cannot be allowed',
    why: 'Only proofs and warnings can be allowed: a spec that cannot be read, or holds a secret, cannot run.',
    fix: 'mend the finding',
    example: {
      bad: '# tenon: allow unknown-field because it is new\nemail: ${ event.emial }',
      good: 'email: ${ event.email }',
    },
  },
} as const satisfies DiagnosticRules;
