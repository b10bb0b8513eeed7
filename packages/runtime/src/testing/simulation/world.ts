import type { CallRequest } from '@tenon/connector';
import { type Random, seededRandom } from '@tenon/model';
import type { LedgerEntry } from '../../runtime.ts';
import { type Bench, refused, tooMany } from '../bench.ts';
import { ACCOUNT_NAMES } from './accounts.ts';
import type { Coverage } from './coverage.ts';
import type { Deployer } from './deployer.ts';
import {
  BUSYNESS,
  behindGuards,
  FAULTS,
  LONG_LINES,
  LOST_ANSWERS,
  OLD,
  OPEN,
  PROBED,
  REFUSALS,
  SLOWNESS,
  STALLS,
} from './faults.ts';
import type { Witness } from './history.ts';
import { Life } from './life.ts';
import { Meanwhile } from './meanwhile.ts';
import { Operator } from './operator.ts';
import { ACCOUNTS, ENOUGH, pick, type Theme } from './plans.ts';
import { Sender } from './sender.ts';
import type { SwitchHand } from './switch-hand.ts';
import { Weather } from './weather.ts';
import { settledSince, type Wire } from './wire.ts';

const ROUNDS_MAX = 400;
/** At the end; the lane of replays looks ten times a second while something is in it. */
const LAST_ROUNDS_MAX = 6_000;
/** As many looks of that lane are longer than anything that comes by itself. */
const QUIET_ROUNDS_MAX = 700;
/** Longer than any wait, backoff or deadline of the plans. */
const SOON_MS = 700_000;
/** What goes wrong there, where it is not anything. */
const USUAL_FAULTS: Readonly<Partial<Record<Theme, typeof FAULTS>>> = {
  resumed: REFUSALS,
  setBack: LOST_ANSWERS,
  lines: LONG_LINES,
  deadlines: BUSYNESS,
};
/** Where nothing else goes wrong. */
const ALONE: ReadonlySet<Theme> = new Set(['setBack', 'lines']);
/** Where a crash would hide what is looked at. */
const FEW_CRASHES: ReadonlySet<Theme> = new Set(['waits', 'crowd', 'deadlines', 'lines']);
/** Orders at least, where what is looked at closely takes several. */
const LEAST_EVENTS: Readonly<Partial<Record<Theme, number>>> = { crowd: 8, writes: 4, setBack: 8, lines: 4 };
/** How much more often a call goes wrong there. */
const MORE_FAULTS: Readonly<Partial<Record<Theme, number>>> = {
  crowd: 0.2,
  resumed: 0.2,
  setBack: 0.3,
  lines: 0.4,
  deadlines: 0.5,
};
/** How much more often where a breaker is to open and its probes are to take their time. */
const PROBED_RATE = 0.3;
/** Orders come at one moment, as many as can. */
const TOGETHER: ReadonlySet<Theme> = new Set(['crowd', 'lines']);
/** How often somebody else writes an account just before a run does. */
const OTHERS_RATE = 0.2;
/** Things of others, at most, that stand before ours in a listing whose pages are counted. */
const STRANGERS_MAX = 12;
/** How often some of them are removed between two pages, how many, and how often one more has come. */
const REMOVED_RATE = 0.6;
const REMOVED_MAX = 4;
const CAME_RATE = 0.1;
/** How often a check finds too little in what was read, until somebody puts it right. */
const TOO_LITTLE_RATE = 0.5;
/** How often a target that honours no keys refuses what it has done already. */
const REFUSED_REPEAT_RATE = 0.3;
/** How often a process dies at the worst moment that there is. */
const WORST_CRASH_RATE = 0.5;
/** How long a breaker is open: longer than all attempts of a call. */
const OPEN_MS_MAX = 60_000;
/** How often everything comes once more, and how much later: less than keys are kept for. */
const LATER_RATE = 0.2;
const LATER_MS = 12 * 3_600_000;
/** Until what was due meanwhile is done. */
const LATER_ROUNDS = 20;
/** How often the process dies as the clock is set. */
const CRASH_AT_SET_RATE = 0.2;
/** How often, in a round, something is settled over one of two accounts. */
const SETTLED_RATE = 0.4;

