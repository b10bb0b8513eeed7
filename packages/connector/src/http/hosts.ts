import { Agent } from 'undici';
import { Authenticator } from '../auth/authenticator.ts';
import type { TlsIdentity } from '../auth/tls-identity.ts';
import { TokenError } from '../auth/token-client.ts';
import { kept } from '../kept.ts';
import type { OperationPlan } from '../operation-plan.ts';
import type { TransportContext } from '../transport.ts';
import { Deadline } from './deadline.ts';
import { exchange, type Wire, type WireRequest } from './exchange.ts';
import { HostGuard } from './host-guard.ts';

/** Time and bytes for a token request, which is shared by its callers and bound to none of their deadlines. */
const TOKEN_TIMEOUT_MS = 10_000;
const TOKEN_BYTES_MAX = 256 * 1024;

export interface HostLimits {
  readonly connectionsMax: number;
  readonly connectTimeoutMs: number;
  readonly wire?: Wire | undefined;
}

/** What the operations of one connection may reach, over which sockets, and with which credentials: one of each for every set of hosts. */
export class Hosts {
  readonly #context: TransportContext;
  readonly #limits: HostLimits;
  readonly #baseUrl: URL;
  readonly #guards = new Map<string, HostGuard>();
  readonly #tokenGuards = new Map<string, HostGuard>();
  readonly #agents = new Map<string, Agent>();
  readonly #authenticators = new Map<string, Authenticator>();
  /** Digests of the client certificates that are shown now. */
  readonly #identities = new Map<string, string>();

  constructor(context: TransportContext, baseUrl: URL, limits: HostLimits) {
    this.#context = context;
    this.#baseUrl = baseUrl;
    this.#limits = limits;
  }

  guardOf(operation: OperationPlan): HostGuard {
    return kept(this.#guards, setOf(operation), () => new HostGuard(this.#baseUrl, operation.egress));
  }

  /** One whose certificate has been replaced ends when it is idle. */
  agentOf(operation: OperationPlan, tls?: TlsIdentity): Wire {
    if (this.#limits.wire !== undefined) return this.#limits.wire;
    const hosts = setOf(operation);
    const before = this.#identities.get(hosts);
    if (tls !== undefined && before !== tls.digest) {
      this.#identities.set(hosts, tls.digest);
      const old = `${hosts} ${before}`;
      void this.#agents.get(old)?.close();
      this.#agents.delete(old);
    }
    return kept(this.#agents, tls === undefined ? hosts : `${hosts} ${tls.digest}`, () => {
      const { lookup } = this.guardOf(operation);
      return new Agent({
        allowH2: false,
        connections: this.#limits.connectionsMax,
        connect: {
          timeout: this.#limits.connectTimeoutMs,
          lookup,
          ...(tls && { secureContext: tls.context }),
        },
        headersTimeout: 0,
        bodyTimeout: 0,
      });
    });
  }

  authenticatorOf(operation: OperationPlan): Authenticator {
    const { connection, secrets, clock, tokens, onSecretUse } = this.#context;
    return kept(
      this.#authenticators,
      setOf(operation),
      () =>
        new Authenticator({
          connection,
          secrets,
          clock,
          baseUrl: this.#baseUrl,
          tokens,
          onSecretUse,
          send: (url, { tls, ...init }) => this.#sendTokenRequest(operation, { url, ...init }, tls),
        }),
    );
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.close()));
  }

  /** A host that the connection names for its tokens may be asked for these, and for nothing else. */
  #tokenGuardOf(operation: OperationPlan): HostGuard {
    const own = Object.values(this.#context.connection.tokenUrls ?? {}).flatMap(
      (url) => URL.parse(url)?.host ?? [],
    );
    if (own.length === 0) return this.guardOf(operation);
    return kept(
      this.#tokenGuards,
      setOf(operation),
      () => new HostGuard(this.#baseUrl, [...operation.egress, ...own]),
    );
  }

  async #sendTokenRequest(
    operation: OperationPlan,
    wire: WireRequest,
    tls: TlsIdentity | undefined,
  ): Promise<Response> {
    const refusal = this.#tokenGuardOf(operation).refusal(wire.url);
    if (refusal !== undefined)
      throw new TokenError('refused', `the token endpoint is out of bounds: ${refusal}`);
    const { clock } = this.#context;
    const deadline = new Deadline(clock, clock.now() + TOKEN_TIMEOUT_MS, undefined);
    try {
      const outcome = await exchange(this.agentOf(operation, tls), wire, deadline.signal, TOKEN_BYTES_MAX);
      if (outcome.kind === 'broken')
        throw new TokenError('unavailable', `the token endpoint could not be reached (${outcome.code})`);
      if (outcome.kind !== 'answered')
        throw new TokenError('refused', 'the token endpoint’s answer cannot be read');
      const body = new Uint8Array(outcome.body);
      return new Response(outcome.status === 204 ? null : body, {
        status: outcome.status,
        headers: withoutEncoding(outcome.headers),
      });
    } finally {
      deadline.cancel();
    }
  }
}

/** What its set of hosts is called. */
function setOf(operation: OperationPlan): string {
  return operation.egress.join(' ');
}

/** The body of a token answer has been decompressed; `Response` must not believe otherwise. */
function withoutEncoding(headers: Readonly<Record<string, string>>): Record<string, string> {
  const { 'content-encoding': _encoding, 'content-length': _length, ...rest } = headers;
  return rest;
}
