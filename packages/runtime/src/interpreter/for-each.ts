import { canonicalJson, type Failure, type Json, type JsonObject, sha256 } from '@tenon/model';
import type { ForEachStep } from '@tenon/pipeline';
import type { Fact, Opening } from '../engine.ts';
import type { Evaluated } from '../loaded-plan.ts';
import { undoAll } from './compensate.ts';
import { type Confirmed, forwardFact, type Progress, runSteps, type Stop, scopeOf } from './interpret.ts';
import { fix, irreversibleFixes } from './openings.ts';
import type { StepEnd } from './steps.ts';
import {
  beginBlock,
  blockFailed,
  firstStop,
  hasEndedBefore,
  type StrandEnd,
  strandProgress,
  takeOver,
} from './strands.ts';

interface Item {
  readonly key: string;
  readonly value: Json;
  /** Why it may not be carried out. */
  readonly bad?: string;
}

/**
 * The same steps for each item of a list. Before anything is done with any of them all are looked at: too many, two of
 * one key, a bad one. Each is a strand, with keys of its own, so that it resumes where it was.
 */
export async function forEachStep(progress: Progress, step: ForEachStep, round: number): Promise<StepEnd> {
  const { ctx, place } = progress;
  const list = itemsOf(progress, step);
  if ('failure' in list)
    return { as: 'failed', failure: list.failure, attempts: round + 1, quarantine: list.quarantine };
  const { items } = list;
  const bad = items.filter((item) => item.bad !== undefined);
  if (bad.length > 0 && step.check?.otherwise === 'quarantine') {
    const [first] = bad;
    // By its place: a key may be somebody's name, and this ends in the ledger.
    const message = `${bad.length} of ${items.length} items: item ${items.indexOf(first!)}: ${first!.bad}`;
    return {
      as: 'failed',
      failure: invalid('CHECK_NOT_MET', message),
      attempts: round + 1,
      quarantine: true,
    };
  }

  const good = items.filter((item) => item.bad === undefined);
  const { key, rounds } = await beginBlock(progress, step.id, round);
  const ends = await ctx.fork<StrandEnd>({
    key,
    concurrency: step.concurrency,
    strands: good.map((item) => ({
      name: strandName(step, item),
      run: async (own) => carryOutItem(progress, step, item, rounds, own),
    })),
    stops: ({ stop }) =>
      stop !== undefined && (step.onItemFailure === 'stop' || stop.givenUp || stop.cancelled !== undefined),
    isPast: hasEndedBefore,
    joined: (all) => joinedFacts(place + step.id, step, all, bad.length),
  });
  takeOver(progress, ends);
  const stop = firstStop(progress, step.id, round, ends);
  const isStopped =
    stop !== undefined &&
    (step.onItemFailure === 'stop' ||
      stop.givenUp ||
      stop.cancelled !== undefined ||
      ends.includes(undefined));
  if (isStopped) return blockFailed(ends, stop, 'items');
  await settleFailed(progress, step, ends, bad, round);
  return { as: 'done', value: outcomes(items, good, ends) };
}

type List = { readonly items: readonly Item[] } | { readonly failure: Failure; readonly quarantine: boolean };

function itemsOf(progress: Progress, step: ForEachStep): List {
  const { loaded } = progress;
  const list = loaded.expression(step.in, scopeOf(progress));
  if (!list.ok) return { failure: list.failure, quarantine: false };
  const held = (code: string, message: string): List => ({
    failure: invalid(code, message),
    quarantine: true,
  });
  if (!Array.isArray(list.value)) return held('ITEMS_NOT_A_LIST', `"${step.in}" gave no list`);
  if (list.value.length > step.max)
    return held('ITEMS_TOO_MANY', `${list.value.length} items; ${step.id} takes ${step.max} at most`);
  const items: Item[] = [];
  const seen = new Map<string, number>();
  for (const [index, value] of list.value.entries()) {
    const scope = { ...scopeOf(progress), [step.as]: value };
    const made: Evaluated =
      step.key === undefined ? { ok: true, value: index } : loaded.template(step.key, scope);
    if (!made.ok) return { failure: made.failure, quarantine: true };
    if (made.value === null || made.value === '')
      return held('ITEM_KEY_EMPTY', `item ${index} of ${step.id} has no key`);
    const key = typeof made.value === 'string' ? made.value : canonicalJson(made.value);
    const earlier = seen.get(key);
    if (earlier !== undefined)
      return held('ITEM_KEY_DUPLICATE', `items ${earlier} and ${index} of ${step.id} have one key`);
    seen.set(key, index);
    let bad: string | undefined;
    for (const { condition, message } of step.check?.that ?? []) {
      const met = loaded.condition(condition, scope);
      if (!met.ok) bad ??= met.failure.message;
      else if (!met.value) bad ??= message;
    }
    items.push({ key, value, ...(bad !== undefined && { bad }) });
  }
  return { items };
}

