import type { Json, JsonObject } from '@tenon/model';
import type {
  DeadLetter,
  ForwardFix,
  InDoubtEntry,
  LedgerEntry,
  RunDetail,
  RunSummary,
  Runtime,
} from '@tenon/runtime';
import { stepIdOf } from '@tenon/runtime/drill';
import { Calls, type MadeEffect, type SeenCall, UNDOING } from './calls.ts';
import type { DrillClock } from './drill-clock.ts';
import { inClear } from './in-clear.ts';
import { scopeOf, signalFor } from './made-events.ts';
import type { DrillParts, Start } from './parts.ts';
import { PlaceNames } from './place-names.ts';
import { Processes } from './processes.ts';
import type { Schedule } from './schedule.ts';
import { withSameKey } from './second-event.ts';

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
  /** Runs of other pipelines that it began. */
  readonly children: readonly RunDetail[];
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
    readonly children: readonly RunDetail[];
    readonly effects: readonly MadeEffect[];
  };
  /** Who was asked before something was undone, by its place; they said yes. */
  readonly asked: ReadonlyMap<string, string>;
  /** Ids of steps that waited for an event which is given (`Start.signals`), and of which their match does not hold: it was not sent. */
  readonly unsent: ReadonlySet<string>;
  /** Somebody else changed what the schedule says (`Schedule.meddling`). */
  readonly isMeddled: boolean;
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
  readonly #processes: Processes;
  readonly #calls: Calls;
  readonly #names = new PlaceNames();
  readonly #entries: LedgerEntry[] = [];
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
  /** What awaited events brought, by run and place. */
  readonly #sent = new Map<string, Json>();
  /** Ids of steps that wait for an event which is given, and of which their match does not hold. */
  readonly #unsent = new Set<string>();
  /** Who was asked before something was undone, by its place. */
  readonly #asked = new Map<string, string>();

  constructor(parts: DrillParts, start: Start, schedule: Schedule) {
    this.#parts = parts;
    this.#start = start;
    this.#schedule = schedule;
    this.#clock = parts.clock;
    this.#calls = new Calls(parts, this.#names, schedule, (at, nth) => {
      this.#moves++;
      this.#maybeCrash(at, nth);
    });
    this.#processes = new Processes(this.#clock, parts.regionOf, {
      entry: (entry) => this.#noticed(entry),
      batch: () => {
        this.#moves++;
        this.#batches++;
        if (this.#begun !== undefined) this.#maybeCrash('batch', this.#batches - this.#begun.batches);
      },
      transport: (...process) => this.#calls.transport(...process),
    });
  }

  async run(): Promise<Outcome> {
    this.#clock.begin();
    for (const [name, peer] of this.#parts.peers)
      peer.begin(this.#start.rows[name] ?? {}, this.#start.made?.[name] ?? {});
    const beganAtMs = this.#clock.steady();
    try {
      await this.#processes.open();
      for (const { plan } of this.#parts.plans) await this.#runtime.activate(plan);
      this.#begun = { entries: this.#entries.length, batches: this.#batches };
      const refused = await this.#deliver('delivery-1');
      await this.#live();
      const { again } = this.#schedule;
      if (again !== undefined) {
        const second = again === 'otherEvent' ? withSameKey(this.#parts, this.#start) : undefined;
        await this.#deliver(again === 'sameDelivery' ? 'delivery-1' : 'delivery-2', second);
        await this.#live();
      }
      const outcome = this.#outcome(beganAtMs, refused);
      return outcome.waiting.doubts.length > 0 ? await this.#settled(outcome) : outcome;
    } finally {
      await this.#processes.close();
    }
  }

  /** Of the process that is up. */
  get #runtime(): Runtime {
    return this.#processes.runtime;
  }

  #outcome(beganAtMs: number, refused: string | undefined): Outcome {
    const run = this.#run();
    const named = <T extends { readonly stepId: string }>(one: T): T => ({
      ...one,
      stepId: this.#names.of(one.stepId),
    });
    return {
      schedule: this.#schedule,
      ...(this.#start.connection !== undefined && { connection: this.#start.connection }),
      run,
      children: this.#children(),
      entries: this.#entries.slice(this.#begun?.entries),
      batches: this.#batches - (this.#begun?.batches ?? 0),
      calls: [...this.#calls.seen],
      effects: this.#calls.effects(),
      waiting: {
        doubts: this.#runtime.inDoubt().map(named),
        deadLetters: this.#runtime
          .deadLetters()
          .map((letter) => ({ ...letter, step: this.#names.of(letter.step) })),
        fixes: this.#runtime.forwardFixes().map(named),
      },
      asked: this.#asked,
      unsent: this.#unsent,
      isMeddled: this.#calls.isMeddled,
      tookMs: this.#clock.steady() - beganAtMs,
      isEndless: this.#moves > MOVES_MAX || (run !== undefined && !isAtRest(run, this.#runtime)),
      ...(refused !== undefined && { refused }),
    };
  }

  #run(): RunDetail | undefined {
    const found = this.#runId === undefined ? undefined : this.#runtime.run(this.#runId);
    return found && this.#named(this.#inClear(found));
  }

  #children(): readonly RunDetail[] {
    if (this.#parts.plans.length === 1) return [];
    return this.#runtime.runs({ limit: RUNS_MAX }).flatMap(({ runId }) => {
      const run = runId === this.#runId ? undefined : this.#runtime.run(runId);
      return run?.parent === undefined ? [] : [this.#named(this.#inClear(run))];
    });
  }

  #named(run: RunDetail): RunDetail {
    const { step, failure, parent } = run;
    return {
      ...run,
      ...(parent && { parent: { ...parent, step: this.#names.of(parent.step) } }),
      ...(step !== undefined && { step: this.#names.of(step) }),
      ...(failure && { failure: { ...failure, step: this.#names.of(failure.step) } }),
      steps: run.steps.map((one) => ({ ...one, id: this.#names.of(one.id) })),
    };
  }

  #inClear(run: RunDetail): RunDetail {
    const { event, headers } = this.#start;
    const isOwn = run.runId === this.#runId;
    return inClear(run, {
      ...(isOwn && { event, headers }),
      result: (id) => {
        const place = this.#names.of(id);
        const call = this.#calls.seen.findLast(
          ({ pipeline, step, purpose, result }) =>
            pipeline === run.pipeline && step === place && ['effect', 'read'].includes(purpose) && result?.ok,
        );
        return call?.result?.ok ? call.result.body : this.#sent.get(`${run.runId} ${id}`);
      },
    });
  }

  /** A person looks into the other system and says what is true. */
  async #settled(outcome: Outcome): Promise<Outcome> {
    const verdicts: string[] = [];
    for (const doubt of this.#runtime.inDoubt()) {
      const place = this.#names.of(doubt.stepId);
      const effect = this.#calls.effects().findLast(({ call }) => placeOf(call) === place);
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
      verdicts.push(done.ok ? `${place}: ${verdict}` : `${place}: ${verdict} was refused: ${done.message}`);
    }
    await this.#live();
    return {
      ...outcome,
      settled: { verdicts, run: this.#run(), children: this.#children(), effects: this.#calls.effects() },
    };
  }

  /** Why it was refused. */
  async #deliver(deliveryId: string, event: Json = this.#start.event): Promise<string | undefined> {
    const { trigger, pipeline } = this.#parts.loaded.plan;
    const result = await this.#processes.heard(
      'manual' in trigger
        ? // What a manual start is given is an object by its schema.
          this.#runtime.trigger(pipeline, event as JsonObject, 'drill')
        : this.#runtime.accept({
            event: trigger.event,
            payload: event,
            deliveryId,
            source: this.#start.connection ?? NOWHERE,
            ...(this.#start.headers && { headers: this.#start.headers }),
          }),
    );
    if (result === undefined) {
      // It was never acknowledged, so whoever sent it sends it again.
      await this.#processes.opening;
      return this.#deliver(deliveryId, event);
    }
    if (!result.ok) return result.failure.message;
    this.#runId ??= result.runs.find((run) => run.pipeline === pipeline)?.runId;
    return undefined;
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
    return this.#runtime.runs({ limit: RUNS_MAX }).every(({ state }) => ENDED.has(state));
  }

  /** Nothing has come of it for days, and whoever it waits for is told: time alone brings nothing more. */
  #isParked(): boolean {
    if (this.#clock.now() - this.#heardAtMs < PARKED_MS) return false;
    const runs = this.#runtime.runs({ limit: RUNS_MAX });
    return runs.every((run) => isAtRest(run, this.#runtime));
  }

  /** Until only time, or a person, can move anything. */
  async #rest(): Promise<void> {
    for (;;) {
      await this.#processes.opening;
      await Promise.all(this.#meanwhile.splice(0));
      const life = this.#processes.life;
      const runtime = this.#runtime;
      await this.#processes.heard(Promise.race([runtime.idle(), this.#quiet(life)]));
      if (
        life === this.#processes.life &&
        this.#processes.opening === undefined &&
        this.#meanwhile.length === 0
      )
        return;
    }
  }

  async #quiet(life: number): Promise<void> {
    let moves = this.#moves;
    for (let quiet = 0; quiet < QUIET_TURNS && life === this.#processes.life; quiet++) {
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
      for (const { runId, stepId, by, given = [] } of this.#runtime.approvals()) {
        const place = `${runId} ${stepId}`;
        const asked = this.#people.get(place) ?? given.length;
        if (asked > APPROVERS_MAX) continue;
        this.#people.set(place, asked + 1);
        if (stepId.startsWith(UNDOING)) this.#asked.set(this.#names.of(stepId), by);
        await this.#processes.heard(
          this.#runtime.decide(runId, stepId, approvers, `approver-${asked + 1}`, 'a drill'),
        );
        return true;
      }
    return this.#signal();
  }

  /** Sends an event that somebody waits for, once. */
  async #signal(): Promise<boolean> {
    if (this.#schedule.awaited === 'never') return false;
    for (const { runId } of this.#runtime.runs({ state: 'waiting', limit: RUNS_MAX })) {
      const found = this.#runtime.run(runId);
      const run = found && this.#inClear(found);
      for (const { id, awaits } of run?.steps ?? [])
        if (run !== undefined && awaits?.for === 'event' && (await this.#signalTo(run, id))) return true;
    }
    return false;
  }

  /** `false`: it was sent already, or there is none. */
  async #signalTo(run: RunDetail, place: string): Promise<boolean> {
    const named = `${run.runId} ${place}`;
    if (this.#signalled.has(named)) return false;
    this.#signalled.add(named);
    const loaded = this.#parts.plans.find(({ plan }) => plan.hash === run.planHash);
    const wait = loaded?.steps.get(stepIdOf(place));
    if (loaded === undefined || wait?.kind !== 'wait' || !('event' in wait.for)) return false;
    const given = loaded === this.#parts.loaded ? this.#start.signals?.[wait.id] : undefined;
    if (given === null) return false;
    // What another pipeline runs has none.
    const own = 'manual' in loaded.plan.trigger ? undefined : this.#start.connection;
    const payload = signalFor(loaded, wait.for, run, {
      ...(own !== undefined && { connection: own }),
      ...(given !== undefined && { given }),
    });
    if (payload === undefined) {
      if (given !== undefined) this.#unsent.add(wait.id);
      return false;
    }
    const { event, over } = wait.for;
    const source = over === undefined ? undefined : loaded.expression(over, scopeOf(run, own));
    this.#sent.set(named, payload);
    const heard = await this.#processes.heard(
      this.#runtime.accept({
        event,
        payload,
        deliveryId: `signal-${place}`,
        source: source?.ok ? String(source.value) : (this.#parts.incoming(event)[0] ?? NOWHERE),
      }),
    );
    // Whoever hears nothing of it sends it again.
    if (heard === undefined) this.#signalled.delete(named);
    return true;
  }

  #noticed(entry: LedgerEntry): void {
    this.#moves++;
    this.#heardAtMs = this.#clock.now();
    const { step } = entry;
    this.#entries.push(step === undefined ? entry : { ...entry, step: this.#names.of(step) });
    if (this.#begun === undefined) return;
    const nth = this.#entries.length - this.#begun.entries;
    if (this.#maybeCrash('entry', nth)) return;
    const { cancelAtEntry, killAtEntry, clockAtEntry } = this.#schedule;
    if (nth === clockAtEntry?.nth) this.#clock.jump(clockAtEntry.byMs);
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

  /** Does the process die at this moment? */
  #maybeCrash(at: NonNullable<Schedule['crash']>['at'], nth: number): boolean {
    const { crash } = this.#schedule;
    if (this.#isCrashed || crash?.at !== at || crash.nth !== nth) return false;
    this.#isCrashed = true;
    this.#processes.crash();
    return true;
  }
}

/** More than one event brings about. */
const RUNS_MAX = 100;
const APPROVERS_MAX = 5;
const ENDED: ReadonlySet<string> = new Set(['succeeded', 'compensated', 'cancelled', 'failed']);

function placeOf(call: SeenCall | undefined): string | undefined {
  if (call === undefined) return undefined;
  return call.purpose === 'compensation' ? `${UNDOING}${call.step}` : call.step;
}

/** It has ended, or is parked with whoever it belongs to, or waits for a run that it began and that is. */
function isAtRest({ runId, state }: Pick<RunSummary, 'runId' | 'state'>, runtime: Runtime): boolean {
  if (ENDED.has(state)) return true;
  const isHere = (one: { readonly runId: string }): boolean => one.runId === runId;
  if (runtime.inDoubt().some(isHere) || runtime.deadLetters().some(isHere)) return true;
  const open = runtime.run(runId)?.children?.filter((child) => !isDone(child.state)) ?? [];
  return open.length > 0 && open.every((child) => isParked(child, runtime));
}

/** What a run that failed waits for somebody with is in its dead letter. */
function isDone(state: string): boolean {
  return state !== 'failed' && ENDED.has(state);
}

function isParked(run: Pick<RunSummary, 'runId' | 'state'>, runtime: Runtime): boolean {
  const isHere = (one: { readonly runId: string }): boolean => one.runId === run.runId;
  return runtime.deadLetters().some(isHere) || (run.state !== 'failed' && isAtRest(run, runtime));
}
