import { canonicalJson, type Json } from '@tenon/model';
import type { RunSummary } from '../../runtime.ts';
import { flatten, type History, stepOf } from './history.ts';

/**
 * Of a step that reads all pages of what was made: each thing is there once, and none is passed over. What is made while it reads comes behind all
 * others, so it has what had been made by some moment, however often it was stopped between two pages.
 */
export function judgePages(history: History, run: RunSummary): readonly string[] {
  const { runId, key } = run;
  const reads = flatten(history.planOf(run).steps).flatMap((each) =>
    each.kind === 'call' && each.pages !== undefined ? each.id : [],
  );
  if (reads.length === 0 || history.isErased(runId)) return [];
  const all = [...history.bench.target.effects].flatMap(([made, things]) =>
    things.map((thing) => canonicalJson({ key: made, thing })),
  );
  const known = new Set(all);
  return history.detail(runId).steps.flatMap(({ id, result }) => {
    if (!reads.includes(stepOf(id)) || result === undefined) return [];
    // What the target answers. Some of it is of others, and may be gone by now.
    const items = (result as { readonly made: readonly Json[] }).made.map(canonicalJson);
    const made = new Set(items.filter((item) => known.has(item)));
    return [
      ...(new Set(items).size === items.length ? [] : [`${key}: ${id} has read something twice`]),
      ...(all.slice(0, made.size).every((item) => made.has(item))
        ? []
        : [`${key}: ${id} has passed over something that was there`]),
    ];
  });
}
