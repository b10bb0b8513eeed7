import { compileTemplate } from '@tenon/expression';
import type { ReconciliationPlan } from '@tenon/pipeline';
import type { EmbeddedEngine } from '../embedded/engine.ts';
import type { RunRow } from '../embedded/file/run-row.ts';
import { nextTurn } from '../embedded/next-turn.ts';
import { heldKeys } from '../embedded/plans/recheck.ts';
import type { Difference } from './compare.ts';

/** Runs looked at before others get their turn. */
const LOOKED_AT_ONCE = 2_000;

/** The parked run of an event in quarantine. */
export interface QuarantinedRun {
  readonly pipeline: string;
  readonly runId: string;
}

/**
 * Ids of the runs of the pipelines that carry the entities, by the key of the difference. One pass over the runs of each
 * pipeline: an index for what is asked a few times a day would be paid for by every run.
 */
export async function runsByKey(
  engine: EmbeddedEngine,
  plan: ReconciliationPlan,
  differences: readonly Difference[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, string[]>();
  const isElsewhere = ofOtherAccounts(engine, plan);
  for (const [index, { pipeline }] of plan.repair.entries()) {
    /** By the business keys and order keys that runs of it have, as these stand in the file. */
    const wanted = { key: new Map<string, string[]>(), order: new Map<string, string[]>() };
    for (const [entity, keys] of keysByEntity(plan, index, differences))
      for (const kind of ['key', 'order'] as const)
        for (const form of engine.rows.names.forms(kind, entity)) wanted[kind].set(form, keys);
    for (let after = 0; ; ) {
      const rows = engine.read
        .of(
          'SELECT seq, run_id, key, order_key, event_seq, connection FROM runs WHERE pipeline = ? AND seq > ? ORDER BY seq LIMIT ?',
        )
        .all(pipeline, after, LOOKED_AT_ONCE);
      for (const row of rows) {
        after = Number(row['seq']);
        // One without an order key is of no entity, whatever `null` would be as a text.
        const orderKey = row['order_key'];
        const keys =
          (orderKey === null ? undefined : wanted.order.get(String(orderKey))) ??
          wanted.key.get(String(row['key'])) ??
          [];
        // A row of `runs` has these.
        if (keys.length > 0 && isElsewhere(row as unknown as Pick<RunRow, 'event_seq' | 'connection'>))
          continue;
        for (const key of keys) {
          const runs = found.get(key) ?? [];
          runs.push(String(row['run_id']));
          found.set(key, runs);
        }
      }
      if (rows.length < LOOKED_AT_ONCE) break;
      await nextTurn();
    }
  }
  return found;
}

/** What is held whole at the way in, by the key of the difference that it is of: it would be done twice if one were started. */
export async function quarantinedByKey(
  engine: EmbeddedEngine,
  plan: ReconciliationPlan,
  differences: readonly Difference[],
): Promise<ReadonlyMap<string, QuarantinedRun>> {
  const found = new Map<string, QuarantinedRun>();
  const isElsewhere = ofOtherAccounts(engine, plan);
  for (const [index, { pipeline }] of plan.repair.entries()) {
    const wanted = keysByEntity(plan, index, differences);
    for (const { runId, keys, ...row } of await heldKeys(engine, pipeline)) {
      if (isElsewhere(row)) continue;
      for (const key of keys.map((one) => wanted.get(one)).find((one) => one !== undefined) ?? [])
        found.set(key, { pipeline, runId });
    }
  }
  return found;
}

/**
 * Did a run's event come from another account of a system that is compared? Its ids are those of that one. What came over no connection, or
 * from a system that is not compared, may be of either.
 */
function ofOtherAccounts(
  engine: EmbeddedEngine,
  { sides }: ReconciliationPlan,
): (run: Pick<RunRow, 'event_seq' | 'connection'>) => boolean {
  const compared = Map.groupBy(Object.values(sides), ({ operation }) => operation.connector);
  return (run) => {
    const connection = engine.rows.connectionOf(run);
    if (connection === undefined) return false;
    const own = compared.get(engine.connections[connection] ?? '');
    return own?.every((side) => side.connection !== connection) === true;
  };
}

/** Keys of differences by what the runs go by that they are of, in one of the repairs: several may go by the same. */
function keysByEntity(
  plan: ReconciliationPlan,
  index: number,
  differences: readonly Difference[],
): ReadonlyMap<string, string[]> {
  const entityOf = entityReader(plan, index);
  const found = new Map<string, string[]>();
  for (const difference of differences) {
    const entity = entityOf(difference);
    if (difference.key === null || entity === undefined) continue;
    const keys = found.get(entity) ?? [];
    keys.push(difference.key);
    found.set(entity, keys);
  }
  return found;
}

/** Nothing where it has no value, or no record says it. */
function entityReader(
  { repair, policies }: ReconciliationPlan,
  index: number,
): (difference: Difference) => string | undefined {
  const { entity, isOfRecord } = repair[index]!;
  if (isOfRecord) return ({ entities }) => entities?.[index] ?? undefined;
  const { evaluate } = compileTemplate(entity, { policies });
  return ({ key }) => {
    const result = evaluate({ key });
    return result.ok ? String(result.value) : undefined;
  };
}