/** Everything outside the runtime: what fails, who decides, when the process dies. */
export class World {
  readonly #violations: string[] = [];
  readonly life: Life;
  readonly #bench: Bench;
  readonly #random: Random;
  readonly #hand: SwitchHand;
  readonly #theme: Theme;
  /** Batches take time. */
  readonly #isSlow: boolean;
  readonly #sender: Sender;
  readonly #operator: Operator;
  readonly #weather: Weather;
  readonly #coverage: Coverage;
  readonly #deployer: Deployer;
  /** Orders that were sent. */
  #sent = 0;
  /** Things of others that there were. */
  #strangers = 0;
  /** Answers that were as they are to be. */
  #reads = 0;
  /** The connection takes nothing until then. */
  #openUntilMs = 0;
  readonly #hasStalls: boolean;
  readonly #isGuarded: boolean;
  readonly #isProbing: boolean;
  /** The process that made the last call; it may have died in it, and hears no answer. */
  #caller = 0;
  readonly #waiting = new Map<string, { readonly untilMs: number; readonly ups: number }>();
  /** Calls that stand in the transport's own line, and how many entries there were as they joined it. */
  readonly #inLine = new WeakMap<CallRequest, number>();
  /** Orders by run, as far as their acceptance was heard of. */
  readonly #orders = new Map<string, string>();
  /** Runs that somebody has let go on. */
  readonly #resumed = new Set<string>();
  /** Payments that come while something else goes on. */
  #paying: Promise<void>[] = [];
  /** Where there are two accounts beside the orders: what comes of them is drawn from it. */
  readonly #accounts: Random | undefined;

