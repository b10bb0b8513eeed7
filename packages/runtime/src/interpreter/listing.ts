import { type CallRequest, type CallResult, pagesLookingBack, pagesMayMove } from '@tenon/connector';
import {
  atPointer,
  canonicalJson,
  type Failure,
  type Json,
  type JsonObject,
  withPointer,
} from '@tenon/model';
import type { PagesPlan } from '@tenon/pipeline';
import type { Recorded, RunContext } from '../engine.ts';
import type { LoadedPlan } from '../loaded-plan.ts';
import { type EffectEnd, perform } from './effect.ts';
import { doneFact, failureDetails, plain } from './effect-facts.ts';
import { interruptionEnd } from './interruption.ts';
import { nextAttemptAt } from './judge.ts';
import type { Caller, Effect, Spent } from './tries.ts';

/**
 * Stands behind the name of the attempt that asked for the last page, `e#n*`: what came of all of them. Each page has a row of its own, that of
 * the attempt which read it (`e#n`, outcome `page`).
 */
export const LISTED = '*';

/** Bytes of the items that a step may hold. */
const LISTING_BYTES_MAX = 16 * 2 ** 20;

/** What came of a listing, as it is in the journal. The items stand in the rows of the pages, and nowhere else. */
export type Listed =
  | {
      readonly outcome: 'succeeded';
      /** Attempts that gave its items, in order; `without`: those of a page that another one had too. */
      readonly pages: readonly { readonly n: number; readonly without?: readonly number[] }[];
      /** The attempt that read the last page. */
      readonly last: number;
    }
  | { readonly outcome: 'failed'; readonly failure: Failure }
  | {
      readonly outcome: 'retryable';
      readonly failure: Failure;
      readonly nextAtMs: number;
      readonly spent: Spent;
    };

interface Reading {
  readonly ctx: RunContext;
  readonly loaded: LoadedPlan;
  readonly call: Caller;
  readonly effect: Effect;
  readonly plan: PagesPlan;
}

/**
 * Reads all pages of a listing, each as an effect of its own within one budget: see `perform`, whose journal this has. A crash, a switch or a busy
 * connection in between costs no page that was read. What no page can be read after (a position that is refused, or pages that
 * have moved) is begun anew from the first page, within the budget too.
 */
export async function readListing(
  ctx: RunContext,
  loaded: LoadedPlan,
  call: Caller,
  effect: Effect,
  plan: PagesPlan,
  from: number,
): Promise<EffectEnd> {
  const reading: Reading = { ctx, loaded, call, effect, plan };
  let spent: Spent = NOTHING;
  for (let first = from; ; ) {
    const walk = new Walk(reading, first, spent);
    await walk.go();
    const { n, ended, bodies } = walk;
    if (ended !== undefined && !walk.isAtRefusedPosition) return ended;
    const name = `${effect.id}#${n}${LISTED}`;
    const value = await ctx.step(name, () => recordOf(reading, walk, spent));
    // The key names the type: only the line above writes under it.
    const listed = value as unknown as Listed;
    if (listed.outcome === 'failed') return { ok: false, failure: listed.failure, attempts: n };
    if (listed.outcome === 'succeeded')
      return {
        ok: true,
        value: wholeListing(listed, itemsAt(effect), (attempt) => bodies.get(attempt) ?? null),
        attempts: n,
      };
    const interruption = await ctx.sleepUntil(listed.nextAtMs, effect.place, name);
    if (interruption !== undefined) return { ok: false, attempts: n, ...interruptionEnd(interruption) };
    spent = listed.spent;
    first = n + 1;
  }
}

/** The answer of the last page, with the items of all of them in its list. `bodyOf`: the answer that an attempt got. */
export function wholeListing(
  { pages, last }: Extract<Listed, { readonly outcome: 'succeeded' }>,
  itemsPointer: string,
  bodyOf: (attempt: number) => Json,
): Json {
  const items = pages.flatMap(({ n, without = [] }) => {
    const left = new Set(without);
    return itemsOf(bodyOf(n), itemsPointer).filter((_item, index) => !left.has(index));
  });
  return withPointer(bodyOf(last), itemsPointer, items);
}

const NOTHING: Spent = { attempts: 0, ms: 0 };

/** Classes of answers to a position that was handed out before: it may have been forgotten since. */
const REFUSING: ReadonlySet<Failure['class']> = new Set(['validation', 'notFound', 'permanent', 'conflict']);

/** One walk through the pages, from the first one on. */
class Walk {
  readonly #reading: Reading;
  readonly #knownBy: ((item: Json) => string) | undefined;
  readonly #known = new Set<string>();
  /** Pages asked for, those that are read once more among them. */
  #asked = 0;
  /** The attempt that was made last. */
  n: number;
  spent: Spent;
  /** When the first page was asked for, on the clock of deadlines. */
  beganClockMs = 0;
  /** A page that could not be read, or what stopped the run. */
  ended: Extract<EffectEnd, { readonly ok: false }> | undefined;
  /** Why it cannot be gone on with, where that is no page's failure. */
  failure: Failure | undefined;
  readonly pages: { readonly n: number; readonly without?: readonly number[] }[] = [];
  readonly bodies = new Map<number, Json>();
  last = 0;
  items = 0;

