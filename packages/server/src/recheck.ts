import type { RecheckFilter } from '@tenon/runtime';
import { name, type Route, withReason } from './route.ts';

/** Holds events in quarantine against the contracts in force now: a dry run unless it is told to release. */
export const recheckRoute: Route = {
  operationId: 'recheckQuarantine',
  method: 'POST',
  path: '/v1/quarantine/recheck',
  permission: 'operate',
  body: withReason({
    pipeline: name,
    event: name,
    apply: { type: 'boolean' },
    through: { type: 'integer', minimum: 0 },
    overtaken: { type: 'boolean' },
  }),
  handle: async ({ runtime, actor, body }) => {
    const { reason: why, ...filter } = body;
    // Held against the schema above, whose members are those of a filter.
    return { body: await runtime.recheck(filter as RecheckFilter, actor.name, String(why)) };
  },
};
