import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { scheduleOf } from '@tenon/connector/schedule';
import type { ReconciliationPlan } from '@tenon/pipeline';
import type { Alarm } from '../api/flow.ts';
import type { RuntimeOptions } from '../api/options.ts';
import type { ReconciliationBegun, ReconciliationFlow, ReconciliationState } from '../api/reconciliations.ts';
import type { EmbeddedEngine } from '../embedded/engine.ts';
import type { Write } from '../embedded/file/statements.ts';
import { Comparison, failureOf, type UnderWay } from './comparison.ts';
import { differenceAlarms, isAboveAlarm } from './difference-alarm.ts';
import { Reports, type StoredReport } from './reports.ts';
import { openStaging, type Staging } from './staging.ts';

/** Comparisons beside each other; more wait for their turn. */
const AT_A_TIME = 2;
/** How often the schedules are looked at, at the latest: the clock may have been set. */
const LOOK_MS = 60_000;

/**
 * Reconciliations (C80, C81). A report: comparing → complete | failed. It is on disk, with who asked for it and where its
 * schedule has come, before anything is read, and its differences are stored with its end: so a process that dies
 * compares again, under the same report, and nothing is reported twice.
 */
export class Reconciliations {
  readonly reports: Reports;
  readonly #engine: EmbeddedEngine;
  readonly #options: RuntimeOptions;
  readonly #active = new Map<string, ReconciliationPlan>();
  readonly #underWay = new Map<string, UnderWay>();
  readonly #stopped = new AbortController();
  readonly #turns: (() => void)[] = [];
  /** Comparisons that still hold their file, reported or not. */
  readonly #unfinished = new Set<Promise<void>>();
  readonly #folder: string;
  #working = 0;
  #cancel: (() => void) | undefined;
  /** Of schedules: moments put off by chance, so that the same is not drawn again at each look. */
  readonly #putOff = new Map<string, { readonly atMs: number; readonly untilMs: number }>();