  constructor(
    bench: Bench,
    random: Random,
    {
      hand,
      theme,
      coverage,
      deployerOf,
      meanwhile,
      wire,
      accounts,
    }: {
      readonly hand: SwitchHand;
      readonly theme: Theme;
      readonly coverage: Coverage;
      deployerOf(life: Life): Deployer;
      /** Where batches take time: what comes meanwhile is drawn from it. */
      readonly meanwhile: Random | undefined;
      /** Where guards stand between. */
      readonly wire: Wire | undefined;
      /** Where there are two accounts beside the orders. */
      readonly accounts: Random | undefined;
    },
  ) {
    this.#bench = bench;
    this.#random = random;
    this.#hand = hand;
    this.#theme = theme;
    this.#accounts = accounts;
    this.#isSlow = meanwhile !== undefined;
    this.#coverage = coverage;
    this.life = new Life(bench, random, coverage);
    this.#deployer = deployerOf(this.life);
    this.#sender = new Sender(bench, random, this.life, coverage);
    this.#sender.inForce = () => this.#deployer.inForce;
    this.#operator = new Operator(bench, random, this.life, coverage);
    this.#weather = new Weather(bench, random, coverage, theme);
    const stallRate = wire === undefined ? 0.25 : 0.6;
    this.#hasStalls = theme === 'crowd' || (random.next() < stallRate && theme !== 'deadlines');
    this.#isGuarded = wire !== undefined;
    const usual = USUAL_FAULTS[theme] ?? FAULTS;
    const own =
      theme === 'crowd' ? SLOWNESS : this.#hasStalls && !ALONE.has(theme) ? [...usual, ...STALLS] : usual;
    this.#isProbing = wire?.guarding.isProbing === true;
    const faults = this.#isProbing ? PROBED : this.#isGuarded ? behindGuards(own) : own;
    this.life.onEnd = (how) => wire?.[how]();
    hand.life = () => ({ number: this.life.crashes, over: this.life.over, up: this.life.next });
    const more = this.#isProbing ? PROBED_RATE : (MORE_FAULTS[theme] ?? 0);
    const faultRate = random.next() * 0.4 + more;
    const crashRate = random.next() * (FEW_CRASHES.has(theme) ? 0.01 : 0.08);
    const diskRate = random.next() < 0.3 ? 0.02 : 0;
    const others = seededRandom(Math.floor(random.next() * 2 ** 32));
    const { strangers } = bench.target;
    for (let count = Math.floor(others.next() * (STRANGERS_MAX + 1)); count > 0; count--) this.#came();
    bench.target.decide = (request) => {
      this.#leftAlone(request);
      if (this.#isRepeated(request) && others.next() < REFUSED_REPEAT_RATE) {
        coverage.saw('repeat refused (422)');
        return { fail: refused };
      }
      const fault = this.#isOpen() ? OPEN : random.next() < faultRate ? pick(random, faults) : undefined;
      if (fault !== undefined) coverage.saw(fault.is);
      if (fault === OPEN && !this.#isOpen()) this.#stayOpen(others);
      if (fault?.is === 'asked to wait (429)') this.#askedToWait(request);
      if (fault !== undefined && 'queuedMs' in fault.does) this.#inLine.set(request, bench.entries.length);
      const isGet = request.operation.operation === 'get';
      const isOld = isGet && others.next() < (theme === 'rechecked' ? TOO_LITTLE_RATE : OTHERS_RATE);
      if (fault !== undefined) return fault.does;
      if (isOld) {
        coverage.saw('answer of a stale replica');
        return { result: OLD };
      }
      // Another each time, so that what is written tells which was gone by.
      return isGet && theme === 'rechecked'
        ? { result: { id: 'r1', amount: ENOUGH + ++this.#reads } }
        : undefined;
    };
    bench.target.onCall = (when, request) => {
      this.life.move();
      if (when === 'before' && request.operation.operation === 'setAccount' && others.next() < OTHERS_RATE)
        this.#touch(pick(others, ACCOUNTS));
      if (
        when === 'before' &&
        request.operation.operation === 'browse' &&
        Number(request.input['page']) > 1
      ) {
        if (strangers.length > 0 && others.next() < REMOVED_RATE) {
          coverage.saw('listing that moves under its reader');
          strangers.splice(0, 1 + Math.floor(others.next() * REMOVED_MAX));
        }
        if (others.next() < CAME_RATE) this.#came();
      }
      if (when === 'before') hand.onCall(request);
      if (when === 'after') this.#judgeLine(request);
      this.#caller = this.life.ups.length;
      const closed = when === 'before' ? this.#weather.violationOf(request.operation.operation) : undefined;
      if (closed !== undefined) this.#violations.push(closed);
      const isWorst = when === 'after' && this.#isWorstMoment(request);
      this.life.maybeCrash(isWorst ? WORST_CRASH_RATE : crashRate, 'crash at a call');
    };
    this.life.onUp = () => hand.onUp();
    bench.onCommit = () => {
      this.life.stored();
      this.life.maybeCrash(crashRate / 3, 'crash between a commit and its announcement');
    };
    bench.onEntry = (entry) => {
      this.life.move();
      if (entry.details['action'] === 'resume') this.#resumed.add(entry.runId);
      if (entry.kind === 'accepted') this.#orders.set(entry.runId, this.#orderOf(entry));
      // The worst moments for its event: the run is coming to its wait, or the wait is written, and it has not gone to sleep. Where
      // batches take time, those before are elsewhere: see `Meanwhile`.
      const order = this.#orders.get(entry.runId);
      const rate = entry.kind === 'waiting' ? 0.5 : entry.kind === 'state' && !this.#isSlow ? 0.2 : 0;
      if (theme === 'waits' && order !== undefined && random.next() < rate)
        this.#paying.push(this.#sender.pay(order));
      if (accounts !== undefined && entry.details['for'] === 'shop.settled')
        this.#settleWaiting(accounts, order);
      if (diskRate > 0 && random.next() < diskRate) this.life.failDisk();
      this.life.maybeCrash(crashRate / 3, 'crash at an entry');
      hand.onEntry();
    };
    if (meanwhile !== undefined) this.#doMeanwhile(meanwhile, crashRate / 6);
  }

  /** It was done already, and nothing tells the target that this is the same. */
  #isRepeated({ isRetry, idempotencyKey = '', operation }: CallRequest): boolean {
    return (
      isRetry === true &&
      operation.idempotency.mode === 'natural' &&
      this.#bench.target.effects.has(idempotencyKey)
    );
  }

  #doMeanwhile(random: Random, crashRate: number): void {
    const begun = (work: Promise<unknown>): void => {
      const done = work.then(() => {});
      // Heard when all is to come to rest.
      done.catch(() => {});
      this.#paying.push(done);
    };
    const any = (): string => `o${Math.floor(random.next() * this.#sent)}`;
    const doings = {
      pay: (runId = '') => this.#sender.pay(this.#orders.get(runId) ?? this.#unpaid(random)),
      order: () =>
        this.#sender.order(any(), random.next() < 0.3 ? Math.floor(random.next() * ROUNDS_MAX) : undefined),
      say: () => this.#operator.actMeanwhile(),
      cancel: () => this.#operator.cancelAtWork(),
      switch: () => this.#hand.switchNow(),
      maybeCrash: () => this.life.maybeCrash(crashRate),
    };
    const meanwhile = new Meanwhile(this.#bench, random, this.life, {
      doings,
      isAboutWaits: this.#theme === 'waits',
      begun,
    });
    this.#bench.onUnderWay = () => {
      if (this.#sent > 0) meanwhile.turn();
    };
  }

