import type { DiagnosticRules } from '@tenon/model';

/** What Tenon keeps beside a contract: the overlay and `contract.yaml`, and what it asks of the workspace's own contracts. */
export const workspaceRules = {
  'contract-overlay-target-invalid': {
    severity: 'error',
    title: "An overlay action's target is no JSONPath",
    why: 'The action changes nothing.',
    fix: 'Write the target as a JSONPath of RFC 9535.',
    example: { bad: 'target: paths./users', good: "target: $.paths['/users']" },
  },
  'contract-overlay-target-nothing': {
    severity: 'warning',
    title: 'An overlay action selects nothing',
    why: 'What it was to change has another name now, so the change is not in force.',
    fix: 'Correct the target, or remove the action.',
  },
  'contract-overlay-update-kind': {
    severity: 'error',
    title: 'An overlay update does not fit what it selects',
    why: 'An object can be merged with an object only.',
    fix: 'Make the update an object, or select the member itself.',
  },
  'contract-policy-pointer': {
    severity: 'error',
    title: 'A pointer in contract.yaml names nothing in the document',
    why: 'A data class on a field that is not there protects nothing.',
    fix: 'Correct the pointer, or remove it.',
    example: {
      bad: '/components/schemas/User/properties/emial: personal',
      good: '/components/schemas/User/properties/email: personal',
    },
  },
  'contract-policy-duration': {
    severity: 'error',
    title: 'A duration cannot be read',
    why: 'The deprecation window would not be in force.',
    fix: 'Write whole numbers with a unit: 500ms, 30s, 5m, 12h, 90d.',
    example: { bad: 'deprecationWindow: 3 months', good: 'deprecationWindow: 90d' },
  },
  'contract-event-imperative': {
    severity: 'warning',
    title: "An event's name is an order",
    why: 'An event states what has happened; who hears an order must wonder whether to carry it out.',
    fix: 'Name the fact: the thing first, then what became of it.',
    example: { bad: 'createInvoice', good: 'invoiceCreated' },
  },
  'contract-operation-id-missing': {
    severity: 'warning',
    title: 'An operation has no operationId',
    why: 'It is named after its method and path, and loses that name when the path changes.',
    fix: 'Give it an operationId; for a document that is not yours, by an overlay.',
    example: { bad: '/users: { get: {} }', good: '/users: { get: { operationId: listUsers } }' },
  },
  'contract-deprecated-without-sunset': {
    severity: 'warning',
    title: 'A deprecated operation has no end date',
    why: 'Who uses it cannot plan, and nothing can warn before it stops.',
    fix: 'Add `x-sunset` with the last day it works, and say in `description` what to use instead.',
    example: { bad: 'deprecated: true', good: "deprecated: true\nx-sunset: '2027-03-31'" },
  },
  'contract-secret-unclassed': {
    severity: 'warning',
    title: 'What sounds like a credential has no class',
    why: 'What a document calls `format: password` is a secret, and so is what contract.yaml says is one: it is encrypted, redacted and not let go where it must not. Of a plain text nobody knows it, and a client secret or an access token stands in what runs show.',
    fix: 'Class it under `classes` of contract.yaml (`secret`; or `personal` or `financial`, where it is that and no credential); in a document of your own `format: password` says it too.',
    example: {
      bad: 'clientSecret: { type: string }',
      good: "clientSecret: { type: string }\n# contract.yaml\nclasses: { '/components/schemas/Login/properties/clientSecret': secret }",
    },
  },
  'contract-findings-aside': {
    severity: 'info',
    title: 'Findings about what no connector names are only counted',
    why: 'In a document from elsewhere, what is wrong with operations and events that nobody uses would hide what is wrong with those that are.',
    fix: '`tenon check --all` shows them.',
  },
  'contract-sunset-date': {
    severity: 'warning',
    title: 'An end date cannot be read',
    why: 'Nothing can warn before the operation stops.',
    fix: 'Write a date of RFC 3339 (2027-03-31), in quotes in YAML.',
    example: { bad: 'x-sunset: next spring', good: "x-sunset: '2027-03-31'" },
  },
} as const satisfies DiagnosticRules;
