import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CallRequest, type CallResult, guardedTransport, type Transport } from '@tenon/connector';
import { type JsonObject, type SteadyClock, seededRandom } from '@tenon/model';
import type { PlanStep } from '@tenon/pipeline';
import type {
  DeadLetter,
  ForwardFix,
  InDoubtEntry,
  LedgerEntry,
  RunDetail,
  RunSummary,
  Runtime,
  RuntimeOptions,
} from '@tenon/runtime';
import { emptyFile, inlineCommitter, memoryFolder, openRuntimeWith, stepIdOf } from '@tenon/runtime/drill';
import type { DrillClock } from './drill-clock.ts';
import { scopeOf, signalFor } from './made-events.ts';
import type { DrillParts, Start } from './parts.ts';
import type { PeerEffect } from './peer.ts';
import type { CallPurpose, Schedule } from './schedule.ts';

/** One call as it was made. */
export interface SeenCall {
  readonly pipeline: string;
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

export interface Waiting {
  readonly doubts: readonly InDoubtEntry[];
  readonly deadLetters: readonly DeadLetter[];
  readonly fixes: readonly ForwardFix[];
}

/** How a run went. */
export interface Outcome {
  readonly schedule: Schedule;
  /** Over which the event came, where it came over one. */
  readonly connection?: string;
  /** Absent where the event started none. */
  readonly run: RunDetail | undefined;
  /** Since the event came. */
  readonly entries: readonly LedgerEntry[];
  readonly batches: number;
  readonly calls: readonly SeenCall[];
  readonly effects: readonly MadeEffect[];
  /** What waits for a person, when nothing moves any more. */
  readonly waiting: Waiting;
  /** What a person then did, where something was in doubt: told the truth of it. */
  readonly settled?: {
    readonly verdicts: readonly string[];
    readonly run: RunDetail | undefined;
    readonly effects: readonly MadeEffect[];
  };
  readonly tookMs: number;
  /** It goes round and does not come to rest, or time alone goes on. */
  readonly isEndless: boolean;
  /** Why the event was refused. */
  readonly refused?: string;
}

/** Turns of the loop in which nothing moves, after which only time can move it. */
const QUIET_TURNS = 24;
/** What comes of one event in a sound pipeline is far below. */
const MOVES_MAX = 20_000;
/** Longer than any approval, retention of a key or wait is likely to be. */
const HORIZON_MS = 45 * 24 * 3_600_000;
/** Looks of the runtime at what is stuck: one of them is no news. */
const WATCH_MS = 12 * 24 * 3_600_000;
const KILLED_MS = 3_600_000;
/** The source of an event that comes over no connection. */
const NOWHERE = 'drill:event';
/** Longer than any backoff. */
const PARKED_MS = 2 * 24 * 3_600_000;

/** One run of a pipeline, from its event to where nothing moves any more, with what the schedule says going wrong. */
export class Trial {
  readonly #parts: DrillParts;
  readonly #start: Start;
  readonly #schedule: Schedule;
  readonly #clock: DrillClock;
  readonly #folder: string;
  readonly #calls: SeenCall[] = [];
  readonly #entries: LedgerEntry[] = [];
  readonly #letGo: (() => Promise<void>)[] = [];
  #file: string;
  #life = 0;
  /** Resolves when the process that is up now dies. */
  #death = Promise.withResolvers<void>();
  #runtime!: Runtime;
  #opening: Promise<void> | undefined;
  #moves = 0;
  #batches = 0;
  /** How many there were before the event came. */
  #begun: { readonly entries: number; readonly batches: number } | undefined;
  #runId: string | undefined;
  /** When the last entry was on the disk. */
  #heardAtMs = 0;
  #isCrashed = false;
  #isCancelled = false;
  #isKilled = false;
  /** What a person does while the run goes on. */
  #meanwhile: Promise<unknown>[] = [];
  readonly #people = new Map<string, number>();
  readonly #signalled = new Set<string>();

