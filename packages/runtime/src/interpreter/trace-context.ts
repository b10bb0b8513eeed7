import { sha256 } from '@tenon/model';

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** The trace id of a W3C `traceparent`, or `undefined` when it is none (W3C Trace Context §3.2). */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  const match = traceparent === undefined ? null : TRACEPARENT.exec(traceparent);
  const traceId = match?.[1];
  return traceId === undefined || /^0+$/.test(traceId) ? undefined : traceId;
}

/** A `traceparent` for a run that came without one: the same for the same correlation id. */
export function traceparentFor(correlationId: string): string {
  return `00-${sha256(correlationId).slice(7, 39)}-${sha256(`${correlationId}/root`).slice(7, 23)}-01`;
}

/** The parent's trace with a span of our own: the same for the same attempt, whoever sends it. */
export function spanOf(traceparent: string, attempt: string): string {
  return `${traceparent.slice(0, 36)}${sha256(`${traceparent}/${attempt}`).slice(7, 23)}${traceparent.slice(52)}`;
}
