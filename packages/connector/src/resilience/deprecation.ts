import type { Headers } from '../http/exchange.ts';

/** What an answer says of the end of its operation. */
export interface DeprecationNotice {
  /** Since or from when it is deprecated (epoch ms); absent where the header is a bare `true`. */
  readonly deprecatedAtMs?: number;
  /** When it goes away (epoch ms). */
  readonly sunsetAtMs?: number;
}

/**
 * The `Deprecation` header (RFC 9745, a structured date `@1688169599`; drafts before it: an HTTP date or `true`) and the
 * `Sunset` header (RFC 8594, an HTTP date); `undefined` where an answer carries neither.
 */
export function deprecationOf(headers: Headers): DeprecationNotice | undefined {
  const { deprecation, sunset } = headers;
  if (deprecation === undefined && sunset === undefined) return undefined;
  const deprecatedAtMs = deprecation === undefined ? undefined : dateOf(deprecation);
  const sunsetAtMs = sunset === undefined ? undefined : dateOf(sunset);
  if (deprecation === 'false' || (deprecation === undefined && sunsetAtMs === undefined)) return undefined;
  return {
    ...(deprecatedAtMs !== undefined && { deprecatedAtMs }),
    ...(sunsetAtMs !== undefined && { sunsetAtMs }),
  };
}

function dateOf(value: string): number | undefined {
  const text = value.trim();
  const seconds = /^@(-?\d{1,12})$/.exec(text)?.[1];
  if (seconds !== undefined) return Number(seconds) * 1_000;
  const at = /^[A-Za-z]{3,9},? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}
