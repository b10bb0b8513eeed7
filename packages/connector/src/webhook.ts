import type { Secret } from '@tenon/model';
import type { WebhookManifest } from './manifest.ts';

export interface WebhookDelivery {
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
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
      readonly code: string;
      readonly message: string;
      readonly status: 400 | 401 | 413 | 415;
    };

/** Checks signature and age over the raw bytes, then parses. Every secret is tried, in constant time each. */
export declare function verifyWebhook(
  manifest: WebhookManifest,
  secrets: readonly Secret[],
  delivery: WebhookDelivery,
): WebhookVerdict;

/** Headers that sign a body as the scheme says: for sandboxes, tests and the demo. */
export declare function signWebhook(
  manifest: WebhookManifest,
  secret: Secret,
  delivery: { readonly id: string; readonly body: Uint8Array; readonly sentAtMs: number },
): Record<string, string>;
