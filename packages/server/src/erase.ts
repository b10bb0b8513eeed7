import { type Route, text, withReason } from './route.ts';

/** Lets the data of a subject go: a dry run unless it is told to. */
export const eraseRoute: Route = {
  operationId: 'eraseSubject',
  method: 'POST',
  path: '/v1/erasures',
  permission: 'operate',
  body: withReason({ subject: text, apply: { type: 'boolean' } }, ['subject']),
  handle: async ({ runtime, actor, body }) => ({
    body: await runtime.erase(
      String(body['subject']),
      actor.name,
      String(body['reason']),
      body['apply'] === true,
    ),
  }),
};
