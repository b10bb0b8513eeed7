import { signWebhook, type WebhookRefusal, webhookRules } from '@tenon/connector';
import { Secret, systemClock } from '@tenon/model';
import type { Runtime } from '@tenon/runtime';
import { afterEach, describe, expect, test } from 'vitest';
import { startServer, type TenonServer } from './server.ts';

const secret = new Secret('env:HOOK', 'whsec_MDEyMzQ1Njc4OWFiY2RlZg==');
const webhook = { verify: 'standard-webhooks', toleranceMs: 300_000, id: 'webhook-id' } as const;
const HOUR_MS = 3_600_000;

interface Case {
  /** What differs from a good delivery, by its event. */
  readonly event?: string;
  readonly body?: string;
  readonly agedMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

const cases: Record<Exclude<WebhookRefusal, 'WEBHOOK_BODY_TOO_LARGE'>, Case> = {
  WEBHOOK_TYPE_UNSUPPORTED: { headers: { 'content-type': 'text/plain' } },
  WEBHOOK_SECRET_UNSET: { event: 'unset/upgraded' },
  WEBHOOK_SCHEME_UNKNOWN: { event: 'crm/strange' },
  WEBHOOK_SIGNATURE_MISSING: { headers: { 'webhook-signature': '' } },
  WEBHOOK_SIGNATURE_WRONG: { headers: { 'webhook-signature': 'v1,AAAA' } },
  WEBHOOK_TIMESTAMP_OLD: { agedMs: HOUR_MS },
  WEBHOOK_TIMESTAMP_AHEAD: { agedMs: -HOUR_MS },
  WEBHOOK_BODY_MALFORMED: { body: '{' },
  WEBHOOK_ID_MISSING: { event: 'crm/nameless' },
};

let server: TenonServer | undefined;
const logged: { readonly code: string; readonly message: string }[] = [];
afterEach(async () => {
  await server?.close();
  logged.length = 0;
});

async function deliver({
  event = 'crm/upgraded',
  body = '{}',
  agedMs = 0,
  headers = {},
}: Case): Promise<Response> {
  const hooks = (secrets: readonly Secret[]) => ({
    contract: 'crm',
    webhooks: {
      upgraded: webhook,
      strange: { ...webhook, verify: 'own-strange' as const },
      nameless: { ...webhook, id: '/id' },
    },
    secrets: async () => secrets,
  });
  server = await startServer({
    // None of these reaches it.
    runtime: {} as Runtime,
    clock: systemClock,
    host: '127.0.0.1',
    port: 0,
    connections: new Map([
      ['crm', hooks([secret])],
      ['unset', hooks([])],
    ]),
    operators: [],
    pipelines: [],
    log: ({ code, message }) => logged.push({ code, message: String(message) }),
  });
  const bytes = Buffer.from(body);
  const sentAtMs = systemClock.now() - agedMs;
  return fetch(`${server.url}/hooks/${event}`, {
    method: 'POST',
    headers: { ...signWebhook(webhook, secret, { id: 'msg_1', body: bytes, sentAtMs }), ...headers },
    body: bytes,
  });
}

describe('a delivery that is refused', () => {
  test.each(Object.entries(cases))(
    'with %s is logged with the address that was called',
    async (code, given) => {
      const answer = await deliver(given);
      expect(await answer.json()).toMatchObject({ code });
      expect(logged).toMatchObject([{ code }]);
      expect(logged[0]!.message).toMatch(new RegExp(`^/hooks/${given.event ?? 'crm/upgraded'}: \\w`));
      expect(webhookRules).toHaveProperty(code);
    },
  );

  test('because nobody takes it is too, with nothing that could write into a terminal', async () => {
    await deliver({ event: 'crm/%1b%5B2Jpaid%0Aok' });
    expect(logged).toMatchObject([{ code: 'WEBHOOK_EVENT_UNKNOWN' }]);
    expect(logged[0]!.message).toMatch(/^\/hooks\/crm\/%1B%5B2Jpaid%0Aok: /);
  });
});
