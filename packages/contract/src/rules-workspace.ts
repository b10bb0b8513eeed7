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
} as const satisfies DiagnosticRules;
