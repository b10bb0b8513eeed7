import { isObject, type Json } from '@tenon/model';
import { parseExactJson } from '../exact-json.ts';
import type { HttpBinding } from '../operation-plan.ts';
import type { Headers } from './exchange.ts';
import { mediaMatches } from './media-type.ts';
import { isJsonMedia } from './serialise.ts';

type Response = HttpBinding['responses'][number];

/**
 * The declared response that an answer is to be held against: its status, then its range, then `default`. A `default`
 * beside declared successes describes errors, as everybody writes it, so it does not describe another success.
 */
export function declaredResponse(
  http: HttpBinding,
  status: number,
  contentType: string | undefined,
): Response | undefined {
  const isErrorDefault =
    status >= 200 && status < 300 && http.responses.some((response) => response.status.startsWith('2'));
  const places = [String(status), `${Math.floor(status / 100)}xx`, ...(isErrorDefault ? [] : ['default'])];
  for (const wanted of places) {
    const candidates = http.responses.filter((response) => response.status.toLowerCase() === wanted);
    if (candidates.length === 0) continue;
    return candidates.find((response) => mediaMatches(response.mediaType, contentType)) ?? candidates[0];
  }
  return undefined;
}

export type Decoded =
  | { readonly ok: true; readonly body: Json }
  | { readonly ok: false; readonly reason: string };

/**
 * The body as JSON: parsed, or text as a string, form fields as an object, anything else as base64. No body is null, but
 * where the contract declares text: an empty text is a text, and an empty PDF is none. An answer without a content type
 * is read as what the contract says it is.
 */
export function decodeBody(bytes: Uint8Array, headers: Headers, declared: string | undefined): Decoded {
  const type = headers['content-type'] ?? declared ?? 'application/json';
  if (bytes.length === 0)
    return { ok: true, body: declared !== undefined && isText(declared) && isText(type) ? '' : null };
  if (isJsonMedia(type)) return parseJson(bytes);
  if (declared !== undefined && isJsonMedia(declared))
    return { ok: false, reason: 'the contract says JSON, and the answer is of another media type' };
  if (isText(type)) return { ok: true, body: new TextDecoder().decode(bytes) };
  if (/^application\/x-www-form-urlencoded/i.test(type))
    return { ok: true, body: Object.fromEntries(new URLSearchParams(new TextDecoder().decode(bytes))) };
  return { ok: true, body: Buffer.from(bytes).toString('base64') };
}

function isText(type: string): boolean {
  return /^text\//i.test(type) && !isJsonMedia(type);
}

function parseJson(bytes: Uint8Array): Decoded {
  try {
    return { ok: true, body: parseExactJson(bytes) };
  } catch {
    return { ok: false, reason: 'the body is not JSON' };
  }
}

/** What can be read of an error's body, for failure rules; null where nothing can. */
export function errorBody(bytes: Uint8Array, headers: Headers): Json {
  const decoded = decodeBody(bytes, headers, undefined);
  return decoded.ok &&
    (isObject(decoded.body) || Array.isArray(decoded.body) || typeof decoded.body === 'string')
    ? decoded.body
    : null;
}
