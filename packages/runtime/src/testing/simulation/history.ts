import type { Plan, PlanStep } from '@tenon/pipeline';
import type { LedgerEntry, RunDetail, RunSummary } from '../../runtime.ts';
import type { Bench } from '../bench.ts';
import { BOOKS, SENDERS } from './accounts.ts';
import type { Bookings } from './bookings.ts';
import { type Line, RECEIPTS, SHIPPING } from './plans.ts';

/** What was seen from outside while a simulation went on: what was sent, answered and killed, and when. */
export interface Witness {
  /** Orders whose acceptance was heard of, and that no flag kept back. */
  readonly acknowledged: ReadonlySet<string>;
  readonly paidAtMs: ReadonlyMap<string, number>;
  /** Orders that were paid before there was a run of them: a flag kept the first delivery out. */
  readonly paidEarly: ReadonlySet<string>;
  readonly lines: ReadonlyMap<string, readonly Line[]>;
  /** Of the account that an order is of; a later one may be smaller. */
  readonly versions: ReadonlyMap<string, number>;
  /** Of two accounts beside the orders. */
  readonly bookings: Bookings;
  readonly crashes: number;
  /** When a process came up. */
  readonly ups: readonly number[];
  /** Time passed where nothing was to be waited for: calls hung, or the clock was set. */
  readonly isTimeUneven: boolean;
}

/** The end of a simulation as the runtime tells it: each run is read once, however many promises it is held against. */
export class History {
  readonly bench: Bench;
  readonly witness: Witness;
  readonly runs: readonly RunSummary[];
  /** Runs of orders, as they were accepted. */
  readonly orders: readonly RunSummary[];
  readonly #plans: ReadonlyMap<string, Plan>;
  readonly #traces = new Map<string, readonly LedgerEntry[]>();
  readonly #details = new Map<string, RunDetail>();
  readonly #givenUp = new Map<string, string[]>();

  constructor(bench: Bench, witness: Witness, runs: readonly RunSummary[], plans: readonly Plan[]) {
    this.bench = bench;
    this.witness = witness;
    this.runs = runs;
    this.#plans = new Map([SHIPPING, RECEIPTS, BOOKS, ...SENDERS, ...plans].map((plan) => [plan.hash, plan]));
    this.orders = runs
      .filter(({ pipeline }) => pipeline === 'orders')
      .toSorted((a, b) => this.trace(a.runId)[0]!.sequence - this.trace(b.runId)[0]!.sequence);
    for (const { runId, task, stepId } of bench.runtime.forwardFixes())
      if (task.startsWith('complete ') && stepId.endsWith(']'))
        this.#givenUp.set(runId, [...(this.#givenUp.get(runId) ?? []), stepId]);
  }

  planOf({ planHash }: RunSummary): Plan {
    return this.#plans.get(planHash)!;
  }

  trace(runId: string): readonly LedgerEntry[] {
    const known = this.#traces.get(runId);
    if (known !== undefined) return known;
    const trace = this.bench.runtime.trace({ runId });
    this.#traces.set(runId, trace);
    return trace;
  }

  detail(runId: string): RunDetail {
    const known = this.#details.get(runId);
    if (known !== undefined) return known;
    const detail = this.bench.runtime.run(runId)!;
    this.#details.set(runId, detail);
    return detail;
  }

  /** Its data was let go. */
  isErased(runId: string): boolean {
    return this.trace(runId).some(({ kind }) => kind === 'erased');
  }

  /** Somebody has taken it as it stands: nothing is undone, and nothing more is done. */
  isClosed(runId: string): boolean {
    return this.trace(runId).some(({ details }) => details['action'] === 'close');
  }

  /** Items that a run's lists have given up, while it went on: an owner was told to complete them. */
  givenUp(runId: string): readonly string[] {
    return this.#givenUp.get(runId) ?? [];
  }
}

/** The id of the step that was carried out at a place. */
export function stepOf(place: string): string {
  return place.slice(place.lastIndexOf('.') + 1);
}

/** All steps, those inside others included. */
export function flatten(steps: readonly PlanStep[]): readonly PlanStep[] {
  return steps.flatMap((each) => {
    if (each.kind === 'choose' || each.kind === 'parallel')
      return [each, ...each.branches.flatMap((branch) => flatten(branch.steps))];
    return each.kind === 'forEach' ? [each, ...flatten(each.steps)] : [each];
  });
}

/** The account that an order is of. */
export function accountOf(id: string): string {
  return `A${Number(id.slice(1)) % 2}`;
}
