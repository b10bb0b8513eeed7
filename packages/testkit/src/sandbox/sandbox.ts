import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ConnectorManifest } from '@tenon/connector';
import type { Contract } from '@tenon/contract';
import type { Clock, JsonObject } from '@tenon/model';
import { Engine } from './engine.ts';
import type { Faults } from './faults.ts';
import type { AppliedEffect, SeenRequest } from './journal.ts';
import type { OAuthOptions } from './security.ts';
import type { Unsaid } from './unsaid.ts';
import { answerAside } from './wire.ts';

export interface SandboxOptions {
  readonly contract: Contract;
  /** Says more than the contract: idempotency headers, pagination, entity tags, what a poll goes by, the token URL. */
  readonly manifest?: ConnectorManifest;
  /** Same seed, same requests, same clock: same bytes. Default 1. */
  readonly seed?: number;
  /** Loopback port. Default 0: any free one. */
  readonly port?: number;
  /** Rows to begin with (and to come back to on reset), by resource name; what they leave out is filled in. */
  readonly data?: Readonly<Record<string, readonly JsonObject[]>>;
  /**
   * Given: a row of `data` is taken whole or left out, and each that is left out is said here, at the start and at each reset. Default:
   * what of a row does not fit is left out without a word, and a resource that the contract lacks is an error.
   */
  readonly onUntaken?: (words: string, path: readonly (string | number)[]) => void;
  readonly clock?: Clock;
  /** Things asked for by id exist, made up on the spot. Default false: 404. */
  readonly imagine?: boolean;
  /** Accepted credentials by security scheme id. A scheme not listed takes any credential. */
  readonly credentials?: Readonly<Record<string, readonly string[]>>;
  /** Given: only tokens issued here are taken, and they expire. */
  readonly oauth?: OAuthOptions;
}

/** A running sandbox: a whole system as its contract describes it, in memory, on loopback. */
export interface Sandbox {
  /** `http://127.0.0.1:<port>`, without a trailing slash. */
  readonly url: string;
  readonly contract: Contract;
  readonly faults: Faults;
  /** Operations (of the manifest, where there is one) whose effect the contract does not tell: they are answered, and change nothing that they name. */
  readonly unsaid: readonly Unsaid[];
  /** Rows by resource name (`invoices`), in order of creation. */
  state(): Readonly<Record<string, readonly JsonObject[]>>;
  /** Every change that was applied, in order. */
  effects(): readonly AppliedEffect[];
  requests(): readonly SeenRequest[];
  /** OAuth tokens issued so far are no longer taken. */
  revokeTokens(): void;
  /** Back to the beginning: initial rows, no effects, requests, faults, tokens (unless these are kept) or stored answers. */
  reset(options?: { readonly keepTokens?: boolean }): void;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';

/** Starts a sandbox. Rejects when the port is taken, or the contract claims paths under `/_sandbox`. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const engine = new Engine(options);
  const server = createServer((request, response) => {
    engine.handle(request, response).catch((error: unknown) => {
      // A fault of the sandbox itself: said to whoever asked, not hidden in an answer that looks like the contract's.
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      if (response.headersSent) response.destroy();
      else answerAside(response, 500, `sandbox failure\n${message}`);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, HOST, resolve);
  });
  // Listening on TCP, so the address is one with a port.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${HOST}:${port}`,
    contract: options.contract,
    faults: engine.faults,
    unsaid: engine.unsaid(),
    state: () => engine.state(),
    effects: () => engine.effects(),
    requests: () => engine.requests(),
    revokeTokens: () => engine.revokeTokens(),
    reset: (resetOptions) => engine.reset(resetOptions),
    close: () =>
      new Promise((resolve) => {
        engine.stop();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
