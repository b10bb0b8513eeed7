import type { Plan } from '@tenon/pipeline';
import type { AskedApproval } from '../../interpreter/several-approvals.ts';
import { stepIdOf } from '../../loaded-plan.ts';
import type { LedgerEntry, ReplayFilter, RunDetail, RunFilter, RunSummary, Runtime } from '../../runtime.ts';
import type { Switch } from '../../switches.ts';
import { FrozenRuns } from '../control/frozen-sets.ts';
import { Standing } from '../control/standing.ts';
import { storedSwitches } from '../control/switch-keeper.ts';
import { Redactions } from '../file/redactions.ts';
import type { JournalRow, OpeningRow, RunRow } from '../file/run-row.ts';
import type { StoredRows, StoredRun } from '../file/stored-rows.ts';
import type { UnreadableValue } from '../file/value-codec.ts';
import { nextTurn } from '../next-turn.ts';
import { AskedApprovals, type GivenApproval } from './asked-approval.ts';
import { OpenWork } from './open-work.ts';
import { runDetail, summaryOf } from './run-detail.ts';
import { RunSearch } from './run-search.ts';
import { trace } from './trace.ts';

/** Rows given at most when a filter says nothing; and ever. */
const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 10_000;
/** Plans kept at hand. */
const PLANS_MAX = 64;

/** What an operator may ask, answered from the file: by the process that runs it, or by any other that may read it. */
export class Queries {
  readonly stored: StoredRows;
  readonly work: OpenWork;
  readonly frozen: FrozenRuns;
  readonly redactions: Redactions;
  readonly #search: RunSearch;
  /** By hash, as they never change: reading one again costs more than the rest of a run's detail. */
  readonly #plans = new Map<string, Plan>();

  constructor(stored: StoredRows) {
    this.stored = stored;
    this.redactions = new Redactions(stored.read);
    this.work = new OpenWork(stored, (planHash, step) => this.#hiddenFromOthers(planHash, step));
    this.frozen = new FrozenRuns(stored);
    this.#search = new RunSearch(stored);
  }

  runs(filter: RunFilter = {}): readonly RunSummary[] {
    return this.#summaries(this.#search.newest(filter, limitIn(filter)));
  }

  async findRuns(filter: RunFilter = {}): Promise<readonly RunSummary[]> {
    return this.#summaries(await this.#search.found(filter, limitIn(filter), nextTurn));
  }

  #summaries(rows: readonly StoredRun[]): readonly RunSummary[] {
    const standing = new Standing(this.stored);
    return rows.map((row) => {
      const named = this.stored.named(row);
      return { ...summaryOf(this.stored, named), ...standing.of(named, row.order_key) };
    });
  }

  /** The rows of those, the newest first. */
  async newestRows(filter: RunFilter, limit: number): Promise<readonly RunRow[]> {
    return (await this.#search.found(filter, limit, nextTurn)).map((row) => this.stored.shownRun(row));
  }

  /** Rows of runs that may be replayed, the oldest first. */
  async oldestRows(filter: ReplayFilter, limit: number): Promise<readonly RunRow[]> {
    return (await this.#search.foundOldest(filter, limit, nextTurn)).map((row) => this.stored.shownRun(row));
  }

  run(runId: string): RunDetail | undefined {
    const row = this.rowOf(runId);
    return row && runDetail(this, row);
  }

  trace(query: Parameters<Runtime['trace']>[0]): readonly LedgerEntry[] {
    return trace(this.stored, query);
  }

  switches(): readonly Switch[] {
    return storedSwitches(this.stored);
  }

  childrenOf(runSeq: number): readonly (RunRow & { readonly parent_step: string })[] {
    return this.stored.read
      .rows<StoredRun & { readonly parent_step: string }>(
        'SELECT r.*, c.parent_step FROM children c JOIN runs r ON r.seq = c.run_seq WHERE c.parent_seq = ? ORDER BY r.seq',
        runSeq,
      )
      .map((row) => ({
        ...this.stored.shownRun(row),
        parent_step: this.stored.place(runSeq, row.parent_step),
      }));
  }

  plan(hash: string): Plan | undefined {
    const known = this.#plans.get(hash);
    if (known !== undefined) return known;
    const row = this.stored.read.rows<{ plan: string }>('SELECT plan FROM plans WHERE hash = ?', hash)[0];
    if (row === undefined) return undefined;
    if (this.#plans.size >= PLANS_MAX) this.#plans.clear();
    const plan: Plan = JSON.parse(row.plan);
    this.#plans.set(hash, plan);
    return plan;
  }

  #hiddenFromOthers(planHash: string, step: string): readonly string[] {
    const plan = this.plan(planHash);
    return plan === undefined ? [''] : (this.redactions.of(plan)[`shown.${stepIdOf(step)}`] ?? []);
  }

  /** The plan that a run was pinned to when it was accepted, in the same commit. */
  planOf(row: RunRow): Plan {
    const plan = this.plan(row.plan_hash);
    if (plan === undefined) throw new Error(`the plan ${row.plan_hash} is not stored`);
    return plan;
  }

  rowOf(runId: string): RunRow | undefined {
    const stored = this.stored.read.rows<StoredRun>('SELECT * FROM runs WHERE run_id = ?', runId)[0];
    return stored && this.stored.shownRun(stored);
  }

  /** Why a run cannot be executed again. */
  unreadOf(run: RunRow): UnreadableValue | undefined {
    return this.stored.unreadOf(run);
  }

  /** What it needs to be approved, and what it has. */
  askedOf(opening: OpeningRow): AskedApproval<GivenApproval> {
    return new AskedApprovals(this.stored).of(opening);
  }

  openingsOf(runSeq: number): readonly OpeningRow[] {
    return this.stored.shownOpenings(runSeq);
  }

  journalOf(runSeq: number): readonly JournalRow[] {
    return this.stored.shownJournal(runSeq);
  }
}

function limitIn({ limit }: RunFilter): number {
  return Math.min(limit ?? LIMIT_DEFAULT, LIMIT_MAX);
}
