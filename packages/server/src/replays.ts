import { type DeadLetterFilter, type ReplayFilter, runStates } from '@tenon/runtime';
import { badQuery, limitOf } from './query.ts';
import {
  type Answer,
  absent,
  acted,
  filterAndReason,
  perSecond,
  planned,
  type Route,
  text,
  withReason,
} from './route.ts';

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
      connection: text,
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
      return planned(await runtime.planReplay(filter, actor.name, String(body['reason'])));
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
      return status
        ? { body: status }
        : absent('REPLAY_UNKNOWN', `no dry run that is still kept has given the token ${token}`);
    },
  },
  {
    operationId: 'applyReplay',
    method: 'POST',
    path: '/v1/replays/:token/apply',
    permission: 'operate',
    body: withReason({ perSecond }),
    handle: async ({ runtime, actor, params, body }) => {
      const rate = body['perSecond'];
      const options = typeof rate === 'number' ? { perSecond: rate } : {};
      return acted(await runtime.applyReplay(params['token']!, actor.name, String(body['reason']), options));
    },
  },
];

function filtered(
  query: Readonly<Record<string, string>>,
  list: (filter: DeadLetterFilter) => Answer,
): Answer {
  const { pipeline, connection, queue, fingerprint, failureClass } = query;
  const known = QUEUES.find((one) => one === queue);
  if (queue !== undefined && known === undefined)
    return { problem: badQuery(`queue must be one of ${QUEUES.join(', ')}`) };
  const limit = limitOf(query, undefined);
  if (typeof limit === 'object') return { problem: limit };
  return list({
    ...(limit !== undefined && { limit }),
    ...(pipeline !== undefined && { pipeline }),
    ...(connection !== undefined && { connection }),
    ...(known !== undefined && { queue: known }),
    ...(fingerprint !== undefined && { fingerprint }),
    ...(failureClass !== undefined && { failureClass }),
  });
}
