import { type CallResult, callTakesMs, STUCK_GRACE_MS, type Transport, Watchdog } from '@tenon/connector';
import type { Failure } from '@tenon/model';
import type { Caller } from '../../interpreter/tries.ts';
import type { ConnectionFlow, RuntimeOptions } from '../../runtime.ts';
import { connectionFlow } from '../control/flow.ts';
import { SecretBook } from '../control/secret-book.ts';
import type { EmbeddedEngine } from '../engine.ts';
import { GuardMemory } from './guards.ts';
import type { EmbeddedRun } from './run-context.ts';

/** Calls over connections: each has one transport, made when first used, and no call is under way for ever. */
export class Calls {
  readonly #engine: EmbeddedEngine;
  readonly #options: RuntimeOptions;
  readonly #transports = new Map<string, Transport>();
  /** By connection, of what was called over it. */
  readonly #connectors = new Map<string, string>();
  readonly #watchdog: Watchdog;
  readonly #guards: GuardMemory;
  #isStopped = false;

  readonly secrets: SecretBook;

  constructor(engine: EmbeddedEngine, options: RuntimeOptions) {
    this.#engine = engine;
    this.secrets = new SecretBook(engine, options);
    this.#options = options;
    this.#watchdog = new Watchdog(options.clock);
    this.#guards = new GuardMemory(engine, (delayMs, fire) => options.clock.setTimer(delayMs, fire));
  }

  flow(): readonly ConnectionFlow[] {
    return [...this.#transports].map(([name, transport]) =>
      connectionFlow(
        name,
        transport,
        this.#engine.closedUntil(name),
        this.#engine.board.killsOf(name, this.#connectors.get(name)),
      ),
    );
  }

  /** No call leaves from now on, not even one that stands in a line: what the guards know is about to be stored. */
  stop(): void {
    this.#isStopped = true;
    this.#watchdog.stop();
    this.secrets.stop();
  }

  /** Stores what the guards have learnt. */
  saveGuards(): Promise<void> {
    return this.#guards.save();
  }

  /** Makes the calls of a run, or those of none: of a reconciliation, which stands for itself. */
  callerFor(run: EmbeddedRun | undefined): Caller {
    return (connection, request) => this.#call(connection, request, run);
  }

  #call(
    connection: string,
    request: Parameters<Caller>[1],
    run: EmbeddedRun | undefined,
  ): Promise<CallResult | 'held'> {
    const { board } = this.#engine;
    const { connector } = request.operation;
    const given = { up: false };
    const isCalledOff = (): boolean => {
      // What became of it is settled without it by now: sent still, it would be one more.
      if (given.up || this.#isStopped) return true;
      // It may have closed since the run looked: while a look before a write was answered, or while the call stood in a line.
      if (this.#engine.closedUntil(connection) !== undefined) return true;
      if (board.isQuiet) return false;
      const pipelines = run?.pipelines ?? [request.origin.pipeline];
      const isPaused = run !== undefined && this.#engine.isPaused(run.row);
      return isPaused || board.isHeld(pipelines, { purpose: request.purpose, connection, connector });
    };
    this.#connectors.set(connection, connector);
    // Nothing is awaited between here and the transport: a switch that is set, or a window, is kept from this moment on.
    if (isCalledOff()) return Promise.resolve('held');
    const abroad = this.#abroad(connection, request);
    if (abroad !== undefined) return Promise.resolve({ ok: false, failure: abroad });
    let answer: Promise<CallResult>;
    try {
      const isOfAnother = run !== undefined && this.#engine.inForce.isByAnother(run.row);
      const asked = {
        ...request,
        isCalledOff: () => {
          // Its turn has come, maybe after seconds in lines: it is from now on that it counts.
          this.#guards.changed();
          return isCalledOff();
        },
        ...(isOfAnother && { isGrantedBefore: true as const }),
      };
      answer = Promise.resolve(this.#transportOf(connection).call(asked));
    } catch (error) {
      answer = Promise.reject(error);
    }
    // What was sent counts, though it may not be answered before the process dies.
    this.#guards.changed();
    return this.#bounded(connection, request, answer, run, given);
  }

  #transportOf(connection: string): Transport {
    let transport = this.#transports.get(connection);
    if (transport === undefined) {
      transport = this.#options.transport(connection);
      this.#guards.remember(connection, transport);
      this.#transports.set(connection, transport);
    }
    return transport;
  }

  /** The check has refused such a pipeline; what is configured since, or activated past it, is kept to here (C99). */
  #abroad(connection: string, { operation }: Parameters<Caller>[1]): Failure | undefined {
    const region = this.#options.regionOf?.(connection);
    if (operation.region === undefined || region === undefined || region === operation.region)
      return undefined;
    return {
      class: 'permission',
      code: 'REGION_NOT_CLEARED',
      message: `${operation.name} is sent personal data that is to stay in ${operation.region}, and connection ${connection} is in ${region}`,
      delivery: 'notSent',
    };
  }

  /** A transport keeps its own timeouts, and its guard gives it up; where there is none, a run must not be held for ever either (C57). */
  #bounded(
    connection: string,
    { operation, origin }: Parameters<Caller>[1],
    answer: Promise<CallResult>,
    run: EmbeddedRun | undefined,
    given: { up: boolean },
  ): Promise<CallResult | 'held'> {
    const failed = (failure: Failure): CallResult => {
      this.secrets.called(origin, run);
      return { ok: false, failure };
    };
    // A guard may have given it up as well, while its transport goes on.
    const over = (): void => {
      given.up = true;
      this.#guards.changed();
    };
    return this.#watchdog.bound(answer, callTakesMs(operation) + STUCK_GRACE_MS, {
      came: (result) => {
        over();
        this.secrets.called(origin, run);
        return !result.ok && result.calledOff ? 'held' : result;
      },
      // A transport's failures are values; one that throws all the same may have sent something.
      failed: (error) =>
        failed({
          class: 'unknown',
          code: 'TRANSPORT_CALL_THREW',
          message: `the transport of connection ${connection} threw (${error instanceof Error ? error.name : 'thrown value'})`,
          delivery: this.#transports.has(connection) ? 'lost' : 'notSent',
        }),
      late: () => {
        over();
        return failed({
          class: 'timeout',
          code: 'TRANSPORT_CALL_STUCK',
          message: `the transport of connection ${connection} did not answer within the operation's timeout`,
          delivery: 'lost',
        });
      },
    });
  }
}
