import { sha256 } from '@tenon/model';
import { hex32 } from '../hex32.ts';

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** The trace id of a W3C `traceparent`, or `undefined` when it is none (W3C Trace Context §3.2). */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  const match = traceparent === undefined ? null : TRACEPARENT.exec(traceparent);
  const traceId = match?.[1];
  return traceId === undefined || /^0+$/.test(traceId) ? undefined : traceId;
}

/** A `traceparent` for a run that came without one: the same for the same correlation id. */
export function traceparentFor(correlationId: string): string {
  const digest = sha256(correlationId);
  return `00-${digest.slice(7, 39)}-${digest.slice(39, 55)}-01`;
}

/** The parent's trace with a span of our own: the same for the same attempt, whoever sends it. */
export function spanOf(traceparent: string, attempt: string): string {
  return `${traceparent.slice(0, 36)}${spanId(traceparent.slice(36, 52), attempt)}${traceparent.slice(52)}`;
}

/** 64 bits that tell spans of one trace apart (two FNV-1a hashes that go on from the parent's id): no secret, and made for every attempt. */
function spanId(parent: string, text: string): string {
  let low = Number.parseInt(parent.slice(0, 8), 16) ^ 0x811c9dc5;
  let high = Number.parseInt(parent.slice(8), 16) ^ 0x9747b28c;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x85ebca6b) ^ (low >>> 13);
  }
  low ^= Math.imul(high, 0xc2b2ae35);
  // All zeros would be no span (W3C Trace Context §3.2.2.4).
  return hex32(high) + hex32(low === 0 && high === 0 ? 1 : low);
}
