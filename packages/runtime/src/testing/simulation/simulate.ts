import { readFileSync } from 'node:fs';
import type { CallRequest } from '@tenon/connector';
import { type Json, type Random, seededRandom } from '@tenon/model';
import type { CallStep, Plan, PlanStep } from '@tenon/pipeline';
import { CommitFailed, CommitRefused } from '../embedded/commit-queue.ts';
import { openLedger } from '../embedded/open-ledger.ts';
import type { LedgerEntry, RunSummary } from '../runtime.ts';
import { RuntimeError } from '../runtime-error.ts';
import { mayMove } from '../states.ts';
import { type Bench, openBench, testKey, tooMany } from './bench.ts';
import { childrenOf, judgeFamilies } from './simulate-children.ts';
import { FAULTS } from './simulate-faults.ts';
import {
  ACCOUNTS,
  type Line,
  pick,
  randomLines,
  randomPlan,
  SHIPPING,
  type Theme,
  themeOf,
} from './simulate-plans.ts';
import { SwitchHand } from './simulate-switches.ts';

export interface Simulation {
  readonly seed: number;
  /** What must not be. */
  readonly violations: readonly string[];
  readonly runs: readonly RunSummary[];
  readonly crashes: number;
  /** Switches that were set. */
  readonly switches: number;
}

/** Crashes in one simulation at most, so that it ends. */
const CRASHES_MAX = 6;
const ROUNDS_MAX = 400;
/** Entries and calls between two rests at most: what does more goes round. The busiest sound seeds have some hundreds. */
const MOVES_MAX = 5_000;
/** One in so many histories is lived on an encrypted file. */
const ENCRYPTED_EVERY = 4;
/** Longer than any wait, backoff or deadline of the plans below. */
const SOON_MS = 700_000;

/**
 * One random plan, load, set of faults, kills and operators, all from a seed: the real interpreter and engine over a
 * simulated clock, target and process. What happened is then judged from outside: by the target's own records and the
 * entries that were announced.
 */
export async function simulate(
  seed: number,
  /** Shown the end, for a closer look at a seed. */
  inspect?: (bench: Bench, runs: readonly RunSummary[]) => void,
): Promise<Simulation> {
  const random = seededRandom(seed);
  const theme = themeOf(seed);
  const plan = randomPlan(random, theme);
  const children = childrenOf(plan);
  const bench = await openBench(SHIPPING, ...children, plan);
  if (seed % ENCRYPTED_EVERY === 0)
    bench.encryption = { keys: { k1: Buffer.alloc(32, 'k1') }, current: 'k1' };
  bench.isOrdered = plan.identity.orderBy !== undefined;
  const hand = new SwitchHand(bench, seededRandom(seed + 1_000_000));
  const world = new World(bench, random, hand, theme);
  bench.checkpoints = { everyRows: 20 };
  await bench.restart();
  try {
    await world.live();
    const runs = bench.runtime.runs({ limit: 1_000 });
    inspect?.(bench, runs);
    const violations = [
      ...judge(bench, world, runs, [plan, ...children]),
      ...judgeFamilies(bench, runs),
      ...world.violations,
      ...hand.judge(),
      ...(await judgeLedger(bench)),
    ];
    return { seed, violations, runs, crashes: world.crashes, switches: hand.sets };
  } catch (error) {
    // What it wrote itself it must be able to open and to go on from.
    if (!(error instanceof RuntimeError || error instanceof CommitRefused || error instanceof Endless))
      throw error;
    const violations = [`${error.name}: ${error.message}`];
    return { seed, violations, runs: [], crashes: world.crashes, switches: hand.sets };
  } finally {
    await bench.close();
  }
}

/** It never comes to rest. */
class Endless extends Error {
  override readonly name = 'Endless';
}

/** Everything outside the runtime: what fails, who decides, when the process dies. */
class World {
  readonly acknowledged = new Set<string>();
  readonly paidAtMs = new Map<string, number>();
  readonly lines = new Map<string, readonly Line[]>();
  readonly #amounts = new Map<string, number>();
  /** Of the account that an order is of; a later one may be smaller. */
  readonly versions = new Map<string, number>();
  crashes = 0;
  readonly #bench: Bench;
  readonly #random: Random;
  #crashing: Promise<void> | undefined;
  #crashed = Promise.withResolvers<void>();
  /** When a process came up. */
  readonly ups: number[] = [];
  readonly #theme: Theme;
  /** Since it last was at rest. */
  #moves = 0;
  readonly #endless = Promise.withResolvers<never>();
  /** What breaks a promise while it happens. */
  readonly violations: string[] = [];
  readonly #waiting = new Map<string, { readonly untilMs: number; readonly ups: number }>();
  #isDiskBroken = false;
  #restarting: Promise<void> | undefined;
  /** Orders by run, as far as their acceptance was heard of. */
  readonly #orders = new Map<string, string>();
  /** Payments that come while something else goes on. */
  #paying: Promise<void>[] = [];

