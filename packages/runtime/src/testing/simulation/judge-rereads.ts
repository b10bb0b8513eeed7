import type { Json } from '@tenon/model';
import type { RunSummary } from '../../runtime.ts';
import type { Bench } from '../bench.ts';
import { flatten, type History } from './history.ts';
import { ENOUGH } from './plans.ts';

/**
 * What a check let go on went by what was read last: nothing is read again once it has, nothing before a person has said so, and what is
 * written says what was read. By the names that `rechecked` gives its steps.
 */
export function judgeRereads(history: History, run: RunSummary): readonly string[] {
  const checks = flatten(history.planOf(run).steps).filter(
    (each) => each.kind === 'check' && each.again !== undefined,
  );
  return checks.flatMap(({ id }) => {
    const name = id.slice(0, -1);
    return [
      ...judgeReading(history, run, name),
      ...judgeParked(history, run, name),
      ...judgeWritten(history, run, name),
    ];
  });
}

/** What was read last is what the check that parks the run has found too little. */
function judgeParked(history: History, { runId, key, state }: RunSummary, name: string): readonly string[] {
  const { steps, failure } = history.detail(runId);
  if (state !== 'failed' || failure?.code !== 'CHECK_NOT_MET' || history.isErased(runId)) return [];
  return steps
    .filter(({ id }) => id.endsWith(`${name}r`))
    .filter(({ id }) => {
      const check = `${id.slice(0, -1)}c`;
      return failure.step === check || failure.message.includes(`; ${check}: `);
    })
    .filter(({ result }) => amountOf(result) >= ENOUGH)
    .map(({ id }) => `${key} is parked, though ${id} read enough`);
}

function amountOf(result: Json | undefined): number {
  // What the target answers; nothing is there of a read that failed.
  return (result as { readonly amount?: number } | undefined)?.amount ?? 0;
}

function judgeReading(history: History, { runId, key }: RunSummary, name: string): readonly string[] {
  const violations: string[] = [];
  /** How often it may be read, by place before the name; each word to resume is one time more, whatever stopped the run before it came there. */
  const left = new Map<string, number>();
  const passed = new Set<string>();
  for (const { kind, step = '', details } of history.trace(runId)) {
    if (details['action'] === 'resume') for (const [place, times] of left) left.set(place, times + 1);
    if (kind !== 'stepDone') continue;
    const place = step.slice(0, -1);
    if (step.endsWith(`${name}c`)) passed.add(place);
    if (!step.endsWith(`${name}r`)) continue;
    const times = left.get(place) ?? 1;
    left.set(place, times - 1);
    if (passed.has(place)) violations.push(`${key} read ${step} again, and had gone by it`);
    else if (times < 1) violations.push(`${key} read ${step} again, and nobody had said so`);
  }
  return violations;
}

function judgeWritten(history: History, run: RunSummary, name: string): readonly string[] {
  const { runId, key } = run;
  return written(history.bench, runId, name).flatMap(({ place, seen }) => {
    if (Number(seen) < ENOUGH) return [`${key} wrote ${place} by what was too little`];
    if (history.isErased(runId)) return [];
    const read = history.detail(runId).steps.find(({ id }) => id === `${place.slice(0, -1)}r`);
    const amount = amountOf(read?.result);
    return amount === seen ? [] : [`${key} wrote ${place} by ${seen}, and had read ${amount}`];
  });
}

/** What was sent, of each place at which there is such a step: what had been read is in it. */
function written(
  { target }: Bench,
  runId: string,
  name: string,
): readonly { readonly place: string; readonly seen: Json }[] {
  return target.calls.flatMap(({ request: { origin }, input }) => {
    const { step: place } = origin ?? {};
    // The plans of a simulation give an object.
    const { seen } = input as { readonly seen?: Json };
    if (origin?.runId !== runId || place === undefined || seen === undefined) return [];
    return place.endsWith(`${name}w`) ? [{ place, seen }] : [];
  });
}
