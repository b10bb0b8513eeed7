import { DatabaseSync } from 'node:sqlite';
import type { CallRequest } from '@tenon/connector';
import type { Random } from '@tenon/model';
import { type HoldingSetting, type Switch, switchId, tagOf } from '../../switches.ts';
import type { Bench } from '../bench.ts';
import { ACCOUNT_NAMES } from './accounts.ts';
import type { Coverage } from './coverage.ts';

/**
 * The operator who switches in a simulation, and what must hold while something is switched. Knows the switches by what
 * was asked, and judges by the calls that the target sees; reads nothing of the runtime's own board.
 */
export class SwitchHand {
  readonly violations: string[] = [];
  readonly #bench: Bench;
  readonly #random: Random;
  readonly #coverage: Coverage;
  readonly #rate: number;
  readonly #connections: readonly string[];
  /** Set, and not being lifted. */
  readonly #inForce = new Map<string, Switch>();
  /** Of settings that are not answered yet, what was called under them: where the disk refuses one, it was off again before that was heard. */
  readonly #unheard = new Map<string, string[]>();
  #pausedAtCall: number | undefined;
  #work: Promise<unknown> = Promise.resolve();
  #isResting = false;
  #isPausedAtFirstCall = false;
  sets = 0;
  /** Settings and liftings that are on their way. */
  #asked = 0;
  /** Tokens of replays whose beginning was acknowledged. */
  readonly #replays = new Set<string>();
  /** Counts the kills: what a dead process says late is not heard. */
  life: () => {
    readonly number: number;
    readonly over: Promise<void>;
    readonly up: Promise<void> | undefined;
  } = () => LIVING;

  constructor(bench: Bench, random: Random, coverage: Coverage, hasTwo: boolean) {
    this.#connections = hasTwo ? [...ACCOUNT_NAMES, 'acme'] : ['acme'];
    this.#bench = bench;
    this.#coverage = coverage;
    this.#random = random;
    this.#rate = random.next() < 0.5 ? 0 : 0.1 + random.next() * 0.5;
  }

