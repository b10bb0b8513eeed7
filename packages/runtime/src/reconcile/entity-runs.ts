import { compileTemplate, type ValueTemplate } from '@tenon/expression';
import type { ReconciliationPlan } from '@tenon/pipeline';
import type { EmbeddedEngine } from '../embedded/engine.ts';
import { nextTurn } from '../embedded/next-turn.ts';
import { heldKeys } from '../embedded/recheck.ts';
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
  for (const { pipeline, entity } of plan.repair) {
    const keyOf = entityReader(entity, plan);
    /** By the business keys and order keys that runs of it have, as these stand in the file. */
    const wanted = { key: new Map<string, string>(), order: new Map<string, string>() };
    for (const { key } of differences)
      if (key !== null)
        for (const kind of ['key', 'order'] as const)
          for (const form of engine.rows.names.forms(kind, keyOf(key))) wanted[kind].set(form, key);
    for (let after = 0; ; ) {
      const rows = engine.read
        .of(
          'SELECT seq, run_id, key, order_key FROM runs WHERE pipeline = ? AND seq > ? ORDER BY seq LIMIT ?',
        )
        .all(pipeline, after, LOOKED_AT_ONCE);
      for (const row of rows) {
        after = Number(row['seq']);
        // One without an order key is of no entity, whatever `null` would be as a text.
        const orderKey = row['order_key'];
        const key =
          (orderKey === null ? undefined : wanted.order.get(String(orderKey))) ??
          wanted.key.get(String(row['key']));
        if (key === undefined) continue;
        const runs = found.get(key) ?? [];
        runs.push(String(row['run_id']));
        found.set(key, runs);
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
  for (const { pipeline, entity } of plan.repair) {
    const keyOf = entityReader(entity, plan);
    const wanted = new Map<string, string>();
    for (const { key } of differences) if (key !== null) wanted.set(keyOf(key), key);
    for (const { runId, keys } of await heldKeys(engine, pipeline)) {
      const key = keys.map((one) => wanted.get(one)).find((one) => one !== undefined);
      if (key !== undefined) found.set(key, { pipeline, runId });
    }
  }
  return found;
}

function entityReader(entity: ValueTemplate, { policies }: ReconciliationPlan): (key: string) => string {
  const { evaluate } = compileTemplate(entity, { policies });
  return (key) => {
    const result = evaluate({ key });
    // What has no value names no entity.
    return result.ok ? String(result.value) : '';
  };
}