  constructor(reading: Reading, first: number, spent: Spent) {
    const { pagination } = reading.effect.operation;
    this.#reading = reading;
    this.n = first - 1;
    this.spent = spent;
    const id = pagination?.id;
    if (id !== undefined || (pagination !== undefined && pagesMayMove(pagination)))
      this.#knownBy = (item) => canonicalJson((id === undefined ? undefined : atPointer(item, id)) ?? item);
  }

  get isAtRefusedPosition(): boolean {
    const failure = this.ended?.failure;
    if (failure === undefined || this.#asked < 2) return false;
    return failure.delivery === 'answered' && failure.status !== undefined && REFUSING.has(failure.class);
  }

  async go(): Promise<void> {
    const { effect, plan } = this.#reading;
    const { operation, input } = effect;
    const asked = { call: (request: CallRequest) => this.#ask(request.input) };
    const bounds = { pagesMax: plan.atMost, bytesMax: LISTING_BYTES_MAX };
    for await (const page of pagesLookingBack(
      asked,
      { operation, input },
      this.#knownBy ?? canonicalJson,
      bounds,
    )) {
      if (!page.ok) {
        if (this.ended === undefined) this.failure = page.failure;
        return;
      }
      if (page.isAgain !== true) this.last = this.n;
      this.#take(page.body);
    }
  }

  #take(body: Json): void {
    const items = itemsOf(body, itemsAt(this.#reading.effect));
    const knownBy = this.#knownBy;
    const without =
      knownBy === undefined ? [] : items.flatMap((item, index) => (this.#isNew(knownBy(item)) ? [] : index));
    this.items += items.length - without.length;
    this.pages.push({ n: this.n, ...(without.length > 0 && { without }) });
  }

  #isNew(item: string): boolean {
    const isNew = !this.#known.has(item);
    this.#known.add(item);
    return isNew;
  }

  /** One page, tried until it is there or cannot be. */
  async #ask(input: JsonObject): Promise<CallResult> {
    const { ctx, loaded, call, effect } = this.#reading;
    const stop = this.#asked === 0 ? undefined : ctx.interruption(`${effect.id}#${this.n}&`);
    if (stop !== undefined) {
      this.ended = { ok: false, attempts: this.n, ...interruptionEnd(stop) };
      return { ok: false, failure: this.ended.failure };
    }
    this.#asked++;
    const { refusals: _ofTheFirst, ...further } = effect;
    const page = { nth: this.#asked, spent: this.spent };
    const one = { ...(this.#asked === 1 ? effect : further), input, page };
    const end = await perform(ctx, loaded, call, one, this.n + 1);
    this.n = end.attempts;
    if (!end.ok) {
      this.ended = end;
      return { ok: false, failure: end.failure };
    }
    if (end.page === undefined) throw new Error(`attempt ${this.n} of ${effect.place} read no page`);
    const { spent, clockMs, link } = end.page;
    if (this.#asked === 1) this.beganClockMs = clockMs;
    this.spent = spent;
    this.bodies.set(this.n, end.value);
    return { ok: true, status: 200, body: end.value, headers: link === undefined ? {} : { link } };
  }
}

function recordOf(reading: Reading, walk: Walk, spentBefore: Spent): Recorded<JsonObject> {
  const { ctx, effect } = reading;
  const { n, pages, last, items, spent } = walk;
  const failure = walk.ended?.failure ?? walk.failure;
  if (failure === undefined) {
    const done = doneFact(effect, n);
    const facts = [{ ...done, details: { ...done.details, pages: pages.length, items } }];
    return { value: { outcome: 'succeeded', pages: pages.map((page) => ({ ...page })), last }, facts };
  }
  // Each page that was read is gone with it, so all of the time counts that it took.
  const budgetStartedAtMs = ctx.deadlineAt() + walk.beganClockMs - spentBefore.ms;
  const nowMs = ctx.now();
  const { retry } = effect;
  const nextAtMs = nextAttemptAt({
    failure,
    // No other try could help than one from the first page on, whatever class the refusal has.
    retry: walk.isAtRefusedPosition ? { ...retry, on: [...retry.on, failure.class] } : retry,
    attemptsUsed: spent.attempts + 1,
    budgetStartedAtMs,
    nowMs,
    random: ctx.random(),
  });
  if (nextAtMs === undefined) return { value: { outcome: 'failed', failure: plain(failure) } };
  const details = {
    fromFirstPage: true,
    nextAtMs,
    delayMs: nextAtMs - nowMs,
    ...failureDetails(failure),
  };
  return {
    value: {
      outcome: 'retryable',
      failure: plain(failure),
      nextAtMs,
      spent: { attempts: spent.attempts + 1, ms: nextAtMs - budgetStartedAtMs },
    },
    facts: [{ kind: 'retry', step: effect.place, attempt: n, details }],
  };
}

function itemsAt({ operation }: Effect): string {
  return operation.pagination?.items ?? '';
}

function itemsOf(body: Json, pointer: string): readonly Json[] {
  const items = atPointer(body, pointer);
  // A page without a list where the manifest says is none: `pages` ends with it.
  return Array.isArray(items) ? (items as readonly Json[]) : [];
}