  constructor(parts: DrillParts, start: Start, schedule: Schedule) {
    this.#parts = parts;
    this.#start = start;
    this.#schedule = schedule;
    this.#clock = parts.clock;
    this.#folder = mkdtempSync(join(memoryFolder(), 'tenon-drill-'));
    this.#file = join(this.#folder, 'runtime.db');
  }

  async run(): Promise<Outcome> {
    this.#clock.begin();
    for (const [name, peer] of this.#parts.peers) peer.begin(this.#start.rows[name] ?? {});
    writeFileSync(this.#file, emptyFile());
    const beganAtMs = this.#clock.now();
    try {
      await this.#open();
      for (const { plan } of this.#parts.plans) await this.#runtime.activate(plan);
      this.#begun = { entries: this.#entries.length, batches: this.#batches };
      const refused = await this.#deliver('delivery-1');
      await this.#live();
      const { again } = this.#schedule;
      if (again !== undefined) {
        await this.#deliver(again === 'sameDelivery' ? 'delivery-1' : 'delivery-2');
        await this.#live();
      }
      const outcome = this.#outcome(beganAtMs, refused);
      return outcome.waiting.doubts.length > 0 ? await this.#settled(outcome) : outcome;
    } finally {
      await this.#close();
    }
  }

  #outcome(beganAtMs: number, refused: string | undefined): Outcome {
    const run = this.#runId === undefined ? undefined : this.#runtime.run(this.#runId);
    return {
      schedule: this.#schedule,
      ...(this.#start.connection !== undefined && { connection: this.#start.connection }),
      run,
      entries: this.#entries.slice(this.#begun?.entries),
      batches: this.#batches - (this.#begun?.batches ?? 0),
      calls: [...this.#calls],
      effects: this.#effects(),
      waiting: {
        doubts: this.#runtime.inDoubt(),
        deadLetters: this.#runtime.deadLetters(),
        fixes: this.#runtime.forwardFixes(),
      },
      tookMs: this.#clock.now() - beganAtMs,
      isEndless: this.#moves > MOVES_MAX || (run !== undefined && !isAtRest(run, this.#runtime)),
      ...(refused !== undefined && { refused }),
    };
  }

  /** In the order of the calls that made them. */
  #effects(): MadeEffect[] {
    const places = new Map(this.#calls.map(({ traceparent }, index) => [traceparent, index]));
    return [...this.#parts.peers]
      .flatMap(([connection, peer]) =>
        peer.effects().map((effect) => {
          const call = this.#calls[places.get(effect.traceparent) ?? -1];
          return { connection, ...effect, ...(call && { call }) };
        }),
      )
      .toSorted((a, b) => (places.get(a.traceparent) ?? 0) - (places.get(b.traceparent) ?? 0));
  }

  /** A person looks into the other system and says what is true. */
  async #settled(outcome: Outcome): Promise<Outcome> {
    const verdicts: string[] = [];
    for (const doubt of this.#runtime.inDoubt()) {
      const effect = this.#effects().findLast(({ call }) => placeOf(call) === doubt.stepId);
      const truth = effect && this.#parts.peers.get(effect.connection)?.answerTo(effect.traceparent);
      const verdict = effect === undefined ? 'redo' : 'confirm';
      const done = await this.#runtime.settle(
        doubt.runId,
        doubt.stepId,
        verdict,
        'drill',
        'looked at the other system',
        ...(verdict === 'confirm' && truth !== undefined ? [truth] : []),
      );
      verdicts.push(
        done.ok ? `${doubt.stepId}: ${verdict}` : `${doubt.stepId}: ${verdict} was refused: ${done.message}`,
      );
    }
    await this.#live();
    const run = this.#runId === undefined ? undefined : this.#runtime.run(this.#runId);
    return { ...outcome, settled: { verdicts, run, effects: this.#effects() } };
  }

  /** Why it was refused. */
  async #deliver(deliveryId: string): Promise<string | undefined> {
    const { trigger, pipeline } = this.#parts.loaded.plan;
    const result = await this.#heard(
      'manual' in trigger
        ? // What a manual start is given is an object by its schema.
          this.#runtime.trigger(pipeline, this.#start.event as JsonObject, 'drill')
        : this.#runtime.accept({
            event: trigger.event,
            payload: this.#start.event,
            deliveryId,
            source: this.#start.connection ?? NOWHERE,
            ...(this.#start.headers && { headers: this.#start.headers }),
          }),
    );
    if (result === undefined) {
      // It was never acknowledged, so whoever sent it sends it again.
      await this.#opening;
      return this.#deliver(deliveryId);
    }
    if (!result.ok) return result.failure.message;
    this.#runId ??= result.runs.find((run) => run.pipeline === pipeline)?.runId;
    return undefined;
  }

  /** What a process says; `undefined` when it dies before it does. */
  #heard<T>(answer: Promise<T>): Promise<T | undefined> {
    return Promise.race([answer, this.#death.promise.then(() => undefined)]);
  }

  /** Until nothing moves any more, whatever time passes. */
  async #live(): Promise<void> {
    const horizonMs = this.#clock.now() + HORIZON_MS;
    for (;;) {
      await this.#rest();
      if (this.#moves > MOVES_MAX) return;
      if (await this.#act()) continue;
      const next = this.#clock.next;
      if (next === undefined || next > horizonMs || this.#isOver() || this.#isParked()) return;
      this.#clock.advance(Math.max(0, next - this.#clock.now()));
    }
  }

  /** All runs have ended, and what was killed is let go. */
  #isOver(): boolean {
    if (this.#isKilled && this.#runtime.switches().length > 0) return false;
    return this.#runtime.runs({ limit: 100 }).every(({ state }) => ENDED.has(state));
  }

  /** Nothing has come of it for days, and whoever it waits for is told: time alone brings nothing more. */
  #isParked(): boolean {
    if (this.#clock.now() - this.#heardAtMs < PARKED_MS) return false;
    const runs = this.#runtime.runs({ limit: 100 });
    return runs.every((run) => isAtRest(run, this.#runtime));
  }

  /** Until only time, or a person, can move anything. */
  async #rest(): Promise<void> {
    for (;;) {
      await this.#opening;
      await Promise.all(this.#meanwhile.splice(0));
      const life = this.#life;
      const runtime = this.#runtime;
      await this.#heard(Promise.race([runtime.idle(), this.#quiet(life)]));
      if (life === this.#life && this.#opening === undefined && this.#meanwhile.length === 0) return;
    }
  }

  async #quiet(life: number): Promise<void> {
    let moves = this.#moves;
    for (let quiet = 0; quiet < QUIET_TURNS && life === this.#life; quiet++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (moves !== this.#moves) quiet = 0;
      moves = this.#moves;
      if (this.#moves > MOVES_MAX) return;
    }
  }

  /** What people, and systems that send events, do now; `false`: nothing. */
  async #act(): Promise<boolean> {
    const { approvers = 'approve' } = this.#schedule;
    if (approvers !== 'silent')
      for (const { runId, stepId, given = [] } of this.#runtime.approvals()) {
        const place = `${runId} ${stepId}`;
        const asked = this.#people.get(place) ?? given.length;
        if (asked > APPROVERS_MAX) continue;
        this.#people.set(place, asked + 1);
        await this.#heard(this.#runtime.decide(runId, stepId, approvers, `approver-${asked + 1}`, 'a drill'));
        return true;
      }
    return this.#signal();
  }

  /** Sends an event that somebody waits for, once. */
  async #signal(): Promise<boolean> {
    for (const { runId } of this.#runtime.runs({ state: 'waiting', limit: 100 })) {
      const run = this.#runtime.run(runId);
      const step = run?.steps.find(({ awaits }) => awaits?.for === 'event');
      if (run === undefined || step === undefined || this.#signalled.has(`${runId} ${step.id}`)) continue;
      this.#signalled.add(`${runId} ${step.id}`);
      const loaded = this.#parts.plans.find(({ plan }) => plan.hash === run.planHash);
      const wait = loaded?.steps.get(stepIdOf(step.id));
      if (loaded === undefined || wait?.kind !== 'wait' || !('event' in wait.for)) continue;
      // What another pipeline runs has none.
      const own = 'manual' in loaded.plan.trigger ? undefined : this.#start.connection;
      const payload = signalFor(loaded, wait.for, run, own);
      if (payload === undefined) continue;
      const { event, over } = wait.for;
      const named = over === undefined ? undefined : loaded.expression(over, scopeOf(run, own));
      const source = named?.ok ? String(named.value) : (this.#parts.incoming(event)[0] ?? NOWHERE);
      await this.#heard(this.#runtime.accept({ event, payload, deliveryId: `signal-${step.id}`, source }));
      return true;
    }
    return false;
  }

  async #open(): Promise<void> {
    const life = this.#life;
    const isDead = (): boolean => this.#life !== life;
    const clock: SteadyClock = {
      now: () => this.#clock.now(),
      steady: () => this.#clock.steady(),
      setTimer: (delayMs, fire) => this.#clock.setTimer(delayMs, () => isDead() || fire()),
    };
    const options: RuntimeOptions = {
      file: this.#file,
      clock,
      random: seededRandom(life + 1),
      limits: { watchEveryMs: WATCH_MS },
      diskFreeBytes: () => 2 ** 40,
      regionOf: this.#parts.regionOf,
      transport: (connection) => this.#transport(connection, clock, isDead),
      onEntry: (entry) => {
        if (!isDead()) this.#noticed(entry);
      },
    };
    const runtime = await openRuntimeWith(
      options,
      (file) => {
        const committer = inlineCommitter(file);
        return {
          ...committer,
          apply: async (groups) => {
            if (isDead()) return new Promise(() => {});
            this.#moves++;
            this.#batches++;
            if (this.#begun !== undefined && this.#isDue('batch', this.#batches - this.#begun.batches)) {
              this.#crash();
              return new Promise(() => {});
            }
            const result = await committer.apply(groups);
            return isDead() ? new Promise(() => {}) : result;
          },
        };
      },
      (letGo) => this.#letGo.push(letGo),
    );
    if (life === this.#life) this.#runtime = runtime;
  }

  #transport(connection: string, clock: SteadyClock, isDead: () => boolean): Transport {
    const peer = this.#parts.peers.get(connection);
    const policy = this.#parts.policies.get(connection);
    if (peer === undefined || policy === undefined)
      throw new Error(`no drill peer for connection ${connection}`);
    const wire = peer.transport(clock);
    const inner: Transport = {
      call: async (request) => {
        if (isDead()) return new Promise(() => {});
        const result = await this.#call(connection, wire, request, isDead);
        return isDead() ? new Promise(() => {}) : result;
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

  async #call(
    connection: string,
    wire: Transport,
    request: CallRequest,
    isDead: () => boolean,
  ): Promise<CallResult> {
    this.#moves++;
    const seen = this.#seen(connection, request);
    this.#calls.push(seen);
    if (this.#isDue('beforeCall', this.#calls.length)) {
      this.#crash();
      return new Promise(() => {});
    }
    const struck = this.#faultOf(seen);
    const peer = this.#parts.peers.get(connection)!;
    const unstrike = struck && peer.strike(request, struck.fault, struck.calls === 'all');
    const nth = this.#calls.length;
    const result = await wire.call(request);
    unstrike?.();
    this.#moves++;
    if (!isDead() && this.#isDue('afterCall', nth)) {
      this.#crash();
      return new Promise(() => {});
    }
    seen.result = result;
    return result;
  }

  #seen(
    connection: string,
    { operation, origin, idempotencyKey, traceparent = '', input }: CallRequest,
  ): SeenCall {
    const place = origin?.step ?? '';
    const isUndoing = place.startsWith(UNDOING);
    const step = isUndoing ? place.slice(UNDOING.length) : place;
    // What reads on behalf of a step that does something looks for what came of it.
    const own = this.#stepOf(origin?.pipeline, step);
    const isOwn = own?.kind === 'call' && own.operation.endsWith(`.${operation.operation}`);
    const purpose: CallPurpose =
      operation.effect !== 'read'
        ? isUndoing
          ? 'compensation'
          : 'effect'
        : isOwn && !isUndoing
          ? 'read'
          : 'probe';
    return {
      pipeline: origin?.pipeline ?? '',
      step,
      purpose,
      connection,
      operation: operation.operation,
      ...(idempotencyKey !== undefined && { key: idempotencyKey }),
      traceparent,
      atMs: this.#clock.now(),
      input,
    };
  }

  #stepOf(pipeline: string | undefined, place: string): PlanStep | undefined {
    return this.#parts.plans.find(({ plan }) => plan.pipeline === pipeline)?.steps.get(stepIdOf(place));
  }

  /** The fault that strikes a call, if one does. */
  #faultOf(call: SeenCall): NonNullable<Schedule['faults']>[number] | undefined {
    return this.#schedule.faults?.find(({ step, purpose, calls }) => {
      if (step !== call.step || purpose !== call.purpose) return false;
      const nth = this.#calls.filter((one) => one.step === step && one.purpose === purpose).length;
      return calls === 'all' || nth <= (calls === 'first' ? 1 : 2);
    });
  }

  #noticed(entry: LedgerEntry): void {
    this.#moves++;
    this.#heardAtMs = this.#clock.now();
    this.#entries.push(entry);
    if (this.#begun === undefined) return;
    const nth = this.#entries.length - this.#begun.entries;
    if (this.#isDue('entry', nth)) {
      this.#crash();
      return;
    }
    const { cancelAtEntry, killAtEntry } = this.#schedule;
    if (cancelAtEntry !== undefined && nth >= cancelAtEntry && !this.#isCancelled && entry.runId !== '') {
      this.#isCancelled = true;
      this.#meanwhile.push(this.#runtime.cancel(entry.runId, 'drill', 'a drill'));
    }
    if (killAtEntry !== undefined && nth >= killAtEntry && !this.#isKilled) {
      this.#isKilled = true;
      this.#meanwhile.push(this.#kill());
    }
  }

  async #kill(): Promise<void> {
    const set = await this.#runtime.setSwitch(
      { kind: 'kill', scope: { everything: true }, sparesCompensation: false },
      'drill',
      'a drill',
    );
    if (!set.ok) throw new Error(set.message);
    this.#clock.setTimer(KILLED_MS, () => {
      this.#meanwhile.push(this.#runtime.liftSwitch(set.switch.id, 'drill', 'the drill is over'));
    });
  }

