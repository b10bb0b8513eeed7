import type { DiagnosticRules } from '@tenon/model';

/** What is proved of a pipeline before it runs. */
export const proofsRules = {
  'effect-can-repeat': {
    severity: 'error',
    title: 'this effect can happen twice',
    why: 'A lost answer after the call leaves its outcome unknown; without a key or a probe nobody can tell whether to send again (C41).',
    fix: 'declare `probe` or an idempotency mode in the connector, or set `retry: none`',
    example: {
      bad: 'call: ticketing.createTicket   # idempotency: none, no probe',
      good: 'call: ticketing.createTicket\nretry: none',
    },
  },
  'compensation-can-repeat': {
    severity: 'error',
    title: 'this compensation can happen twice',
    why: 'Undoing is an effect like any other: twice undone may be wrong again (C68).',
    fix: 'compensate with an operation that can be repeated or probed, or set `retry: none` on it',
  },
  'retry-cannot-help': {
    severity: 'error',
    title: 'a failure class is retried that a repeat cannot mend',
    why: 'Validation, auth and contract failures come again each time; retrying them only makes noise and load (C53).',
    fix: 'remove the class from `on`',
    example: { bad: 'on: [transient, validation]', good: 'on: [transient]' },
  },
  'retry-budget-too-short': {
    severity: 'error',
    title: 'a retry budget shorter than one attempt',
    why: 'The budget is spent before a second attempt can start, so the step is never retried (C55).',
    fix: 'raise `within`, or set `retry: none`',
  },
  'identity-key-constant': {
    severity: 'error',
    title: 'a key that does not depend on the event',
    why: 'Every event would count as a repeat of the first (C40).',
    fix: 'make the key of fields that name the business event',
    example: { bad: 'key: upgrade', good: 'key: ${ event.accountId }:${ event.version }' },
  },
  'key-retention-too-short': {
    severity: 'error',
    title: 'keys are forgotten before the last repeat',
    why: 'A repeat that comes after the key is forgotten is a second effect (C47).',
    fix: 'keep keys at least as long as a repeat may come',
  },
  'deadline-too-short': {
    severity: 'error',
    title: 'the steps may take longer than the deadline',
    why: 'The deadline would end runs that are still within their retry budgets (C57).',
    fix: 'raise `limits.deadline`, or lower retries',
  },
  'slo-cannot-hold': {
    severity: 'error',
    title: 'the steps may take longer than promised',
    why: 'Retries within budget would already break the promise to users.',
    fix: 'lower retries, or promise less',
  },
  'effect-without-way-back': {
    severity: 'error',
    title: 'an effect that nothing undoes',
    why: 'When a later step fails, the other system keeps a half-done change (C70).',
    fix: 'add `compensate`, or `irreversible` with an owned forward fix',
  },
  'way-back-contradicts': {
    severity: 'error',
    title: 'both undone and irreversible',
    why: 'Only one of the two can be true.',
    fix: 'keep one of `compensate` and `irreversible`',
  },
  'compensation-reads': {
    severity: 'error',
    title: 'a compensation that only reads',
    why: 'It undoes nothing (C67).',
    fix: 'call an operation that undoes the effect',
  },
  'compensation-deletes': {
    severity: 'error',
    title: 'a compensation that deletes',
    why: 'What was done must stay readable: making good is not deleting (C68).',
    fix: 'use an operation that voids, cancels or closes; where the target keeps the record, declare `effect: update` for it',
  },
  'read-with-way-back': {
    severity: 'error',
    title: 'a way back for a read',
    why: 'A read changes nothing, so there is nothing to undo.',
    fix: 'remove it',
  },
  'irreversible-before-decision': {
    severity: 'error',
    title: 'something irreversible happens before a decision',
    why: 'An approval or check that says no comes too late.',
    fix: 'move the decision before the effect',
  },
  'tier-too-low': {
    severity: 'error',
    title: 'a tier lower than what the pipeline does',
    why: 'A pipeline that moves money may not call itself low (C152).',
    fix: 'raise the tier',
  },
  'success-undeclared': {
    severity: 'error',
    title: 'nobody says what complete means',
    why: 'Without it a run that ended is taken for one that succeeded (C27).',
    fix: 'add `success: ${ … }`',
  },
  'slo-missing': {
    severity: 'error',
    title: 'no promise to users',
    why: 'At the high tier somebody must be paged when the promise breaks, so there must be one (C136).',
    fix: 'add `slo: { objective: 0.99, within: 5m }`',
  },
  'approval-missing': {
    severity: 'error',
    title: 'a high-impact effect without approval',
    why: 'At the high tier a person looks before money moves or something happens for good (C105).',
    fix: 'add an `approve` step before it, with `when` where a rule decides',
  },
} as const satisfies DiagnosticRules;