  /** The target is called: may it be? */
  onCall(request: CallRequest): void {
    const name = request.operation.operation;
    const isUndoing = /^(compensate|guard):/.test(request.origin?.step ?? '');
    const pipeline = request.origin?.pipeline ?? 'orders';
    // The target has it on its list by now.
    const { connection } = this.#bench.target.calls.at(-1)!;
    for (const held of this.#inForce.values())
      if (held.kind === 'kill' && forbids(held, { name, pipeline, isUndoing, connection }))
        (this.#unheard.get(held.id) ?? this.violations).push(`${name} was called under ${held.id}`);
    if (this.#pausedAtCall !== undefined && pipeline === 'orders')
      this.violations.push(`${name} was called while the pipeline stood still`);
    if (this.#isPausedAtFirstCall) {
      this.#isPausedAtFirstCall = false;
      // At once: strands beside this call have not looked yet at what they had begun before the crash.
      const set = this.#set({ kind: 'pause', pipeline: 'orders', onlyKeys: [] });
      this.#work = Promise.all([this.#work, set]);
    }
    this.#now(this.#rate / 4);
  }

  /** Everything has come to rest: from here on a paused pipeline makes no call. */
  async rest(): Promise<void> {
    const pause = this.#inForce.get('pause/orders');
    this.#isResting = true;
    if (pause?.kind === 'pause' && pause.onlyKeys.length === 0)
      this.#pausedAtCall ??= this.#bench.target.calls.length;
    if (this.#random.next() < this.#rate) this.#work = this.#work.then(() => this.#switch());
    if (this.#random.next() < this.#rate / 2) this.#work = this.#work.then(() => this.#replay());
    await this.#work;
    this.#isResting = false;
  }

  /** At any moment, without waiting for it. */
  onEntry(): void {
    this.#now(this.#rate / 10);
  }

  /** A run that waits for its child to be undone waits for the person who mends that, and a replay of it with it. */
  waitsForPerson(): boolean {
    const runs = this.#bench.runtime.runs({ limit: 1_000 });
    return (
      runs.some(({ state }) => state === 'compensating') &&
      runs.some(({ state, step }) => state === 'failed' && step?.startsWith('compensate:') === true)
    );
  }

  /** At this moment, where the hand switches at all. */
  switchNow(): void {
    if (this.#rate > 0) this.#now(1);
  }

  /** A process has come up after a crash: sometimes what it took over is paused just as it goes on with it. */
  onUp(): void {
    if (this.#random.next() >= this.#rate / 2) return;
    this.#isPausedAtFirstCall = true;
  }

  /** All switches off: what was held must come to an end. */
  async liftAll(): Promise<void> {
    await this.#work;
    for (const { id } of this.#own()) await this.#lift(id);
  }

  /** Somebody else changes a switch meanwhile. */
  async beside<T>(change: Promise<T>): Promise<T> {
    this.#asked++;
    try {
      return await change;
    } finally {
      this.#asked--;
    }
  }

  /** What holds something: the others are the deployer's. */
  #own(): readonly Switch[] {
    return this.#bench.runtime.switches().filter(({ kind }) => kind !== 'rollback' && kind !== 'scale');
  }

  /** At the end: what a flag kept back is said, and each replay has come to an end. */
  judge(
    /** Deliveries that a flag kept from starting a run, as they were answered. */
    flaggedOff: ReadonlySet<string>,
  ): readonly string[] {
    const { runtime } = this.#bench;
    const said = new Set(
      runtime
        .trace({ system: true })
        .filter(({ kind }) => kind === 'flaggedOff')
        .map(({ details }) => details['deliveryId']),
    );
    // An encrypted file says them as digests.
    const hidden = [...said].filter((deliveryId) => String(deliveryId).startsWith('~')).length;
    const unsaid = [...flaggedOff].filter((deliveryId) => !said.has(deliveryId)).slice(hidden);
    const waitsForPerson = this.waitsForPerson();
    const unended = [...this.#replays].filter((token) => {
      if (waitsForPerson) return false;
      const { waiting = 0, sent = 0 } = runtime.replayStatus(token)?.runs ?? { waiting: 1 };
      return waiting + sent > 0;
    });
    return [
      ...this.violations,
      ...unsaid.map((deliveryId) => `${deliveryId} was kept back by a flag, and nothing says so`),
      ...unended.map((token) => `the replay ${token} did not come to an end`),
    ];
  }

  #now(rate: number): void {
    if (this.#isResting || this.#random.next() >= rate) return;
    this.#work = this.#work.then(() => this.#switch());
  }

  async #switch(): Promise<void> {
    while (this.life().up !== undefined) await this.life().up;
    const set = this.#own();
    if (set.length > 0 && this.#random.next() < 0.6)
      return this.#lift(set[Math.floor(this.#random.next() * set.length)]!.id);
    return this.#set(this.#request());
  }

  async #set(request: HoldingSetting): Promise<void> {
    while (this.life().up !== undefined) await this.life().up;
    const { runtime } = this.#bench;
    // Replaced: what the earlier one forbade may be allowed from now on.
    for (const [id, held] of this.#inForce) if (held.kind === request.kind) this.#inForce.delete(id);
    if (request.kind === 'pause') this.#pausedAtCall = undefined;
    this.#coverage.saw(HAPPENINGS[request.kind]);
    if (this.#bench.underWay.length > 0) this.#coverage.saw('switch while a batch is being written');
    this.sets++;
    const { number, over } = this.life();
    const setting = this.#judged(runtime.setSwitch(request, 'ana', 'a drill'));
    // In force at once; only that it outlives the process waits for the disk.
    const id = switchId(request);
    this.#inForce.set(id, { ...request, id, actor: 'ana', reason: 'a drill', sinceMs: 0, revision: '' });
    const called: string[] = [];
    this.#unheard.set(id, called);
    const made = await heard(setting, over);
    this.#unheard.delete(id);
    if (made === undefined || number !== this.life().number) this.#inForce.delete(id);
    else this.violations.push(...called);
  }

  async #lift(id: string): Promise<void> {
    const { runtime } = this.#bench;
    this.#inForce.delete(id);
    if (id === 'pause/orders') this.#pausedAtCall = undefined;
    await heard(this.#judged(runtime.liftSwitch(id, 'ana', 'the drill is over')), this.life().over);
  }

  /** Where the disk refuses a change, what is in force is what is on the disk, once nothing else is on its way. */
  async #judged<T>(change: Promise<T>): Promise<T> {
    const { number } = this.life();
    this.#asked++;
    try {
      return await change;
    } catch (error) {
      // A process that was killed shows nothing to anybody.
      if (number === this.life().number && this.life().up === undefined && this.#asked === 1) this.#compare();
      throw error;
    } finally {
      this.#asked--;
    }
  }

  #compare(): void {
    this.#coverage.saw('switch that the disk refused');
    const inForce = this.#bench.runtime.switches().map(tagOf).toSorted();
    const db = new DatabaseSync(this.#bench.file, { readOnly: true });
    const onDisk = db.prepare('SELECT tag FROM switches ORDER BY tag').all();
    db.close();
    const stored = onDisk.map(({ tag }) => String(tag)).toSorted();
    if (inForce.join() !== stored.join())
      this.violations.push(
        `the disk refused a switch, and [${inForce}] are in force where [${stored}] are on the disk`,
      );
  }

  /** All that failed is replayed, or all there is. */
  async #replay(): Promise<void> {
    while (this.life().up !== undefined) await this.life().up;
    const { runtime } = this.#bench;
    const { number, over } = this.life();
    const filter = this.#random.next() < 0.6 ? ({ state: 'failed' } as const) : { pipeline: 'orders' };
    const dry = await heard(runtime.planReplay(filter, 'ana', 'a drill'), over);
    if (!dry?.ok || number !== this.life().number) return;
    const { token } = dry.report;
    const done = await heard(runtime.applyReplay(token, 'ana', 'a drill'), over);
    if (!done?.ok || number !== this.life().number) return;
    this.#coverage.saw('replay');
    this.#replays.add(token);
  }

  /** A connection, or the connector that they are all of. */
  #place(): { readonly connection: string } | { readonly connector: string } {
    const connection = this.#connections[Math.floor(this.sets / 2) % this.#connections.length]!;
    return this.sets % 2 === 0 ? { connection } : { connector: 'acme' };
  }

  #request(): HoldingSetting {
    const sparesCompensation = this.#random.next() < 0.3;
    const keys = ['o1', 'A0'].filter(() => this.#random.next() < 0.3);
    const requests: readonly HoldingSetting[] = [
      { kind: 'kill', scope: { everything: true }, sparesCompensation },
      { kind: 'kill', scope: { pipeline: 'orders' }, sparesCompensation },
      // By turns, without a draw.
      { kind: 'kill', scope: this.#place(), sparesCompensation },
      { kind: 'pause', pipeline: 'orders', onlyKeys: keys },
      { kind: 'pause', pipeline: 'orders', onlyKeys: [] },
      {
        kind: 'flag',
        pipeline: 'orders',
        keys,
        events: [],
        share: this.#random.next(),
        expiresAtMs: this.#bench.clock.now() + 60_000,
      },
    ];
    return requests[Math.floor(this.#random.next() * requests.length)]!;
  }
}

const HAPPENINGS = { kill: 'kill switch', pause: 'pause', flag: 'feature flag' } as const;

const LIVING = { number: 0, over: new Promise<void>(() => {}), up: undefined };

/** What a process says before it is killed; `undefined` where it was killed, or its file was closed under it. */
function heard<T>(answer: Promise<T>, over: Promise<void>): Promise<T | undefined> {
  return Promise.race([answer, over.then(() => undefined)]).catch(() => undefined);
}

const PROBES: ReadonlySet<string> = new Set(['find', 'list', 'browse', 'getState']);

/** As the page on operating says; written anew here, so that a mistake in the runtime's own table shows. */
function forbids(
  { scope, sparesCompensation }: Extract<Switch, { kind: 'kill' }>,
  call: {
    readonly name: string;
    readonly pipeline: string;
    readonly isUndoing: boolean;
    readonly connection: string;
  },
): boolean {
  if (call.isUndoing && sparesCompensation) return false;
  if ('connection' in scope) return scope.connection === call.connection;
  if ('connector' in scope) return scope.connector === 'acme';
  if (PROBES.has(call.name)) return false;
  return 'everything' in scope || scope.pipeline === call.pipeline;
}
