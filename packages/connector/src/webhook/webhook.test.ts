import { Secret } from '@tenon/model';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import type { WebhookManifest } from '../manifest.ts';
import { schemes } from './schemes.ts';
import { signWebhook, verifyWebhook, type WebhookDelivery, webhookType } from './webhook.ts';

const names = ['standard-webhooks', 'stripe', 'github', 'slack'] as const;
const at = 1_700_000_000_000;
const secret = new Secret('env:A', 'a secret of some length');
const other = new Secret('env:B', 'another secret');

function manifestOf(verify: string, change: Partial<WebhookManifest> = {}): WebhookManifest {
  const ids: Readonly<Record<string, string>> = {
    'standard-webhooks': 'webhook-id',
    github: 'x-github-delivery',
  };
  const id = ids[verify] ?? '/id';
  return { verify, toleranceMs: 300_000, id, ...change };
}

function signed(verify: WebhookManifest['verify'], with_: Secret = secret): WebhookDelivery {
  const body = Buffer.from('{"id":"evt_1","type":"paid","text":"é"}');
  return {
    headers: signWebhook(manifestOf(verify), with_, { id: 'evt_1', body, sentAtMs: at }),
    body,
    receivedAtMs: at,
  };
}

function codeOf(verify: WebhookManifest['verify'], delivery: WebhookDelivery, secrets = [secret]): string {
  const verdict = verifyWebhook(manifestOf(verify), secrets, delivery);
  return verdict.ok ? 'ok' : verdict.code;
}

describe.each(names)('%s', (verify) => {
  it('takes what was signed, with its id and payload', () => {
    expect(verifyWebhook(manifestOf(verify), [secret], signed(verify))).toEqual({
      ok: true,
      deliveryId: 'evt_1',
      payload: { id: 'evt_1', type: 'paid', text: 'é' },
    });
  });

  it('tries every secret, so that one can be rotated', () => {
    expect(codeOf(verify, signed(verify, other), [secret, other])).toBe('ok');
    expect(codeOf(verify, signed(verify, other), [secret])).toBe('WEBHOOK_SIGNATURE_WRONG');
    expect(codeOf(verify, signed(verify), [])).toBe('WEBHOOK_SECRET_UNSET');
  });

  it('refuses a body of which any one byte was changed', () => {
    const delivery = signed(verify);
    fc.assert(
      fc.property(fc.nat(delivery.body.length - 1), fc.integer({ min: 1, max: 255 }), (index, flip) => {
        const body = Buffer.from(delivery.body);
        body[index]! ^= flip;
        expect(codeOf(verify, { ...delivery, body })).toBe('WEBHOOK_SIGNATURE_WRONG');
      }),
      { numRuns: 60 },
    );
  });

  it('refuses a delivery without its signature, or with half of one', () => {
    const delivery = signed(verify);
    const name = Object.keys(delivery.headers).find((header) => header.includes('signature'))!;
    for (const value of ['', 'v1', 'v1,', 'v1=', 'v0=', 'sha256=', 't=,v1=00', '💥']) {
      const code = codeOf(verify, { ...delivery, headers: { ...delivery.headers, [name]: value } });
      expect(code).toBe('WEBHOOK_SIGNATURE_MISSING');
    }
    const half = delivery.headers[name]!.slice(0, -8);
    expect(codeOf(verify, { ...delivery, headers: { ...delivery.headers, [name]: half } })).toBe(
      'WEBHOOK_SIGNATURE_WRONG',
    );
  });

  it('refuses other content types, bodies too large, and bodies that do not parse', () => {
    const delivery = signed(verify);
    expect(
      codeOf(verify, { ...delivery, headers: { ...delivery.headers, 'content-type': 'text/plain' } }),
    ).toBe('WEBHOOK_TYPE_UNSUPPORTED');
    // The type is not signed: a captured delivery can be sent again under a name that every object has.
    expect(
      codeOf(verify, { ...delivery, headers: { ...delivery.headers, 'content-type': 'constructor' } }),
    ).toBe('WEBHOOK_TYPE_UNSUPPORTED');
    const typed = { ...delivery.headers, 'content-type': 'Application/JSON; charset=utf-8' };
    expect(codeOf(verify, { ...delivery, headers: typed })).toBe('ok');
    expect(verifyWebhook(manifestOf(verify), [secret], delivery, { bodyBytesMax: 10 })).toMatchObject({
      code: 'WEBHOOK_BODY_TOO_LARGE',
      status: 413,
    });
    const body = Buffer.from('{"id":');
    const headers = signWebhook(manifestOf(verify), secret, { id: 'evt_1', body, sentAtMs: at });
    expect(codeOf(verify, { headers, body, receivedAtMs: at })).toBe('WEBHOOK_BODY_MALFORMED');
  });
});

