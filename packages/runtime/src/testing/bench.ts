import { copyFileSync, cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CallRequest, type CallResult, calledOff, type Transport } from '@tenon/connector';
import {
  type Failure,
  type Json,
  type JsonObject,
  type ManualClock,
  manualClock,
  type SteadyClock,
  seededRandom,
} from '@tenon/model';
import type { Plan } from '@tenon/pipeline';
import type { BatchResult, Chore } from '../embedded/commit/apply-batch.ts';
import type { Committer } from '../embedded/commit/commit-queue.ts';
import { type InlineCommitter, inlineCommitter } from '../embedded/commit/inline-committer.ts';
import { type EncryptionOptions, keyFolder } from '../embedded/file/data-keys.ts';
import { openRuntimeWith } from '../embedded/open-runtime.ts';
import { type CheckpointKey, checkpointKey, newCheckpointKey } from '../ledger/checkpoint.ts';
import type { CheckpointOptions } from '../ledger/checkpoint-keeper.ts';
import type { LedgerEntry, RunState, Runtime, RuntimeLimits, RuntimeOptions } from '../runtime.ts';
import type { SecretAudit } from '../secret-audit.ts';
import { memoryFolder } from './empty-file.ts';
import { type Slowness, slowCommitter, type UnderWay } from './slow-committer.ts';
import { type FileState, fileStateOf, type TornWrite } from './torn-write.ts';

/** The other system: keeps effects by key, and does as the test says. */
export class FakeTarget {
  readonly calls: {
    operation: string;
    key: string | undefined;
    input: Json;
    request: CallRequest;
    atMs: number;
    /** Over which it came: where there is one target for several, each of these is an account of its own. */
    connection: string;
  }[] = [];
  /** Effects that happened, by key: more than one under a key is what must not be. */
  readonly effects = new Map<string, Json[]>();
  /** What happens to the nth call of an operation; default: it works. */
  script: Record<string, (Behaviour | undefined)[]> = {};
  /** Objects with a version, by id: what `getAccount` reads and `setAccount` writes, each write against the version it names. */
  readonly accounts = new Map<string, Account>();
  /** What `setChecked` has set, by id: what `getState` reads. */
  readonly states = new Map<string, Json>();
  /** Under which key each step had its last effect asked for, by run and place: a call that sends none is told its key all the same. */
  readonly keys = new Map<string, string>();
  /** Things of others, which stand before all of ours where `browse` lists them: in pages that are counted. */
  readonly strangers: Json[] = [];
  /** How often each step wrote an account, by run and place. */
  readonly amended = new Map<string, number>();
  /** Told when a call comes in, and when its effect has happened but not been answered. */
  onCall?: (when: 'before' | 'after', request: CallRequest) => void;
  /** What happens to a call that the script says nothing of. */
  decide?: (request: CallRequest) => Behaviour | undefined;
  readonly #clock: ManualClock | undefined;
  /** Calls that are not answered yet, and not of a process that is gone. */
  readonly hanging = new Set<object>();
  /** Told when a call is not answered at once. */
  onHang?: () => void;
  readonly #madeAtMs = new Map<string, number>();
  #count = 0;

  /** With a clock it forgets keys after the retention that the operation declares. */
  constructor(clock?: ManualClock) {
    this.#clock = clock;
  }

