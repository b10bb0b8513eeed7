import { type JsonObject, newId } from '@tenon/model';
import type { ActionResult, RunDetail, RunFilter, RunSummary, Switch } from '@tenon/runtime';
import {
  type ApartDetail,
  type Caller,
  type ChildEnd,
  type ChildStart,
  type ChildStarted,
  type ChildWord,
  type Decision,
  type Draft,
  decisionJson,
  draftFor,
  draftsFor,
  type Engine,
  type EngineOptions,
  emittedBy,
  type Fact,
  failureDetails,
  givenKey,
  givenTo,
  type HeldCall,
  idOfTag,
  interpret,
  judgeDecision,
  type LoadedPlan,
  loadPlan,
  type Opening,
  Suspension,
  SwitchBoard,
  switchId,
  tagOf,
  traceIdOf,
  traceparentFor,
} from '@tenon/runtime/engine';
import { MemoryRun } from './memory-run.ts';
import { type Disk, emptyDisk, type StoredEvent, type StoredRun } from './memory-storage.ts';

/** A place that outlives the engine on it. */
export class MemoryStorage {
  readonly #disk: Disk;

  constructor(disk = emptyDisk()) {
    this.#disk = disk;
  }

  /** What is stored at this moment. */
  copy(): MemoryStorage {
    return new MemoryStorage(structuredClone(this.#disk));
  }

  async open(options: EngineOptions): Promise<Engine> {
    return new MemoryEngine(this.#disk, options);
  }
}

type Change = (disk: Disk) => void;

/**
 * The engine port over data in memory: the second adapter, which shows that nothing in the port is SQLite's. It keeps
 * every promise but that of surviving its machine: changes are stored one after another, each whole or not at all, a
 * turn of the event loop after they were handed in, so what was not yet stored is lost with the process. It looks at all
 * runs to find the next one: fine for tests, and for nothing else.
 */
export class MemoryEngine implements Engine {
  readonly #disk: Disk;
  readonly #options: EngineOptions;
  readonly #plans = new Map<string, LoadedPlan>();
  readonly #active = new Map<number, MemoryRun>();
  readonly #board = new SwitchBoard();
  readonly #changes: { change: Change; resolve(): void; reject(error: unknown): void }[] = [];
  #told: Disk['ledger'] = [];
  #isPumping = false;
  #isStopped = false;
  #cancelTimer: () => void = () => {};
  #idle: (() => void)[] = [];
  #broken: unknown;

  constructor(disk: Disk, options: EngineOptions) {
    this.#disk = disk;
    this.#options = options;
    for (const each of disk.switches.values()) this.#board.set(each);
    for (const run of disk.runs) if (run.isTaken && run.held === undefined) run.dueAtMs = 0;
    this.#release();
    this.#pump();
  }

  now(): number {
    return this.#options.clock.now();
  }

  random(): number {
    return this.#options.random.next();
  }

  setTimer(delayMs: number, fire: () => void): () => void {
    return this.#options.clock.setTimer(delayMs, fire);
  }

  isPaused({ pipeline, key, orderKey }: StoredRun): boolean {
    return this.#board.isPaused(pipeline, key, orderKey ?? null);
  }

  holdersOf(run: StoredRun, call: HeldCall): readonly string[] {
    return this.#board.holdersOf(this.#pipelinesOf(run), call);
  }

  isSet(tag: string): boolean {
    const found = this.#board.get(idOfTag(tag));
    return found !== undefined && tagOf(found) === tag;
  }

  /** Resolves when the change is stored. A change that throws must have changed nothing. */
  commit(change: Change): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#changes.push({ change, resolve, reject });
      this.#schedule();
    });
  }

  /** Appends facts to the ledger; within a change. */
  tell(run: StoredRun, facts: readonly Fact[]): void {
    for (const { kind, step, attempt, atMs, details } of facts) {
      const entry = {
        sequence: this.#disk.ledger.length + 1,
        at: atMs ?? this.now(),
        runId: run.runId,
        pipeline: run.pipeline,
        correlationId: run.correlationId,
        kind,
        ...(step !== undefined && { step }),
        ...(attempt !== undefined && { attempt }),
        details,
      };
      this.#disk.ledger.push(entry);
      this.#told.push(entry);
    }
  }