  readonly hand: SwitchHand;

  constructor(bench: Bench, random: Random, hand: SwitchHand, theme: Theme) {
    this.#bench = bench;
    this.#random = random;
    this.hand = hand;
    this.#theme = theme;
    // Heard where something is waited for.
    this.#endless.promise.catch(() => {});
    hand.life = () => ({ number: this.crashes, over: this.#crashed.promise, up: this.#crashing });
    const faultRate = random.next() * 0.4;
    const crashRate = random.next() * (theme === 'waits' ? 0.01 : 0.08);
    const diskRate = random.next() < 0.2 ? 0.01 : 0;
    const others = seededRandom(Math.floor(random.next() * 2 ** 32));
    bench.target.decide = (request) => {
      this.#leftAlone(request);
      const fault = random.next() < faultRate ? pick(random, FAULTS) : undefined;
      if (fault !== undefined && 'fail' in fault && fault.fail === tooMany) this.#askedToWait(request);
      const isOld = request.operation.operation === 'get' && others.next() < OTHERS_RATE;
      return fault ?? (isOld ? { result: OLD } : undefined);
    };
    bench.target.onCall = (when, request) => {
      this.#move();
      if (when === 'before' && request.operation.operation === 'setAccount' && others.next() < OTHERS_RATE)
        bench.target.touch(pick(others, ACCOUNTS), 'theirs');
      if (when === 'before') hand.onCall(request);
      this.#maybeCrash(crashRate);
    };
    bench.onEntry = (entry) => {
      this.#move();
      if (entry.kind === 'accepted')
        this.#orders.set(entry.runId, String(entry.details['deliveryId']).split('-')[1]!);
      // The worst moment for its event: the wait is written, and the run has not gone to sleep.
      const order = this.#orders.get(entry.runId);
      if (theme === 'waits' && entry.kind === 'waiting' && order !== undefined && random.next() < 0.5)
        this.#paying.push(this.#pay(order));
      if (diskRate > 0 && random.next() < diskRate) this.#failDisk();
      this.#maybeCrash(crashRate / 3);
      hand.onEntry();
    };
  }

  /** A write fails, once. Whoever supervises the process starts it anew when it has come to rest. */
  #failDisk(): void {
    // A process that does not come up is another matter: see `disk.test.ts`.
    if (this.#crashing !== undefined || this.#restarting !== undefined) return;
    const life = this.crashes;
    this.#bench.failNextWrite(this.#random.next() < 0.5 ? 'before' : 'after', () => {
      if (life === this.crashes) this.#isDiskBroken = true;
    });
  }

