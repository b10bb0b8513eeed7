import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Json, Secret } from '@tenon/model';
import { parseExactJson } from '../exact-json.ts';

export type Headers = Readonly<Record<string, string>>;

/** What the headers of a delivery claim, before anything is believed. */
export interface WebhookClaim {
  readonly signatures: readonly Buffer[];
  readonly sentAtMs?: number;
  /** Exactly as signed: signatures are over these texts. */
  readonly timestamp?: string;
  readonly id?: string;
}

type Parser = (body: Uint8Array) => { readonly payload: Json } | undefined;

/**
 * How one signature scheme reads, checks and makes its headers. A connector whose sender signs in a way of its own gives
 * one (`webhookSchemes` of its module); `matches` compares in constant time and `sign` is what tests and sandboxes use.
 */
export interface WebhookScheme {
  /** Media types taken, each with its parser. */
  readonly parsers: Readonly<Record<string, Parser>>;
  read(headers: Headers): WebhookClaim | undefined;
  matches(claim: WebhookClaim, secrets: readonly Secret[], body: Uint8Array): boolean;
  sign(
    secret: Secret,
    delivery: { readonly id: string; readonly body: Uint8Array; readonly sentAtMs: number },
  ): Record<string, string>;
}

/** Signatures looked at in one delivery: a rotation needs two. */
const SIGNATURES_MAX = 8;

export const schemes: Readonly<Record<string, WebhookScheme>> = {
  /** https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, symmetric `v1`. */
  'standard-webhooks': {
    parsers: { 'application/json': parseJson },
    read: (headers) => {
      const id = headers['webhook-id'];
      const timestamp = headers['webhook-timestamp'];
      const signatures = versioned(headers['webhook-signature']?.split(' '), 'v1,', 'base64');
      return id === undefined ? undefined : claimOf(signatures, timestamp, id);
    },
    matches: (claim, secrets, body) =>
      anyMatches(claim, secrets, standardKey, [`${claim.id}.${claim.timestamp}.`, body]),
    sign: (secret, { id, body, sentAtMs }) => {
      const timestamp = seconds(sentAtMs);
      const signature = hmac(standardKey(secret), [`${id}.${timestamp}.`, body]).toString('base64');
      return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
    },
  },
  /** `t=<seconds>,v1=<hex>` over `<seconds>.<body>`; several `v1` while a secret is rotated. */
  stripe: {
    parsers: { 'application/json': parseJson },
    read: (headers) => {
      const parts = headers['stripe-signature']?.split(',').map((part) => part.trim());
      const timestamp = parts?.find((part) => part.startsWith('t='))?.slice(2);
      return claimOf(versioned(parts, 'v1=', 'hex'), timestamp);
    },
    matches: (claim, secrets, body) => anyMatches(claim, secrets, textKey, [`${claim.timestamp}.`, body]),
    sign: (secret, { body, sentAtMs }) => {
      const timestamp = seconds(sentAtMs);
      const signature = hmac(textKey(secret), [`${timestamp}.`, body]).toString('hex');
      return { 'stripe-signature': `t=${timestamp},v1=${signature}` };
    },
  },
  /** `sha256=<hex>` over the body alone. */
  github: {
    parsers: { 'application/json': parseJson },
    read: (headers) => {
      const signatures = versioned([headers['x-hub-signature-256'] ?? ''], 'sha256=', 'hex');
      return signatures.length === 0 ? undefined : { signatures };
    },
    matches: (claim, secrets, body) => anyMatches(claim, secrets, textKey, [body]),
    sign: (secret, { body }) => ({
      'x-hub-signature-256': `sha256=${hmac(textKey(secret), [body]).toString('hex')}`,
    }),
  },
  /** `v0=<hex>` over `v0:<seconds>:<body>`; commands and interactions come as forms. */
  slack: {
    parsers: { 'application/json': parseJson, 'application/x-www-form-urlencoded': parseForm },
    read: (headers) =>
      claimOf(
        versioned([headers['x-slack-signature'] ?? ''], 'v0=', 'hex'),
        headers['x-slack-request-timestamp'],
      ),
    matches: (claim, secrets, body) => anyMatches(claim, secrets, textKey, [`v0:${claim.timestamp}:`, body]),
    sign: (secret, { body, sentAtMs }) => {
      const timestamp = seconds(sentAtMs);
      const signature = hmac(textKey(secret), [`v0:${timestamp}:`, body]).toString('hex');
      return { 'x-slack-request-timestamp': timestamp, 'x-slack-signature': `v0=${signature}` };
    },
  },
};

/** Nothing is decided before every secret has been held against every signature. */
function anyMatches(
  claim: WebhookClaim,
  secrets: readonly Secret[],
  key: (secret: Secret) => Buffer,
  signed: readonly (string | Uint8Array)[],
): boolean {
  let matched = false;
  for (const secret of secrets) {
    const bytes = key(secret);
    // `whsec_` and nothing behind it: anybody can sign with no key.
    if (bytes.length === 0) continue;
    const expected = hmac(bytes, signed);
    for (const signature of claim.signatures)
      if (signature.length === expected.length && timingSafeEqual(signature, expected)) matched = true;
  }
  return matched;
}

function hmac(key: Buffer, signed: readonly (string | Uint8Array)[]): Buffer {
  const digest = createHmac('sha256', key);
  for (const part of signed) digest.update(part);
  return digest.digest();
}

function textKey(secret: Secret): Buffer {
  return Buffer.from(secret.reveal(), 'utf8');
}

/** `whsec_<base64>`, or the base64 alone; a text that is no base64 is taken as its bytes. */
function standardKey(secret: Secret): Buffer {
  const text = secret.reveal().replace(/^whsec_/, '');
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) && text.length % 4 === 0
    ? Buffer.from(text, 'base64')
    : Buffer.from(text, 'utf8');
}

function versioned(
  parts: readonly string[] | undefined,
  prefix: string,
  encoding: 'hex' | 'base64',
): Buffer[] {
  return (parts ?? [])
    .filter((part) => part.startsWith(prefix))
    .slice(0, SIGNATURES_MAX)
    .map((part) => Buffer.from(part.slice(prefix.length), encoding))
    .filter((signature) => signature.length > 0);
}

function claimOf(
  signatures: readonly Buffer[],
  timestamp: string | undefined,
  id?: string,
): WebhookClaim | undefined {
  if (signatures.length === 0 || timestamp === undefined || !/^\d{1,12}$/.test(timestamp)) return undefined;
  return { signatures, timestamp, sentAtMs: Number(timestamp) * 1_000, ...(id !== undefined && { id }) };
}

function seconds(atMs: number): string {
  return String(Math.floor(atMs / 1_000));
}

function parseJson(body: Uint8Array): { readonly payload: Json } | undefined {
  try {
    return { payload: parseExactJson(body) };
  } catch {
    return undefined;
  }
}

function parseForm(body: Uint8Array): { readonly payload: Json } {
  return { payload: Object.fromEntries(new URLSearchParams(new TextDecoder().decode(body))) };
}
