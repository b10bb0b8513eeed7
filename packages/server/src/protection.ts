import { acted, type Route, reasonOnly } from './route.ts';

/** How stored data is protected, and what an operator does about it. */
export const protectionRoutes: readonly Route[] = [
  {
    operationId: 'getProtection',
    method: 'GET',
    path: '/v1/protection',
    permission: 'read',
    handle: ({ runtime }) => ({ body: runtime.protection() }),
  },
  {
    operationId: 'rewrapKeys',
    method: 'POST',
    path: '/v1/protection/rewrap',
    permission: 'operate',
    body: reasonOnly,
    handle: async ({ runtime, actor, body }) => {
      const result = await runtime.rewrapKeys(actor.name, String(body['reason']));
      if (!result.ok) return acted(result);
      return { body: { files: result.files ?? 0, current: runtime.protection().current ?? '' } };
    },
  },
];