  #askedToWait(request: CallRequest): void {
    const untilMs = this.#bench.clock.now() + tooMany.retryAfterMs!;
    // Items of a list read alike: only effects are told apart.
    if (request.idempotencyKey !== undefined)
      this.#waiting.set(request.idempotencyKey, { untilMs, ups: this.ups.length });
  }

  /** Asked to be left alone, it is, unless the process died and did not hear of it, or a person said: again. */
  #leftAlone(request: CallRequest): void {
    const asked = this.#waiting.get(request.idempotencyKey ?? '');
    if (asked === undefined || request.isRetry !== true || asked.ups !== this.ups.length) return;
    if (this.#bench.clock.now() < asked.untilMs)
      this.violations.push(`${request.operation.operation} was called before the time it had asked for`);
  }

  #move(): void {
    if (++this.#moves > MOVES_MAX)
      this.#endless.reject(new Endless(`${MOVES_MAX} entries and calls, and it does not come to rest`));
  }

  async live(): Promise<void> {
    const events = 1 + Math.floor(this.#random.next() ** 2 * 8);
    for (let i = 0; i < events; i++) {
      await this.#order(`o${i}`);
      // Sometimes the payment comes while the run is on its way.
      if (this.#theme !== 'waits' && this.#random.next() < 0.4) this.#paying.push(this.#pay(`o${i}`));
    }
    for (let round = 0; round < ROUNDS_MAX; round++) {
      await this.#settled();
      await this.hand.rest();
      await this.#settled();
      if (this.#random.next() < 0.1) await this.#operate(true);
      if (this.#random.next() < 0.15) await this.#pay(`o${Math.floor(this.#random.next() * events)}`);
      if (this.#random.next() < 0.05)
        await this.#order(`o${Math.floor(this.#random.next() * events)}`, round);
      if (this.#random.next() < (this.#theme === 'waits' ? 0.3 : 0.03)) {
        await this.#restart();
        await this.#settled();
        // To a process that knows of the wait from the file alone.
        if (this.#theme === 'waits') await this.#pay(`o${Math.floor(this.#random.next() * events)}`);
      }
      await this.#settled();
      if (!this.#passTime() && !(await this.#operate(false))) break;
    }
    // From here on everything works: what can end must end.
    delete this.#bench.target.decide;
    this.#bench.target.onCall = () => this.#move();
    this.#bench.onEntry = () => this.#move();
    while (this.#crashing !== undefined) await this.#crashing;
    await this.hand.liftAll();
    for (let round = 0; round < ROUNDS_MAX; round++) {
      await this.#settled();
      if (!this.#passTime() && !(await this.#operate(false))) return;
    }
  }

  /** Goes on to the next thing that happens by itself; `false` when there is none soon (housekeeping is not soon). */
  #passTime(): boolean {
    const { clock } = this.#bench;
    const restMs = (clock.next ?? Number.POSITIVE_INFINITY) - clock.now();
    if (restMs > SOON_MS) return false;
    clock.advance(Math.max(0, restMs));
    return true;
  }

  /** Sends an order until it is acknowledged, by a process that lived to say so; `again`: in another delivery. */
  async #order(id: string, again?: number): Promise<void> {
    const amount = this.#amounts.get(id) ?? (this.#random.next() < 0.9 ? 5 : -5);
    this.#amounts.set(id, amount);
    const lines = this.lines.get(id) ?? randomLines(this.#random);
    this.lines.set(id, lines);
    const version = this.versions.get(id) ?? Math.floor(this.#random.next() * 4);
    this.versions.set(id, version);
    const payload = {
      id,
      account: accountOf(id),
      version,
      amount,
      lines: lines.map((line) => ({ ...line })),
    };
    const isTaken = await this.#deliver(
      'shop.ordered',
      payload,
      again === undefined ? `d-${id}` : `d-${id}-${again}`,
    );
    // A flag kept it from being taken: it is kept, and said, but starts no run.
    if (isTaken) this.acknowledged.add(id);
    // The moment after the acknowledgement is a good one to die.
    this.#maybeCrash(0.03);
  }

  /** Says that an order is paid; what a step may wait for. */
  async #pay(id: string): Promise<void> {
    if (this.paidAtMs.has(id)) return;
    await this.#deliver('shop.paid', { order: id }, `paid-${id}`);
    this.paidAtMs.set(id, this.#bench.clock.now());
    this.#maybeCrash(0.03);
  }

  async #deliver(event: string, payload: Json, deliveryId: string): Promise<boolean> {
    for (;;) {
      while ((this.#crashing ?? this.#restarting) !== undefined) await (this.#crashing ?? this.#restarting);
      const life = this.crashes;
      const result = await Promise.race([
        this.#bench.runtime.accept({ event, payload, deliveryId, source: 'shop' }),
        this.#crashed.promise,
        this.#endless.promise,
      ]);
      if (this.crashes !== life || result === undefined) continue;
      if (!result.ok && this.#isDiskBroken) {
        this.#crash();
        continue;
      }
      if (!result.ok && result.failure.code === 'RUNTIME_STOPPING') {
        // It is told to come again, and does when the next one is up.
        await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      if (!result.ok) throw new Error(result.failure.message);
      if (result.flaggedOff !== undefined) this.hand.flaggedOff.add(deliveryId);
      return result.runs.length > 0;
    }
  }

  async #restart(): Promise<void> {
    while (this.#crashing !== undefined) await this.#crashing;
    // It may be killed while it stops or starts.
    this.#restarting = Promise.race([this.#bench.restart(), this.#crashed.promise, this.#endless.promise]);
    await this.#restarting;
    this.#restarting = undefined;
    this.ups.push(this.#bench.clock.now());
  }

  async #settled(): Promise<void> {
    for (;;) {
      while (this.#crashing !== undefined) await this.#crashing;
      const life = this.crashes;
      const paying = this.#paying;
      this.#paying = [];
      await Promise.race([Promise.all(paying), this.#endless.promise]);
      // Killed meanwhile: nobody answers for it any more.
      if (life !== this.crashes || this.#crashing !== undefined) continue;
      await Promise.race([this.#bench.runtime.idle(), this.#crashed.promise, this.#endless.promise]);
      if (this.#isDiskBroken && life === this.crashes && this.#crashing === undefined) this.#crash();
      if (life === this.crashes && this.#crashing === undefined && this.#paying.length === 0) break;
    }
    this.#moves = 0;
  }

  #maybeCrash(rate: number): void {
    if (this.#crashing !== undefined || this.crashes >= CRASHES_MAX || this.#random.next() >= rate) return;
    this.#crash();
  }

  #crash(): void {
    this.#isDiskBroken = false;
    this.crashes++;
    const crashed = this.#crashed;
    this.#crashed = Promise.withResolvers<void>();
    this.#crashing = this.#bench.crash().then(() => {
      this.#crashing = undefined;
    });
    // Whoever waits for the new process hears of it when it does not come up.
    this.#crashing.catch(() => {});
    // A process is down for a while, sometimes for long.
    this.#bench.clock.advance(this.#random.next() < 0.5 ? 0 : this.#random.next() * 30_000);
    this.ups.push(this.#bench.clock.now());
    crashed.resolve();
  }

  /** A person does something; `false` when there is nothing left to do. `early`: also cancels what still runs. */
  async #operate(early: boolean): Promise<boolean> {
    while (this.#crashing !== undefined) await this.#crashing;
    const { runtime, target } = this.#bench;
    const act = async (action: Promise<unknown>): Promise<true> => {
      try {
        await Promise.race([action, this.#crashed.promise, this.#endless.promise]);
      } catch (error) {
        if (!(error instanceof CommitFailed && this.#isDiskBroken)) throw error;
      }
      return true;
    };
    const doubt = runtime.inDoubt()[0];
    if (doubt !== undefined) {
      // A truthful person: looks into the other system first.
      const effect = target.effects.get(doubt.idempotencyKey)?.[0];
      const gaveUp = this.#random.next() < 0.3;
      const { runId, stepId } = doubt;
      if (effect === undefined)
        return act(runtime.settle(runId, stepId, gaveUp ? 'compensate' : 'redo', 'ana', 'looked'));
      return act(runtime.settle(runId, stepId, gaveUp ? 'compensate' : 'confirm', 'ana', 'looked', effect));
    }
    const approval = runtime.approvals()[0];
    if (approval !== undefined) {
      // What somebody has changed since stays: so nothing of theirs may ever be gone.
      const isUndoing = approval.stepId.startsWith('compensate:');
      const decision = !isUndoing && this.#random.next() < 0.7 ? 'approve' : 'reject';
      return act(runtime.decide(approval.runId, approval.stepId, decision, 'ana', 'because'));
    }
    const letter = runtime.deadLetters().find(({ settled }) => settled !== 'compensated');
    if (letter !== undefined && this.#resumes++ < 12)
      return act(runtime.resume(letter.runId, 'ana', 'try again'));
    if (!early) return false;
    const running = runtime.runs({ state: 'waiting' })[0];
    if (running === undefined || this.#random.next() < 0.5) return false;
    return act(runtime.cancel(running.runId, 'ana', 'no longer wanted'));
  }

  #resumes = 0;
}

/** How often somebody else writes one of them just before a run does. */
const OTHERS_RATE = 0.2;

/** What a replica that lags behind answers: below what fresh reads take. */
const OLD = { id: 'r1', amount: 9 };

/** The invariants, from the target's records and the ledger alone. */
function judge(bench: Bench, world: World, runs: readonly RunSummary[], plans: readonly Plan[]): string[] {
  const plan = plans[0]!;
  const violations: string[] = [];
  const { runtime, target } = bench;
  const owned = new Set(
    [...runtime.deadLetters(), ...runtime.inDoubt(), ...runtime.approvals()].map(({ runId }) => runId),
  );
  for (const id of world.acknowledged)
    if (!runs.some(({ key, pipeline }) => key === id && pipeline === 'orders'))
      violations.push(`acknowledged ${id} is lost`);
  for (const {
    failure: { code },
    step,
  } of runtime.deadLetters())
    if (code === 'RUN_INVARIANT_BROKEN') violations.push(`an internal error stopped a run at ${step}`);
  for (const key of target.doubled) violations.push(`more than one effect under ${key}`);
  for (const { runId, state, key } of runs) {
    const isEnded = state === 'succeeded' || state === 'cancelled';
    if (!isEnded && !isOwned(bench, runId, state, owned))
      violations.push(`run of ${key} is ${state} without an owner`);
  }
  for (const run of runs) {
    violations.push(
      ...judgeRun(bench, run, plans.find(({ pipeline }) => pipeline === run.pipeline) ?? SHIPPING),
    );
    if (run.pipeline === plan.pipeline) violations.push(...judgeLists(bench, world, run, plan));
  }
  if (plan.identity.version !== undefined) violations.push(...judgeVersions(bench, world, runs));
  violations.push(...judgeOrder(bench, runs), ...judgeWaits(bench, world, runs));
  violations.push(...judgeRetries(bench, world, runs), ...judgeAccounts(bench));
  for (const { runId, key } of runs)
    if (runtime.trace({ runId }).some(({ kind }) => kind === 'emitted'))
      if (!runs.some((run) => run.pipeline === 'shipping' && run.key === key))
        violations.push(`${key} emitted an event that started nothing`);
  const keys = runs.map(({ pipeline, key }) => `${pipeline} ${key}`);
  for (const key of keys)
    if (keys.indexOf(key) !== keys.lastIndexOf(key)) violations.push(`${key} was run twice`);
  violations.push(
    ...judgeEntries(bench.entries, [
      ...runs.flatMap(({ runId }) => runtime.trace({ runId })),
      ...runtime.trace({ system: true }),
    ]),
  );
  return violations;
}

/** Somebody is to look at it, or at a child that it waits for. What is undone with its parent is that one's owner's matter. */
function isOwned(
  bench: Bench,
  runId: string,
  state: RunSummary['state'],
  owned: ReadonlySet<string>,
): boolean {
  if (owned.has(runId)) return true;
  const { parent, children = [] } = bench.runtime.run(runId)!;
  if (state === 'compensated' && parent !== undefined) return true;
  return children.some((child) => isOwned(bench, child.runId, child.state, owned));
}

/** Promises of a run's state against what the target holds. */
function judgeRun(bench: Bench, run: RunSummary, plan: Plan): string[] {
  const { target, runtime } = bench;
  const violations: string[] = [];
  const trace = runtime.trace({ runId: run.runId });
  const detail = runtime.run(run.runId)!;
  const all = flatten(plan.steps);
  const given = givenUpItems(bench, run.runId);
  const removals = target.calls.filter(
    ({ operation, request, key }) =>
      operation === 'remove' && request.correlationId === run.correlationId && target.effects.has(key!),
  );
  const removedIds = new Set(removals.map(({ input }) => (input as { id: string }).id));
  for (const record of detail.steps) {
    const planned = all.find(({ id }) => id === stepOf(record.id));
    const isGivenUp = given.some((item) => record.id.startsWith(`${item}.`));
    if (planned?.kind === 'call' && planned.fresh !== undefined && record.state === 'succeeded')
      if ((record.result as { amount?: Json }).amount === OLD.amount)
        violations.push(`${run.key} ${record.id} went by what is old`);
    if (planned?.kind !== 'call' || record.idempotencyKey === undefined) continue;
    if (planned.operation === 'acme.setChecked') {
      const wanted = `${run.key}/${planned.id}`;
      // What the simulated target keeps is what it was sent.
      const isSet = (target.states.get(wanted) as { value?: Json } | undefined)?.value === wanted;
      if (record.state === 'succeeded' && !isSet)
        violations.push(`${run.key} ${record.id} is not as it was to be set`);
      continue;
    }
    const made = target.effects.get(record.idempotencyKey)?.[0] as { id: string } | undefined;
    if ((record.state === 'succeeded' || record.state === 'compensated') && made === undefined)
      violations.push(`${run.key} ${record.id} is ${record.state}, but nothing happened`);
    if (run.state === 'succeeded' && made === undefined && !isGivenUp)
      violations.push(`${run.key} succeeded, but ${record.id} never happened`);
    // Undone by another write, or left by a person's word: see `judgeAccounts`.
    if (planned.operation === 'acme.setAccount') continue;
    if (record.state === 'failed' && made !== undefined && !removedIds.has(made.id))
      violations.push(`${run.key} ${record.id} is failed, but it happened and stays`);
    const isUndoable = (planned as CallStep).compensate !== undefined;
    const isToBeUndone =
      run.state === 'compensated' ||
      run.state === 'cancelled' ||
      (run.state === 'succeeded' && isGivenUp && plan.onFailure === 'compensate');
    if (isToBeUndone && isUndoable && made !== undefined && !removedIds.has(made.id))
      violations.push(`${run.key} is ${run.state}, but ${record.id} was not undone`);
    if (run.state === 'succeeded' && made !== undefined && removedIds.has(made.id) && !isGivenUp)
      violations.push(`${run.key} succeeded, but ${record.id} was undone`);
  }
  const confirmed = trace
    .filter(({ kind, step }) => kind === 'stepDone' && step !== undefined)
    .map(({ step }) => step!);
  const begun = trace.find(
    ({ kind, details }) => kind === 'compensation' && details['effects'] !== undefined,
  );
  const undone: string[] = [];
  // What each list undid by itself is one order; what the run undid at last is another.
  const orders = new Map<string, number[]>();
  for (const { kind, step, details, sequence } of trace) {
    if (
      kind !== 'compensation' ||
      !step?.startsWith('compensate:') ||
      (details['alreadyGone'] ?? details['left']) === true
    )
      continue;
    const place = step.slice('compensate:'.length);
    undone.push(place);
    const by = begun !== undefined && sequence > begun.sequence ? 'run' : place.slice(0, place.indexOf('['));
    // A child that had not succeeded has no place in the order.
    const position = confirmed.lastIndexOf(place);
    const isRun = all.some(({ id, kind: what }) => what === 'run' && id === stepOf(place));
    if (!isRun || position >= 0) orders.set(by, [...(orders.get(by) ?? []), position]);
  }
  for (const [by, order] of orders)
    if (order.some((position, index) => index > 0 && position > order[index - 1]!))
      violations.push(`${run.key}: undone by ${by} in the order ${undone.join(', ')}`);
  for (const { kind, step, sequence } of trace)
    if (begun !== undefined && sequence > begun.sequence && (kind === 'intent' || kind === 'outcome'))
      if (!step!.startsWith('compensate:')) violations.push(`${run.key}: ${step} goes on while it is undone`);
  if (new Set(undone).size !== undone.length)
    violations.push(`${run.key}: undone twice: ${undone.join(', ')}`);
  return violations;
}

/** Items that a list has given up, while its run went on: an owner was told to complete them. */
function givenUpItems(bench: Bench, runId: string): readonly string[] {
  return bench.runtime
    .forwardFixes()
    .flatMap((fix) =>
      fix.runId === runId && fix.task.startsWith('complete ') && fix.stepId.endsWith(']') ? [fix.stepId] : [],
    );
}

/** The id of the step that was carried out at a place. */
function stepOf(place: string): string {
  return place.slice(place.lastIndexOf('.') + 1);
}

/**
 * A list with two items of one key, or a bad one that holds it, had no effect at all. In a run that succeeded, each of
 * the others was carried out to its end, in every list and branch that every run goes through.
 */
function judgeLists(bench: Bench, world: World, run: RunSummary, plan: Plan): string[] {
  const violations: string[] = [];
  const records = bench.runtime.run(run.runId)!.steps;
  const given = givenUpItems(bench, run.runId);
  const lines = world.lines.get(run.key) ?? [];
  visit(plan.steps, '');
  return violations;

  function visit(steps: readonly PlanStep[], place: string): void {
    for (const each of steps) {
      const here = place + each.id;
      if (each.kind === 'parallel') for (const branch of each.branches) visit(branch.steps, place);
      if (each.kind === 'forEach') list(each, here);
      if (each.kind !== 'call' || run.state !== 'succeeded') continue;
      if (given.some((item) => here.startsWith(`${item}.`))) continue;
      const isDone = records.some(({ id, state }) => id === here && state === 'succeeded');
      if (!isDone) violations.push(`${run.key} succeeded without ${here}`);
    }
  }

  function list(each: Extract<PlanStep, { kind: 'forEach' }>, here: string): void {
    const isDoubled = new Set(lines.map(({ sku }) => sku)).size < lines.length;
    const bad = each.check === undefined ? [] : lines.filter(({ quantity }) => quantity <= 0);
    const isHeld = isDoubled || (bad.length > 0 && each.check?.otherwise === 'quarantine');
    const touched = records.filter(({ id }) => id.startsWith(`${here}[`));
    if (isHeld && touched.length > 0)
      violations.push(`${run.key}: ${here} was held, and half of it was done`);
    const isGivenUp = given.some((item) => here.startsWith(`${item}.`));
    if (isHeld && run.state === 'succeeded' && !isGivenUp)
      violations.push(`${run.key} succeeded past a held list ${here}`);
    for (const { sku } of bad)
      if (touched.some(({ id }) => id.startsWith(`${here}[${sku}].`)))
        violations.push(`${run.key}: the bad item ${here}[${sku}] was carried out`);
    if (isHeld) return;
    for (const line of lines) if (!bad.includes(line)) visit(each.steps, `${here}[${line.sku}].`);
  }
}

/** Runs of one order key: each begins after all before it have ended (or failed, which frees the place). */
function judgeOrder(bench: Bench, runs: readonly RunSummary[]): string[] {
  const violations: string[] = [];
  if (bench.isOrdered !== true) return violations;
  const ordered = runs
    .filter(({ pipeline }) => pipeline === 'orders')
    .map(({ runId, key }) => {
      const trace = bench.runtime.trace({ runId });
      const first = trace.find(({ kind, details }) => kind === 'state' && details['from'] === 'accepted');
      const freed = trace.find(({ kind, details }) => kind === 'state' && FREEING.has(String(details['to'])));
      return { key, acceptedAt: trace[0]!.sequence, first: first?.sequence, freed: freed?.sequence };
    })
    .toSorted((a, b) => a.acceptedAt - b.acceptedAt);
  for (const [index, later] of ordered.entries())
    for (const earlier of ordered.slice(0, index))
      if (accountOf(earlier.key) === accountOf(later.key) && later.first !== undefined)
        if (earlier.freed === undefined || earlier.freed > later.first)
          violations.push(`${later.key} began before ${earlier.key} had ended`);
  return violations;
}

/** No event of an account was taken after a newer one. */
function judgeVersions(bench: Bench, world: World, runs: readonly RunSummary[]): string[] {
  const newest = new Map<string, number>();
  return runs
    .filter(({ pipeline }) => pipeline === 'orders')
    .map(({ runId, key }) => ({ key, acceptedAt: bench.runtime.trace({ runId })[0]!.sequence }))
    .toSorted((a, b) => a.acceptedAt - b.acceptedAt)
    .flatMap(({ key }) => {
      const version = world.versions.get(key)!;
      const before = newest.get(accountOf(key)) ?? version;
      newest.set(accountOf(key), Math.max(before, version));
      return version < before ? [`${key} of version ${version} was taken after version ${before}`] : [];
    });
}

const FREEING: ReadonlySet<string> = new Set(['succeeded', 'compensated', 'cancelled', 'failed']);

function accountOf(id: string): string {
  return `A${Number(id.slice(1)) % 2}`;
}

/** No wait expired though its event had come in time; and none was noticed late, but by a process that had just come up. */
function judgeWaits(bench: Bench, world: World, runs: readonly RunSummary[]): string[] {
  return runs.flatMap(({ runId, key, pipeline }) => {
    const paidAtMs = world.paidAtMs.get(key);
    if (pipeline !== 'orders' || paidAtMs === undefined) return [];
    const trace = bench.runtime.trace({ runId });
    // A flag kept the first order out, and the payment was there before the order that began the run.
    if (paidAtMs < trace[0]!.at) return [];
    const expired = trace.find(({ kind, details }) => kind === 'signal' && details['expired'] === true);
    if (expired !== undefined && paidAtMs < expired.at)
      return [`${key} waited in vain for a payment that came`];
    const noticed = trace.find(({ kind, details }) => kind === 'signal' && details['event'] === 'shop.paid');
    const began = trace.find(({ step, kind }) => kind === 'waiting' && step === noticed?.step);
    // Expired before, and resumed after: it came in between, and there is no moment to measure from.
    const isFirstWait = began !== undefined && expired === undefined;
    // A pause may have held it too.
    const isHeld = bench.entries.some((entry) => entry.kind === 'switch');
    if (noticed === undefined || !isFirstWait || isHeld || world.ups.includes(noticed.at)) return [];
    const lateMs = noticed.at - Math.max(paidAtMs, began.at);
    return lateMs > 0 ? [`${key} noticed its payment ${lateMs} ms late`] : [];
  });
}

/** Every write of an account, ours and theirs, left its member there; and no step wrote one twice. */
function judgeAccounts({ target }: Bench): string[] {
  const violations: string[] = [];
  for (const [id, { version, undone, members }] of target.accounts)
    if (members.length !== version - 1 - 2 * undone)
      violations.push(
        `account ${id} was written ${version - 1} times, ${undone} of them undoing, and ${members.length} are left`,
      );
  for (const [place, times] of target.amended)
    if (times > 1) violations.push(`${place} wrote its account ${times} times`);
  return violations;
}

/** A retry is made when it is due: unless the process died or a switch held it, nothing takes time here but waiting. */
function judgeRetries(bench: Bench, world: World, runs: readonly RunSummary[]): string[] {
  if (world.crashes > 0 || bench.entries.some(({ kind }) => kind === 'switch')) return [];
  return runs.flatMap(({ runId, key }) => {
    const trace = bench.runtime.trace({ runId });
    // A person's word may have come in between, hours later.
    if (trace.some(({ kind }) => kind === 'operator')) return [];
    return trace.flatMap(({ kind, step, attempt, details, sequence }) => {
      const next = trace.find(
        (entry) =>
          entry.sequence > sequence &&
          entry.step === step &&
          entry.attempt === (attempt ?? 0) + 1 &&
          MAKING.has(entry.kind),
      );
      const dueAtMs = Number(details['nextAtMs']);
      // Something is read again before it, which may take tries of its own.
      if (details['readAgain'] !== undefined) return [];
      if (kind !== 'retry' || next === undefined || next.at <= dueAtMs) return [];
      return [`${key} ${step} was tried again ${next.at - dueAtMs} ms late`];
    });
  });
}

const MAKING: ReadonlySet<string> = new Set(['intent', 'attempt', 'outcome', 'probe']);

/** The ledger: in order, complete, legal moves only, and all that was announced is there. */
function judgeEntries(announced: readonly LedgerEntry[], stored: readonly LedgerEntry[]): string[] {
  const violations: string[] = [];
  const bySequence = new Map(stored.map((entry) => [entry.sequence, entry]));
  if (bySequence.size !== stored.length) violations.push('a sequence number was given twice');
  for (const entry of announced) {
    const kept = bySequence.get(entry.sequence);
    if (kept === undefined || kept.kind !== entry.kind || kept.runId !== entry.runId)
      violations.push(`entry ${entry.sequence} (${entry.kind}) was announced and is gone`);
  }
  for (const { details, kind, sequence } of stored) {
    const { from, to } = details as { from?: Json; to?: Json };
    if (kind === 'state' && typeof from === 'string' && typeof to === 'string')
      if (!mayMove(from as RunSummary['state'], to as RunSummary['state']))
        // Ledger texts of states; `mayMove` looks them up.
        violations.push(`entry ${sequence}: ${from} → ${to}`);
  }
  return violations;
}

/** Every entry is as it was written, and every row is signed once the process has stopped. */
async function judgeLedger(bench: Bench): Promise<string[]> {
  await bench.runtime.stop();
  const ledger = openLedger(bench.file);
  const lines = readFileSync(`${bench.file}.checkpoints`, 'utf8').split('\n');
  const report = ledger.verify({ checkpoints: [{ name: 'checkpoints', lines }], keys: [testKey.publicKey] });
  const ofRuns = ledger.runs({ limit: 1_000 }).flatMap(({ runId }) => ledger.trace({ runId })).length;
  // Entries of no run (a switch) stand in rows of run 0: the third number of a leaf counts them.
  const ofNone = [...ledger.exporting().rows()].map(({ leaf }) => leaf.split(/\s/, 3).map(Number));
  const counted = ofRuns + ofNone.reduce((sum, [, run, count]) => sum + (run === 0 ? count! : 0), 0);
  ledger.close();
  return [
    ...report.findings.map(({ code, message }) => `${code}: ${message}`),
    ...bench.problems,
    ...(report.covered === report.rows ? [] : [`${report.rows - report.covered} rows are not signed`]),
    ...(counted === report.entries ? [] : [`the tree holds ${report.entries} entries, the runs ${counted}`]),
  ];
}

function flatten(steps: readonly PlanStep[]): PlanStep[] {
  return steps.flatMap((each) => {
    if (each.kind === 'choose' || each.kind === 'parallel')
      return [each, ...each.branches.flatMap((branch) => flatten(branch.steps))];
    return each.kind === 'forEach' ? [each, ...flatten(each.steps)] : [each];
  });
}
