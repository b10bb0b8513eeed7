import { createHash, createHmac, randomBytes } from 'node:crypto';
import { type CompiledExpression, compileExpression, parseTemplate } from '@tenon/expression';
import type { JsonObject, Secret } from '@tenon/model';
import type { AuthScheme } from '../manifest.ts';
import { AuthenticationError } from './authentication-error.ts';
import type { AwsRequest } from './aws-signature.ts';

export type HmacScheme = Extract<AuthScheme, { type: 'hmac' }>;

/** What the templates of a signature can say; `signature` in headers only. */
export const SIGNING_NAMES = [
  'method',
  'url',
  'host',
  'path',
  'query',
  'headers',
  'body',
  'bodyDigest',
  'timestamp',
  'nonce',
  'keyId',
] as const;

/** Does the scheme speak of a key id, which the connection must then give? */
export function namesKeyId(scheme: Pick<HmacScheme, 'sign' | 'headers'>): boolean {
  return [scheme.sign, ...Object.values(scheme.headers)].some((text) => /\bkeyId\b/.test(text));
}

/** The headers that sign a request as the manifest declares it, to be put beside those it has. */
export async function signHmac(
  scheme: HmacScheme,
  request: AwsRequest,
  key: { readonly secret: Secret; readonly keyId?: Secret | undefined },
  atMs: number,
): Promise<Record<string, string>> {
  const { url, method, headers, body = '' } = request;
  const hash = createHash(scheme.algorithm);
  const texts = [scheme.sign, ...Object.values(scheme.headers)];
  // A streamed body is read once more for it, so only where it is asked for.
  const streamed = request.digest !== undefined && texts.some((text) => /\bbodyDigest\b/.test(text));
  const digest = streamed ? await request.digest(hash) : hash.update(body).digest();
  const scope: JsonObject = {
    method,
    url: url.href,
    host: url.host,
    path: url.pathname,
    query: url.search.slice(1),
    headers: { ...headers, host: url.host },
    body: request.digest === undefined ? textOf(body, scheme) : streamedText(scheme),
    bodyDigest: digest.toString(scheme.encoding),
    timestamp: TIMESTAMPS[scheme.timestamp](atMs),
    nonce: randomBytes(16).toString('hex'),
    keyId: key.keyId?.reveal() ?? '',
  };
  const signature = createHmac(scheme.algorithm, keyBytes(scheme, key.secret))
    .update(filled(scheme.sign, scope))
    .digest(scheme.encoding);
  return Object.fromEntries(
    Object.entries(scheme.headers).map(([name, text]) => [
      name.toLowerCase(),
      filled(text, { ...scope, signature }),
    ]),
  );
}

const TIMESTAMPS: Readonly<Record<HmacScheme['timestamp'], (atMs: number) => string>> = {
  unixSeconds: (atMs) => String(Math.floor(atMs / 1_000)),
  unixMilliseconds: (atMs) => String(Math.floor(atMs)),
  rfc3339: (atMs) => new Date(atMs).toISOString().replace(/\.\d{3}/, ''),
  httpDate: (atMs) => new Date(atMs).toUTCString(),
};

/** The text of a body; only a template that asks for it can fail on bytes that are none. */
function textOf(body: Uint8Array | string, scheme: HmacScheme): string {
  if (typeof body === 'string') return body;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    if (!/\bbody\b/.test(scheme.sign)) return '';
    throw new AuthenticationError(
      'AUTH_SIGNING_FAILED',
      `scheme ${scheme.id} signs the body’s text, and this body is not text; sign \`bodyDigest\``,
      false,
    );
  }
}

/** A body that is streamed is not there as a text. */
function streamedText(scheme: HmacScheme): string {
  if (!/\bbody\b/.test(scheme.sign)) return '';
  throw new AuthenticationError(
    'AUTH_SIGNING_FAILED',
    `scheme ${scheme.id} signs the body’s text, and this body is streamed; sign \`bodyDigest\``,
    false,
  );
}

function keyBytes({ id, secretEncoding }: HmacScheme, secret: Secret): Buffer {
  const text = secret.reveal();
  const bytes = Buffer.from(text, secretEncoding);
  // Node reads as far as it can and says nothing of the rest.
  const isWhole =
    secretEncoding === 'utf8' ||
    bytes.toString(secretEncoding).replace(/=+$/, '').toLowerCase() === text.replace(/=+$/, '').toLowerCase();
  if (isWhole && bytes.length > 0) return bytes;
  throw new AuthenticationError(
    'AUTH_KEY_INVALID',
    `${secret.reference} is not the ${secretEncoding} text that scheme ${id} takes its key from`,
    false,
  );
}

type Part = string | CompiledExpression;
const templates = new Map<string, readonly Part[]>();

function filled(text: string, scope: JsonObject): string {
  let parts = templates.get(text);
  if (parts === undefined) {
    parts = parseTemplate(text).parts.map((part) =>
      part.kind === 'expression' ? compileExpression(part.expression.source) : part.text,
    );
    templates.set(text, parts);
  }
  return parts
    .map((part) => {
      if (typeof part === 'string') return part;
      const result = part.evaluate(scope);
      if (result.ok && result.value !== null && typeof result.value !== 'object') return String(result.value);
      throw new AuthenticationError(
        'AUTH_SIGNING_FAILED',
        'a template of the signature gives no text for this request',
        false,
      );
    })
    .join('');
}
