import { MessageRefused } from './message-transport.ts';

export interface BrokerAddress {
  /** Without its colon. */
  readonly protocol: string;
  readonly isSecure: boolean;
  /** IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Decoded, without the first slash. */
  readonly path: string;
  readonly parameters: URLSearchParams;
}

/**
 * The base URL of a connection to a broker. `protocols` maps each that is spoken to its usual port and whether it is
 * TLS. Rejects, as not sent, what is none of them, and what holds a user: credentials are references, never text.
 */
export function brokerAddress(
  connection: { readonly name: string; readonly baseUrl: string },
  protocols: Readonly<Record<string, { readonly port: number; readonly isSecure: boolean }>>,
): BrokerAddress {
  const url = URL.canParse(connection.baseUrl) ? new URL(connection.baseUrl) : undefined;
  const protocol = url?.protocol.slice(0, -1) ?? '';
  const known = Object.hasOwn(protocols, protocol) ? protocols[protocol] : undefined;
  if (!url || !known || url.hostname === '' || url.username !== '' || url.password !== '')
    throw new MessageRefused(
      'permanent',
      `the base URL of connection ${connection.name} is not ${Object.keys(protocols).join(':// or ')}:// with a host and without a user; nothing was sent`,
      'notSent',
    );
  return {
    protocol,
    isSecure: known.isSecure,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? known.port : Number(url.port),
    path: decodeURIComponent(url.pathname.replace(/^\//, '')),
    parameters: url.searchParams,
  };
}