  constructor(engine: EmbeddedEngine, options: RuntimeOptions) {
    this.reports = new Reports(engine);
    this.#engine = engine;
    this.#options = options;
    this.#folder = `${options.file}.comparing`;
    // What an earlier process was at cannot be read any more.
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Puts plans in force, and goes on with what an earlier process was at. */
  async activate(plans: readonly ReconciliationPlan[]): Promise<void> {
    const now = this.#engine.now();
    const writes = plans.flatMap((plan): Write[] => [
      ...(this.reports.planOf(plan.hash) === undefined
        ? ([
            ['putReconciliationPlan', plan.hash, plan.name, plan.version, now, JSON.stringify(plan)],
          ] as const)
        : []),
      // At the very first a schedule begins now. Its first moment may come while no process is there.
      ...(plan.schedule !== undefined && this.#engine.rows.cursor(cursorOf(plan.name)) === undefined
        ? [putPosition(plan.name, now, now)]
        : []),
    ]);
    if (writes.length > 0) await this.#engine.commit(writes, []);
    this.#active.clear();
    for (const plan of plans) this.#active.set(plan.name, plan);
    this.#resume();
    this.#look();
  }

  /** The plan in force of a name. */
  active(name: string): ReconciliationPlan | undefined {
    return this.#active.get(name);
  }

  async stop(): Promise<void> {
    this.#cancel?.();
    this.#stopped.abort();
    for (const turn of this.#turns.splice(0)) turn();
    for (const { abort } of this.#underWay.values()) abort.abort();
    await Promise.all(this.#unfinished);
  }

  /** Begins a comparison. A dry run is kept as others are, raises no alarm, and stands for none in the flow. */
  async begin(
    name: string,
    actor: string,
    reason: string,
    isDryRun: boolean,
    scheduledAtMs?: number,
  ): Promise<ReconciliationBegun> {
    const plan = this.#active.get(name);
    if (plan === undefined)
      return { ok: false, code: 'RECONCILIATION_UNKNOWN', message: `there is no reconciliation ${name}` };
    const other = this.#underWay.get(name);
    if (other !== undefined)
      return {
        ok: false,
        code: 'RECONCILIATION_UNDER_WAY',
        message: `report ${other.id} of ${name} is being made`,
      };
    const id = this.#engine.newId();
    const stored: StoredReport = {
      plan: plan.hash,
      version: plan.version,
      salt: randomBytes(16).toString('base64url'),
      actor,
      reason,
      ...(scheduledAtMs !== undefined && { scheduledAtMs }),
    };
    const now = this.#engine.now();
    // Taken before it is on disk: two that ask at once must not both begin.
    const underWay = newUnderWay(id);
    this.#underWay.set(name, underWay);
    try {
      await this.#engine.commit(
        [
          ['putReport', id, name, now, isDryRun ? 1 : 0, JSON.stringify(stored), plan.hash],
          ...(scheduledAtMs === undefined ? [] : [putPosition(name, scheduledAtMs, now)]),
        ],
        [
          this.#engine.system({
            kind: 'reconciliation',
            details: {
              action: 'begun',
              reconciliation: name,
              report: id,
              plan: plan.hash,
              version: plan.version,
              actor,
              reason,
              isDryRun,
              ...(scheduledAtMs !== undefined && { scheduledAtMs }),
            },
          }),
        ],
      );
    } catch (error) {
      this.#underWay.delete(name);
      throw error;
    }
    this.#carry(plan, underWay, stored, now, isDryRun);
    return { ok: true, report: id };
  }

  names(): readonly ReconciliationState[] {
    return [...this.#active.values()].map((plan) => {
      const next = plan.schedule && scheduleOf(plan.schedule).next(this.#engine.now());
      const last = this.reports.list(plan.name, 1)[0];
      return {
        name: plan.name,
        version: plan.version,
        description: plan.description,
        owner: plan.owner.team,
        source: `${plan.sides.source.connection}.${plan.sides.source.operation.operation}`,
        target: `${plan.sides.target.connection}.${plan.sides.target.operation.operation}`,
        ...(plan.schedule && { schedule: plan.schedule.cron, zone: plan.schedule.zone }),
        ...(next !== undefined && { nextAtMs: next }),
        ...(last && { last }),
      };
    });
  }

  flow(): readonly ReconciliationFlow[] {
    return [...this.#active.values()].map((plan) => {
      const { name } = plan;
      const last = this.reports.lastEnded(name);
      const underWay = this.#underWay.get(name);
      return {
        reconciliation: name,
        isComparing: underWay !== undefined,
        ...(underWay && { read: { ...underWay.read } }),
        ...(last && {
          lastReport: last.id,
          lastState: last.state,
          lastEndedAtMs: last.endedAtMs ?? last.begunAtMs,
          differences: last.differences,
          counts: last.counts,
          isAboveAlarm: isAboveAlarm(last, plan),
        }),
      };
    });
  }

