import { type OwnSchemes, signWebhook, type WebhookManifest } from '@tenon/connector';
import { type Clock, type Json, type Secret, systemClock } from '@tenon/model';

export interface DeliverOptions {
  /** The delivery's own id; the same on each of its repeats, as real senders do. */
  readonly id: string;
  /** How often it is delivered, one after the other. Default 1. */
  readonly times?: number;
  readonly clock?: Clock;
  /** Sent beside the signature's headers: an event's type, a trace. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Signature schemes of the connector's own code. */
  readonly own?: OwnSchemes;
}

export interface Delivered {
  readonly status: number;
  readonly body: string;
}

/** Sends a webhook, signed as its manifest says, over real HTTP. One answer for each time. Rejects when nobody listens. */
export async function deliver(
  url: string,
  manifest: WebhookManifest,
  secret: Secret,
  payload: Json,
  options: DeliverOptions,
): Promise<Delivered[]> {
  const body = Buffer.from(JSON.stringify(payload), 'utf8');
  const answers: Delivered[] = [];
  for (let time = 0; time < (options.times ?? 1); time++) {
    const sentAtMs = (options.clock ?? systemClock).now();
    const signature = signWebhook(manifest, secret, { id: options.id, body, sentAtMs }, options.own);
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...options.headers, ...signature },
      body,
    });
    answers.push({ status: response.status, body: await response.text() });
  }
  return answers;
}