  /** `isGone`: whoever called has died meanwhile. */
  async call(
    request: CallRequest,
    isGone: () => boolean = () => false,
    connection = 'acme',
  ): Promise<CallResult> {
    const { operation, input, idempotencyKey: key } = request;
    // It arrives now, whatever the clock does while it is handled.
    const atMs = this.#clock?.steady() ?? 0;
    this.calls.push({ operation: operation.operation, key, input, request, atMs, connection });
    if (key !== undefined) this.keys.set(placeOf(request.origin?.runId, request.origin?.step), key);
    this.onCall?.('before', request);
    const honoured =
      operation.idempotency.mode === 'header' &&
      this.effects.has(key!) &&
      this.#honours(operation, key!, atMs);
    const decided = this.decide?.(request);
    // A target that honours keys does not refuse one that it has carried out.
    const isContradiction =
      honoured && decided !== undefined && 'fail' in decided && decided.fail === refused;
    const behaviour = this.script[operation.operation]?.shift() ?? (isContradiction ? undefined : decided);
    if (behaviour !== undefined && 'fail' in behaviour) {
      const { fail, refused: body } = behaviour;
      const code = body !== undefined ? fail.class : fail === refused ? 'refused' : undefined;
      const answer = code !== undefined && { code, status: fail.status ?? 0, body: body ?? null };
      return { ok: false, failure: fail, ...(answer && { refused: answer }) };
    }
    // The transport fetches another token, and sends the same request again: see `@tenon/connector`.
    if (behaviour !== undefined && 'postpone' in behaviour)
      return { ok: false, failure: behaviour.postpone, postponed: true };
    if (behaviour !== undefined && 'renew' in behaviour) {
      // Its 401 went to nobody.
      if (isGone()) return new Promise(() => {});
      this.onCall?.('before', request);
    }
    if (behaviour !== undefined && 'never' in behaviour && behaviour.never === 'before') return this.#hang();
    if (behaviour !== undefined && 'travelsMs' in behaviour) {
      await this.#hang(behaviour.travelsMs);
      // Its connection ends with the process.
      if (isGone()) return new Promise(() => {});
    }
    if (behaviour !== undefined && 'queuedMs' in behaviour) {
      await this.#hang(behaviour.queuedMs);
      // What waits in a process dies with it.
      if (isGone()) return new Promise(() => {});
      if (request.isCalledOff?.() === true) return calledOff;
    }
    if (this.#isOutdated(request)) return { ok: false, failure: outdated };
    const isLater = behaviour !== undefined && ('queuedMs' in behaviour || 'travelsMs' in behaviour);
    const body = this.#perform(request, behaviour?.result, isLater ? (this.#clock?.steady() ?? 0) : atMs);
    // Of the moment that the body is of, however late the answer comes.
    const etag =
      operation.concurrency === 'etag' && this.hasVersions ? this.account(idOf(input)).version : undefined;
    this.onCall?.('after', request);
    if (behaviour !== undefined && 'never' in behaviour) return this.#hang();
    if (behaviour !== undefined && 'lateMs' in behaviour) await this.#hang(behaviour.lateMs);
    if (behaviour !== undefined && 'wait' in behaviour) await behaviour.wait;
    if (behaviour !== undefined && 'loseAnswer' in behaviour)
      return {
        ok: false,
        failure:
          behaviour.loseAnswer === true
            ? failure('timeout', 'HTTP_RESPONSE_TIMEOUT', 'lost')
            : behaviour.loseAnswer,
      };
    return { ok: true, status: 200, body, headers: etag === undefined ? {} : { etag: `"v${etag}"` } };
  }

  /** Answers after a time, or never. */
  #hang(ms?: number): Promise<never> {
    const call = {};
    this.hanging.add(call);
    this.onHang?.();
    return new Promise<never>((resolve) => {
      if (ms === undefined) return;
      this.#clock?.setTimer(ms, () => {
        this.hanging.delete(call);
        // Nothing is awaited but that it resolves.
        (resolve as () => void)();
      });
    });
  }

  /** Does it give versions? A read without one is no ground for a write. */
  hasVersions = true;

  account(id: string): Account {
    const account = this.accounts.get(id) ?? { version: 1, undone: 0, members: [] };
    this.accounts.set(id, account);
    return account;
  }

  /** Somebody else writes: nothing of theirs may be lost. */
  touch(id: string, member: Json): void {
    const account = this.account(id);
    account.version++;
    account.members = [...account.members, member];
  }

  async close(): Promise<void> {}

  /** Ids of what a person has removed. */
  readonly removedByHand = new Set<string>();

  /** What came of the effect that a step of a run last asked for. */
  effectOf(runId: string, step: string): Json | undefined {
    return this.effects.get(this.keys.get(placeOf(runId, step)) ?? '')?.[0];
  }

  count(operation: string): number {
    return this.calls.filter((call) => call.operation === operation).length;
  }

  /** What was sent to an operation, in order. */
  inputs(operation: string): readonly Json[] {
    return this.calls.flatMap((call) => (call.operation === operation ? [call.input] : []));
  }

  /** Keys with more than one effect. */
  get doubled(): string[] {
    return [...this.effects].filter(([, effects]) => effects.length > 1).map(([key]) => key);
  }

  /** Does a repeat of this key have no second effect? */
  #honours({ idempotency }: CallRequest['operation'], key: string, atMs: number): boolean {
    if (idempotency.mode === 'none' || idempotency.mode === 'checkFirst') return false;
    if (idempotency.mode !== 'header' || idempotency.retentionMs === undefined) return true;
    return atMs - (this.#madeAtMs.get(key) ?? 0) < idempotency.retentionMs;
  }

  #perform(
    { operation, input, idempotencyKey: key, origin }: CallRequest,
    result: Json | undefined,
    atMs: number,
  ): Json {
    if (operation.operation === 'find') {
      const wanted = String((input as { key?: Json }).key);
      return { found: this.effects.get(wanted)?.[0] ?? null };
    }
    if (operation.operation === 'list') return result ?? this.#page(Number(input['cursor'] ?? 0));
    if (operation.operation === 'browse') return result ?? this.#counted(Number(input['page'] ?? 1));
    if (operation.operation === 'getAccount') return { members: this.account(idOf(input)).members };
    if (operation.operation === 'getState') return this.states.get(idOf(input)) ?? { value: null };
    if (operation.effect === 'read') return result ?? { id: 'r1', amount: 10 };
    const earlier = this.effects.get(key!) ?? [];
    if (earlier.length > 0 && this.#honours(operation, key!, atMs)) return earlier[0]!;
    this.#madeAtMs.set(key!, atMs);
    const made = result ?? { id: `${operation.operation}-${++this.#count}` };
    this.effects.set(key!, [...earlier, made]);
    if (operation.operation === 'setAccount') this.#amend(input, origin);
    if (operation.operation === 'setChecked') this.states.set(idOf(input), input['body'] ?? null);
    return made;
  }

  /** Some of all that was made, and where the next ones begin. */
  #page(from: number): Json {
    const all = this.#made();
    const next = from + PAGE < all.length ? from + PAGE : null;
    return { made: all.slice(from, from + PAGE), next };
  }

  #counted(page: number): Json {
    return { made: [...this.strangers, ...this.#made()].slice((page - 1) * PAGE, page * PAGE) };
  }

  #made(): readonly { readonly key: string; readonly thing: Json }[] {
    return [...this.effects].flatMap(([key, effects]) => effects.map((thing) => ({ key, thing })));
  }

  #isOutdated({ operation, input, ifMatch }: CallRequest): boolean {
    if (operation.operation !== 'setAccount' || ifMatch === undefined) return false;
    return ifMatch !== `"v${this.account(idOf(input)).version}"`;
  }

  #amend(input: JsonObject, origin: CallRequest['origin']): void {
    const account = this.account(idOf(input));
    account.version++;
    if (origin?.step?.startsWith('compensate:')) account.undone++;
    // The plans of these tests give a list there.
    account.members = input['members'] as readonly Json[];
    const place = placeOf(origin?.runId, origin?.step);
    this.amended.set(place, (this.amended.get(place) ?? 0) + 1);
  }
}