  eventsAfter(event: string, seq: number): readonly (StoredEvent & { readonly seq: number })[] {
    return this.#disk.events.flatMap((stored, index) =>
      stored.event === event && index + 1 > seq ? [{ ...stored, seq: index + 1 }] : [],
    );
  }

  async activate(plan: Parameters<Engine['activate']>[0]): Promise<void> {
    await this.commit((disk) => {
      disk.plans.set(plan.hash, plan);
      disk.active.set(plan.pipeline, plan.hash);
    });
  }

  async accept(incoming: Parameters<Engine['accept']>[0]): ReturnType<Engine['accept']> {
    const { event, payload, headers, deliveryId, source, traceparent } = incoming;
    const found = draftsFor(incoming, this.#activePlans());
    if (!found.ok) return found;
    const stored = { event, source, deliveryId, payload, ...(headers && { headers }) };
    let result: Awaited<ReturnType<Engine['accept']>> | undefined;
    await this.commit(() => {
      result = this.#admit(stored, found.drafts, traceIdOf(traceparent), traceparent);
    });
    // Set by the change, which has been carried out.
    return result!;
  }

  /** Within one change: the record, the event and the runs that it starts. */
  async emit(
    from: StoredRun,
    deliveryId: string,
    event: string,
    { over, ...parts }: Pick<StoredEvent, 'payload' | 'headers'> & { readonly over?: string },
    also: (run: StoredRun) => void,
  ): Promise<void> {
    const source = emittedBy(from.pipeline, over);
    // What no longer fits those who hear it is theirs to mend, and is held until then.
    const found = draftsFor({ event, deliveryId, source, ...parts }, this.#activePlans(), 'quarantine');
    if (!found.ok) throw new Error(found.failure.message);
    await this.commit((disk) => {
      also(disk.runs[from.seq]!);
      const stored = { event, source, deliveryId, ...parts };
      this.#admit(stored, found.drafts, from.correlationId, from.traceparent);
    });
  }

  /** Within one change: the child and its parent's record. */
  async startChild(
    from: StoredRun,
    key: string,
    child: ChildStart,
    deadlineAtMs: number,
    more: { readonly nth?: number; readonly workedMs: number },
  ): Promise<ChildStarted> {
    const loaded = this.#plan(child.plan);
    const refusal = loaded.inputRefusal(child.input);
    const draft = draftFor(loaded, { input: child.input, event: child.input }, `${from.runId}/${key}`);
    let started: ChildStarted = { failure: refusal === undefined ? {} : failureDetails(refusal) };
    await this.commit((disk) => {
      const parent = disk.runs[from.seq]!;
      if (refusal === undefined && draft !== undefined) {
        const known = disk.keys.get(`${loaded.plan.pipeline}\0${draft.key}`);
        if (known !== undefined && known.expiresAtMs > this.now())
          started = {
            failure: {
              class: 'duplicate',
              code: 'RUN_CHILD_KEY_TAKEN',
              message: 'taken',
              delivery: 'notSent',
            },
          };
        else {
          const event = `run:${loaded.plan.pipeline}`;
          disk.events.push({
            event,
            source: `pipeline:${from.pipeline}`,
            deliveryId: key,
            payload: child.input,
          });
          const deadlineMs = Math.min(loaded.plan.limits.deadlineMs, deadlineAtMs - this.now());
          const link = { seq: from.seq, key, step: child.step, deadlineMs, told: 0 };
          const run = { ...this.#newRun(draft, from.correlationId, from.traceparent), parent: link };
          disk.runs.push(run);
          disk.keys.set(`${run.pipeline}\0${run.key}`, {
            seq: run.seq,
            expiresAtMs: Number.POSITIVE_INFINITY,
          });
          this.tell(run, [{ kind: 'accepted', details: { event, parent: from.runId } }]);
          started = { runId: run.runId, child: key, ...more };
          this.tell(parent, child.facts(run.runId, 1));
        }
      }
      parent.journal.set(key, { atMs: this.now(), value: { ...started } });
    });
    return started;
  }

  /** Within a child's change: its word is left with its parent, which is woken. */
  tellParent(child: StoredRun, end: ChildEnd): void {
    if (child.parent === undefined) return;
    const parent = this.#disk.runs[child.parent.seq]!;
    const key = `#child/${child.parent.key}/${child.parent.told++}`;
    parent.journal.set(key, { atMs: this.now(), value: { ...end } });
    this.#active.get(parent.seq)?.learn(key, { ...end });
    if (!parent.isTaken && !['succeeded', 'compensated', 'cancelled'].includes(parent.state))
      parent.dueAtMs = this.now();
  }

  /** Within a parent's change. Gives how often the child was parked: all of its words but that of an end for good, which is the last. */
  tellChild(by: StoredRun, { runId, say, reason }: ChildWord): number {
    const child = this.#disk.runs.find((each) => each.runId === runId)!;
    const isOver = ['succeeded', 'compensated', 'cancelled'].includes(child.state);
    const parked = (child.parent?.told ?? 0) - (isOver ? 1 : 0);
    const letter = [...child.openings.values()].find(({ kind }) => kind === 'deadLetter');
    const isParked = child.state === 'failed' && letter?.step.startsWith('compensate:') === false;
    const now = this.now();
    const cancellation = { actor: `run:${by.runId}`, reason };
    if (say === 'resume' && isParked && letter !== undefined) {
      child.journal.set(letter.key, { atMs: now, value: { value: { verdict: 'resume' } } });
      child.openings.delete(letter.key);
    } else if (say === 'undo' && child.state === 'succeeded')
      child.journal.set('#takenBack', { atMs: now, value: cancellation });
    else if (say === 'undo' && !['compensating', 'compensated', 'cancelled'].includes(child.state)) {
      if (!child.journal.has('#cancel')) child.journal.set('#cancel', { atMs: now, value: cancellation });
      this.#active.get(child.seq)?.learn('#cancel', cancellation);
    } else return parked;
    if (!child.isTaken) child.dueAtMs = now;
    this.tell(child, [{ kind: 'operator', details: { action: say, ...cancellation } }]);
    return parked;
  }

  decide: Engine['decide'] = (runId, stepId, decision, actor, reason) =>
    this.#act(runId, (run) => {
      const opening = this.#openAt(run, 'approval', stepId);
      if (opening === undefined) return refused('APPROVAL_NOT_PENDING');
      // As the interpreter made it. Nobody starts a run of this engine but an event, so it has no requester.
      const { count = 1, except = [] }: ApartDetail = opening.detail;
      // Written below.
      const rowOf = (key: string) => run.journal.get(key)?.value as unknown as Decision | undefined;
      const given = givenTo(opening.key, rowOf);
      const word: Decision = { decision, actor, reason };
      const judged = judgeDecision({ count, given, except }, stepId, word);
      if (judged.as === 'refused') return { ok: false, code: judged.code, message: judged.message };
      const fact: Fact = { kind: 'approval', step: stepId, details: { decision, actor, reason } };
      if (judged.as === 'decided') this.#give(run, opening, decisionJson(judged.value), fact);
      else {
        const row = { atMs: this.now(), value: decisionJson(word) };
        run.journal.set(givenKey(opening.key, judged.nth), row);
        this.tell(run, [fact]);
      }
      return { ok: true };
    });

  settle: Engine['settle'] = (runId, stepId, verdict, actor, reason, result) =>
    this.#signal(
      runId,
      'doubt',
      stepId,
      { verdict, actor, reason, ...(result !== undefined && { result }) },
      'DOUBT_NOT_OPEN',
      { kind: 'operator', step: stepId, details: { action: 'settle', verdict, actor, reason } },
    );

  resume: Engine['resume'] = (runId, actor, reason) =>
    this.#signal(runId, 'deadLetter', undefined, { verdict: 'resume', actor, reason }, 'RUN_NOT_RESUMABLE', {
      kind: 'operator',
      details: { action: 'resume', actor, reason },
    });

  /** Whoever says so is believed as to where the run is parked, and what came of it. */
  markDone: Engine['markDone'] = (runId, step, actor, reason, result) =>
    this.#signal(
      runId,
      'deadLetter',
      undefined,
      { verdict: 'done', actor, reason, step, ...(result !== undefined && { result }) },
      'RUN_NOT_AT_EFFECT',
      { kind: 'operator', step, details: { action: 'done', actor, reason } },
    );

  cancel: Engine['cancel'] = (runId, actor, reason) =>
    this.#act(runId, (run) => {
      if (run.state === 'inDoubt') return refused('RUN_IN_DOUBT');
      const isEnding = this.#active.get(run.seq)?.isEnding === true;
      if (isEnding || ['succeeded', 'compensated', 'cancelled'].includes(run.state))
        return refused('RUN_ENDED');
      if (run.journal.has('#cancel')) return refused('RUN_CANCELLED_ALREADY');
      run.journal.set('#cancel', { atMs: this.now(), value: { actor, reason } });
      this.#active.get(run.seq)?.learn('#cancel', { actor, reason });
      if (!run.isTaken) run.dueAtMs = this.now();
      this.tell(run, [{ kind: 'operator', details: { action: 'cancel', actor, reason } }]);
      return { ok: true };
    });

  switches: Engine['switches'] = () => this.#board.all;

  setSwitch: Engine['setSwitch'] = async (request, actor, reason) => {
    if (request.kind === 'rollback' || request.kind === 'scale')
      throw new Error(
        `the suite asks for no ${request.kind}: it is of intake and dispatcher, which this engine has not`,
      );
    const id = switchId(request);
    const revision = newId(this.#options.clock, this.#options.random);
    const change: Switch = { ...request, id, actor, reason, sinceMs: this.now(), revision };
    // In force before it is stored: nothing that it forbids leaves from here on.
    this.#board.set(change);
    await this.commit((disk) => {
      disk.switches.set(id, change);
      this.#release();
    });
    return { ok: true, switch: change };
  };

  liftSwitch: Engine['liftSwitch'] = async (id) => {
    if (this.#board.get(id) === undefined) return refused('SWITCH_NOT_SET');
    await this.commit((disk) => {
      disk.switches.delete(id);
      this.#board.delete(id);
      this.#release();
    });
    return { ok: true };
  };

  runs(filter: RunFilter = {}): readonly RunSummary[] {
    return this.#disk.runs
      .filter(
        ({ pipeline, state, key }) =>
          (filter.pipeline === undefined || pipeline === filter.pipeline) &&
          (filter.state === undefined || state === filter.state) &&
          (filter.key === undefined || key === filter.key),
      )
      .toReversed()
      .slice(0, filter.limit)
      .map((run) => this.#summary(run));
  }

  run(runId: string): RunDetail | undefined {
    const run = this.#disk.runs.find((each) => each.runId === runId);
    if (run === undefined) return undefined;
    return {
      ...this.#summary(run),
      contracts: this.#plan(run.planHash).plan.contracts,
      input: this.#event(run).payload,
      ...(this.#event(run).headers && { headers: this.#event(run).headers }),
      steps: [],
      // A failure with its step, put together by the interpreter.
      ...(run.failure !== undefined && {
        failure: run.failure as unknown as NonNullable<RunDetail['failure']>,
      }),
    };
  }

  trace({ runId, key, correlationId }: Parameters<Engine['trace']>[0]): ReturnType<Engine['trace']> {
    const wanted = new Set(
      this.#disk.runs
        .filter(
          (run) =>
            run.runId === runId ||
            run.correlationId === correlationId ||
            (key !== undefined && run.key === key),
        )
        .map((run) => run.runId),
    );
    return this.#disk.ledger.filter((entry) => wanted.has(entry.runId));
  }

  async idle(): Promise<void> {
    while (!this.#isIdle()) await new Promise<void>((resolve) => this.#idle.push(resolve));
    if (this.#broken !== undefined) throw this.#broken;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer();
    while (this.#changes.length > 0) await new Promise((resolve) => setImmediate(resolve));
  }

  #admit(
    event: StoredEvent,
    drafts: readonly Draft[],
    correlation: string | undefined,
    parent: string | undefined,
  ): Awaited<ReturnType<Engine['accept']>> {
    const disk = this.#disk;
    const isKnown = disk.events.some(
      ({ source, deliveryId }) => source === event.source && deliveryId === event.deliveryId,
    );
    if (!isKnown) {
      disk.events.push(event);
      for (const run of disk.runs)
        if (!run.isTaken && [...run.openings.values()].some(({ detail }) => detail['event'] === event.event))
          run.dueAtMs = this.now();
    }
    const correlationId = correlation ?? newId(this.#options.clock, this.#options.random);
    const flaggedOff: string[] = [];
    const runs = drafts.flatMap((draft) => {
      const { plan } = draft.loaded;
      const name = `${plan.pipeline}\0${draft.key}`;
      const earlier = disk.keys.get(name);
      const { source, deliveryId } = event;
      if (earlier !== undefined && earlier.expiresAtMs > this.now()) {
        // Keys point at runs.
        const run = disk.runs[earlier.seq]!;
        const details = { source, deliveryId, state: run.state, sameDelivery: isKnown };
        this.tell(run, [{ kind: 'duplicate', details }]);
        return [{ runId: run.runId, pipeline: run.pipeline, key: run.key, started: false, state: run.state }];
      }
      if (isKnown) return [];
      const flag = this.#board.flagAgainst(plan.pipeline, event.event, draft);
      if (flag !== undefined) {
        flaggedOff.push(plan.pipeline);
        return [];
      }
      const run = this.#newRun(draft, correlationId, parent);
      disk.runs.push(run);
      disk.keys.set(name, { seq: run.seq, expiresAtMs: this.now() + plan.identity.retainMs });
      this.tell(run, [
        { kind: 'accepted', details: { event: event.event, source, deliveryId, plan: plan.hash } },
      ]);
      return [{ runId: run.runId, pipeline: run.pipeline, key: run.key, started: true, state: run.state }];
    });
    return { ok: true, duplicateDelivery: isKnown, runs, ...(flaggedOff.length > 0 && { flaggedOff }) };
  }

  #newRun({ loaded, key, orderKey, failure }: Draft, correlationId: string, parent?: string): StoredRun {
    const { plan } = loaded;
    return {
      seq: this.#disk.runs.length,
      runId: newId(this.#options.clock, this.#options.random),
      pipeline: plan.pipeline,
      planHash: plan.hash,
      key,
      ...(orderKey !== undefined && { orderKey }),
      eventSeq: this.#disk.events.length,
      correlationId,
      traceparent: parent ?? traceparentFor(correlationId),
      acceptedAtMs: this.now(),
      ...(failure !== undefined && { intakeFailure: failureDetails(failure) }),
      state: 'accepted',
      dueAtMs: this.now(),
      isTaken: false,
      journal: new Map(),
      openings: new Map(),
    };
  }

  /** Gives a waiting run its value, once. */
  #signal(
    runId: string,
    kind: string,
    step: string | undefined,
    value: JsonObject,
    refusal: string,
    fact: Fact,
  ): Promise<ActionResult> {
    return this.#act(runId, (run) => {
      const opening = this.#openAt(run, kind, step);
      if (opening === undefined) return refused(refusal);
      this.#give(run, opening, value, fact);
      return { ok: true };
    });
  }

  #openAt(run: StoredRun, kind: string, step: string | undefined): Opening | undefined {
    const opening = [...run.openings.values()].find(
      (each) => each.kind === kind && (step === undefined || each.step === step),
    );
    const isOver = opening?.expiresAtMs !== undefined && opening.expiresAtMs <= this.now();
    return opening === undefined || isOver || run.journal.has(opening.key) ? undefined : opening;
  }

  #give(run: StoredRun, { key }: Opening, value: JsonObject, fact: Fact): void {
    run.journal.set(key, { atMs: this.now(), value: { value } });
    run.openings.delete(key);
    this.#active.get(run.seq)?.learn(key, { value });
    if (!run.isTaken) run.dueAtMs = this.now();
    this.tell(run, [fact]);
  }

  async #act(runId: string, action: (run: StoredRun) => ActionResult): Promise<ActionResult> {
    let result: ActionResult = refused('RUN_NOT_FOUND');
    await this.commit((disk) => {
      const run = disk.runs.find((each) => each.runId === runId);
      if (run !== undefined) result = action(run);
    });
    return result;
  }

  /** Lets go what no switch holds any more; within a change, or before there is any. */
  #release(): void {
    for (const run of this.#disk.runs)
      if (run.held?.some((tag) => !this.isSet(tag)) === true) run.dueAtMs = this.now();
    for (const run of this.#active.values()) run.wake();
  }

  /** Stores what is waiting, then takes on what is due; again when there is more. */
  #schedule(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    setImmediate(() => {
      this.#isPumping = false;
      this.#store();
      this.#pump();
    });
  }

  #store(): void {
    for (const { change, resolve, reject } of this.#changes.splice(0)) {
      try {
        change(this.#disk);
      } catch (error) {
        reject(error);
        continue;
      }
      const told = this.#told;
      this.#told = [];
      for (const entry of told) this.#options.onEntry?.(entry);
      resolve();
    }
  }

  #pump(): void {
    if (this.#isStopped) return;
    const now = this.now();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const run of this.#disk.runs) {
      if (run.dueAtMs === undefined || this.#active.has(run.seq) || this.#isBehind(run)) continue;
      if (run.dueAtMs <= now && this.#isKeptBack(run)) continue;
      if (run.dueAtMs <= now) void this.#carry(run);
      else nextMs = Math.min(nextMs, run.dueAtMs);
    }
    this.#cancelTimer();
    if (nextMs < Number.POSITIVE_INFINITY)
      this.#cancelTimer = this.#options.clock.setTimer(nextMs - now, () => this.#pump());
    this.#wakeIdle();
  }

  /** Paused, none goes on; killed, only those that are begun do, up to their next effect. */
  #isKeptBack(run: StoredRun): boolean {
    return this.isPaused(run) || (run.state === 'accepted' && this.#board.isKilled(run.pipeline));
  }

  /** An earlier run of its order key has not let it go. */
  #isBehind({ pipeline, orderKey, seq }: StoredRun): boolean {
    if (orderKey === undefined) return false;
    const over = ['succeeded', 'compensated', 'failed', 'cancelled'];
    return this.#disk.runs.some(
      (other) =>
        other.seq < seq &&
        other.pipeline === pipeline &&
        other.orderKey === orderKey &&
        !over.includes(other.state),
    );
  }

  async #carry(stored: StoredRun): Promise<void> {
    const loaded = this.#plan(stored.planHash);
    const deadlineMs = Math.min(
      loaded.plan.limits.deadlineMs,
      stored.parent?.deadlineMs ?? Number.POSITIVE_INFINITY,
    );
    const parent = stored.parent && {
      runId: this.#disk.runs[stored.parent.seq]!.runId,
      step: stored.parent.step,
    };
    const run = new MemoryRun(stored, this.#event(stored), deadlineMs, this, parent);
    this.#active.set(stored.seq, run);
    try {
      await run.finish(await interpret(run.root, loaded, this.#call));
    } catch (error) {
      // A broken invariant: whoever waits for the engine is told.
      if (!(error instanceof Suspension)) this.#broken ??= error;
    }
    this.#active.delete(stored.seq);
    this.#schedule();
  }

  /** Its own, and those of the runs above it. */
  #pipelinesOf({ pipeline, parent }: StoredRun): readonly string[] {
    return parent === undefined ? [pipeline] : [pipeline, ...this.#pipelinesOf(this.#disk.runs[parent.seq]!)];
  }

  readonly #call: Caller = async (connection, request) => {
    const run = this.#disk.runs.find(({ runId }) => runId === request.origin.runId)!;
    const { purpose, operation } = request;
    const at = { purpose, connection, connector: operation.connector };
    const isCalledOff = (): boolean => this.isPaused(run) || this.#board.isHeld(this.#pipelinesOf(run), at);
    // After the intent is stored, and with nothing awaited before the call.
    if (isCalledOff()) return 'held';
    return this.#options.transport(connection).call({ ...request, isCalledOff });
  };

  #isIdle(): boolean {
    if (this.#broken !== undefined || this.#isStopped) return true;
    return this.#active.size === 0 && this.#changes.length === 0 && !this.#isPumping;
  }

  #wakeIdle(): void {
    for (const wake of this.#idle.splice(0)) wake();
  }

  #activePlans(): ReadonlyMap<string, LoadedPlan> {
    return new Map([...this.#disk.active].map(([pipeline, hash]) => [pipeline, this.#plan(hash)]));
  }

  #plan(hash: string): LoadedPlan {
    // Stored when it was activated.
    const loaded = this.#plans.get(hash) ?? loadPlan(this.#disk.plans.get(hash)!);
    this.#plans.set(hash, loaded);
    return loaded;
  }

  #event({ eventSeq }: StoredRun): StoredEvent {
    // Stored in the change that made the run.
    return this.#disk.events[eventSeq - 1]!;
  }

  #summary(run: StoredRun): RunSummary {
    const { plan } = this.#plan(run.planHash);
    return {
      runId: run.runId,
      pipeline: run.pipeline,
      version: plan.version,
      planHash: run.planHash,
      key: run.key,
      state: run.state,
      ...(run.step !== undefined && { step: run.step }),
      acceptedAtMs: run.acceptedAtMs,
      updatedAtMs: run.acceptedAtMs,
      owner: plan.owner.team,
      correlationId: run.correlationId,
    };
  }
}

function refused(code: string): ActionResult {
  return { ok: false, code, message: code };
}
