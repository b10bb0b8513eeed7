import type { OtherPlan } from '../../runtime.ts';
import { openStates } from '../../states.ts';
import type { EmbeddedEngine } from '../engine.ts';
import { nextTurn } from '../next-turn.ts';

/** Runs looked at before others get their turn. */
const SLICE = 1_000;

/** Walked through by the index of unfinished runs, as there may be a million of them. Nothing, where the runtime stops meanwhile. */
export async function otherPlans(engine: EmbeddedEngine): Promise<readonly OtherPlan[]> {
  const found = new Map<string, OtherPlan>();
  for (const state of openStates)
    for (let after = 0, isLast = false; !isLast; ) {
      const rows = engine.read
        .of(
          "SELECT seq, pipeline, version, plan_hash FROM runs WHERE state = ? AND state <> 'succeeded' AND seq > ? ORDER BY seq LIMIT ?",
        )
        .all(state, after, SLICE);
      for (const row of rows) {
        after = Number(row['seq']);
        const [pipeline, planHash] = [String(row['pipeline']), String(row['plan_hash'])];
        const active = engine.inForce.begins.get(pipeline)?.plan;
        if (active?.hash === planHash) continue;
        const before = found.get(planHash);
        found.set(planHash, {
          pipeline,
          version: Number(row['version']),
          planHash,
          runs: (before?.runs ?? 0) + 1,
          states: { ...before?.states, [state]: (before?.states[state] ?? 0) + 1 },
          ...(active && { active: { version: active.version, planHash: active.hash } }),
        });
      }
      isLast = rows.length < SLICE;
      if (isLast) continue;
      await nextTurn();
      if (engine.isStopping) return [];
    }
  return [...found.values()].toSorted(
    (a, b) => a.pipeline.localeCompare(b.pipeline) || a.version - b.version,
  );
}
