import { createHmac, randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { scheduleOf } from '@tenon/connector/schedule';
import { type Failure, type Json, type JsonObject, sleep } from '@tenon/model';
import type { FieldPlan, ReconciliationPlan } from '@tenon/pipeline';
import type { EmbeddedEngine } from '../embedded/engine.ts';
import type { Write } from '../embedded/statements.ts';
import { traceparentFor } from '../interpreter/trace-context.ts';
import type {
  ReconciliationBegun,
  ReconciliationFlow,
  ReconciliationReport,
  ReconciliationState,
  ReportedDifference,
  RuntimeOptions,
} from '../runtime.ts';
import { type Difference, differenceKinds, Sum, totalsAgree } from './compare.ts';
import { type LoadedSide, loadSide, RecordUnreadable, type Side } from './loaded-side.ts';
import { ReadingFailed, readRecords } from './read-records.ts';
import { type Look, PARTS } from './staged-records.ts';
import { openStaging, type Staging } from './staging.ts';

/** Records handed to the staging thread at a time. */
const BATCH = 1_000;
/** Differences stored in one write: short, so that intake does not wait for it. */
const WRITTEN_AT_ONCE = 200;
/** Comparisons beside each other; more wait for their turn. */
const AT_A_TIME = 2;
/** How often the schedules are looked at, at the latest: the clock may have been set. */
const LOOK_MS = 60_000;
/** Reports listed at most. */
const LISTED_MAX = 1_000;
const SIDES: readonly Side[] = ['source', 'target'];

/** What a report is stored as, beside its columns. */
interface StoredReport {
  readonly plan: string;
  readonly version: number;
  /** Goes into the digests that stand for classed keys. */
  readonly salt: string;
  readonly actor: string;
  readonly reason: string;
  readonly scheduledAtMs?: number;
  readonly resumed?: number;
  readonly outcome?: Outcome;
  readonly failure?: Failure;
}

type Outcome = Pick<
  ReconciliationReport,
  'counts' | 'differences' | 'listed' | 'unsettled' | 'records' | 'totals'
>;

/** A comparison under way. */
interface UnderWay {
  readonly id: string;
  readonly abort: AbortController;
  readonly read: { source: number; target: number };
  /** Its deadline has passed. */
  isLate: boolean;
}

/**
 * Reconciliations (C80, C81). A report: comparing → complete | failed. It is on disk, with who asked for it and where its
 * schedule has come, before anything is read, and its differences are stored with its end: so a process that dies
 * compares again, under the same report, and nothing is reported twice. Only reads are made, each through the same
 * guards, switches and grants as a run's.
 */
export class Reconciliations {
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
  readonly #since: number;

  constructor(engine: EmbeddedEngine, options: RuntimeOptions) {
    this.#engine = engine;
    this.#options = options;
    this.#folder = `${options.file}.comparing`;
    this.#since = options.clock.now();
    // What an earlier process was at cannot be read any more.
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Puts plans in force, and goes on with what an earlier process was at. */
  async activate(plans: readonly ReconciliationPlan[]): Promise<void> {
    const now = this.#engine.now();
    const writes = plans.flatMap((plan): Write[] =>
      this.#planOf(plan.hash) === undefined
        ? [['putReconciliationPlan', plan.hash, plan.name, plan.version, now, JSON.stringify(plan)]]
        : [],
    );
    if (writes.length > 0) await this.#engine.commit(writes, []);
    this.#active.clear();
    for (const plan of plans) this.#active.set(plan.name, plan);
    this.#resume();
    this.#look();
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
          ...(scheduledAtMs === undefined
            ? []
            : ([['putCursor', cursorOf(name), new Date(scheduledAtMs).toISOString(), now]] as const)),
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
      const last = this.reports(plan.name, 1)[0];
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

  reports(name?: string, limit = 50): readonly ReconciliationReport[] {
    const rows = this.#engine.read
      .of('SELECT * FROM reports WHERE (?1 IS NULL OR name = ?1) ORDER BY id DESC LIMIT ?2')
      .all(name ?? null, Math.min(limit, LISTED_MAX));
    return rows.map((row) => this.#reportOf(row));
  }

  report(id: string): ReconciliationReport | undefined {
    const row = this.#engine.read.of('SELECT * FROM reports WHERE id = ?').get(id);
    return row && this.#reportOf(row);
  }

  /** Differences of a report after a number, in order. What is classed is not in them. */
  differences(id: string, after: number, limit: number): readonly ReportedDifference[] {
    const { plan, salt } = this.#behind(id);
    return this.storedDifferences(id, after, limit).map(({ number, difference }) =>
      shown(number, difference, plan, salt),
    );
  }

  /** How a key may be shown: as it is, or by its digest. */
  shownKey(id: string): (key: string | null) => string | null {
    const { plan, salt } = this.#behind(id);
    return (key) => (key !== null && (plan?.isKeyClassed ?? true) ? digestOfKey(key, salt) : key);
  }

  storedDifferences(
    id: string,
    after: number,
    limit: number,
  ): readonly { readonly number: number; readonly difference: Difference }[] {
    return this.#engine.read
      .of('SELECT id, value FROM differences WHERE id > ? AND id < ? ORDER BY id LIMIT ?')
      .all(differenceId(id, after), `${id}/~`, limit)
      .flatMap((row) => {
        const place = String(row['id']);
        const value = this.#engine.rows.codec.jsonOrNull(row['value'], `differences/${place}`);
        if (value === null) return [];
        // Written by `#store`.
        return [
          {
            number: Number(place.slice(place.lastIndexOf('/') + 1)),
            difference: value as unknown as Difference,
          },
        ];
      });
  }

  planOfReport(id: string): ReconciliationPlan | undefined {
    return this.#behind(id).plan;
  }

  #behind(id: string): { readonly plan: ReconciliationPlan | undefined; readonly salt: string } {
    const row = this.#engine.read.of('SELECT id, value FROM reports WHERE id = ?').get(id);
    const stored = row && this.#storedOf(row);
    return { plan: stored && this.#planOf(stored.plan), salt: stored?.salt ?? '' };
  }

  flow(): readonly ReconciliationFlow[] {
    return [...this.#active.values()].map(({ name, alarmAbove }) => {
      const row = this.#engine.read
        .of(
          `SELECT * FROM reports WHERE name = ? AND is_dry = 0 AND state <> 'comparing' ORDER BY id DESC LIMIT 1`,
        )
        .get(name);
      const last = row && this.#reportOf(row);
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
          isAboveAlarm: last.state === 'failed' || last.differences > alarmAbove,
        }),
      };
    });
  }

  #resume(): void {
    for (const row of this.#engine.read
      .of(`SELECT * FROM reports WHERE state = 'comparing' ORDER BY id`)
      .all()) {
      const id = String(row['id']);
      const name = String(row['name']);
      if (this.#underWay.has(name)) continue;
      const stored = this.#storedOf(row);
      const plan = this.#planOf(stored.plan);
      if (plan === undefined) continue;
      const underWay = newUnderWay(id);
      this.#underWay.set(name, underWay);
      const again = { ...stored, resumed: (stored.resumed ?? 0) + 1 };
      // What is compared is what is there now: what was read before is gone.
      this.#carry(plan, underWay, again, this.#engine.now(), Number(row['is_dry']) === 1);
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
    const cancelDeadline = this.#options.clock.setTimer(plan.deadlineMs, () => {
      underWay.isLate = true;
      abort.abort();
    });
    let staging: Staging | undefined;
    try {
      staging = openStaging(join(this.#folder, `${id}.db`));
      const found = new Findings(plan, (differences, from) => this.#store(id, from, differences));
      await this.#engine.commit(
        [
          ['dropDifferences', `${id}/`, `${id}/~`],
          ['noteReport', id, JSON.stringify(stored)],
        ],
        [],
      );
      await this.#readBoth(plan, underWay, staging, atMs);
      if (plan.confirmAfterMs === undefined) await this.#hold(plan, staging, atMs, 'only', found);
      else {
        await this.#hold(plan, staging, atMs, 'note', found);
        await staging.again();
        await sleep(this.#options.clock, plan.confirmAfterMs, abort.signal);
        underWay.read.source = 0;
        underWay.read.target = 0;
        const laterMs = this.#engine.now();
        await this.#readBoth(plan, underWay, staging, laterMs);
        await this.#hold(plan, staging, laterMs, 'confirm', found);
      }
      if (this.#stopped.signal.aborted) return;
      await this.#end(plan, id, stored, isDryRun, { outcome: await found.outcome() });
    } catch (error) {
      // Given up by a stop: it is begun again at the next start.
      if (this.#stopped.signal.aborted) return;
      await this.#end(plan, id, stored, isDryRun, { failure: failureOf(error, plan, underWay.isLate) });
    } finally {
      cancelDeadline();
      await staging?.close();
    }
  }

  async #readBoth(
    plan: ReconciliationPlan,
    { id, abort, read }: UnderWay,
    staging: Staging,
    atMs: number,
  ): Promise<void> {
    const toMs = atMs - plan.settleMs;
    const window: JsonObject = {
      at: new Date(atMs).toISOString(),
      from: new Date(plan.windowMs === undefined ? 0 : toMs - plan.windowMs).toISOString(),
      to: new Date(toMs).toISOString(),
    };
    // Beside each other: what is read of both at one time differs least by what happens meanwhile.
    const sides = SIDES.map(async (side) => {
      try {
        await this.#readSide(plan, side, loadSide(plan, side), window, id, staging, read, abort);
      } catch (error) {
        // The other side is read in vain then.
        abort.abort();
        throw error;
      }
    });
    const results = await Promise.allSettled(sides);
    const failed = results.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    // The one that stopped the other, not the one that was stopped.
    const cause = failed.find(
      (one) => !(one instanceof ReadingFailed && one.failure.code === 'RECONCILIATION_GIVEN_UP'),
    );
    if (failed.length > 0) throw cause ?? failed[0];
    if (abort.signal.aborted) throw new Error('the comparison was given up');
  }

  async #readSide(
    plan: ReconciliationPlan,
    side: Side,
    loaded: LoadedSide,
    window: JsonObject,
    report: string,
    staging: Staging,
    read: UnderWay['read'],
    { signal }: AbortController,
  ): Promise<void> {
    const { clock, random } = this.#options;
    const records = readRecords({
      side: plan.sides[side],
      input: loaded.input(window),
      clock,
      random,
      signal,
      call: (connection, request) =>
        this.#call(connection, {
          ...request,
          traceparent: traceparentFor(report),
          correlationId: report,
          purpose: 'read',
          origin: { pipeline: plan.name, runId: report, step: side },
        }),
    });
    let batch = [];
    for await (const page of records) {
      for (const record of page) {
        read[side]++;
        const row = rowOf(loaded, record, window, side, read[side]);
        if (row !== undefined) batch.push(row);
        if (batch.length < BATCH) continue;
        await staging.add(batch);
        batch = [];
        if (signal.aborted) return;
      }
    }
    if (batch.length > 0) await staging.add(batch);
  }

  /** A maintenance window holds it as a switch does. */
  async #call(
    ...[connection, request]: Parameters<EmbeddedEngine['call']>
  ): ReturnType<EmbeddedEngine['call']> {
    return this.#engine.closedUntil(connection) === undefined
      ? this.#engine.call(connection, request)
      : 'held';
  }

  async #hold(
    plan: ReconciliationPlan,
    staging: Staging,
    atMs: number,
    look: Look,
    found: Findings,
  ): Promise<void> {
    const rules = { compare: plan.compare, settledBeforeMs: atMs - plan.settleMs };
    for (let part = 0; part < PARTS && !this.#stopped.signal.aborted; part++) {
      const compared = await staging.comparePart(part, rules, look);
      if (look !== 'note') await found.add(compared);
    }
  }

  async #store(report: string, from: number, differences: readonly Difference[]): Promise<void> {
    for (let at = 0; at < differences.length; at += WRITTEN_AT_ONCE)
      await this.#engine.commit(
        differences
          .slice(at, at + WRITTEN_AT_ONCE)
          .map(
            (one, index): Write => [
              'putDifference',
              differenceId(report, from + at + index),
              one.kind,
              JSON.stringify(one),
            ],
          ),
        [],
      );
  }

  /** Ends a report, once: with its entry, and the alarm that its owner is to hear. */
  async #end(
    plan: ReconciliationPlan,
    id: string,
    stored: StoredReport,
    isDryRun: boolean,
    end: Pick<StoredReport, 'outcome' | 'failure'>,
  ): Promise<void> {
    const now = this.#engine.now();
    const { outcome, failure } = end;
    const counted = outcome && {
      counts: { ...outcome.counts },
      differences: outcome.differences,
      unsettled: outcome.unsettled,
      records: { ...outcome.records },
      totals: outcome.totals.filter(({ differs }) => differs).map(({ name }) => name),
    };
    const said: JsonObject = {
      reconciliation: plan.name,
      report: id,
      ...counted,
      ...(failure && { class: failure.class, code: failure.code }),
    };
    const isAlarm = failure !== undefined || (outcome?.differences ?? 0) > plan.alarmAbove;
    const { team, backup, escalation, roles } = plan.owner;
    await this.#engine.commit(
      [
        [
          'endReport',
          id,
          now,
          failure === undefined ? 'complete' : 'failed',
          JSON.stringify({ ...stored, ...end }),
        ],
      ],
      [
        this.#engine.system({
          kind: 'reconciliation',
          details: { action: failure === undefined ? 'complete' : 'failed', isDryRun, ...said },
        }),
        ...(isAlarm && !isDryRun
          ? [
              this.#engine.system({
                kind: 'alarm',
                details: {
                  alarm: failure === undefined ? 'recordsDiffer' : 'reconciliationFailed',
                  ...said,
                  alarmAbove: plan.alarmAbove,
                  owner: team,
                  ...(roles?.data !== undefined && { data: roles.data }),
                  backup,
                  escalation,
                },
              }),
            ]
          : []),
      ],
    );
    // The next may begin now; what is left is to take the file away.
    this.#underWay.delete(plan.name);
  }

  #look(): void {
    this.#cancel?.();
    if (this.#stopped.signal.aborted) return;
    const now = this.#engine.now();
    let nextMs = now + LOOK_MS;
    for (const plan of this.#active.values()) {
      if (plan.schedule === undefined) continue;
      const schedule = scheduleOf(plan.schedule);
      const stored = this.#engine.read
        .of('SELECT value FROM cursors WHERE name = ?')
        .get(cursorOf(plan.name));
      const text = stored && this.#engine.rows.codec.open(stored['value'], `cursors/${cursorOf(plan.name)}`);
      // At the very first it begins now; nothing is made up for.
      const positionMs = text === undefined ? this.#since : Date.parse(text);
      // Several that were missed are one: what is compared is what is there now.
      const due = schedule.due(positionMs, now).at(-1);
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

  #putOffUntil(plan: ReconciliationPlan, atMs: number): number {
    const known = this.#putOff.get(plan.name);
    if (known?.atMs === atMs) return known.untilMs;
    const untilMs = atMs + (plan.schedule?.jitterMs ?? 0) * this.#options.random.next();
    this.#putOff.set(plan.name, { atMs, untilMs });
    return untilMs;
  }

  #planOf(hash: string): ReconciliationPlan | undefined {
    const row = this.#engine.read.of('SELECT plan FROM reconciliation_plans WHERE hash = ?').get(hash);
    return row && JSON.parse(String(row['plan']));
  }

  #storedOf(row: Record<string, unknown>): StoredReport {
    // Written by `begin` and `#end`; what is damaged is named by `tenon doctor`.
    return (this.#engine.rows.codec.jsonOrNull(row['value'], `reports/${String(row['id'])}`) ??
      {}) as unknown as StoredReport;
  }

  #reportOf(row: Record<string, unknown>): ReconciliationReport {
    const { outcome, failure, plan, resumed, salt: _, ...rest } = this.#storedOf(row);
    const endedAtMs = row['ended_at'];
    const owner = this.#planOf(plan)?.owner.team ?? '';
    return {
      id: String(row['id']),
      reconciliation: String(row['name']),
      // One of the three that the table allows.
      state: String(row['state']) as ReconciliationReport['state'],
      isDryRun: Number(row['is_dry']) === 1,
      begunAtMs: Number(row['begun_at']),
      ...(typeof endedAtMs === 'number' && { endedAtMs }),
      planHash: plan,
      owner,
      ...rest,
      ...(resumed !== undefined && { resumed }),
      ...(outcome ?? NOTHING),
      ...(failure && { failure }),
    };
  }
}

