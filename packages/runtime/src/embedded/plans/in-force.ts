import type { SteadyClock } from '@tenon/model';
import type { Plan, PlanStep } from '@tenon/pipeline';
import type { LoadedPlan } from '../../loaded-plan.ts';
import type { RunRow } from '../file/run-row.ts';
import type { Statements } from '../file/statements.ts';
import type { OpenPlans } from './open-plans.ts';
import type { Plans } from './plans.ts';

/** How long it is good for which earlier plans there are, where that is asked of each event. */
const EARLIER_GOOD_FOR_MS = 1_000;

/**
 * What follows from the plans that are in force, and from those that were. Three kinds of plans count, and who asks for one of them says which:
 *
 * - `deployed` (`plans.ts`): what was activated last of each pipeline. What a connection is granted now is granted to these.
 * - `begins`: with which what comes is begun; the deployed one, unless somebody has gone back to another.
 * - `earlier`: by which something may be carried out yet. A run is carried out to its end by the plan that it began with (C120), so what that
 *   speaks of is still needed: events that it waits for, calls that it makes, who answers for it.
 */
export class InForce {
  readonly #plans: Plans;
  readonly #read: Statements;
  readonly #open: OpenPlans;
  readonly #clock: SteadyClock;
  /** The same as `earlier`, for a moment: it may hold plans of which the last run has just ended, as long as no other was put in force. */
  #earlier: { readonly atMs: number; readonly plans: readonly LoadedPlan[] } | undefined;
  /** By event: whether a step of the plans there were speaks of it. Plans are added and never go. */
  readonly #namedByStep = new Map<string, { readonly plans: number; readonly isNamed: boolean }>();

  constructor(plans: Plans, read: Statements, open: OpenPlans, clock: SteadyClock) {
    this.#plans = plans;
    this.#read = read;
    this.#open = open;
    this.#clock = clock;
  }

  /** Another plan may be in force of a pipeline. */
  arranged(pipeline: string): void {
    const hash = this.begins.get(pipeline)?.plan.hash;
    if (hash !== undefined) this.#open.begins(hash);
    this.#earlier = undefined;
  }

  /** By pipeline. */
  get begins(): ReadonlyMap<string, LoadedPlan> {
    return this.#plans.active;
  }

  /** Is a run carried out by another plan than is deployed? What that one may call over a connection it was granted when it was. */
  isByAnother({ pipeline, plan_hash: hash }: Pick<RunRow, 'pipeline' | 'plan_hash'>): boolean {
    return this.#plans.deployed(pipeline)?.hash !== hash;
  }

  /** Plans that nothing begins with and something may be carried out by yet: of runs that have not ended, and of those which these may begin as their children. The newest last. */
  earlier(): readonly LoadedPlan[] {
    const unended = this.#open.hashes([...this.begins.values()].map(({ plan }) => plan.hash));
    const found = new Map<string, LoadedPlan>();
    const add = (hash: string): void => {
      if (found.has(hash)) return;
      const loaded = this.#plans.known(hash);
      if (loaded === undefined) return;
      if (this.begins.get(loaded.plan.pipeline)?.plan.hash !== hash) found.set(hash, loaded);
      for (const step of loaded.steps.values()) if (step.kind === 'run') add(step.plan);
    };
    for (const { plan } of this.begins.values()) add(plan.hash);
    const stored = this.#read
      .of('SELECT hash FROM plans ORDER BY stored_at, version, hash')
      .all()
      .map((row) => String(row['hash']));
    for (const hash of stored) if (unended === 'any' || unended.has(hash)) add(hash);
    // Children were found with their parents, out of turn.
    return stored.flatMap((hash) => found.get(hash) ?? []);
  }

  /** Plans by which something is carried out, those that begin first. */
  all(): readonly Plan[] {
    return [...this.begins.values(), ...this.earlier()].map(({ plan }) => plan);
  }

  /** Plans that a run of a pipeline may keep to, the one that it begins with first. */
  plansOf(pipeline: string): readonly Plan[] {
    return this.all().filter((plan) => plan.pipeline === pipeline);
  }