/** Things on a page of `list`. */
const PAGE = 4;

interface Account {
  version: number;
  /** Writes that undid another. */
  undone: number;
  members: readonly Json[];
}

function placeOf(runId: string | undefined, step: string | undefined): string {
  return `${runId} ${step}`;
}

function idOf(input: Json): string {
  // The plans of these tests give one.
  return (input as { readonly id: string }).id;
}

export type Behaviour = {
  readonly result?: Json;
} /** `refused`: it is an answer that says no, by the name of its class, and this is its body. */ & (
  | { readonly fail: Failure; readonly refused?: Json }
  /** It happens, and then this is the answer. */
  | { readonly loseAnswer: true | Failure }
  | { readonly wait: Promise<void> }
  /** The connection is half open: nothing ever comes, and the effect has happened or not. */
  | { readonly never: 'before' | 'after' }
  /** It works, and the answer dribbles in for so long. */
  | { readonly lateMs: number }
  /** It stands in a line of its connection for so long before it is sent, if it still may be. */
  | { readonly queuedMs: number }
  /** It was sent, and takes so long to arrive. */
  | { readonly travelsMs: number }
  /** The connection's breaker is open: nothing is sent, and it is no attempt. */
  | { readonly postpone: Failure }
  /** 401: its token has run out. With the next one it works. */
  | { readonly renew: true }
  | { readonly result: Json }
);

