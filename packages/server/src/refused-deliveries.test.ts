import { signWebhook, type WebhookRefusal, webhookRules } from '@tenon/connector';
import { Secret, systemClock } from '@tenon/model';
import type { FlowReport, Runtime } from '@tenon/runtime';
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

const NO_FLOW: FlowReport = {
  atMs: 0,
  alarms: [],
  intake: { backlog: 0, writesWaiting: 0, bytesWaiting: 0, refused: {} },
  pipelines: [],
  connections: [],
  reconciliations: [],
  drills: [],
  runs: {},
  counts: {
    accepted: 0,
    ended: {},
    retries: 0,
    held: 0,
    older: 0,
    overrides: { done: 0, undone: 0, close: 0, confirm: 0, redo: 0, compensate: 0 },
  },
  inDoubt: [],
  deadLetters: [],
};

let server: TenonServer | undefined;
const logged: { readonly code: string; readonly message: string }[] = [];
afterEach(async () => {
  await server?.close();
  logged.length = 0;
});

async function deliver(given: Case): Promise<Response> {
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
    // None of these reaches it; the metrics ask for its flow.
    runtime: { flow: () => NO_FLOW } as Runtime,
    clock: systemClock,
    host: '127.0.0.1',
    port: 0,
    connections: new Map([
      ['crm', hooks([secret])],
      ['unset', hooks([])],
    ]),
    operators: [{ name: 'prom', role: 'scraper', token: new Secret('env:PROM', 'prom') }],
    log: ({ code, message }) => logged.push({ code, message: String(message) }),
  });
  return send(given);
}

function send({ event = 'crm/upgraded', body = '{}', agedMs = 0, headers = {} }: Case): Promise<Response> {
  const bytes = Buffer.from(body);
  const sentAtMs = systemClock.now() - agedMs;
  return fetch(`${server!.url}/hooks/${event}`, {
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

  test('is counted by its code, and as one of its webhook, whose line is there before', async () => {
    await deliver({ event: 'crm/%1b%5B2Jpaid%0Aok' });
    const metrics = async () => {
      const answer = await fetch(`${server!.url}/metrics`, { headers: { authorization: 'Bearer prom' } });
      return (await answer.text())
        .split('\n')
        .filter((line) => /^tenon_(intake_refused|deliveries)/.test(line));
    };
    const none = ['accepted', 'refused'].map(
      (outcome) => `tenon_deliveries_total{connection="crm",event="upgraded",outcome="${outcome}"} 0`,
    );
    const before = await metrics();
    expect(before).toEqual(expect.arrayContaining(none));
    expect(before).toContain('tenon_intake_refused_total{code="WEBHOOK_EVENT_UNKNOWN"} 1');
    expect(before.join()).not.toContain('paid');
    const sent = await send({ headers: { 'webhook-signature': 'v1,AAAA' } });
    expect(sent.status).toBe(401);
    expect(await metrics()).toEqual(
      expect.arrayContaining([
        'tenon_deliveries_total{connection="crm",event="upgraded",outcome="refused"} 1',
        'tenon_intake_refused_total{code="WEBHOOK_SIGNATURE_WRONG"} 1',
        'tenon_intake_refused_total{code="WEBHOOK_EVENT_UNKNOWN"} 1',
      ]),
    );
  });

  test('before its body was read whole is logged and counted as well', async () => {
    await deliver({ body: `"${'x'.repeat(2 ** 20)}"` });
    expect(logged).toMatchObject([{ code: 'HTTP_REQUEST_REFUSED' }]);
    const answer = await fetch(`${server!.url}/metrics`, { headers: { authorization: 'Bearer prom' } });
    expect(await answer.text()).toContain('tenon_intake_refused_total{code="HTTP_REQUEST_REFUSED"} 1');
  });

  test('because nobody takes it is too, with nothing that could write into a terminal', async () => {
    await deliver({ event: 'crm/%1b%5B2Jpaid%0Aok' });
    expect(logged).toMatchObject([{ code: 'WEBHOOK_EVENT_UNKNOWN' }]);
    expect(logged[0]!.message).toMatch(/^\/hooks\/crm\/%1B%5B2Jpaid%0Aok: /);
  });
});
