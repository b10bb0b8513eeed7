import type { Clock } from '@tenon/model';

type Headers = Readonly<Record<string, string>>;

/**
 * How long the other side asks to be left alone: `Retry-After` in seconds or as an HTTP date (RFC 9110 §10.2.3), else
 * the reset of an exhausted quota (the RateLimit header draft, and the `X-RateLimit-*` headers before it).
 */
export function retryAfterMs(headers: Headers, clock: Clock): number | undefined {
  return fromRetryAfter(headers['retry-after'], clock) ?? exhaustedQuota(headers, clock)?.resetMs;
}

export interface QuotaState {
  readonly remaining: number;
  /** Until the quota is whole again. */
  readonly resetMs: number;
}

/** What the quota headers of an answer say, in whichever of the three dialects it speaks. */
export function quotaState(headers: Headers, clock: Clock): QuotaState | undefined {
  return (
    structured(headers['ratelimit']) ??
    separate(headers, 'ratelimit-', clock) ??
    separate(headers, 'x-ratelimit-', clock)
  );
}

function exhaustedQuota(headers: Headers, clock: Clock): QuotaState | undefined {
  const state = quotaState(headers, clock);
  return state !== undefined && state.remaining <= 0 ? state : undefined;
}

/** The longest wait believed: a header beyond it is a mistake or an attack. */
const WAIT_MS_MAX = 24 * 3_600_000;

function fromRetryAfter(value: string | undefined, clock: Clock): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  if (/^\d+(?:\.\d+)?$/.test(text)) return bounded(Number(text) * 1_000);
  // Only the HTTP date form: `Date.parse` alone would read `5 minutes` as a date in the year 2001.
  if (!/^[A-Za-z]{3,9},? /.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : bounded(at - clock.now());
}

/** `RateLimit: "default";r=0;t=30`, and the older `limit=100, remaining=0, reset=30`. */
function structured(value: string | undefined): QuotaState | undefined {
  if (value === undefined) return undefined;
  const remaining = /(?:^|[;,]\s*)(?:r|remaining)\s*=\s*(\d+)/.exec(value)?.[1];
  const reset = /(?:^|[;,]\s*)(?:t|reset)\s*=\s*(\d+)/.exec(value)?.[1];
  if (remaining === undefined || reset === undefined) return undefined;
  return { remaining: Number(remaining), resetMs: bounded(Number(reset) * 1_000) };
}

/** Below this a reset is a number of seconds to wait, above it an epoch time in seconds (it is the year 2001). */
const EPOCH_SECONDS_MIN = 1_000_000_000;
/** Above this it is an epoch time in milliseconds (as seconds it were the year 5138). */
const EPOCH_MS_MIN = 100_000_000_000;

function separate(headers: Headers, prefix: string, clock: Clock): QuotaState | undefined {
  const remaining = Number(headers[`${prefix}remaining`] ?? Number.NaN);
  const reset = Number(headers[`${prefix}reset`] ?? Number.NaN);
  if (!Number.isFinite(remaining) || !Number.isFinite(reset)) return undefined;
  return { remaining, resetMs: bounded(untilReset(reset, clock)) };
}

function untilReset(reset: number, clock: Clock): number {
  if (reset >= EPOCH_MS_MIN) return reset - clock.now();
  return reset >= EPOCH_SECONDS_MIN ? reset * 1_000 - clock.now() : reset * 1_000;
}

function bounded(waitMs: number): number {
  return Math.round(Math.min(WAIT_MS_MAX, Math.max(0, waitMs)));
}