export function failure(
  failureClass: Failure['class'],
  code: string,
  delivery: Failure['delivery'] = 'answered',
  more: Partial<Failure> = {},
): Failure {
  return { class: failureClass, code, message: `the test said ${code}`, delivery, ...more };
}

export const unavailable: Failure = failure('transient', 'HTTP_RESPONSE_STATUS', 'answered', { status: 503 });
export const outdated: Failure = failure('conflict', 'HTTP_RESPONSE_STATUS', 'answered', { status: 412 });
/** How long it asks to be left alone. */
const LEAVE_ALONE_MS = 7_000;
export const tooMany: Failure = failure('rateLimited', 'HTTP_RESPONSE_STATUS', 'answered', {
  status: 429,
  retryAfterMs: LEAVE_ALONE_MS,
});
/** It works, and answers with what its contract does not describe. */
export const drifted: Failure = failure('contract', 'HTTP_RESPONSE_INVALID', 'answered', { status: 200 });
export const refused: Failure = failure('validation', 'HTTP_RESPONSE_STATUS', 'answered', { status: 422 });

/** Signs the checkpoints of every bench. */
export const testKey: CheckpointKey = checkpointKey(newCheckpointKey(), 'test.example/ledger');

/**
 * How a write fails: `before` anything of it is stored, or `after` all of it was (an fsync whose answer is an error says
 * nothing of what is on the disk); since the disk is `full`; or `torn`, by the death of the process in the midst of it.
 */
export type DiskFault = 'before' | 'after' | 'full' | 'torn';

interface NextWrite {
  readonly when: DiskFault;
  /** `before`: what was on the disk, for a write that is torn; absent where there were several. */
  readonly onFailed: (before: FileState | undefined) => void;
}

