import type { DiagnosticRules } from '@tenon/model';

/** Expressions and requests that do not fit the contracts. */
export const dataRules = {
  'expression-syntax': {
    severity: 'error',
    title: 'an expression that cannot be read',
    why: 'It could not be evaluated.',
    fix: 'mend it at the place shown',
    example: { bad: 'when: "${ event.amount > }"', good: 'when: "${ event.amount > 100 }"' },
  },
  'expression-expected': {
    severity: 'error',
    title: 'a value where an expression must stand',
    why: 'Without `${ }` it is text, and a text is no condition.',
    fix: 'write "${ … }" around it',
    example: {
      bad: "success: steps.invoice.status == 'open'",
      good: "success: ${ steps.invoice.status == 'open' }",
    },
  },
  'policy-example-fails': {
    severity: 'error',
    title: 'a policy that does not say what its example expects',
    why: 'Either the rule or the example is wrong.',
    fix: 'mend the one that is wrong',
    example: {
      bad: 'condition: ${ order.total > 100 }\ntests: [{ given: { order: { total: 100 } }, expect: true }]',
      good: 'condition: ${ order.total >= 100 }\ntests: [{ given: { order: { total: 100 } }, expect: true }]',
    },
  },
  'policy-written-twice': {
    severity: 'warning',
    title: 'the same rule written twice',
    why: 'Two copies of a rule drift apart.',
    fix: 'keep one and call it',
    example: {
      bad: "isLarge: { parameters: [o], condition: '${ o.total > 9 }' }\nisBig: { parameters: [o], condition: '${ o.total > 9 }' }",
      good: "isLarge: { parameters: [o], condition: '${ o.total > 9 }' }   # called in both places",
    },
  },
  'unknown-step': {
    severity: 'error',
    title: 'a step that does not exist',
    why: 'There is no result to read.',
    fix: 'correct the name',
    example: { bad: '"${ steps.invocie.id }"', good: '"${ steps.invoice.id }"' },
  },
  'step-not-run-yet': {
    severity: 'error',
    title: 'a step read before it has run',
    why: 'Its result does not exist yet.',
    fix: 'move the step up, or read another',
    example: {
      bad: "- { id: mail, call: mail.send, with: { to: '${ steps.account.email }' } }\n- { id: account, call: crm.getAccount }",
      good: "- { id: account, call: crm.getAccount }\n- { id: mail, call: mail.send, with: { to: '${ steps.account.email }' } }",
    },
  },
  'step-in-other-branch': {
    severity: 'error',
    title: 'a step of another branch is read',
    why: 'Of a `choose` only one branch is taken; branches of a `parallel` go on beside each other, so neither can wait for the other.',
    fix: 'move the step before the branches, or read it after the `parallel`',
    example: {
      bad: "- when: ${ event.express }\n  steps: [{ id: fast, set: 1 }]\n- steps: [{ id: slow, set: '${ steps.fast }' }]",
      good: '- when: ${ event.express }\n  steps: [{ id: fast, set: 1 }]\n- steps: [{ id: slow, set: 2 }]',
    },
  },
  'step-in-list': {
    severity: 'error',
    title: 'a step of a list is read outside of it',
    why: 'It is carried out once for each item, so there is no one result to read.',
    fix: 'give the `forEach` a `result`, and read the list of outcomes',
    example: {
      bad: '${ steps.booked.id }',
      good: "${ steps.lines.filter(one, one.outcome == 'succeeded').map(one, one.result) }",
    },
  },
  'step-without-result': {
    severity: 'error',
    title: 'a step without a result is read',
    why: '`check`, `choose` and a wait for a time leave nothing to read.',
    fix: 'read another step',
    example: {
      bad: 'success: ${ steps.pause == 1 }   # pause: { for: 1h }',
      good: "success: ${ steps.invoice.status == 'open' }",
    },
  },
  'output-undeclared': {
    severity: 'error',
    title: 'the result of a pipeline without an output is read',
    why: 'What a pipeline gives to those that run it is declared, so that a change of its steps breaks nobody unseen.',
    fix: 'declare `output` with `schema` and `value` in the pipeline that is run',
    example: {
      bad: '# send-invoice has no output\nsuccess: ${ steps.invoice.id != "" }',
      good: "# send-invoice\noutput: { schema: { type: object, … }, value: { id: '${ steps.made.id }' } }",
    },
  },
  'missing-request-field': {
    severity: 'error',
    title: 'a required field of the request is missing',
    why: 'The other side would refuse every call.',
    fix: 'add the field',
    example: {
      bad: 'with: { body: { customer: a } }   # amount is required',
      good: 'with: { body: { customer: a, amount: 5 } }',
    },
  },
  'unknown-request-field': {
    severity: 'error',
    title: 'a field that the request does not have',
    why: 'The other side would refuse or, worse, ignore it.',
    fix: 'correct the name',
    example: {
      bad: 'with: { body: { customer: a, amout: 5 } }',
      good: 'with: { body: { customer: a, amount: 5 } }',
    },
  },
  'request-value-invalid': {
    severity: 'error',
    title: 'a value that the contract does not allow',
    why: 'The other side would refuse every call.',
    fix: 'give a value that fits',
    example: { bad: 'with: { body: { priority: hihg } }', good: 'with: { body: { priority: high } }' },
  },
  'placeholder-left': {
    severity: 'error',
    title: 'a value that is still to be given',
    why: 'Only its author knows it; a made-up one would be sent as if somebody meant it.',
    fix: "write the value, or the expression that gives it; where the text itself is meant, `${ 'TODO' }`",
    example: { bad: "amount: 'TODO: what is to be paid'", good: 'amount: ${ event.total }' },
  },
} as const satisfies DiagnosticRules;
