import { createHmac, timingSafeEqual } from 'node:crypto';
import { parseExactJson, type WebhookScheme } from '@tenon/connector';
import type { Json } from '@tenon/model';

const SIGNATURE = 'x-zendesk-webhook-signature';
const TIMESTAMP = 'x-zendesk-webhook-signature-timestamp';

/** Base64 of HMAC-SHA256 over the timestamp header (an RFC 3339 time) and the raw body, one after the other. */
export const zendeskSignature: WebhookScheme = {
  parsers: { 'application/json': parse },
  read: (headers) => {
    const timestamp = headers[TIMESTAMP];
    const signature = headers[SIGNATURE];
    const sentAtMs = timestamp === undefined ? Number.NaN : Date.parse(timestamp);
    if (timestamp === undefined || signature === undefined || Number.isNaN(sentAtMs)) return undefined;
    return { signatures: [Buffer.from(signature, 'base64')], timestamp, sentAtMs };
  },
  matches: ({ signatures, timestamp = '' }, secrets, body) => {
    let matched = false;
    // Every secret is held against the signature before anything is decided.
    for (const secret of secrets) {
      const expected = digest(secret.reveal(), timestamp, body);
      for (const signature of signatures)
        if (signature.length === expected.length && timingSafeEqual(signature, expected)) matched = true;
    }
    return matched;
  },
  sign: (secret, { body, sentAtMs }) => {
    const timestamp = new Date(sentAtMs).toISOString();
    return {
      [TIMESTAMP]: timestamp,
      [SIGNATURE]: digest(secret.reveal(), timestamp, body).toString('base64'),
    };
  },
};

function digest(secret: string, timestamp: string, body: Uint8Array): Buffer {
  return createHmac('sha256', secret).update(timestamp).update(body).digest();
}

function parse(body: Uint8Array): { readonly payload: Json } | undefined {
  try {
    return { payload: parseExactJson(body) };
  } catch {
    return undefined;
  }
}
