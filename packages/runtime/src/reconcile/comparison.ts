import { type Failure, type Json, type JsonObject, sleep } from '@tenon/model';
import type { FieldPlan, ReconciliationPlan } from '@tenon/pipeline';
import type { RuntimeOptions } from '../api/options.ts';
import type { ReconciliationReport } from '../api/reconciliations.ts';
import type { EmbeddedEngine } from '../embedded/engine.ts';
import { traceparentFor } from '../interpreter/trace-context.ts';
import { type Difference, differenceKinds, Sum, totalsAgree } from './compare.ts';
import { type LoadedSide, loadSide, RecordUnreadable, type Side } from './loaded-side.ts';
import { ReadingFailed, readRecords } from './read-records.ts';
import { type Look, PARTS } from './staged-records.ts';
import type { Staging } from './staging.ts';

/** Records handed to the staging thread at a time. */
const BATCH = 1_000;
const SIDES: readonly Side[] = ['source', 'target'];

export type Outcome = Pick<
  ReconciliationReport,
  'counts' | 'differences' | 'listed' | 'unsettled' | 'records' | 'totals'
>;

/** A comparison under way. */
export interface UnderWay {
  /** Of its report. */
  readonly id: string;
  readonly abort: AbortController;
  readonly read: { source: number; target: number };
  /** Its deadline has passed. */
  isLate: boolean;
}

export interface ComparisonParts extends Pick<RuntimeOptions, 'clock' | 'random'> {
  readonly engine: Pick<EmbeddedEngine, 'call' | 'now'>;
  readonly staging: Staging;
  /** The runtime is stopping: what comes out is then not whole, and not to be reported. */
  readonly stopped: AbortSignal;
  /** Keeps differences, numbered from `from`. */
  store(differences: readonly Difference[], from: number): Promise<void>;
}

/**
 * Reads both systems and holds them against each other, part by part. Looks twice where the plan says so: what has gone by
 * the second look was on its way. Only reads are made, each through the same guards, switches, windows and grants as a run's.
 */
export class Comparison {
  readonly #plan: ReconciliationPlan;
  readonly #underWay: UnderWay;
  readonly #parts: ComparisonParts;
  readonly #found: Findings;

  constructor(plan: ReconciliationPlan, underWay: UnderWay, parts: ComparisonParts) {
    this.#plan = plan;
    this.#underWay = underWay;
    this.#parts = parts;
    this.#found = new Findings(plan, parts.store);
  }

  async outcome(atMs: number): Promise<Outcome> {
    const { confirmAfterMs } = this.#plan;
    const { staging, clock, engine } = this.#parts;
    const { read, abort } = this.#underWay;
    await this.#readBoth(atMs);
    if (confirmAfterMs === undefined) await this.#hold(atMs, 'only');
    else {
      await this.#hold(atMs, 'note');
      await staging.again();
      await sleep(clock, confirmAfterMs, abort.signal);
      read.source = 0;
      read.target = 0;
      const laterMs = engine.now();
      await this.#readBoth(laterMs);
      await this.#hold(laterMs, 'confirm');
    }
    return this.#found.outcome();
  }

  async #readBoth(atMs: number): Promise<void> {
    const plan = this.#plan;
    const { abort } = this.#underWay;
    const toMs = atMs - plan.settleMs;
    const window: JsonObject = {
      at: new Date(atMs).toISOString(),
      from: new Date(plan.windowMs === undefined ? 0 : toMs - plan.windowMs).toISOString(),
      to: new Date(toMs).toISOString(),
    };
    // Beside each other: what is read of both at one time differs least by what happens meanwhile.
    const sides = SIDES.map(async (side) => {
      try {
        await this.#readSide(side, loadSide(plan, side), window);
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

  async #readSide(side: Side, loaded: LoadedSide, window: JsonObject): Promise<void> {
    const plan = this.#plan;
    const { clock, engine, random, staging } = this.#parts;
    const { id, read } = this.#underWay;
    const { signal } = this.#underWay.abort;
    const records = readRecords({
      side: plan.sides[side],
      input: loaded.input(window),
      clock,
      random,
      signal,
      call: (connection, request) =>
        engine.call(connection, {
          ...request,
          traceparent: traceparentFor(id),
          correlationId: id,
          purpose: 'read',
          origin: { pipeline: plan.name, runId: id, step: side },
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

  async #hold(atMs: number, look: Look): Promise<void> {
    const { compare, settleMs } = this.#plan;
    const { staging, stopped } = this.#parts;
    const rules = { compare, settledBeforeMs: atMs - settleMs };
    for (let part = 0; part < PARTS && !stopped.aborted; part++) {
      const compared = await staging.comparePart(part, rules, look);
      if (look !== 'note') await this.#found.add(compared);
    }
  }
}

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

  outcome(): Outcome {
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

/** Why a comparison came to nothing. */
export function failureOf(error: unknown, plan: ReconciliationPlan, isLate: boolean): Failure {
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