describe.each(names.filter((name) => name !== 'github'))('%s timestamps', (verify) => {
  it.each([
    [0, 'ok'],
    [300_000, 'ok'],
    [-300_000, 'ok'],
    [301_000, 'WEBHOOK_TIMESTAMP_OLD'],
    [-301_000, 'WEBHOOK_TIMESTAMP_AHEAD'],
  ])('received %i ms after it was sent: %s', (laterMs, expected) => {
    expect(codeOf(verify, { ...signed(verify), receivedAtMs: at + laterMs })).toBe(expected);
  });

  it('cannot be moved: the timestamp is signed', () => {
    const delivery = signed(verify);
    const headers = Object.fromEntries(
      Object.entries(delivery.headers).map(([name, value]) => [
        name,
        value.replace('1700000000', '1700009999'),
      ]),
    );
    expect(codeOf(verify, { ...delivery, headers, receivedAtMs: 1_700_009_999_000 })).toBe(
      'WEBHOOK_SIGNATURE_WRONG',
    );
  });
});

describe('known answers', () => {
  it('standard-webhooks: the vector of its reference libraries', () => {
    const known = new Secret('env:S', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
    const body = Buffer.from('{"test": 2432232314}');
    const headers = signWebhook(manifestOf('standard-webhooks'), known, {
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      body,
      sentAtMs: 1_614_265_330_000,
    });
    expect(headers['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });

  it('standard-webhooks: what the reference library signs we take, and the other way round', () => {
    const key = Buffer.from('0123456789abcdef0123456789abcdef').toString('base64');
    const library = new Webhook(key);
    const now = new Date();
    const body = '{"id":"evt_1"}';
    const headers = {
      'content-type': 'application/json',
      'webhook-id': 'evt_1',
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      'webhook-signature': `v1a,AAAA ${library.sign('evt_1', now, body)}`,
    };
    const manifest = manifestOf('standard-webhooks');
    const delivery = { headers, body: Buffer.from(body), receivedAtMs: now.getTime() };
    expect(verifyWebhook(manifest, [new Secret('env:S', key)], delivery)).toMatchObject({ ok: true });
    const ours = signWebhook(manifest, new Secret('env:S', key), {
      id: 'evt_1',
      body: Buffer.from(body),
      sentAtMs: now.getTime(),
    });
    expect(library.verify(body, ours)).toEqual({ id: 'evt_1' });
  });

  it('github: the example of its documentation', () => {
    const headers = signWebhook(manifestOf('github'), new Secret('env:S', "It's a Secret to Everybody"), {
      id: 'd1',
      body: Buffer.from('Hello, World!'),
      sentAtMs: at,
    });
    expect(headers['x-hub-signature-256']).toBe(
      'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
    );
  });

  it('slack: the example of its documentation, a form', () => {
    const body = Buffer.from(
      'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c',
    );
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': '1531420618',
      'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
    };
    const manifest = manifestOf('slack', { id: '/trigger_id' });
    const delivery = { headers, body, receivedAtMs: 1_531_420_618_000 };
    expect(
      verifyWebhook(manifest, [new Secret('env:S', '8f742231b10e8888abcd99yyyzzz85a5')], delivery),
    ).toMatchObject({
      ok: true,
      payload: { command: '/webhook-collect', text: '' },
    });
  });
});

describe('a delivery that nobody could verify', () => {
  it('is refused where the secret is a prefix without a key', () => {
    const empty = new Secret('env:S', 'whsec_');
    expect(codeOf('standard-webhooks', signed('standard-webhooks', empty), [empty])).toBe(
      'WEBHOOK_SIGNATURE_WRONG',
    );
  });

  it('is refused for its depth by a scheme of the connector’s own as well', () => {
    const own = {
      ...schemes['github']!,
      parsers: {
        'application/json': (body: Uint8Array) => ({ payload: JSON.parse(Buffer.from(body).toString()) }),
      },
    };
    const manifest = manifestOf('own-deep', { id: 'x-id' });
    const body = Buffer.from(`${'['.repeat(501)}${']'.repeat(501)}`);
    const headers = signWebhook(manifest, secret, { id: '1', body, sentAtMs: at }, { 'own-deep': own });
    const verdict = verifyWebhook(
      manifest,
      [secret],
      { headers, body, receivedAtMs: at },
      { own: { 'own-deep': own } },
    );
    expect(verdict).toMatchObject({ ok: false, code: 'WEBHOOK_BODY_MALFORMED' });
  });
});

describe('what a delivery is', () => {
  it('needs an id, wherever the manifest says it stands', () => {
    const delivery = signed('github');
    expect(verifyWebhook(manifestOf('github', { id: '/type' }), [secret], delivery)).toMatchObject({
      deliveryId: 'paid',
    });
    expect(verifyWebhook(manifestOf('github', { id: 'x-none' }), [secret], delivery)).toMatchObject({
      code: 'WEBHOOK_ID_MISSING',
      status: 400,
    });
  });

  it('is told by header or pointer where one URL receives several', () => {
    expect(
      webhookType(manifestOf('github', { type: 'X-GitHub-Event' }), { 'x-github-event': 'push' }, {}),
    ).toBe('push');
    expect(webhookType(manifestOf('stripe', { type: '/type' }), {}, { type: 'paid' })).toBe('paid');
    expect(webhookType(manifestOf('stripe'), {}, {})).toBeUndefined();
  });
});

describe('a webhook of CloudEvents', () => {
  const manifest = manifestOf('standard-webhooks', { envelope: 'cloudevents' });
  const whole = { specversion: '1.0', id: 'e1', source: '/shop', type: 'order.placed', data: { total: 5 } };
  const attributes = {
    'ce-specversion': '1.0',
    'ce-id': 'e1',
    'ce-source': '/shop',
    'ce-type': 'order.placed',
  };
  const verdict = (
    payload: object,
    headers: Record<string, string>,
    change: Partial<WebhookManifest> = {},
  ) => {
    const body = Buffer.from(JSON.stringify(payload));
    const signature = signWebhook(manifest, secret, { id: 'msg_1', body, sentAtMs: at });
    return verifyWebhook({ ...manifest, ...change }, [secret], {
      headers: { ...signature, ...headers },
      body,
      receivedAtMs: at,
    });
  };
  const structured = { 'content-type': 'application/cloudevents+json; charset=utf-8' };

  it('is its data, in either mode', () => {
    expect(verdict(whole, structured)).toEqual({ ok: true, deliveryId: 'msg_1', payload: { total: 5 } });
    expect(verdict({ total: 5 }, attributes)).toEqual({
      ok: true,
      deliveryId: 'msg_1',
      payload: { total: 5 },
    });
    expect(verdict(whole, structured, { id: '/id' })).toMatchObject({ ok: true, deliveryId: 'e1' });
  });

  it('is refused when it is none', () => {
    expect(verdict({ total: 5 }, {})).toMatchObject({ ok: false, code: 'WEBHOOK_BODY_MALFORMED' });
    expect(verdict({ total: 5 }, structured)).toMatchObject({ ok: false, code: 'WEBHOOK_BODY_MALFORMED' });
  });

  it('has its signature looked at first, whatever it is', () => {
    const body = Buffer.from(JSON.stringify(whole));
    const headers = { ...signWebhook(manifest, other, { id: 'm', body, sentAtMs: at }), ...structured };
    expect(verifyWebhook(manifest, [secret], { headers, body, receivedAtMs: at })).toMatchObject({
      code: 'WEBHOOK_SIGNATURE_WRONG',
    });
  });
});
