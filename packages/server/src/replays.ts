import { type DeadLetterFilter, type ReplayFilter, runStates } from '@tenon/runtime';
import { type Answer, absent, acted, filterAndReason, type Route, reason, text } from './route.ts';

/** Dead letters in one answer. */
const LISTED_MAX = 1_000;
const QUEUES: readonly NonNullable<DeadLetterFilter['queue']>[] = ['retry', 'repair', 'quarantine'];

/** Dead letters, and what brings runs back to life: many at a time, by the set that a dry run froze. */
export const replayRoutes: readonly Route[] = [
  {
    operationId: 'listDeadLetters',
    method: 'GET',
    path: '/v1/dead-letters',
    permission: 'read',
    handle: ({ runtime, query }) =>
      filtered(query, (filter) => ({ body: { deadLetters: runtime.deadLetters(filter) } })),
  },
  {
    operationId: 'listDeadLetterGroups',
    method: 'GET',
    path: '/v1/dead-letter-groups',
    permission: 'read',
    handle: ({ runtime, query }) =>
      filtered(query, (filter) => ({ body: { groups: runtime.deadLetterGroups(filter) } })),
  },
  {
    operationId: 'planReplay',
    method: 'POST',
    path: '/v1/replays',
    permission: 'operate',
    body: filterAndReason({
      runId: text,
      pipeline: text,
      key: text,
      orderKey: text,
      fromMs: { type: 'integer' },
      toMs: { type: 'integer' },
      state: { enum: [...runStates] },
      correlationId: text,
      event: text,
      deliveryId: text,
      fingerprint: text,
      queue: { enum: [...QUEUES] },
      failureClass: text,
    }),
    handle: async ({ runtime, actor, body }) => {
      const filter = body['filter'] as ReplayFilter;
      const result = await runtime.planReplay(filter, actor.name, String(body['reason']));
      return result.ok ? { body: result.report } : acted(result);
    },
  },
  {
    operationId: 'getReplay',
    method: 'GET',
    path: '/v1/replays/:token',
    permission: 'read',
    handle: ({ runtime, params }) => {
      const token = params['token']!;
      const status = runtime.replayStatus(token);
      return status ? { body: status } : absent('REPLAY_UNKNOWN', `no dry run has given the token ${token}`);
    },
  },
  {
    operationId: 'applyReplay',
    method: 'POST',
    path: '/v1/replays/:token/apply',
    permission: 'operate',
    body: {
      type: 'object',
      required: ['reason'],
      properties: { reason, perSecond: { type: 'number', exclusiveMinimum: 0, maximum: 1_000 } },
      additionalProperties: false,
    },
    handle: async ({ runtime, actor, params, body }) => {
      const perSecond = body['perSecond'];
      const options = typeof perSecond === 'number' ? { perSecond } : {};
      return acted(await runtime.applyReplay(params['token']!, actor.name, String(body['reason']), options));
    },
  },
];

function filtered(
  query: Readonly<Record<string, string>>,
  list: (filter: DeadLetterFilter) => Answer,
): Answer {
  const { pipeline, queue, fingerprint, failureClass } = query;
  const known = QUEUES.find((one) => one === queue);
  if (queue !== undefined && known === undefined)
    return {
      problem: {
        status: 400,
        code: 'HTTP_QUERY_INVALID',
        title: 'Bad query',
        detail: `queue must be one of ${QUEUES.join(', ')}`,
      },
    };
  const limit = query['limit'] === undefined ? undefined : Number(query['limit']);
  if (limit !== undefined && (!Number.isInteger(limit) || limit < 1 || limit > LISTED_MAX))
    return {
      problem: {
        status: 400,
        code: 'HTTP_QUERY_INVALID',
        title: 'Bad query',
        detail: `limit must be a whole number from 1 to ${LISTED_MAX}`,
      },
    };
  return list({
    ...(limit !== undefined && { limit }),
    ...(pipeline !== undefined && { pipeline }),
    ...(known !== undefined && { queue: known }),
    ...(fingerprint !== undefined && { fingerprint }),
    ...(failureClass !== undefined && { failureClass }),
  });
}
