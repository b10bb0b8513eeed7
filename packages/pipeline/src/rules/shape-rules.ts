import type { DiagnosticRules } from '@tenon/model';

/** A spec that does not have the published form. */
export const shapeRules = {
  'pipeline-empty': {
    severity: 'error',
    title: 'the file is empty',
    why: 'There is nothing to check or run.',
    fix: 'write a pipeline, or remove the file',
    example: {
      bad: '# nothing but a comment',
      good: 'apiVersion: tenon/v1\nkind: Pipeline\n…',
    },
  },
  'unknown-key': {
    severity: 'error',
    title: 'a key that the format does not have',
    why: 'An unknown key has no effect, which is never what its author meant.',
    fix: 'remove it, or correct its name',
    example: { bad: 'onFailiure: compensate', good: 'onFailure: compensate' },
  },
  'missing-key': {
    severity: 'error',
    title: 'a required part is missing',
    why: 'Owner, retries, limits and the way back are part of what a pipeline is.',
    fix: 'add the missing part',
    example: {
      bad: 'owner: { team: sales }',
      good: 'owner: { team: sales, backup: platform, escalation: pager:sales, respond: 15m, recover: 4h }',
    },
  },
  'wrong-kind': {
    severity: 'error',
    title: 'a value of the wrong kind',
    why: 'The format says what each part holds.',
    fix: 'give a value of the type named',
    example: { bad: 'version: one', good: 'version: 1' },
  },
  'value-not-allowed': {
    severity: 'error',
    title: 'a value outside what the format allows',
    why: 'The format limits this value.',
    fix: 'use one of the allowed values',
    example: { bad: 'tier: medum', good: 'tier: medium' },
  },
  'duration-invalid': {
    severity: 'error',
    title: 'a duration that cannot be read',
    why: 'A bare number does not say of what.',
    fix: 'write a number with its unit: 500ms, 30s, 2m, 4h, 30d',
    example: { bad: 'deadline: 15 min', good: 'deadline: 15m' },
  },
  'ambiguous-kind': {
    severity: 'error',
    title: 'one thing of two kinds',
    why: 'A step does one thing; two kinds in one leave their order open.',
    fix: 'make two of it',
    example: {
      bad: '- { id: a, call: crm.getAccount, emit: crm.done }',
      good: '- { id: a, call: crm.getAccount }\n- { id: b, emit: crm.done }',
    },
  },
  'unknown-kind': {
    severity: 'error',
    title: 'the kind cannot be told',
    why: 'A step or trigger is known by the key that says what it does.',
    fix: 'add the key that says what it is',
    example: { bad: '- { id: a, cal: crm.getAccount }', good: '- { id: a, call: crm.getAccount }' },
  },
} as const satisfies DiagnosticRules;
