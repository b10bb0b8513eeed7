import {
  type CallRequest,
  type ConnectorManifest,
  type ConnectorModule,
  httpTransport,
  inProcessWire,
  sandboxTransport,
  type Transport,
  type WiredReply,
  type WiredRequest,
} from '@tenon/connector';
import type { Contract } from '@tenon/contract';
import type { Json, JsonObject, Random, SteadyClock } from '@tenon/model';
import { type Change, Engine } from '../sandbox/engine.ts';
import type { Rows } from '../sandbox/rows.ts';
import { rendered } from '../sandbox/wire.ts';
import { canarySecrets, trialConnection, withoutCertificates } from '../trial-connection.ts';
import { type CallFault, sandboxFault } from './faults.ts';
import type { Peer, PeerEffect } from './peer.ts';

export interface HttpPeerOptions {
  readonly connection: string;
  readonly contract: Contract;
  readonly manifest: ConnectorManifest;
  readonly module: ConnectorModule;
  readonly clock: SteadyClock;
  readonly random: Random;
  readonly seed: number;
}

const BASE_URL = 'http://sandbox.invalid';

/** The contract's sandbox behind the real HTTP transport, with no socket between them. */
export class HttpPeer implements Peer {
  readonly #options: HttpPeerOptions;
  readonly #engine: Engine;
  /** Operations of which the contract does not tell what they change. */
  readonly #unsaid: ReadonlySet<string>;
  readonly #answers = new Map<string, Json>();
  readonly #changes: PeerEffect[] = [];
  #unreachable = new Set<string>();
  /** Is asked which rows may be held, and holds none. */
  #asked: Engine | undefined;
  #made: Readonly<Record<string, JsonObject>> = {};

  constructor(options: HttpPeerOptions) {
    this.#options = options;
    const { contract, manifest, seed, clock } = options;
    this.#engine = new Engine({
      contract,
      manifest,
      seed,
      clock,
      imagine: true,
      onUntaken: () => {},
      made: (operation) => this.#made[operation] ?? {},
      onChange: (change) => this.#note(change),
    });
    this.#unsaid = new Set(this.#engine.unsaid().map(({ operation }) => operation));
  }

  begin(rows: Rows, made: Readonly<Record<string, JsonObject>>): void {
    this.#made = made;
    this.#engine.reset({ data: rows });
    this.#answers.clear();
    this.#changes.length = 0;
    this.#unreachable = new Set();
  }

  transport(clock: SteadyClock): Transport {
    const { manifest, module, random, connection } = this.#options;
    const vault = new Map<string, string>();
    const context = {
      connection: { ...trialConnection(manifest, BASE_URL), name: connection },
      secrets: canarySecrets,
      clock,
      random,
      tokens: {
        load: async (key: string) => vault.get(key),
        save: async (key: string, value: string) => void vault.set(key, value),
      },
    };
    // The span of the call that a request belongs to is in its headers, but for token requests.
    const wire = inProcessWire({
      isReachable: () => this.#unreachable.size === 0,
      answer: (request) => this.#answer(request),
    });
    const inner = sandboxTransport(httpTransport(context, { classify: module.classify, wire }));
    return {
      call: (request) => inner.call({ ...request, operation: proven(request.operation) }),
      close: () => inner.close(),
    };
  }

  strike({ operation, traceparent = '' }: CallRequest, fault: CallFault, always: boolean): () => void {
    if (fault === 'unreachable') {
      this.#unreachable.add(traceparent);
      return () => void this.#unreachable.delete(traceparent);
    }
    const { id } = this.#engine.faults.add({
      fault: sandboxFault(fault, this.#options.contract.operations.get(operation.operation)),
      operation: operation.operation,
      header: { name: 'traceparent', value: traceparent },
      ...(!always && { times: 1 }),
    });
    return () => void this.#engine.faults.remove(id);
  }

  effects(): readonly PeerEffect[] {
    return this.#changes;
  }

  answerTo(traceparent: string): Json | undefined {
    return this.#answers.get(traceparent);
  }

  lists(operation: string): string | undefined {
    return this.#engine.listed(operation);
  }

  takes(resource: string, row: JsonObject): boolean {
    const { contract, manifest } = this.#options;
    // One for all that is asked: to make one takes a second where the contract is large.
    this.#asked ??= new Engine({ contract, manifest, onUntaken: () => {} });
    this.#asked.reset({ data: {} });
    return typeof this.#asked.addRows({ [resource]: [row] }) !== 'string';
  }

  change(resource: string, row: JsonObject): boolean {
    return typeof this.#engine.changeRows({ [resource]: [row] }) !== 'string';
  }

  rows(): Rows {
    return this.#engine.state();
  }

  async #answer({ method, url, headers, body }: WiredRequest): Promise<WiredReply> {
    const reply = await this.#engine.serve({
      method: method.toLowerCase(),
      url,
      headers,
      bytes: Buffer.from(body),
    });
    const { made } = reply;
    if (made?.body !== undefined) this.#answers.set(headers['traceparent'] ?? '', made.body);
    if ('lost' in reply) return reply.lost === 'dropped' ? 'dropped' : new Promise(() => {});
    const { status, headers: sent, bytes, isCut } = rendered(reply.answer, reply.fault);
    const texts = Object.entries(sent).map(([name, value]) => [name.toLowerCase(), String(value)] as const);
    return { status, headers: Object.fromEntries(texts), body: bytes, isCut };
  }

  #note({ request, ...change }: Change): void {
    const seen = this.#engine.requests().findLast(({ sequence }) => sequence === request);
    const isUnsaid = this.#unsaid.has(change.operation);
    this.#changes.push({
      traceparent: seen?.headers['traceparent'] ?? '',
      ...change,
      ...(isUnsaid && { isUnsaid }),
    });
  }
}

/** Client certificates need TLS, which there is none of. */
function proven(operation: CallRequest['operation']): CallRequest['operation'] {
  const auth = withoutCertificates(operation.auth);
  if (auth.length === operation.auth.length) return operation;
  let made = bare.get(operation);
  if (made === undefined) {
    made = { ...operation, auth };
    bare.set(operation, made);
  }
  return made;
}

/** One object for all calls: transports keep what they make of it. */
const bare = new WeakMap<CallRequest['operation'], CallRequest['operation']>();
