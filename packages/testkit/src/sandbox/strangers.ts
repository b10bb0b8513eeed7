import type { IncomingHttpHeaders } from 'node:http';

/**
 * Why a request is not for this machine's own eyes. A sandbox listens on loopback only, and a browser that stands there is told by pages of
 * anybody whom to call: by a name that leads here for a moment (DNS rebinding), with which a page reads what it is answered, or by our own
 * address, with which it can still send. `control`: what is sent changes what the sandbox does, so that no page of elsewhere may.
 */
export function strangerRefusal(
  headers: IncomingHttpHeaders,
  reaches: 'control' | 'contract',
): string | undefined {
  if (!LOCAL.test(headers.host ?? '')) return 'it is called by a name that is not of this machine';
  if (reaches === 'contract') return undefined;
  const { origin } = headers;
  const isElsewhere = origin !== undefined && !LOCAL.test(origin.replace(/^https?:\/\//, ''));
  return isElsewhere || headers['sec-fetch-site'] === 'cross-site'
    ? 'a page of elsewhere has sent it'
    : undefined;
}

/** With that of a container runtime for the machine it runs on, which nobody else can own. */
const LOCAL = /^(127(\.\d{1,3}){3}|([a-z0-9-]+\.)*localhost|host\.docker\.internal|\[::1\])(:\d+)?$/i;
