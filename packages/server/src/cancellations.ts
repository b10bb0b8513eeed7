import { type CancelFilter, runStates } from '@tenon/runtime';
import { acted, filterAndReason, planned, type Route, reasonOnly, text } from './route.ts';

/** Many runs ended at a time, by the set that a dry run froze. */
export const cancellationRoutes: readonly Route[] = [
  {
    operationId: 'planCancellation',
    method: 'POST',
    path: '/v1/cancellations',
    permission: 'operate',
    body: filterAndReason({
      pipeline: text,
      version: { type: 'integer', minimum: 1 },
      planHash: text,
      state: { enum: [...runStates] },
      key: text,
      orderKey: text,
      connection: text,
    }),
    handle: async ({ runtime, actor, body }) => {
      // Held against the schema above, whose members are those of a filter.
      const filter = body['filter'] as CancelFilter;
      return planned(await runtime.planCancel(filter, actor.name, String(body['reason'])));
    },
  },
  {
    operationId: 'applyCancellation',
    method: 'POST',
    path: '/v1/cancellations/:token/apply',
    permission: 'operate',
    body: reasonOnly,
    handle: async ({ runtime, actor, params, body }) => {
      const result = await runtime.applyCancel(params['token']!, actor.name, String(body['reason']));
      return result.ok ? { body: { runs: result.runs } } : acted(result);
    },
  },
];
