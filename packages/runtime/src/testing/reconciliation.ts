import { digestOf, type Json, type JsonObject } from '@tenon/model';
import type { ReconciliationPlan, SidePlan } from '@tenon/pipeline';
import type { ReconciliationReport } from '../runtime.ts';
import type { Bench } from './bench.ts';
import { planFor } from './plan.ts';

/** A record of either system in these tests. */
export interface TestRecord {
  readonly id?: string;
  readonly key?: string | number | null;
  readonly total?: number;
  readonly at?: string;
  readonly [name: string]: Json | undefined;
}

/** A reconciliation for tests, made by hand: `listOrders` of the shop against `listInvoices` of the books. */
export function reconciliationFor(parts: Partial<Omit<ReconciliationPlan, 'hash'>> = {}): ReconciliationPlan {
  const { owner } = planFor({ steps: [] });
  const plan: Omit<ReconciliationPlan, 'hash'> = {
    apiVersion: 'tenon/v1',
    kind: 'ReconciliationPlan',
    name: 'invoices-agree',
    version: 1,
    description: 'a reconciliation for a test',
    owner,
    sides: { source: sideOf('shop', 'listOrders'), target: sideOf('books', 'listInvoices') },
    compare: [{ name: 'total', isClassed: false }],
    totals: [{ name: 'turnover', isClassed: false }],
    isKeyClassed: false,
    isIdClassed: false,
    settleMs: 0,
    deadlineMs: 3_600_000,
    alarmAbove: 0,
    listMax: 1_000,
    repair: [],
    policies: {},
    contracts: [],
    source: { file: 'invoices-agree.reconciliation.yaml', text: '' },
    ...parts,
  };
  // JSON by its type; an interface has no index signature.
  return { ...plan, hash: digestOf(plan as unknown as Json) };
}

export function sideOf(connection: string, operation: string, parts: Partial<SidePlan> = {}): SidePlan {
  const read = planFor({ steps: [] }).operations['acme.get']!;
  return {
    connection,
    operation: {
      ...read,
      name: `${connection}.${operation}`,
      operation,
      pagination: { type: 'cursor', in: 'cursor', out: '/next', items: '/items' },
    },
    with: { literal: {} },
    items: '/items',
    key: { expression: 'record.?key' },
    id: { expression: 'record.?id' },
    changedAt: { expression: 'record.?at' },
    compare: [{ expression: 'record.?total' }],
    totals: [{ expression: 'default(record.total, 0)' }],
    ...parts,
  };
}

/** Lets the bench's target list these records, so many a page; asked for again each time, so that they may change. */
export function listing(
  bench: Bench,
  lists: Readonly<Record<string, () => readonly TestRecord[]>>,
  pageSize = 2,
): void {
  bench.target.decide = ({ operation, input }) => {
    const list = lists[operation.operation];
    if (list === undefined) return undefined;
    const records = list();
    const from = Number((input as JsonObject)['cursor'] ?? 0);
    const next = from + pageSize < records.length ? String(from + pageSize) : null;
    // Records of these tests are JSON.
    return { result: { items: records.slice(from, from + pageSize) as unknown as Json, next } };
  };
}

/** Carries a reconciliation out, and gives its report. */
export async function reconciled(bench: Bench, isDryRun = false): Promise<ReconciliationReport> {
  const begun = await bench.runtime.reconcile('invoices-agree', 'ana', 'a test', isDryRun);
  if (!begun.ok) throw new Error(`${begun.code}: ${begun.message}`);
  return ended(bench, begun.report);
}

/** Waits for the thread that compares, and lets no time of the bench pass. */
export async function ended(bench: Bench, id: string): Promise<ReconciliationReport> {
  for (let looks = 0; looks < 1_000; looks++) {
    const report = bench.runtime.reconciliationReport(id);
    if (report !== undefined && report.state !== 'comparing') return report;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`report ${id} has not ended`);
}

/** Two systems that differ in one way of each kind. */
export function listBoth(bench: Bench): void {
  listing(bench, { listOrders: () => SHOP, listInvoices: () => BOOKS });
}

export const SHOP: readonly TestRecord[] = [
  { id: 's1', key: 'A', total: 10 },
  { id: 's2', key: 'B', total: 20 },
  { id: 's3', key: 'C', total: 30 },
  { id: 's4', key: 'D', total: 40 },
];
export const BOOKS: readonly TestRecord[] = [
  { id: 'b1', key: 'A', total: 10 },
  { id: 'b2', key: 'B', total: 21 },
  { id: 'b4', key: 'D', total: 40 },
  { id: 'b5', key: 'D', total: 40 },
  { id: 'b6', key: 'E', total: 50 },
  { id: 'b7', key: null, total: 1 },
];

/** Kind, key and fields of each, by key. */
export function differencesOf(bench: Bench, id: string): readonly (readonly unknown[])[] {
  return bench.runtime
    .reportedDifferences(id, 0, 100)
    .map(({ kind, key, fields }) => [kind, key, ...fields])
    .toSorted(([, a], [, b]) => String(a).localeCompare(String(b)));
}

/** Which alarms there were, in order. */
export function alarmsOf({ entries }: Bench): readonly unknown[] {
  return entries.filter(({ kind }) => kind === 'alarm').map(({ details }) => details['alarm']);
}
