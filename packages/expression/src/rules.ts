import type { DiagnosticRules } from '@tenon/model';

/** What can be wrong with an expression, given the types of what it names. */
export const expressionRules = {
  'unknown-name': {
    severity: 'error',
    title: 'a name stands for nothing here',
    why: 'An expression can only read the event, the results of steps that have run, and what its place adds to them.',
    fix: 'use a name that is known here',
    example: { bad: 'when: ${ evnt.plan == "free" }', good: 'when: ${ event.plan == "free" }' },
  },
  'unknown-field': {
    severity: 'error',
    title: 'a field that the contract does not have is read',
    why: 'The contract says which fields there are; reading another one fails on every run.',
    fix: 'use a field of the contract',
    example: { bad: 'customer: ${ event.custmer }', good: 'customer: ${ event.customer }' },
  },
  'field-may-be-absent': {
    severity: 'error',
    title: 'a field is read that the contract does not require',
    why: 'Reading a field that is not there stops the run. The contract allows it to be left out, or its step may be skipped, so one day it will not be there.',
    fix: 'guard it with `has(…)`, read it as an optional with `.?`, or give `default(field, value)`',
    example: {
      bad: 'coupon: ${ event.coupon }',
      good: "coupon: ${ default(event.coupon, 'none') }",
    },
  },
  'value-may-be-null': {
    severity: 'error',
    title: 'a value that may be null is used as if it never were',
    why: 'The contract allows null here, or the step may end without a value, as a wait with `onExpiry: continue` does. Null has no fields, no size and no place in a calculation or in text.',
    fix: 'compare it with null first, or give `default(field, value)`',
    example: {
      bad: 'name: Hello ${ event.nickname }',
      good: "name: Hello ${ default(event.nickname, 'there') }",
    },
  },
  'value-may-be-absent': {
    severity: 'error',
    title: 'an optional is used as if it were always there',
    why: 'What `.?` reads may be absent, and most operations need a value.',
    fix: 'settle it with `.orValue(…)`, or test `.hasValue()` first',
    example: { bad: 'total: ${ event.?amount * 2 }', good: 'total: ${ event.?amount.orValue(0) * 2 }' },
  },
  'variant-not-narrowed': {
    severity: 'error',
    title: 'a field is read that only some variants of the value have',
    why: 'The contract says that the value is one of several shapes; in the others the field is not there.',
    fix: 'test which variant it is before: its discriminator, or `has(…)`',
    example: {
      bad: 'last4: ${ event.method.last4 }',
      good: "last4: ${ event.method.type == 'card' ? event.method.last4 : 'none' }",
    },
  },
  'wrong-operand': {
    severity: 'error',
    title: 'an operator is given a value of a type that it does not take',
    why: 'The evaluation would fail on each such value; expressions never convert in silence.',
    fix: 'convert it: `string(…)`, `int(…)`, `double(…)`',
    example: {
      bad: "key: ${ event.id + ':' + event.version }",
      good: 'key: ${ event.id }:${ event.version }',
    },
  },
  'wrong-arguments': {
    severity: 'error',
    title: 'a function is called with arguments that it does not take',
    why: 'The evaluation would fail each time.',
    fix: 'call it as the table of functions in docs/expressions.md shows',
    example: { bad: 'when: ${ event.name.contains(1) }', good: "when: ${ event.name.contains('1') }" },
  },
  'unknown-function': {
    severity: 'error',
    title: 'there is no such function',
    why: 'Expressions have the functions of CEL that make sense on JSON, and a few more; nothing can be added in a pipeline.',
    fix: 'use one from docs/expressions.md, or write a function in a connector',
    example: { bad: 'n: ${ length(event.items) }', good: 'n: ${ size(event.items) }' },
  },
  'unknown-policy': {
    severity: 'error',
    title: 'there is no such policy',
    why: '`policy.<name>(…)` calls a condition that the policies folder defines.',
    fix: 'define it, or correct its name',
    example: {
      bad: 'when: ${ policy.isLarg(event) }',
      good: 'when: ${ policy.isLarge(event) }',
    },
  },
  'policy-arguments': {
    severity: 'error',
    title: 'a policy is called with arguments that do not fit it',
    why: 'The policy would fail on them.',
    fix: 'give it what its parameters need',
    example: {
      bad: 'when: ${ policy.isLarge() }',
      good: 'when: ${ policy.isLarge(event) }',
    },
  },
  'policy-broken': {
    severity: 'error',
    title: 'a policy is called that can never be evaluated',
    why: 'It calls itself, directly or through others, or cannot be read: every expression that calls it would fail.',
    fix: 'mend the policy',
    example: {
      bad: "isLarge: { parameters: [o], condition: '${ policy.isLarge(o) }' }",
      good: "isLarge: { parameters: [o], condition: '${ o.total > 100 }' }",
    },
  },
  'condition-not-boolean': {
    severity: 'error',
    title: 'a condition is neither true nor false',
    why: 'Nothing is taken for true or false in silence: an empty text or a zero is a value.',
    fix: "say what is asked: `x != ''`, `x > 0`, `has(x)`",
    example: { bad: 'when: ${ event.name }', good: "when: ${ event.name != '' }" },
  },
  'value-outside-enum': {
    severity: 'error',
    title: 'a value is compared with one that it can never have, or is sent where it may not be allowed',
    why: 'The contract lists the values. A comparison with another one is never true; sending another one is refused.',
    fix: 'use one of the values that the contract lists',
    example: { bad: "when: ${ event.status == 'opened' }", good: "when: ${ event.status == 'open' }" },
  },
  'comparison-of-types': {
    severity: 'error',
    title: 'values of types that are never equal are compared',
    why: 'In CEL values of different types are unequal, so the result never changes: the author meant something else.',
    fix: 'compare with a value of the same type, or convert one',
    example: { bad: "when: ${ event.count == '3' }", good: 'when: ${ event.count == 3 }' },
  },
  'always-true': {
    severity: 'warning',
    title: 'a condition is true whatever the data',
    why: 'By the contract, or by a condition before it, the other case cannot occur.',
    fix: 'remove it',
    example: { bad: 'when: ${ has(event.id) }', good: 'when: ${ has(event.coupon) }' },
  },
  'always-false': {
    severity: 'warning',
    title: 'a condition is false whatever the data',
    why: 'By the contract, or by a condition before it, this case cannot occur.',
    fix: 'remove it, or correct what it compares',
    example: { bad: 'when: ${ event.id == null }', good: 'when: ${ event.nickname == null }' },
  },
  'always-fails': {
    severity: 'error',
    title: 'a calculation without data fails',
    why: 'It gives the same each time, so every run would stop here.',
    fix: 'correct what it is given',
    example: {
      bad: "until: ${ timestamp(event.at) + duration('2 hours') }",
      good: "until: ${ timestamp(event.at) + duration('2h') }",
    },
  },
  'integer-expected': {
    severity: 'error',
    title: 'a number that may have a fraction is used where an integer is needed',
    why: '`/` gives 3.5 for 7 / 2, and the receiver refuses a fraction, or cuts it.',
    fix: 'write `round(…)`, `floor(…)` or `int(…)`',
    example: { bad: 'amount: ${ event.total * 100 }', good: 'amount: ${ round(event.total * 100) }' },
  },
  'cannot-interpolate': {
    severity: 'error',
    title: 'text is to hold a value that has no text',
    why: 'Null, lists and objects have no one text; guessing one has mailed many a "[object Object]".',
    fix: 'choose a field of it, `join` a list, or give `default(…)`',
    example: { bad: 'text: Items ${ event.tags }', good: "text: Items ${ event.tags.join(', ') }" },
  },
  'wrong-type': {
    severity: 'error',
    title: 'a value has another type than its receiver takes',
    why: 'The receiver would refuse the request.',
    fix: 'convert it, or give another value',
    example: { bad: 'amount: ${ event.amountText }', good: 'amount: ${ double(event.amountText) }' },
  },
  'list-may-be-too-short': {
    severity: 'error',
    title: 'a list is sent that may have fewer items than its receiver takes',
    why: 'The receiver would refuse the request when the list is that short; an empty list is the usual case.',
    fix: 'send it only when it is long enough: `when: ${ size(…) > 0 }`',
    example: {
      bad: 'with: { body: { lines: "${ event.lines }" } }',
      good: 'when: ${ size(event.lines) > 0 }\nwith: { body: { lines: "${ event.lines }" } }',
    },
  },
  'missing-member': {
    severity: 'error',
    title: 'an object lacks a member that its receiver requires',
    why: 'The receiver would refuse the request.',
    fix: 'add the member, or build the object from its parts',
    example: {
      bad: 'customer: "${ {\'name\': event.name} }"   # email is required',
      good: "customer: \"${ {'name': event.name, 'email': event.email} }\"",
    },
  },
  'unknown-member': {
    severity: 'error',
    title: 'an object has a member that its receiver does not take',
    why: 'The receiver refuses members that its contract does not list.',
    fix: 'remove the member, or build the object from its parts',
    example: {
      bad: "customer: \"${ {'email': event.email, 'nmae': event.name} }\"",
      good: "customer: \"${ {'email': event.email, 'name': event.name} }\"",
    },
  },
} as const satisfies DiagnosticRules;

export type ExpressionIssueCode = keyof typeof expressionRules;