/** A runtime on a file of its own, a clock and a target under the test's control. */
export interface Bench {
  readonly clock: ManualClock;
  readonly target: FakeTarget;
  readonly entries: LedgerEntry[];
  file: string;
  onEntry?: (entry: LedgerEntry) => void;
  /** A batch is on its way to the disk, for as long. */
  onBatch?: () => Promise<void>;
  /** Batches that were handed over and not answered, first the one whose turn it is: where they take turns of the loop. */
  readonly underWay: readonly UnderWay[];
  /** A turn of the loop in which batches are under way. */
  onUnderWay?: () => void;
  /** A batch is on the disk, and nobody has heard of it. */
  onCommit?: () => void;
  /** The file is about to be tended to. */
  onTend?: (chore: Chore) => Promise<void> | undefined;
  /** Free bytes of the disk. */
  diskFreeBytes?: () => number;
  /** When a connection opens again. */
  closedUntil?: (connection: string) => number | undefined;
  /** A process is about to open the file. */
  onOpen?: () => void;
  /** Puts something between a process and the target, over its clock, which stands still when it dies. */
  guard?: (inner: Transport, connection: string, clock: SteadyClock, isDead: () => boolean) => Transport;
  /** A process was stopped, and the next one is about to open the file. */
  onStopped?: () => void;
  /** Where the account behind a connection is. */
  regionOf?: (connection: string) => string | undefined;
  hasCredential?: (connection: string) => boolean;
  credentialOf?: RuntimeOptions['credentialOf'];
  /** Of the next start. */
  limits?: Partial<RuntimeLimits>;
  /** Of the next start: who answers for what no pipeline owns. */
  owner?: RuntimeOptions['owner'];
  outside?: RuntimeOptions['outside'];
  connections?: RuntimeOptions['connections'];
  /** Of the next start. */
  killed?: RuntimeOptions['killed'];
  /** Of the next start: signs checkpoints into a file beside the database. */
  checkpoints?: Partial<CheckpointOptions>;
  /** Of the next start: what is stored is encrypted. */
  encryption?: EncryptionOptions;
  /** Of the next start: told of secrets that calls use. */
  secretUses?: SecretAudit;
  /** What the runtime said needs an operator, of checkpoints that it could not keep too. */
  readonly problems: string[];
  runtime: Runtime;
  /** Sends `shop.ordered` and returns the run's id. */
  order(
    payload: { readonly id: string; readonly [name: string]: Json },
    deliveryId?: string,
  ): Promise<string>;
  state(runId: string): RunState | undefined;
  /** Lets everything happen that needs no more than `ms` to pass. */
  pass(ms: number): Promise<void>;
  restart(): Promise<void>;
  /**
   * As if the process were killed at this moment: a new runtime on a copy of what is on disk, while calls of the old
   * one go nowhere. Synchronous up to the copy, so it can be called from inside a call or an entry.
   */
  crash(torn?: TornWrite): Promise<void>;
  /** From now on no write succeeds. */
  failDisk(): void;
  /** No write fails that has not. */
  healDisk(): void;
  /** The next batch fails, once. Told when it has. */
  failNextWrite(when: DiskFault, onFailed: NextWrite['onFailed']): void;
  close(): Promise<void>;
  /** Leaves the runtime as it is, stopped or stuck, and removes its files. */
  abandon(): void;
}

export function openBench(...plans: Plan[]): Promise<Bench> {
  return openBenchWith({}, plans);
}

export interface BenchStart
  extends Pick<Bench, 'checkpoints' | 'encryption'>,
    Pick<RuntimeOptions, 'keepPayloadsMs'> {
  /** A file to begin with a copy of: see `emptyFile`. */
  readonly begun?: Buffer;
  /** Pages in the log from which on it is moved into the file. */
  readonly logPages?: number;
  /** A batch takes turns of the loop; otherwise it is written at once. */
  readonly slowness?: Slowness | undefined;
}

