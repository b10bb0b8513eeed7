import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import { BlockList, isIP, isIPv6 } from 'node:net';

/**
 * Decides which hosts a connection may reach: its own base URL's and those its manifest declares, compared after URL
 * parsing, so that every spelling of an address (octal, hexadecimal, one number, IPv4 in IPv6, a trailing dot, full
 * width digits) is judged as the address it is.
 */
export class HostGuard {
  readonly #allowed: ReadonlySet<string>;
  readonly #literal: ReadonlySet<string>;
  /** Origins found good before: a connection calls very few, very often. */
  readonly #good = new Set<string>();

  readonly #resolve: Resolve;

  constructor(baseUrl: URL, egress: readonly string[], resolve: Resolve = systemResolve) {
    this.#resolve = resolve;
    const hosts = [
      hostOf(baseUrl),
      ...egress.flatMap((entry) => {
        const url = `${baseUrl.protocol}//${entry}`;
        return URL.canParse(url) ? hostOf(new URL(url)) : [];
      }),
    ];
    this.#allowed = new Set(hosts);
    this.#literal = new Set(hosts.map((host) => host.replace(/:\d+$/, '')));
  }

  /** Why this URL may not be called, or `undefined`. */
  refusal(url: URL): string | undefined {
    const carriesCredentials = url.username !== '' || url.password !== '';
    if (!carriesCredentials && this.#good.has(url.origin)) return undefined;
    if (url.protocol !== 'http:' && url.protocol !== 'https:')
      return `the scheme ${url.protocol} is not HTTP`;
    if (carriesCredentials) return 'it carries credentials in the URL';
    // Sockets do not resolve literal addresses, so `lookup` below never sees them.
    const literal = url.hostname.replace(/^\[|\]$/g, '');
    if (isIP(literal) !== 0 && isNever(literal)) return 'its address is one that a connection may not reach';
    if (!this.#allowed.has(hostOf(url))) return 'its host is neither the connection’s own nor in `egress`';
    this.#good.add(url.origin);
    return undefined;
  }

  /**
   * Name resolution that refuses what a public name must never lead to: link-local, unspecified and multicast
   * addresses (cloud metadata lives there), and loopback unless the host itself says so. Whoever answers for the name
   * could otherwise point it at us after it was allowed.
   */
  readonly lookup = (
    hostname: string,
    options: LookupOptions,
    callback: (error: Error | null, address: string | LookupAddress[], family?: number) => void,
  ): void => {
    this.#resolve(hostname, options, (error, addresses) => {
      if (error) {
        callback(error, []);
        return;
      }
      const reachable = addresses.filter(({ address }) => this.#mayReach(hostname, address));
      if (reachable.length === 0) callback(new ForbiddenAddressError(hostname), []);
      else if (options.all === true) callback(null, reachable);
      else callback(null, reachable[0]!.address, reachable[0]!.family);
    });
  };

  #mayReach(hostname: string, address: string): boolean {
    if (isNever(address)) return false;
    const host = hostname.toLowerCase().replace(/\.$/, '');
    const saysLoopback =
      host === 'localhost' || host.endsWith('.localhost') || isIP(host.replace(/^\[|\]$/g, '')) !== 0;
    return saysLoopback || !loopback.check(address, familyOf(address)) || this.#literal.has(address);
  }
}

/** Name resolution: every address of a name. */
export type Resolve = (
  hostname: string,
  options: LookupOptions,
  callback: (error: Error | null, addresses: readonly LookupAddress[]) => void,
) => void;

const systemResolve: Resolve = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, callback);
};

export class ForbiddenAddressError extends Error {
  readonly code = 'HTTP_ADDRESS_FORBIDDEN';
  constructor(hostname: string) {
    super(`${hostname} leads to an address that a connection may not reach`);
  }
}

/** Host and port as the URL standard normalises them, without the root dot. */
function hostOf(url: URL): string {
  const port = url.port === '' ? '' : `:${url.port}`;
  return `${url.hostname.replace(/\.$/, '')}${port}`;
}

function isNever(address: string): boolean {
  return never.check(address, familyOf(address));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}

const never = blockList([
  ['0.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['224.0.0.0', 4, 'ipv4'],
  ['240.0.0.0', 4, 'ipv4'],
  ['::', 128, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
  ['fd00:ec2::254', 128, 'ipv6'],
  // The first two once more, as a NAT64 gateway would write them (RFC 6052).
  ['64:ff9b::a9fe:0', 112, 'ipv6'],
  ['64:ff9b::', 104, 'ipv6'],
]);

const loopback = blockList([
  ['127.0.0.0', 8, 'ipv4'],
  ['::1', 128, 'ipv6'],
]);

function blockList(ranges: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[]): BlockList {
  const list = new BlockList();
  for (const [net, prefix, family] of ranges) list.addSubnet(net, prefix, family);
  return list;
}