const NOTHING: Outcome = {
  counts: { missing: 0, extra: 0, mismatched: 0, duplicate: 0, withoutKey: 0 },
  differences: 0,
  listed: 0,
  unsettled: 0,
  records: { source: 0, target: 0 },
  totals: [],
};

/** What a comparison has found so far: counts of all, and the differences up to the plan's bound. */
class Findings {
  readonly #plan: ReconciliationPlan;
  readonly #write: (differences: readonly Difference[], from: number) => Promise<void>;
  readonly #counts = { missing: 0, extra: 0, mismatched: 0, duplicate: 0, withoutKey: 0 };
  readonly #records = { source: 0, target: 0 };
  readonly #sums: Record<Side, Sum[]>;
  #unsettled = 0;
  #listed = 0;

  constructor(
    plan: ReconciliationPlan,
    write: (differences: readonly Difference[], from: number) => Promise<void>,
  ) {
    this.#plan = plan;
    this.#write = write;
    this.#sums = { source: plan.totals.map(() => new Sum()), target: plan.totals.map(() => new Sum()) };
  }

  async add({
    differences,
    unsettled,
    records,
    totals,
  }: Awaited<ReturnType<Staging['comparePart']>>): Promise<void> {
    this.#unsettled += unsettled;
    for (const side of SIDES) {
      this.#records[side] += records[side];
      for (const [index, sum] of this.#sums[side].entries()) sum.add(totals[side][index] ?? 0);
    }
    for (const { kind } of differences) this.#counts[kind]++;
    const listed = differences.slice(0, this.#plan.listMax - this.#listed);
    if (listed.length === 0) return;
    await this.#write(listed, this.#listed + 1);
    this.#listed += listed.length;
  }

  async outcome(): Promise<Outcome> {
    const totals = this.#plan.totals.map((field, index) => this.#totalOf(field, index));
    return {
      counts: { ...this.#counts },
      differences: differenceKinds.reduce((sum, kind) => sum + this.#counts[kind], 0),
      listed: this.#listed,
      unsettled: this.#unsettled,
      records: { ...this.#records },
      totals,
    };
  }

  #totalOf({ name, tolerance, isClassed }: FieldPlan, index: number): Outcome['totals'][number] {
    const [source, target] = [this.#sums.source[index]!.value, this.#sums.target[index]!.value];
    return {
      name,
      differs: !totalsAgree(source, target, tolerance),
      ...(!isClassed && { source, target }),
    };
  }
}

/** A difference as people may see it: what is classed is named, and not shown. */
function shown(
  number: number,
  { kind, key, ids, records, fields }: Difference,
  plan: ReconciliationPlan | undefined,
  salt: string,
): ReportedDifference {
  const isKeyClassed = plan?.isKeyClassed ?? true;
  return {
    number,
    kind,
    key: key !== null && isKeyClassed ? digestOfKey(key, salt) : key,
    // Where the key is classed, its ids would name whom it stands for.
    ids: isKeyClassed || (plan?.isIdClassed ?? true) ? { source: [], target: [] } : ids,
    records,
    fields: fields.map(({ name, source, target }) => {
      const isClassed = plan?.compare.find((one) => one.name === name)?.isClassed ?? true;
      return isClassed ? { name, isClassed } : { name, source, target };
    }),
  };
}

function digestOfKey(key: string, salt: string): string {
  return `#${createHmac('sha256', salt).update(key).digest('hex').slice(0, 12)}`;
}

function rowOf(loaded: LoadedSide, record: Json, window: JsonObject, side: Side, number: number) {
  try {
    return loaded.row(record, window);
  } catch (error) {
    if (!(error instanceof RecordUnreadable)) throw error;
    const { failure } = error;
    throw new RecordUnreadable({
      ...failure,
      message: `record ${number} of the ${side}: ${failure.message}`,
    });
  }
}

function newUnderWay(id: string): UnderWay {
  return { id, abort: new AbortController(), read: { source: 0, target: 0 }, isLate: false };
}

function failureOf(error: unknown, plan: ReconciliationPlan, isLate: boolean): Failure {
  if (!isLate && (error instanceof ReadingFailed || error instanceof RecordUnreadable)) return error.failure;
  if (isLate)
    return {
      class: 'timeout',
      code: 'RECONCILIATION_GIVEN_UP',
      message: `the comparison was not done within ${plan.deadlineMs / 1_000} s`,
      delivery: 'notSent',
    };
  return {
    class: 'permanent',
    code: 'RECONCILIATION_BROKEN',
    message: `the records could not be held against each other: ${error instanceof Error ? error.message : String(error)}`,
    delivery: 'notSent',
  };
}

function cursorOf(name: string): string {
  return `reconciliation/${name}`;
}

function differenceId(report: string, number: number): string {
  return `${report}/${String(number).padStart(8, '0')}`;
}
