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

/** What pages need besides their `type`, in the words of a manifest's `pagination`. */
const PAGING: Readonly<Record<string, readonly string[]>> = {
  cursor: ['in', 'out'],
  after: ['in', 'id'],
  page: ['in'],
  offset: ['in', 'limit'],
  link: [],
};

/** `x-tenon-sandbox` of an operation. What is wrong in it costs a sandbox its word and nothing else. */
export const sandboxShapes: Shapes = {
  sandboxHint: {
    title: 'sandbox hint',
    severity: 'warning',
    others: 'report',
    members: {
      resource: 'string',
      does: 'one of list|create|read|replace|update|delete|call',
      by: 'string',
      set: 'sandboxFields',
      requires: 'sandboxFields',
      unique: 'list of string',
      key: 'string',
      where: 'map of string',
      page: 'sandboxPaging',
    },
  },
  sandboxFields: { title: 'object of fields', severity: 'warning', others: 'any', members: {} },
  sandboxPaging: {
    title: 'sandbox paging',
    severity: 'warning',
    others: 'report',
    members: {
      type: `one of ${Object.keys(PAGING).join('|')}~`,
      in: 'string',
      out: 'string',
      id: 'string',
      start: 'integer',
      limit: 'string',
      items: 'string',
      more: 'string',
      stable: 'boolean',
    },
    also: (part, check) => {
      const type = part.text('type');
      const needed = type !== undefined && Object.hasOwn(PAGING, type) ? PAGING[type]! : [];
      for (const key of needed.filter((name) => part.get(name) === undefined))
        check.findings.add('contract-member-missing', part, {
          message: `this sandbox paging lacks \`${key}\`, which \`type: ${type}\` needs`,
          severity: 'warning',
        });
    },
  },
};
