import type { DiagnosticRules } from '@tenon/model';

/** The document's meaning: well-formed, yet contradicting itself. */
export const lintRules = {
  'contract-pattern-invalid': {
    severity: 'warning',
    title: 'A pattern is no regular expression',
    why: 'JSON Schema patterns are ECMAScript regular expressions; one that is not checks nothing.',
    fix: 'Write it as an ECMAScript regular expression.',
    example: { bad: "pattern: '(?i)abc'", good: "pattern: '[aA][bB][cC]'" },
  },
} as const satisfies DiagnosticRules;
