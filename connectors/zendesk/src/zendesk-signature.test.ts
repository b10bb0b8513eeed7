import { verifyWebhook } from '@tenon/connector';
import { Secret } from '@tenon/model';
import { expect, it } from 'vitest';
import { zendeskSignature } from './zendesk-signature.ts';

const secret = new Secret('env:A', 'its secret');
const at = Date.parse('2026-11-28T10:00:00Z');

function verdictOn(text: string): ReturnType<typeof verifyWebhook> {
  const body = Buffer.from(text);
  const headers = {
    'content-type': 'application/json',
    ...zendeskSignature.sign(secret, { id: '1', body, sentAtMs: at }),
  };
  return verifyWebhook(
    { verify: 'own-zendesk', toleranceMs: 300_000, id: '/id' },
    [secret],
    { headers, body, receivedAtMs: at },
    { own: { 'own-zendesk': zendeskSignature } },
  );
}

it('leaves the digits of a large number as they are', () => {
  expect(verdictOn('{"id":"1","ticket":12345678901234567890}')).toMatchObject({
    ok: true,
    payload: { ticket: '12345678901234567890' },
  });
});

it('refuses what is nested too deep to be read on', () => {
  expect(verdictOn('['.repeat(50_000) + ']'.repeat(50_000))).toMatchObject({
    code: 'WEBHOOK_BODY_MALFORMED',
  });
});
