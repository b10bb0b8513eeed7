import type { CallRequest, CallResult, OperationPlan, Transport } from '@tenon/connector';
import {
  digestOf,
  type Failure,
  type FailureClass,
  type Json,
  type JsonObject,
  type SteadyClock,
  seededRandom,
} from '@tenon/model';
import { type JsonSchema, sample, validatorFor } from '@tenon/schema';
import { definitionsOf } from '../plan-definitions.ts';
import { type CallFault, callFaults, LEAVE_ALONE_LONG_S, LEAVE_ALONE_S, UNCLEAR } from './faults.ts';
import { withGiven } from './made-events.ts';
import type { Peer, PeerEffect } from './peer.ts';

/**
 * A system that is not reached over HTTP (a broker, a mail relay, a database), as far as its contract tells: it takes what fits, makes an effect
 * each time or once for each key, as the manifest says of the operation, and answers what fits. It keeps nothing that could be read.
 */
export class MadeUpPeer implements Peer {
  readonly #name: string;
  readonly #seed: number;
  readonly #clock: SteadyClock;
  #effects: PeerEffect[] = [];
  #made: Readonly<Record<string, JsonObject>> = {};
  readonly #answers = new Map<string, Json>();
  /** Answers that were given, by what a repeat is known by. */
  readonly #known = new Map<string, Json>();
  readonly #struck = new Map<string, { readonly fault: CallFault; readonly always: boolean }>();

  constructor(name: string, clock: SteadyClock, seed: number) {
    this.#name = name;
    this.#clock = clock;
    this.#seed = seed;
  }

  begin(_rows: unknown, made: Readonly<Record<string, JsonObject>>): void {
    this.#made = made;
    this.#effects = [];
    this.#answers.clear();
    this.#known.clear();
    this.#struck.clear();
  }

  transport(clock: SteadyClock): Transport {
    return { call: (request) => this.#call(request, clock), close: async () => {} };
  }

  strike({ traceparent = '' }: CallRequest, fault: CallFault, always: boolean): () => void {
    this.#struck.set(traceparent, { fault, always });
    return () => void this.#struck.delete(traceparent);
  }

  effects(): readonly PeerEffect[] {
    return this.#effects;
  }

  answerTo(traceparent: string): Json | undefined {
    return this.#answers.get(traceparent);
  }

  takes(): boolean {
    return false;
  }

  lists(): undefined {
    return undefined;
  }

  change(): boolean {
    return false;
  }

  rows(): Readonly<Record<string, never>> {
    return {};
  }

  async #call(request: CallRequest, clock: SteadyClock): Promise<CallResult> {
    const { operation, input, traceparent = '', isCalledOff } = request;
    if (isCalledOff?.() === true) return this.#failed('transient', 'a switch holds this call', 'notSent');
    const issues = validatorOf(operation.input)(input);
    if (issues.length > 0)
      return this.#failed('validation', `${issues[0]!.pointer || '/'} ${issues[0]!.message}`, 'notSent');
    const struck = this.#struck.get(traceparent);
    if (struck?.always === false) this.#struck.delete(traceparent);
    const fault = struck?.fault;
    if (fault !== undefined && !UNCLEAR.has(fault)) return this.#refusal(fault);
    const isBefore = fault === 'lostBefore' || fault === 'silentBefore';
    const body = isBefore ? null : this.#carryOut(request);
    if (fault === undefined) return { ok: true, status: 200, headers: {}, body };
    if (fault === 'silentBefore' || fault === 'silentAfter') {
      await this.#silence(request, clock);
      return this.#failed('timeout', callFaults[fault], 'lost');
    }
    // It has said that it went well, in a form that tells nothing else.
    if (fault === 'drifted' || fault === 'garbled')
      return this.#failed('contract', callFaults[fault], 'answered', { status: 200 });
    return this.#failed('transient', callFaults[fault], 'lost');
  }

  #refusal(fault: CallFault): CallResult {
    const failureClass = CLASSES[fault] ?? 'transient';
    return this.#failed(
      failureClass,
      callFaults[fault],
      fault === 'unreachable' ? 'notSent' : 'answered',
      retryAfterOf(fault),
    );
  }

  /** What a transport gives up at, by itself or told so. */
  #silence({ operation, deadlineAt, signal }: CallRequest, clock: SteadyClock): Promise<void> {
    const ms = Math.min(operation.timeoutMs, (deadlineAt ?? Number.POSITIVE_INFINITY) - this.#clock.now());
    return new Promise((resolve) => {
      const stop = clock.setTimer(Math.max(0, ms), resolve);
      signal?.addEventListener('abort', () => {
        stop();
        resolve();
      });
    });
  }

  #carryOut({ operation, input, idempotencyKey, traceparent = '' }: CallRequest): Json {
    const repeat = repeatKey(operation, input, idempotencyKey);
    const known = repeat === undefined ? undefined : this.#known.get(repeat);
    const body = known ?? this.#answer(operation);
    this.#answers.set(traceparent, body);
    if (operation.effect === 'read' || known !== undefined) return body;
    this.#effects.push({ traceparent, operation: operation.operation });
    if (repeat !== undefined) this.#known.set(repeat, body);
    return body;
  }

  #answer({ operation, result }: OperationPlan): Json {
    const random = seededRandom(this.#seed + this.#effects.length + operation.length);
    const answer = sample(result, { random, definitions: definitionsOf(result) }) ?? null;
    return withGiven(answer, this.#made[operation]);
  }

  #failed(
    failureClass: FailureClass,
    words: string,
    delivery: Failure['delivery'],
    more: Partial<Failure> = {},
  ): CallResult {
    const message = `${this.#name}: ${words}`;
    return { ok: false, failure: { class: failureClass, code: 'DRILL_FAULT', message, delivery, ...more } };
  }
}

const CLASSES: Readonly<Partial<Record<CallFault, FailureClass>>> = {
  unreachable: 'transient',
  unavailable: 'transient',
  tooMany: 'rateLimited',
  tooManyForLong: 'rateLimited',
  refused: 'validation',
  unauthorised: 'auth',
};

function retryAfterOf(fault: CallFault): Partial<Failure> {
  if (fault === 'tooMany') return { retryAfterMs: LEAVE_ALONE_S * 1_000 };
  return fault === 'tooManyForLong' ? { retryAfterMs: LEAVE_ALONE_LONG_S * 1_000 } : {};
}

/** By what the other side knows a repeat; `undefined`: by nothing. */
function repeatKey(
  { operation, idempotency }: OperationPlan,
  input: Json,
  key: string | undefined,
): string | undefined {
  switch (idempotency.mode) {
    case 'header':
      return key === undefined ? undefined : `${operation} ${key}`;
    case 'natural':
    case 'upsert':
      return `${operation} ${digestOf(input)}`;
    case 'checkFirst':
    case 'none':
      return undefined;
  }
}

function validatorOf(schema: JsonSchema): ReturnType<typeof validatorFor> {
  return validatorFor(schema, definitionsOf(schema));
}