/** As `openBench`, with what its first start is to know. */
export async function openBenchWith(start: BenchStart, plans: readonly Plan[]): Promise<Bench> {
  const folder = mkdtempSync(join(memoryFolder(), 'tenon-runtime-'));
  const clock = manualClock();
  const target = new FakeTarget(clock);
  const entries: LedgerEntry[] = [];
  const random = seededRandom(1);
  let deliveries = 0;
  let life = 0;
  /** Counts the processes that were stopped: what still answers one of them is not heard. */
  let stopped = 0;
  let isDiskBroken = false;
  let nextWrite: NextWrite | undefined;
  const dead: Runtime[] = [];
  const nothing = new Promise<never>(() => {});

  const open = (file: string): Promise<Runtime> => {
    const ownLife = life;
    const ownStopped = stopped;
    const isDead = (): boolean => life !== ownLife || stopped !== ownStopped;
    const ownClock: SteadyClock = {
      now: () => clock.now(),
      steady: () => clock.steady(),
      setTimer: (delayMs, fire) => clock.setTimer(delayMs, () => isDead() || fire()),
    };
    nextWrite = undefined;
    bench.onOpen?.();
    const options: RuntimeOptions = {
      file,
      random,
      // A simulation goes from one thing that happens to the next: what comes round for ever is not one of them.
      limits: { watchEveryMs: 3_600_000, ...bench.limits },
      ...(start.keepPayloadsMs !== undefined && { keepPayloadsMs: start.keepPayloadsMs }),
      ...(bench.owner !== undefined && { owner: bench.owner }),
      ...(bench.outside !== undefined && { outside: bench.outside }),
      ...(bench.connections !== undefined && { connections: bench.connections }),
      ...(bench.killed !== undefined && { killed: bench.killed }),
      ...(bench.checkpoints !== undefined && {
        checkpoints: {
          key: testKey,
          file: `${file}.checkpoints`,
          onProblem: (message) => bench.problems.push(message),
          ...bench.checkpoints,
        },
      }),
      ...(bench.secretUses !== undefined && { secretUses: bench.secretUses }),
      ...(bench.encryption !== undefined && { encryption: bench.encryption }),
      onProblem: (message, code) => bench.problems.push(`${code}: ${message}`),
      regionOf: (connection) => bench.regionOf?.(connection),
      hasCredential: (connection) => bench.hasCredential?.(connection) === true,
      credentialOf: (connection) => bench.credentialOf?.(connection),
      closedUntil: (connection) => bench.closedUntil?.(connection),
      diskFreeBytes: () => bench.diskFreeBytes?.() ?? 2 ** 40,
      clock: ownClock,
      transport: (connection) => {
        const alive = (call: Transport['call']): Transport['call'] => {
          return async (request) => {
            if (isDead()) return nothing;
            const result = await call(request);
            return isDead() ? nothing : result;
          };
        };
        const wire = {
          call: alive((request) => target.call(request, isDead, connection)),
          close: async () => {},
        };
        const guarded = bench.guard?.(wire, connection, ownClock, isDead);
        return guarded === undefined ? wire : { ...guarded, call: alive(guarded.call) };
      },
      onEntry: (entry) => {
        if (isDead()) return;
        entries.push(entry);
        bench.onEntry?.(entry);
      },
    };
    const underWay: UnderWay[] = [];
    bench.underWay = underWay;
    return openRuntimeWith(options, (path) => {
      const committer = breakable(
        inlineCommitter(path, bench.encryption),
        () => isDiskBroken,
        {
          get: () => (isDead() ? undefined : nextWrite),
          clear: () => {
            nextWrite = undefined;
          },
        },
        async (result) => {
          if (!isDead()) bench.onCommit?.();
          // Killed at this moment: what is on the disk is not announced.
          return isDead() ? nothing : result;
        },
        {
          file: path,
          logPages: start.logPages,
          onBatch: () => bench.onBatch?.(),
          onTend: (chore) => bench.onTend?.(chore),
        },
      );
      if (start.slowness === undefined) return committer;
      return slowCommitter(committer, start.slowness, underWay, {
        isDead,
        onTurn: () => bench.onUnderWay?.(),
      });
    });
  };

  const bench: Bench & { underWay: readonly UnderWay[] } = {
    underWay: [],
    clock,
    target,
    entries,
    problems: [],
    file: join(folder, 'runtime.db'),
    // Opened below, before anybody can see it.
    runtime: undefined as unknown as Runtime,
    order: async (payload, deliveryId = `d${++deliveries}`) => {
      const result = await bench.runtime.accept({
        event: 'shop.ordered',
        payload,
        deliveryId,
        source: 'shop',
      });
      if (!result.ok) throw new Error(result.failure.message);
      return result.runs[0]!.runId;
    },
    state: (runId) => bench.runtime.run(runId)?.state,
    pass: async (ms) => {
      const untilMs = clock.now() + ms;
      await bench.runtime.idle();
      for (let next = clock.next; next !== undefined && next <= untilMs; next = clock.next) {
        clock.advance(Math.max(0, next - clock.now()));
        await bench.runtime.idle();
      }
      clock.advance(untilMs - clock.now());
      await bench.runtime.idle();
    },
    restart: async () => {
      const ownLife = life;
      await bench.runtime.stop();
      if (life !== ownLife) return;
      stopped++;
      bench.onStopped?.();
      target.hanging.clear();
      const opened = await open(bench.file);
      // Killed meanwhile: what goes on is another process.
      if (life === ownLife) bench.runtime = opened;
      else dead.push(opened);
    },
    failDisk: () => {
      isDiskBroken = true;
    },
    healDisk: () => {
      isDiskBroken = false;
      nextWrite = undefined;
    },
    failNextWrite: (when, onFailed) => {
      nextWrite = { when, onFailed };
    },
    crash: async (torn) => {
      life++;
      dead.push(bench.runtime);
      const before = bench.file;
      bench.file = join(folder, `runtime-${life}.db`);
      for (const suffix of ['', '-wal', '.mark', '.checkpoints'])
        if (existsSync(before + suffix)) copyFileSync(before + suffix, bench.file + suffix);
      torn?.tear(bench.file);
      target.hanging.clear();
      if (existsSync(keyFolder(before)))
        cpSync(keyFolder(before), keyFolder(bench.file), { recursive: true });
      bench.runtime = await open(bench.file);
    },
    close: async () => {
      await bench.runtime.stop();
      bench.abandon();
    },
    abandon: () => rmSync(folder, { recursive: true, force: true }),
  };
  const { begun, logPages: _, slowness: __, ...known } = start;
  if (begun !== undefined) writeFileSync(bench.file, begun);
  Object.assign(bench, known);
  bench.runtime = await open(bench.file);
  await Promise.all(plans.map((plan) => bench.runtime.activate(plan)));
  return bench;
}