  /** By the delivery, or by the key where an encrypted file does not say it. */
  #orderOf({ runId, details }: LedgerEntry): string {
    const delivery = String(details['deliveryId']);
    if (!delivery.startsWith('#')) return delivery.split('-')[1]!;
    // What an account booked has the account's name before it.
    return this.#bench.runtime.run(runId)!.key.split(':').at(-1)!;
  }

  get witness(): Witness {
    const { acknowledged, paidAtMs, paidEarly, lines, versions, bookings } = this.#sender;
    const { crashes, ups } = this.life;
    const isTimeUneven = this.#hasStalls || this.#isGuarded || this.#weather.hasWindows || this.isClockSet;
    return { acknowledged, paidAtMs, paidEarly, lines, versions, bookings, crashes, ups, isTimeUneven };
  }

  get isClockSet(): boolean {
    return this.#weather.jumps > 0;
  }

  /** What broke a promise while it happened. */
  get violations(): readonly string[] {
    return [
      ...this.#violations,
      ...this.life.violations,
      ...this.#sender.violations,
      ...this.#operator.violations,
    ];
  }

  /** Deliveries that a flag kept from starting a run, as they were answered. */
  get flaggedOff(): ReadonlySet<string> {
    return this.#sender.flaggedOff;
  }

  async live(): Promise<void> {
    const random = this.#random;
    const least = LEAST_EVENTS[this.#theme] ?? 1;
    const events = Math.max(least, 1 + Math.floor(random.next() ** 2 * 8));
    // Sometimes those of one account come at one moment.
    const togetherRate = this.#theme === 'writes' || this.#isProbing ? 0.7 : 0.3;
    const together = TOGETHER.has(this.#theme) || random.next() < togetherRate ? 4 : 1;
    // Sometimes others come when these are on their way, or have ended.
    const isSpread = this.#theme !== 'crowd' && random.next() < 0.4;
    this.#sent = isSpread ? 1 + Math.floor(random.next() * events) : events;
    const any = (): string => `o${Math.floor(random.next() * this.#sent)}`;
    for (let first = 0; first < this.#sent; first += together) {
      const ids = Array.from(
        { length: Math.min(together, this.#sent - first) },
        (_, index) => `o${first + index}`,
      );
      await Promise.all(ids.map((id) => this.#sender.order(id)));
      await this.#book(ids);
      // Sometimes the payment comes while the run is on its way.
      if (this.#theme !== 'waits' && random.next() < 0.4) this.#paying.push(this.#sender.pay(`o${first}`));
    }
    for (let round = 0; round < ROUNDS_MAX; round++) {
      await this.#settled();
      await this.#hand.rest();
      await this.#settled();
      if (random.next() < 0.1) await this.#operator.act(true);
      if (random.next() < (this.#theme !== 'waits' ? 0.15 : this.#isSlow ? 0.3 : 0.6)) {
        this.#coverage.saw('late payment');
        await this.#sender.pay(this.#theme === 'waits' ? this.#unpaid(random) : any());
      }
      if (random.next() < 0.05) await this.#sender.order(any(), random.next() < 0.3 ? undefined : round);
      if (this.#sent < events && random.next() < 0.4) await this.#sender.order(`o${this.#sent++}`);
      if (random.next() < 0.04) await this.#deployer.deploy();
      await this.#deployer.act();
      if (this.#deployer.wantsOrder()) await this.#sender.order(`o${this.#sent++}`);
      if (random.next() < 0.04) await this.#erase(any());
      if (this.#weather.blow()) this.life.maybeCrash(CRASH_AT_SET_RATE, 'crash when the clock was set');
      if (random.next() < (this.#theme === 'waits' ? 0.3 : 0.03)) {
        await this.life.restart();
        await this.#settled();
        // To a process that knows of the wait from the file alone.
        if (this.#theme === 'waits') await this.#sender.pay(any());
      }
      await this.#settleSome();
      await this.#settled();
      if (!this.#passTime() && !(await this.#operator.act(false)) && this.#sent >= events) break;
    }
    await this.#comeToAnEnd();
    // Keys are kept by the wall clock: set forward, it may be past what they are kept for.
    if (!this.isClockSet && this.#random.next() < LATER_RATE) await this.#muchLater();
  }

  /** Both accounts book under the same ids, at one moment; sometimes one of them says so twice. */
  async #book(ids: readonly string[]): Promise<void> {
    const random = this.#accounts;
    if (random === undefined) return;
    const bookings = ids.flatMap((id) => ACCOUNT_NAMES.map((account) => [id, account] as const));
    this.#coverage.saw('events of two accounts with one id');
    await Promise.all(bookings.map(([id, account]) => this.#sender.book(id, account)));
    for (const [id, account] of bookings) if (random.next() < 0.2) await this.#sender.book(id, account);
  }

  async #settleSome(): Promise<void> {
    const random = this.#accounts;
    if (random === undefined || random.next() >= SETTLED_RATE) return;
    const id = `o${Math.floor(random.next() * this.#sent)}`;
    await this.#sender.settle(id, pick(random, ACCOUNT_NAMES));
  }

  /** What a run waits for comes over either account, by whichever is first. */
  #settleWaiting(random: Random, id: string | undefined): void {
    if (id === undefined || random.next() >= SETTLED_RATE) return;
    this.#coverage.saw('event of the other account while one waits');
    this.#paying.push(this.#sender.settle(id, pick(random, ACCOUNT_NAMES)));
  }

  /** A broker that was away for long hands over all that it had not heard an acknowledgement of. */
  async #muchLater(): Promise<void> {
    const { clock, target } = this.#bench;
    clock.jump(LATER_MS);
    for (let round = 0; round < LATER_ROUNDS; round++) {
      await this.#settled();
      if (!this.#passTime()) break;
    }
    const known = Array.from({ length: this.#sent }, (_, index) => `o${index}`).filter(
      (id) => this.#bench.runtime.runs({ pipeline: 'orders', key: id }).length > 0,
    );
    const before = { calls: target.calls.length, runs: this.#bench.runtime.runs({ limit: 1_000 }).length };
    for (const id of known) {
      this.#coverage.saw('redelivered when the run had ended long before');
      await this.#sender.order(id);
      await this.#sender.order(id, LAST_ROUNDS_MAX);
      await this.#settled();
    }
    const after = { calls: target.calls.length, runs: this.#bench.runtime.runs({ limit: 1_000 }).length };
    if (after.calls > before.calls || after.runs > before.runs)
      this.#violations.push('what was handed over once more, long after its run had ended, did something');
  }

  #erase(id: string): Promise<void> {
    return this.#operator.erase(id, () => this.#sender.sendingsOf(id));
  }

  /** From here on everything works: what can end must end. */
  async #comeToAnEnd(): Promise<void> {
    const { target } = this.#bench;
    delete target.decide;
    target.onCall = () => this.life.move();
    this.#bench.onEntry = () => this.life.move();
    this.#bench.onCommit = () => this.life.stored();
    delete this.#bench.onUnderWay;
    while (this.life.crashing !== undefined) await this.life.crashing;
    this.#bench.healDisk();
    await this.#settled();
    this.#weather.clear();
    await this.#hand.liftAll();
    await this.#deployer.liftAll();
    this.#operator.isPrompt = true;
    let told = 0;
    for (let round = 0, quiet = 0; round < LAST_ROUNDS_MAX; round++, quiet++) {
      await this.#settled();
      if (told !== this.#bench.entries.length) quiet = 0;
      told = this.#bench.entries.length;
      // Only the lane of replays still looks, and for what nobody will do.
      if (quiet > QUIET_ROUNDS_MAX && this.#hand.waitsForPerson()) return;
      // A dispatcher that looks once a minute for what is due tomorrow must not keep people from their work.
      if (round % 20 === 19) {
        await this.#operator.act(false);
        await this.#settled();
      }
      if (!this.#passTime() && !(await this.#operator.act(false))) return;
    }
  }

  /** Of the orders that were sent, one that is not paid, if there is one. */
  #unpaid(random: Random): string {
    const ids = Array.from({ length: this.#sent }, (_, index) => `o${index}`);
    const unpaid = ids.filter((id) => !this.#sender.paidAtMs.has(id));
    return pick(random, unpaid.length > 0 ? unpaid : ids);
  }

  /** A breaker that has opened stays so for a while, more often than for one call alone. */
  #stayOpen(random: Random): void {
    if (random.next() < 0.7) this.#openUntilMs = this.#bench.clock.steady() + random.next() * OPEN_MS_MAX;
  }

  #isOpen(): boolean {
    return this.#bench.clock.steady() < this.#openUntilMs;
  }

  /** It has happened and is not on record, its key is forgotten soon, and the list that it is of is gone through once more. */
  #isWorstMoment({ operation, origin }: CallRequest): boolean {
    return operation.operation === 'shortKey' && this.#resumed.has(origin?.runId ?? '');
  }

  /** One more thing of others, before all that there are. */
  #came(): void {
    this.#bench.target.strangers.unshift({ key: `theirs-${this.#strangers++}`, thing: null });
  }

  #touch(account: string): void {
    this.#coverage.saw('write by somebody else');
    this.#bench.target.touch(account, 'theirs');
  }

  async #settled(): Promise<void> {
    do await this.life.settled(() => this.#paying.splice(0));
    while (this.#paying.length > 0);
  }

  /** Goes on to the next thing that happens by itself; `false` when there is none soon (housekeeping is not soon). */
  #passTime(): boolean {
    const { clock } = this.#bench;
    const nextMs = (clock.next ?? Number.POSITIVE_INFINITY) - clock.now();
    const restMs = Math.min(nextMs, this.#operator.awayMs);
    if (restMs > SOON_MS) return false;
    clock.advance(Math.max(0, restMs));
    return true;
  }

  /** It has left its line and done what it was to do; what became of it may not have been settled by then. */
  #judgeLine(request: CallRequest): void {
    const entries = this.#inLine.get(request);
    const settled = entries === undefined ? undefined : settledSince(this.#bench, request, entries);
    if (settled !== undefined) this.#violations.push(settled);
  }

  #askedToWait(request: CallRequest): void {
    const untilMs = this.#bench.clock.now() + tooMany.retryAfterMs!;
    // Items of a list read alike: only effects are told apart.
    if (request.idempotencyKey !== undefined)
      this.#waiting.set(request.idempotencyKey, { untilMs, ups: this.#caller });
  }

  /**
   * Asked to be left alone, it is, unless the process died and did not hear of it, or a person said: again. From then on what was
   * asked for before counts no more, for no attempt of that round.
   */
  #leftAlone(request: CallRequest): void {
    const asked = this.#waiting.get(request.idempotencyKey ?? '');
    if (request.isRetry !== true) this.#waiting.delete(request.idempotencyKey ?? '');
    if (asked === undefined || request.isRetry !== true || asked.ups !== this.life.ups.length) return;
    if (this.#bench.clock.now() < asked.untilMs)
      this.#violations.push(`${request.operation.operation} was called before the time it had asked for`);
  }
}
