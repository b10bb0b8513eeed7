import { createHmac } from 'node:crypto';
import type { Failure, JsonObject } from '@tenon/model';
import type { FieldPlan, ReconciliationPlan } from '@tenon/pipeline';
import type { ReconciliationReport, ReportedDifference } from '../api/reconciliations.ts';
import type { EmbeddedEngine } from '../embedded/engine.ts';
import type { Write } from '../embedded/file/statements.ts';
import type { Difference } from './compare.ts';
import type { Outcome } from './comparison.ts';
import { differenceAlarms } from './difference-alarm.ts';

/** Differences stored in one write: short, so that intake does not wait for it. */
const WRITTEN_AT_ONCE = 200;
/** Reports listed at most. */
const LISTED_MAX = 1_000;

/** What a report is stored as, beside its columns. */
export interface StoredReport {
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

/** Reports of reconciliations as they are on disk, with the differences that each lists. */
export class Reports {
  readonly #engine: EmbeddedEngine;

  constructor(engine: EmbeddedEngine) {
    this.#engine = engine;
  }

  list(name?: string, limit = 50): readonly ReconciliationReport[] {
    const rows = this.#engine.read
      .of('SELECT * FROM reports WHERE (?1 IS NULL OR name = ?1) ORDER BY id DESC LIMIT ?2')
      .all(name ?? null, Math.min(limit, LISTED_MAX));
    return rows.map((row) => this.#reportOf(row));
  }

  get(id: string): ReconciliationReport | undefined {
    const row = this.#engine.read.of('SELECT * FROM reports WHERE id = ?').get(id);
    return row && this.#reportOf(row);
  }

  /** The last one that ended and was no dry run. */
  lastEnded(name: string): ReconciliationReport | undefined {
    const row = this.#engine.read
      .of(
        `SELECT * FROM reports WHERE name = ? AND is_dry = 0 AND state <> 'comparing' ORDER BY id DESC LIMIT 1`,
      )
      .get(name);
    return row && this.#reportOf(row);
  }

  /** The newest of the same systems that was begun later and is complete; a dry run has compared them as well. */
  newer(id: string): { readonly id: string; readonly begunAtMs: number } | undefined {
    const row = this.#engine.read
      .of(
        `SELECT later.id, later.begun_at FROM reports AS given JOIN reports AS later ON later.name = given.name
        WHERE given.id = ? AND later.state = 'complete' AND later.begun_at > given.begun_at ORDER BY later.begun_at DESC LIMIT 1`,
      )
      .get(id);
    return row && { id: String(row['id']), begunAtMs: Number(row['begun_at']) };
  }

  /** Those that an earlier process, or this one, has begun and not ended. */
  unfinished(): readonly {
    readonly id: string;
    readonly name: string;
    readonly isDryRun: boolean;
    readonly stored: StoredReport;
  }[] {
    return this.#engine.read
      .of(`SELECT * FROM reports WHERE state = 'comparing' ORDER BY id`)
      .all()
      .map((row) => ({
        id: String(row['id']),
        name: String(row['name']),
        isDryRun: Number(row['is_dry']) === 1,
        stored: this.#storedOf(row),
      }));
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
        return [
          {
            number: Number(place.slice(place.lastIndexOf('/') + 1)),
            // Written by `store`.
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
    const plan = stored && this.planOf(stored.plan);
    return { plan: plan && this.#classedSince(plan), salt: stored?.salt ?? '' };
  }

  /** What was classed after it was compared is shown no more, either. */
  #classedSince(plan: ReconciliationPlan): ReconciliationPlan {
    const now = this.#engine.reconciliations?.active(plan.name);
    if (now === undefined || now.hash === plan.hash) return plan;
    const stricter = (fields: readonly FieldPlan[], known: readonly FieldPlan[]): readonly FieldPlan[] =>
      fields.map((one) => ({
        ...one,
        isClassed: one.isClassed || known.some(({ name, isClassed }) => isClassed && name === one.name),
      }));
    return {
      ...plan,
      isKeyClassed: plan.isKeyClassed || now.isKeyClassed,
      isIdClassed: plan.isIdClassed || now.isIdClassed,
      compare: stricter(plan.compare, now.compare),
      totals: stricter(plan.totals, now.totals),
    };
  }

  /** A comparison begins, or begins again: what an earlier try has listed goes. */
  async beginAnew(id: string, stored: StoredReport): Promise<void> {
    await this.#engine.commit(
      [
        ['dropDifferences', `${id}/`, `${id}/~`],
        ['noteReport', id, JSON.stringify(stored)],
      ],
      [],
    );
  }

  async store(report: string, from: number, differences: readonly Difference[]): Promise<void> {
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
  async end(
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
    const state = failure === undefined ? 'complete' : 'failed';
    const differences = outcome?.differences ?? 0;
    const [alarmWrites, alarmNoted, untold] = this.#engine.alarms.telling(
      isDryRun ? [] : differenceAlarms(plan, { id, state, differences, ...(failure && { failure }) }),
    );
    try {
      await this.#engine.commit(
        [['endReport', id, now, state, JSON.stringify({ ...stored, ...end })], ...alarmWrites],
        [
          this.#engine.system({
            kind: 'reconciliation',
            details: { action: state, isDryRun, ...said },
          }),
          ...alarmNoted,
        ],
      );
    } catch (error) {
      untold();
      throw error;
    }
  }

  planOf(hash: string): ReconciliationPlan | undefined {
    const row = this.#engine.read.of('SELECT plan FROM reconciliation_plans WHERE hash = ?').get(hash);
    return row && JSON.parse(String(row['plan']));
  }

  #storedOf(row: Record<string, unknown>): StoredReport {
    const value = this.#engine.rows.codec.jsonOrNull(row['value'], `reports/${String(row['id'])}`) ?? {};
    // Written by `Reconciliations.begin` and `end`; what is damaged is named by `tenon doctor`.
    return value as unknown as StoredReport;
  }

  #reportOf(row: Record<string, unknown>): ReconciliationReport {
    const { outcome, failure, plan, resumed, salt: _, ...rest } = this.#storedOf(row);
    const endedAtMs = row['ended_at'];
    const compared = this.planOf(plan);
    const shownTotals = compared &&
      outcome && { totals: withoutClassed(outcome.totals, this.#classedSince(compared)) };
    return {
      id: String(row['id']),
      reconciliation: String(row['name']),
      // One of the three that the table allows.
      state: String(row['state']) as ReconciliationReport['state'],
      isDryRun: Number(row['is_dry']) === 1,
      begunAtMs: Number(row['begun_at']),
      ...(typeof endedAtMs === 'number' && { endedAtMs }),
      planHash: plan,
      owner: compared?.owner.team ?? '',
      ...rest,
      ...(resumed !== undefined && { resumed }),
      ...(outcome ?? NOTHING),
      ...shownTotals,
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

/** Of a sum of what is classed it is told whether both are alike. */
function withoutClassed(totals: Outcome['totals'], plan: ReconciliationPlan): Outcome['totals'] {
  return totals.map((total) => {
    const isClassed = plan.totals.find(({ name }) => name === total.name)?.isClassed ?? true;
    return isClassed ? { name: total.name, differs: total.differs } : total;
  });
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

function differenceId(report: string, number: number): string {
  return `${report}/${String(number).padStart(8, '0')}`;
}