function breakable(
  committer: InlineCommitter,
  isBroken: () => boolean,
  next: { readonly get: () => NextWrite | undefined; readonly clear: () => void },
  committed: (result: BatchResult) => Promise<BatchResult>,
  {
    file,
    logPages,
    onBatch,
    onTend,
  }: {
    readonly file: string;
    readonly logPages: number | undefined;
    onBatch(): Promise<void> | undefined;
    onTend(chore: Chore): Promise<void> | undefined;
  },
): Committer {
  let isTuned = logPages === undefined;
  /** A batch may have been handed over before the one before it failed; the writer itself knows of its own failures alone. */
  let hasFailed = false;
  return {
    batchesMax: committer.batchesMax,
    apply: async (groups) => {
      const onItsWay = onBatch();
      if (onItsWay !== undefined) await onItsWay;
      if (!isTuned) committer.pragma(`wal_autocheckpoint = ${logPages}`);
      isTuned = true;
      if (isBroken() || hasFailed) throw new Error('disk I/O error');
      const fault = next.get();
      if (fault === undefined) return committed(await committer.apply(groups));
      if (fault.when === 'full') return applyFull(groups, fault);
      next.clear();
      const before = fault.when === 'torn' ? fileStateOf(file) : undefined;
      const result = fault.when === 'before' ? [] : await committer.apply(groups);
      // A batch with a refusal is stored group by group: what the first of these left was synced long before the last is torn.
      const isOneCommit = groups.length === 1 || result.every((refused) => refused === undefined);
      fault.onFailed(isOneCommit ? before : undefined);
      // A process that has died hears of nothing.
      if (fault.when === 'torn') return new Promise(() => {});
      hasFailed = true;
      throw new Error('disk I/O error');
    },
    head: () => committer.head(),
    scrub: (how) => committer.scrub(how),
    tend: (chore) => onTend(chore)?.then(() => committer.tend(chore)) ?? committer.tend(chore),
    close: () => committer.close(),
  };

  /** SQLite's own refusal: what still finds room in the file is stored, the first that does not is rolled back. */
  async function applyFull(
    groups: Parameters<Committer['apply']>[0],
    fault: NextWrite,
  ): Promise<BatchResult> {
    // SQLite takes no less than what is in use, and no more than it can.
    committer.pragma('max_page_count = 1');
    try {
      return await committer.apply(groups);
    } catch (error) {
      next.clear();
      fault.onFailed(undefined);
      throw error;
    } finally {
      committer.pragma('max_page_count = 4294967294');
    }
  }
}
