import { atPointer, isDeeperThan, JSON_LEVELS_MAX, type Secret } from '@tenon/model';
import type { WebhookManifest } from '../manifest.ts';
import { binaryCloudEvent, STRUCTURED_TYPE, structuredCloudEvent } from '../message/cloud-event.ts';
import { type Headers, schemes, type WebhookScheme } from './schemes.ts';
import type { webhookRules } from './webhook-rules.ts';

export interface WebhookDelivery {
  /** Lower-case names. */
  readonly headers: Headers;
  /** The body as it came: signatures are over bytes, before any parsing. */
  readonly body: Uint8Array;
  readonly receivedAtMs: number;
}

export type WebhookVerdict =
  | {
      readonly ok: true;
      /** The delivery's own id, to know it again. */
      readonly deliveryId: string;
      readonly payload: unknown;
    }
  | {
      readonly ok: false;
      readonly code: WebhookRefusal;
      readonly message: string;
      readonly status: 400 | 401 | 413 | 415;
    };

/** Why a delivery is refused, with the status to answer. Messages say nothing that helps to forge one. */
export const webhookRefusals = {
  WEBHOOK_BODY_TOO_LARGE: { status: 413, message: 'the body is larger than is taken' },
  WEBHOOK_TYPE_UNSUPPORTED: { status: 415, message: 'the content type is not the one of this webhook' },
  WEBHOOK_SECRET_UNSET: {
    status: 401,
    message: 'the connection has no webhook secret, so nothing can be verified',
  },
  WEBHOOK_SCHEME_UNKNOWN: {
    status: 401,
    message: 'the connector names a signature scheme that nothing provides, so nothing can be verified',
  },
  WEBHOOK_SIGNATURE_MISSING: { status: 401, message: 'a signature header is missing or unreadable' },
  WEBHOOK_SIGNATURE_WRONG: { status: 401, message: 'the signature does not match the body' },
  WEBHOOK_TIMESTAMP_OLD: { status: 401, message: 'the delivery is older than the tolerance' },
  WEBHOOK_TIMESTAMP_AHEAD: { status: 401, message: 'the delivery’s timestamp lies ahead of our clock' },
  WEBHOOK_BODY_MALFORMED: { status: 400, message: 'the body cannot be parsed' },
  WEBHOOK_ID_MISSING: { status: 400, message: 'the delivery carries no id' },
} as const satisfies Record<keyof typeof webhookRules, { status: 400 | 401 | 413 | 415; message: string }>;

export type WebhookRefusal = keyof typeof webhookRefusals;

/** Schemes that a connector's own code provides, by the name that its manifest gives to `verify`. */
export type OwnSchemes = Readonly<Record<string, WebhookScheme>>;

export interface WebhookOptions {
  readonly own?: OwnSchemes;
  /** Largest body taken. Default 1 MiB. */
  readonly bodyBytesMax?: number;
}

const BODY_BYTES_MAX = 1024 * 1024;

/**
 * Checks signature and age over the raw bytes, then parses. Every secret is tried, in constant time each, so that one
 * can be rotated. A replay inside the tolerance verifies: the caller knows it by its delivery id. The `github` scheme
 * has no timestamp and does not sign its delivery id, so there only the business key tells a replay.
 */
export function verifyWebhook(
  manifest: WebhookManifest,
  secrets: readonly Secret[],
  delivery: WebhookDelivery,
  options: WebhookOptions = {},
): WebhookVerdict {
  const { headers, body } = delivery;
  if (body.byteLength > (options.bodyBytesMax ?? BODY_BYTES_MAX)) return refused('WEBHOOK_BODY_TOO_LARGE');
  const scheme = webhookScheme(manifest.verify, options.own);
  if (scheme === undefined) return refused('WEBHOOK_SCHEME_UNKNOWN');
  const given = mediaType(headers);
  const isWhole = manifest.envelope === 'cloudevents' && given === STRUCTURED_TYPE;
  const type = isWhole ? 'application/json' : given;
  // The sender chooses the type: `constructor` names no parser.
  const parse = Object.hasOwn(scheme.parsers, type) ? scheme.parsers[type] : undefined;
  if (parse === undefined) return refused('WEBHOOK_TYPE_UNSUPPORTED');
  if (secrets.length === 0) return refused('WEBHOOK_SECRET_UNSET');

  const claim = scheme.read(headers);
  if (claim === undefined) return refused('WEBHOOK_SIGNATURE_MISSING');
  if (!scheme.matches(claim, secrets, body)) return refused('WEBHOOK_SIGNATURE_WRONG');
  if (claim.sentAtMs !== undefined) {
    if (delivery.receivedAtMs - claim.sentAtMs > manifest.toleranceMs)
      return refused('WEBHOOK_TIMESTAMP_OLD');
    if (claim.sentAtMs - delivery.receivedAtMs > manifest.toleranceMs)
      return refused('WEBHOOK_TIMESTAMP_AHEAD');
  }

  const parsed = parse(body);
  // A connector's own parser may know no bound, and whoever reads on goes down level by level.
  if (parsed === undefined || isDeeperThan(parsed.payload, JSON_LEVELS_MAX))
    return refused('WEBHOOK_BODY_MALFORMED');
  const deliveryId = placeOf(manifest.id, headers, parsed.payload);
  if (deliveryId === undefined) return refused('WEBHOOK_ID_MISSING');
  if (manifest.envelope === undefined) return { ok: true, deliveryId, payload: parsed.payload };
  const data = isWhole ? structuredCloudEvent(parsed.payload)?.data : parsed.payload;
  const isEvent = isWhole ? data !== undefined : binaryCloudEvent(headers, given) !== undefined;
  return isEvent ? { ok: true, deliveryId, payload: data } : refused('WEBHOOK_BODY_MALFORMED');
}

/** The scheme of that name; a connector's own cannot take the place of one known here. */
export function webhookScheme(name: string, own: OwnSchemes = {}): WebhookScheme | undefined {
  if (Object.hasOwn(schemes, name)) return schemes[name];
  return Object.hasOwn(own, name) ? own[name] : undefined;
}

/** Which event a verified delivery is, where the manifest says how to tell; `undefined` where the URL alone tells. */
export function webhookType(
  manifest: WebhookManifest,
  headers: Headers,
  payload: unknown,
): string | undefined {
  return manifest.type === undefined ? undefined : placeOf(manifest.type, headers, payload);
}

/** Headers that sign a body as the scheme says: for sandboxes, tests and the demo. */
export function signWebhook(
  manifest: WebhookManifest,
  secret: Secret,
  delivery: { readonly id: string; readonly body: Uint8Array; readonly sentAtMs: number },
  own?: OwnSchemes,
): Record<string, string> {
  const idHeader = manifest.id.startsWith('/') ? {} : { [manifest.id]: delivery.id };
  return {
    'content-type': 'application/json',
    ...idHeader,
    ...webhookScheme(manifest.verify, own)?.sign(secret, delivery),
  };
}

/** A text at a JSON Pointer of the payload, or in a header. */
function placeOf(place: string, headers: Headers, payload: unknown): string | undefined {
  const found = place.startsWith('/') ? atPointer(payload, place) : headers[place.toLowerCase()];
  if (typeof found === 'number') return String(found);
  return typeof found === 'string' && found !== '' ? found : undefined;
}

function mediaType(headers: Headers): string {
  return (headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
}

function refused(code: WebhookRefusal): WebhookVerdict {
  return { ok: false, code, ...webhookRefusals[code] };
}
