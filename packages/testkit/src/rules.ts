import { type DiagnosticMaker, type DiagnosticRules, diagnosticMaker } from '@tenon/model';

/** What can be wrong with `fixtures/conformance.yaml` of a connector. */
export const testkitRules = {
  'fixtures-value-invalid': {
    severity: 'error',
    title: 'the fixtures of a connector hold another kind of value than is expected there',
    why: 'The checks would go on without it, and be about something else than was meant.',
    fix: 'Give `inputs`, `events` and `compensations` an object by name, `data` a list of rows by resource, `failures` a list of bodies by operation.',
    example: { bad: 'data: { orders: { id: ord_1 } }', good: 'data: { orders: [{ id: ord_1 }] }' },
  },
  'fixtures-row-unfit': {
    severity: 'error',
    title: 'a row of the fixtures is not what the contract allows',
    why: 'The sandbox shows only what its contract allows, so it would leave out what does not fit, and the checks would be about another row than was meant.',
    fix: 'Give the row members and values that the contract’s answer has, each id once; or mend the contract by an overlay where the system truly answers so.',
    example: {
      bad: 'data: { orders: [{ id: ord_1, totl: 995 }] }',
      good: 'data: { orders: [{ id: ord_1, total: 995 }] }',
    },
  },
  'fixtures-value-unfit': {
    severity: 'error',
    title: 'an input or an event of the fixtures is not what the contract allows',
    why: 'A call with it would be refused before it is sent, and a webhook with it held, so every check that uses it would fail for that and tell nothing of the connector.',
    fix: 'Give the value that the contract asks for at the place named; or mend the contract by an overlay where the system truly takes, or sends, another.',
    example: {
      bad: 'inputs: { createOrder: { body: { total: much } } }',
      good: 'inputs: { createOrder: { body: { total: 995 } } }',
    },
  },
  'fixtures-name-unknown': {
    severity: 'error',
    title: 'the fixtures of a connector name what it does not have',
    why: 'What stands under a misspelt name is used nowhere, and nobody notices.',
    fix: 'Name an operation of the manifest, an event of the contract, a resource of its paths.',
    example: { bad: 'data: { order: [{ id: ord_1 }] }', good: 'data: { orders: [{ id: ord_1 }] }' },
  },
} as const satisfies DiagnosticRules;

export const testkitDiagnostic: DiagnosticMaker<keyof typeof testkitRules> = diagnosticMaker(testkitRules);
