import type { RecheckFilter } from '@tenon/runtime';
import { type Route, reason } from './route.ts';

/** Holds events in quarantine against the contracts in force now: a dry run unless it is told to release. */
export const recheckRoute: Route = {
  operationId: 'recheckQuarantine',
  method: 'POST',
  path: '/v1/quarantine/recheck',
  permission: 'operate',
  body: {
    type: 'object',
    required: ['reason'],
    properties: {
      reason,
      pipeline: { type: 'string', minLength: 1 },
      event: { type: 'string', minLength: 1 },
      apply: { type: 'boolean' },
      through: { type: 'integer', minimum: 0 },
      overtaken: { type: 'boolean' },
    },
    additionalProperties: false,
  },
  handle: async ({ runtime, actor, body }) => {
    const { reason: why, ...filter } = body;
    // Held against the schema above, whose members are those of a filter.
    return { body: await runtime.recheck(filter as RecheckFilter, actor.name, String(why)) };
  },
};
