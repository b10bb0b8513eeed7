import type { Route } from './route.ts';

/** Who has used which secret; references only. */
export const secretsRoute: Route = {
  operationId: 'listSecretUsers',
  method: 'GET',
  path: '/v1/secrets',
  permission: 'read',
  handle: ({ runtime }) => ({ body: { users: runtime.secretUsers() } }),
};