  /** Of those whose last comparison failed, or found more than may differ. */
  alarms(): readonly Alarm[] {
    return [...this.#active.values()].flatMap((plan) => {
      const last = this.reports.lastEnded(plan.name);
      return last === undefined ? [] : differenceAlarms(plan, last);
    });
  }

  #resume(): void {
    for (const { id, name, isDryRun, stored } of this.reports.unfinished()) {
      if (this.#underWay.has(name)) continue;
      const plan = this.reports.planOf(stored.plan);
      if (plan === undefined) continue;
      const underWay = newUnderWay(id);
      this.#underWay.set(name, underWay);
      const again = { ...stored, resumed: (stored.resumed ?? 0) + 1 };
      // What is compared is what is there now: what was read before is gone.
      this.#carry(plan, underWay, again, this.#engine.now(), isDryRun);
    }
  }

  #carry(
    plan: ReconciliationPlan,
    underWay: UnderWay,
    stored: StoredReport,
    atMs: number,
    isDryRun: boolean,
  ): void {
    const done = this.#inTurn(() => this.#compare(plan, underWay, stored, atMs, isDryRun))
      // A disk that fails stops the runtime elsewhere, and says so there; the report is begun again at the next start.
      .catch(() => {})
      .finally(() => {
        if (this.#underWay.get(plan.name) === underWay) this.#underWay.delete(plan.name);
        this.#unfinished.delete(done);
      });
    this.#unfinished.add(done);
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    if (this.#working >= AT_A_TIME) await new Promise<void>((resolve) => this.#turns.push(resolve));
    if (this.#stopped.signal.aborted) return;
    this.#working++;
    try {
      await work();
    } finally {
      this.#working--;
      this.#turns.shift()?.();
    }
  }

  async #compare(
    plan: ReconciliationPlan,
    underWay: UnderWay,
    stored: StoredReport,
    atMs: number,
    isDryRun: boolean,
  ): Promise<void> {
    const { id, abort } = underWay;
    const { clock, random } = this.#options;
    const cancelDeadline = clock.setTimer(plan.deadlineMs, () => {
      underWay.isLate = true;
      abort.abort();
    });
    const end = async (what: Pick<StoredReport, 'outcome' | 'failure'>): Promise<void> => {
      // Given up by a stop: it is begun again at the next start.
      if (this.#stopped.signal.aborted) return;
      await this.reports.end(plan, id, stored, isDryRun, what);
      // The next may begin now; what is left is to take the file away.
      this.#underWay.delete(plan.name);
    };
    let staging: Staging | undefined;
    try {
      staging = openStaging(join(this.#folder, `${id}.db`));
      await this.reports.beginAnew(id, stored);
      const comparison = new Comparison(plan, underWay, {
        engine: this.#engine,
        clock,
        random,
        staging,
        stopped: this.#stopped.signal,
        store: (differences, from) => this.reports.store(id, from, differences),
      });
      await end({ outcome: await comparison.outcome(atMs) });
    } catch (error) {
      await end({ failure: failureOf(error, plan, underWay.isLate) });
    } finally {
      cancelDeadline();
      await staging?.close();
    }
  }

  #look(): void {
    this.#cancel?.();
    if (this.#stopped.signal.aborted) return;
    const now = this.#engine.now();
    let nextMs = now + LOOK_MS;
    for (const plan of this.#active.values()) {
      if (plan.schedule === undefined) continue;
      const schedule = scheduleOf(plan.schedule);
      // Several that were missed are one: what is compared is what is there now.
      const due = schedule.due(this.#positionMs(plan.name, now), now).at(-1);
      const upcoming = schedule.next(now);
      if (upcoming !== undefined) nextMs = Math.min(nextMs, upcoming);
      if (due === undefined || this.#underWay.has(plan.name)) continue;
      const untilMs = this.#putOffUntil(plan, due.atMs);
      if (untilMs > now) nextMs = Math.min(nextMs, untilMs);
      else
        void this.#engine.dispatcher
          .busy(() =>
            this.begin(plan.name, 'schedule', `due ${new Date(due.atMs).toISOString()}`, false, due.atMs),
          )
          // A disk that fails stops the runtime elsewhere, and says so there.
          .catch(() => {});
    }
    this.#cancel = this.#options.clock.setTimer(Math.max(1, nextMs - now), () => this.#look());
  }

  /** How far its schedule has come: what it is at, or was, is not due any more. */
  #positionMs(name: string, now: number): number {
    const stored = this.#engine.rows.cursor(cursorOf(name));
    const positionMs = stored === undefined ? now : Date.parse(stored);
    if (positionMs <= now + LOOK_MS) return positionMs;
    // The clock was ahead, and was set right: it goes on from here, in the file as well, or what is missed from now on would be lost.
    void this.#engine.dispatcher
      .busy(() => this.#engine.commit([putPosition(name, now, now)]))
      // A disk that fails stops the runtime elsewhere, and says so there.
      .catch(() => {});
    return now;
  }

  #putOffUntil(plan: ReconciliationPlan, atMs: number): number {
    const known = this.#putOff.get(plan.name);
    if (known?.atMs === atMs) return known.untilMs;
    const untilMs = atMs + (plan.schedule?.jitterMs ?? 0) * this.#options.random.next();
    this.#putOff.set(plan.name, { atMs, untilMs });
    return untilMs;
  }
}

function newUnderWay(id: string): UnderWay {
  return { id, abort: new AbortController(), read: { source: 0, target: 0 }, isLate: false };
}

function putPosition(name: string, positionMs: number, now: number): Write {
  return ['putCursor', cursorOf(name), new Date(positionMs).toISOString(), now];
}

function cursorOf(name: string): string {
  return `reconciliation/${name}`;
}