  /** Events to be taken in besides those of which the deployed plans speak. */
  awaited(): readonly string[] {
    const begun = [...this.begins.values()].filter(({ plan }) => this.isByAnother(asRun(plan)));
    return [...new Set([...heardBy(begun), ...this.earlier().flatMap(waitsOf)])].toSorted();
  }

  /** Pipelines that wait for an event, or of which a run of an earlier plan may wait for it yet. */
  waiting(event: string): readonly string[] {
    const waits = [...this.begins.values(), ...this.#earlierWaiting(event, () => this.earlier())].filter(
      (loaded) => waitsOf(loaded).includes(event),
    );
    return [...new Set(waits.map(({ plan }) => plan.pipeline))];
  }

  /** Earlier plans of which a run may wait for such an event yet, where none that begins speaks of it: it is to fit the contract of one of them. */
  waitingAlone(event: string): readonly LoadedPlan[] {
    // Asked of each event that comes in: mostly the first plan says it.
    for (const { plan } of this.begins.values()) if (Object.hasOwn(plan.events, event)) return [];
    return this.#earlierWaiting(event, () => this.#earlierNow());
  }

  /**
   * Who hears what a pipeline emits: plans that begin with it or wait for it, and where none of those in force does, earlier ones of which a run may
   * wait for it yet. Whoever only emits such events too hears nothing.
   */
  hearing(event: string): {
    readonly begins: ReadonlyMap<string, LoadedPlan>;
    readonly waiting: readonly LoadedPlan[];
  } {
    const begins = new Map([...this.begins].filter(([, loaded]) => hears(loaded, event)));
    return { begins, waiting: begins.size > 0 ? [] : this.#earlierWaiting(event, () => this.#earlierNow()) };
  }

  /** Does a step of any plan that was ever activated speak of such events? */
  isNamedByStep(event: string): boolean {
    const plans = Number(this.#read.of('SELECT count(*) AS n FROM plans').get()?.['n']);
    const known = this.#namedByStep.get(event);
    if (known?.plans === plans) return known.isNamed;
    const isNamed = this.#read.of(NAMED_BY_STEP).get(event)?.['n'] === 1;
    this.#namedByStep.set(event, { plans, isNamed });
    return isNamed;
  }

  #earlierWaiting(event: string, earlier: () => readonly LoadedPlan[]): readonly LoadedPlan[] {
    return this.isNamedByStep(event) ? earlier().filter((loaded) => waitsOf(loaded).includes(event)) : [];
  }

  #earlierNow(): readonly LoadedPlan[] {
    const atMs = this.#clock.steady();
    if (this.#earlier === undefined || atMs - this.#earlier.atMs >= EARLIER_GOOD_FOR_MS)
      this.#earlier = { atMs, plans: this.earlier() };
    return this.#earlier.plans;
  }
}

function asRun({ pipeline, hash }: Plan): Pick<RunRow, 'pipeline' | 'plan_hash'> {
  return { pipeline, plan_hash: hash };
}

const NAMED_BY_STEP = `SELECT EXISTS (SELECT 1 FROM plans, json_tree(plans.plan, '$.steps') AS part
  WHERE part.key = 'event' AND part.value = ?) AS n`;

/** Events that plans start with or wait for. */
export function heardBy(plans: Iterable<LoadedPlan>): ReadonlySet<string> {
  return new Set(
    [...plans].flatMap((loaded) => [
      ...('event' in loaded.plan.trigger ? [loaded.plan.trigger.event] : []),
      ...waitsOf(loaded),
    ]),
  );
}

function hears(loaded: LoadedPlan, event: string): boolean {
  const { events, trigger } = loaded.plan;
  if (!Object.hasOwn(events, event)) return false;
  return ('event' in trigger && trigger.event === event) || waitsOf(loaded).includes(event);
}

export function waitsOf({ steps }: LoadedPlan): readonly string[] {
  return [...steps.values()].flatMap((step) => awaitedBy(step) ?? []);
}

/** The event that a step waits for. */
function awaitedBy(step: PlanStep): string | undefined {
  return step.kind === 'wait' && 'event' in step.for ? step.for.event : undefined;
}