async function carryOutItem(
  progress: Progress,
  step: ForEachStep,
  item: Item,
  rounds: readonly number[],
  ctx: Progress['ctx'],
): Promise<StrandEnd> {
  const name = progress.place + strandName(step, item);
  const names = { ...progress.names, [step.as]: item.value };
  const own = await strandProgress(progress, ctx, { place: `${name}.`, rounds, names });
  const stop = await runSteps(own, step.steps);
  if (stop !== undefined) return { name, progress: own, stop };
  if (step.result === undefined) return { name, progress: own };
  const result = own.loaded.template(step.result, scopeOf(own));
  if (result.ok) return { name, progress: own, result: result.value };
  // In each round again: it is made of what is on record.
  ctx.failed('/result');
  const failed: Stop = {
    step: name,
    failure: result.failure,
    attempts: 1,
    givenUp: false,
    quarantine: false,
  };
  return { name, progress: own, stop: failed };
}

/** Longer keys stand in names as their digest. */
const KEY_LENGTH_MAX = 64;

/** `lines[7]`: what is no letter, digit, `_`, `-` or `:` of a key is written `%` and its code, so that no two are alike. */
export function strandName({ id }: Pick<ForEachStep, 'id'>, { key }: Pick<Item, 'key'>): string {
  const written = key.replaceAll(
    /[^A-Za-z0-9_:-]/gu,
    (one) => `%${one.codePointAt(0)!.toString(16).toUpperCase().padStart(2, '0')};`,
  );
  return `${id}[${written.length <= KEY_LENGTH_MAX ? written : `%${sha256(key).slice(7, 39)}`}]`;
}

function joinedFacts(
  place: string,
  step: ForEachStep,
  ends: readonly (StrandEnd | undefined)[],
  quarantined: number,
): readonly Fact[] {
  const failed = ends.filter((end) => end?.stop !== undefined).length;
  const isDone = !ends.includes(undefined) && (failed === 0 || step.onItemFailure === 'collect');
  if (!isDone) return [];
  const details = {
    items: ends.length + quarantined,
    succeeded: ends.length - failed,
    failed,
    ...(quarantined > 0 && { quarantined }),
  };
  return [{ kind: 'stepDone', step: place, details }];
}

/** What failed items did is undone or put right by its owner, and each item that was not carried out has one too. */
async function settleFailed(
  progress: Progress,
  step: ForEachStep,
  ends: readonly (StrandEnd | undefined)[],
  bad: readonly Item[],
  round: number,
): Promise<void> {
  const failed = ends.flatMap((end) => (end?.stop === undefined ? [] : [{ ...end, stop: end.stop }]));
  if (failed.length === 0 && bad.length === 0) return;
  const { ctx, loaded, place } = progress;
  const { owner, onFailure } = loaded.plan;
  const lost = new Set(failed.flatMap((end): readonly Confirmed[] => end.progress.confirmed));
  const now = await ctx.step(`${step.id}/failed/${round}`, () => ({ value: ctx.now() }));
  if (onFailure === 'compensate') {
    const own = progress.confirmed.filter((effect) => lost.has(effect));
    await undoAll(progress, own, 'running');
    const kept = progress.confirmed.filter((effect) => !lost.has(effect));
    progress.confirmed.splice(0, progress.confirmed.length, ...kept);
  }
  const dueAtMs = now + owner.recoverMs;
  const openings: Opening[] = [
    ...(onFailure === 'compensate' ? irreversibleFixes([...lost], now) : []),
    ...failed.map(({ name, stop }) =>
      fix(name, owner.team, {
        task: `complete ${name}, which failed at ${stop.step}`,
        because: stop.failure.message,
        dueAtMs,
      }),
    ),
    ...bad.map((item) => {
      const name = place + strandName(step, item);
      const task = `correct ${name} at its source and send it again: it was held in quarantine`;
      return fix(name, owner.team, { task, because: item.bad!, dueAtMs });
    }),
  ];
  await ctx.step(`${step.id}/fixes/${round}`, () => ({
    value: null,
    facts: openings.map(forwardFact),
    openings,
  }));
}

/** One for each item, in the list's order. */
function outcomes(
  items: readonly Item[],
  good: readonly Item[],
  ends: readonly (StrandEnd | undefined)[],
): Json {
  const byKey = new Map(good.map(({ key }, index) => [key, ends[index]]));
  return items.map(({ key, bad }): JsonObject => {
    if (bad !== undefined)
      return { key, outcome: 'quarantined', failure: shown(invalid('CHECK_NOT_MET', bad)) };
    const end = byKey.get(key);
    if (end?.stop !== undefined) return { key, outcome: 'failed', failure: shown(end.stop.failure) };
    return { key, outcome: 'succeeded', ...(end?.result !== undefined && { result: end.result }) };
  });
}

function shown({ class: failureClass, code, message }: Failure): JsonObject {
  return { class: failureClass, code, message };
}

function invalid(code: string, message: string): Failure {
  return { class: 'validation', code, message, delivery: 'notSent' };
}