  #isDue(at: NonNullable<Schedule['crash']>['at'], nth: number): boolean {
    const { crash } = this.#schedule;
    return !this.#isCrashed && crash?.at === at && crash.nth === nth;
  }

  /** As if the process were killed now: the next one goes on from what is on the disk. */
  #crash(): void {
    this.#isCrashed = true;
    this.#life++;
    this.#death.resolve();
    this.#death = Promise.withResolvers();
    const before = this.#file;
    this.#file = join(this.#folder, `runtime-${this.#life}.db`);
    for (const suffix of ['', '-wal', '.mark'])
      if (existsSync(before + suffix)) copyFileSync(before + suffix, this.#file + suffix);
    this.#opening = this.#open().then(() => {
      this.#opening = undefined;
    });
  }

  async #close(): Promise<void> {
    this.#life++;
    for (const letGo of this.#letGo) await letGo().catch(() => {});
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const UNDOING = 'compensate:';
const APPROVERS_MAX = 5;
const ENDED: ReadonlySet<string> = new Set(['succeeded', 'compensated', 'cancelled', 'failed']);

function placeOf(call: SeenCall | undefined): string | undefined {
  if (call === undefined) return undefined;
  return call.purpose === 'compensation' ? `${UNDOING}${call.step}` : call.step;
}

/** It has ended, or is parked with whoever it belongs to. */
function isAtRest(run: RunSummary, runtime: Runtime): boolean {
  if (ENDED.has(run.state)) return true;
  const isHere = ({ runId }: { readonly runId: string }): boolean => runId === run.runId;
  return runtime.inDoubt().some(isHere) || runtime.deadLetters().some(isHere);
}
