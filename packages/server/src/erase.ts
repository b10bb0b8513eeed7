import { type Route, reason } from './route.ts';

/** Lets the data of a subject go: a dry run unless it is told to. */
export const eraseRoute: Route = {
  operationId: 'eraseSubject',
  method: 'POST',
  path: '/v1/erasures',
  permission: 'operate',
  body: {
    type: 'object',
    required: ['subject', 'reason'],
    properties: {
      subject: { type: 'string', minLength: 1, maxLength: 1_000 },
      reason,
      apply: { type: 'boolean' },
    },
    additionalProperties: false,
  },
  handle: async ({ runtime, actor, body }) => ({
    body: await runtime.erase(
      String(body['subject']),
      actor.name,
      String(body['reason']),
      body['apply'] === true,
    ),
  }),
};
