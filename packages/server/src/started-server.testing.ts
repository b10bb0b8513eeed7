import { signWebhook, type WebhookManifest } from '@tenon/connector';
import { Secret, systemClock } from '@tenon/model';
import type { Runtime } from '@tenon/runtime';
import { afterEach } from 'vitest';
import type { Operator } from './operators.ts';
import { type ServerLogEvent, type ServerOptions, startServer, type TenonServer } from './server.ts';

export const webhook: WebhookManifest = {
  verify: 'standard-webhooks',
  toleranceMs: 300_000,
  id: 'webhook-id',
};
export const secret = new Secret('env:HOOK', `whsec_${Buffer.from('0123456789abcdef').toString('base64')}`);
export const next = new Secret(
  'env:HOOK_NEXT',
  `whsec_${Buffer.from('fedcba9876543210').toString('base64')}`,
);
export const operators: readonly Operator[] = [
  { name: 'ada', role: 'operator', token: new Secret('env:ADA', 'ada-token') },
  { name: 'vera', role: 'viewer', token: new Secret('env:VERA', 'vera-token') },
  { name: 'prom', role: 'scraper', token: new Secret('env:PROM', 'prom-token') },
];
/** A run as intake answers with it. */
export const run = {
  runId: 'r1',
  pipeline: 'p',
  key: 'private@example.com',
  started: true,
  state: 'accepted',
} as const;

let server: TenonServer | undefined;
export const logged: ServerLogEvent[] = [];
afterEach(async () => {
  await stop();
  server = undefined;
  logged.length = 0;
});

export async function stop(): Promise<void> {
  await server?.close();
}

export async function start(runtime: Partial<Runtime>, more: Partial<ServerOptions> = {}): Promise<string> {
  server = await startServer({
    // Each test hands in the members that its route calls.
    runtime: { intakeRefusal: () => undefined, ...runtime } as Runtime,
    clock: systemClock,
    host: '127.0.0.1',
    port: 0,
    connections: new Map([
      ['crm', { contract: 'crm', webhooks: { upgraded: webhook }, secrets: async () => [next, secret] }],
    ]),
    operators,
    log: (event) => logged.push(event),
    ...more,
  });
  return server.url;
}

export function deliver(
  url: string,
  body: string,
  signedBody: string = body,
  id = 'msg_1',
): Promise<Response> {
  const headers = signWebhook(webhook, secret, {
    id,
    body: new TextEncoder().encode(signedBody),
    sentAtMs: systemClock.now(),
  });
  return fetch(`${url}/hooks/crm/upgraded`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
}

export const call = (url: string, token: string, path: string, body?: unknown): Promise<Response> =>
  fetch(url + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
