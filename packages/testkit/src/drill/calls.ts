import { type CallRequest, type CallResult, guardedTransport, type Transport } from '@tenon/connector';
import type { JsonObject, SteadyClock } from '@tenon/model';
import type { PlanStep } from '@tenon/pipeline';
import { stepIdOf } from '@tenon/runtime/drill';
import type { DrillParts } from './parts.ts';
import type { PeerEffect } from './peer.ts';
import type { PlaceNames } from './place-names.ts';
import type { CallPurpose, Schedule } from './schedule.ts';

/** One call as it was made. */
export interface SeenCall {
  readonly pipeline: string;
  readonly runId: string;
  /** Place of the step, without `compensate:`. */
  readonly step: string;
  readonly purpose: CallPurpose;
  readonly connection: string;
  readonly operation: string;
  readonly key?: string;
  readonly traceparent: string;
  readonly atMs: number;
  readonly input: JsonObject;
  /** What came of it; absent while it goes on, and where the process died. */
  result?: CallResult;
}

/** A change in another system, and the call that made it. */
export interface MadeEffect extends PeerEffect {
  readonly connection: string;
  readonly call?: SeenCall;
}

/** Begins the place of what undoes a step. */
export const UNDOING = 'compensate:';

/** The calls of a trial, as its processes make them: what strikes which, and what came of each. */
export class Calls {
  readonly #parts: DrillParts;
  readonly #names: PlaceNames;
  readonly #faults: NonNullable<Schedule['faults']>;
  readonly #told: (at: 'beforeCall' | 'afterCall', nth: number) => void;
  readonly #meddling: Schedule['meddling'];
  readonly seen: SeenCall[] = [];
  /** Somebody else changed what the schedule says. */
  isMeddled = false;

  /** `told` of each as it is about to be sent, and as it has been carried out and not been answered; the process may die of it. */
  constructor(
    parts: DrillParts,
    names: PlaceNames,
    { faults = [], meddling }: Schedule,
    told: (at: 'beforeCall' | 'afterCall', nth: number) => void,
  ) {
    this.#parts = parts;
    this.#names = names;
    this.#faults = faults;
    this.#meddling = meddling;
    this.#told = told;
  }

  /** What carries a process' calls over a connection: guarded as the manifest declares. */
  transport(connection: string, clock: SteadyClock, isDead: () => boolean): Transport {
    const peer = this.#parts.peers.get(connection);
    const policy = this.#parts.policies.get(connection);
    if (peer === undefined || policy === undefined)
      throw new Error(`no drill peer for connection ${connection}`);
    const wire = peer.transport(clock);
    const inner: Transport = {
      call: async (request) => {
        const result = isDead() ? undefined : await this.#call(connection, wire, request, isDead);
        return result === undefined || isDead() ? new Promise(() => {}) : result;
      },
      close: () => wire.close(),
    };
    const guarded = guardedTransport(inner, policy, { clock, connection, grants: 'all' });
    return {
      ...guarded,
      call: async (request) => {
        const result = await guarded.call(request);
        return isDead() ? new Promise(() => {}) : result;
      },
    };
  }

  /** What all of them changed, in their order. */
  effects(): MadeEffect[] {
    const places = new Map(this.seen.map(({ traceparent }, index) => [traceparent, index]));
    return [...this.#parts.peers]
      .flatMap(([connection, peer]) =>
        peer.effects().map((effect) => {
          const call = this.seen[places.get(effect.traceparent) ?? -1];
          return { connection, ...effect, ...(call && { call }) };
        }),
      )
      .toSorted((a, b) => (places.get(a.traceparent) ?? 0) - (places.get(b.traceparent) ?? 0));
  }

  /** `undefined` where its process died of it. */
  async #call(
    connection: string,
    wire: Transport,
    request: CallRequest,
    isDead: () => boolean,
  ): Promise<CallResult | undefined> {
    const seen = this.#seenAs(connection, request);
    this.seen.push(seen);
    const nth = this.seen.length;
    this.#told('beforeCall', nth);
    if (isDead()) return undefined;
    this.#meddle(seen);
    const struck = this.#faultOf(seen);
    const unstrike =
      struck && this.#parts.peers.get(connection)?.strike(request, struck.fault, struck.calls === 'all');
    const result = await wire.call(request);
    unstrike?.();
    if (isDead()) return undefined;
    this.#told('afterCall', nth);
    if (isDead()) return undefined;
    seen.result = result;
    return result;
  }

  #seenAs(
    connection: string,
    { operation, origin, idempotencyKey, traceparent = '', input }: CallRequest,
  ): SeenCall {
    const place = this.#names.of(origin?.step ?? '');
    const isUndoing = place.startsWith(UNDOING);
    const step = isUndoing ? place.slice(UNDOING.length) : place;
    // What reads on behalf of a step that does something looks for what came of it.
    const own = this.#stepOf(origin?.pipeline, step);
    const isOwn = own?.kind === 'call' && own.operation.endsWith(`.${operation.operation}`);
    const purposes: readonly [CallPurpose, CallPurpose] = isUndoing
      ? ['compensation', 'probe']
      : ['effect', isOwn ? 'read' : 'probe'];
    return {
      pipeline: origin?.pipeline ?? '',
      runId: origin?.runId ?? '',
      step,
      purpose: purposes[operation.effect === 'read' ? 1 : 0],
      connection,
      operation: operation.operation,
      ...(idempotencyKey !== undefined && { key: idempotencyKey }),
      traceparent,
      atMs: this.#parts.clock.now(),
      input,
    };
  }

  #stepOf(pipeline: string | undefined, place: string): PlanStep | undefined {
    return this.#parts.plans.find(({ plan }) => plan.pipeline === pipeline)?.steps.get(stepIdOf(place));
  }

  /** Somebody else is faster, once. */
  #meddle({ step, purpose }: SeenCall): void {
    const meddling = this.#meddling;
    if (meddling === undefined || this.isMeddled || purpose !== 'effect' || step !== meddling.step) return;
    const { connection, resource, row } = meddling;
    this.isMeddled = this.#parts.peers.get(connection)?.change(resource, row) ?? false;
  }

  /** The fault that strikes a call, if one does. */
  #faultOf(call: SeenCall): NonNullable<Schedule['faults']>[number] | undefined {
    return this.#faults.find(({ step, purpose, calls }) => {
      if (step !== call.step || purpose !== call.purpose) return false;
      const nth = this.seen.filter((one) => one.step === step && one.purpose === purpose).length;
      return calls === 'all' || nth === (calls === 'first' ? 1 : 2);
    });
  }
}
