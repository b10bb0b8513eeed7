import type { Shapes } from './shape.ts';

/** OpenAPI Overlay 1.0 (and `copy` of 1.1, which is refused by name rather than ignored). */
export const overlayShapes: Shapes = {
  overlay: {
    title: 'overlay',
    members: { overlay: 'string!', info: 'overlayInfo!', extends: 'string', actions: 'list of action!' },
    others: 'report',
  },
  overlayInfo: {
    title: 'overlay info',
    members: { title: 'string!', version: 'string!', description: 'string' },
    others: 'report',
  },
  action: {
    title: 'overlay action',
    members: { target: 'string!', description: 'string', update: 'any', remove: 'boolean', copy: 'any@1.1' },
    others: 'report',
  },
};

/** `contract.yaml`. */
export const policyShapes: Shapes = {
  policy: {
    title: 'contract policy',
    members: {
      apiVersion: 'one of tenon/v1',
      kind: 'one of Contract',
      steward: 'string!',
      systemOfRecord: 'list of string',
      compatibility: 'one of none|backward|full',
      deprecationWindow: 'string',
      provenance: 'provenance',
      classes: 'map of one of personal|secret|financial',
      residency: 'string',
      retention: 'retention',
      blocks: 'list of string',
    },
    others: 'report',
  },
  retention: {
    title: 'retention by data class',
    members: { personal: 'string', secret: 'string', financial: 'string' },
    others: 'report',
  },
  provenance: {
    title: 'provenance',
    members: { source: 'string!', version: 'string', digest: 'string', fetched: 'string' },
    others: 'report',
  },
};
