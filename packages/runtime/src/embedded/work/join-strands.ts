import { type Fact, type Fork, type StrandPlan, Suspension } from '../../engine.ts';
import type { InnermostBound } from '../../step-bounds.ts';
import type { EmbeddedRun } from './run-context.ts';
import { Strand, type Wait } from './strand.ts';
import type { StrandMemory } from './strand-memory.ts';

/** What the strands of one fork know of each other. */
export interface Group {
  /**
   * Those that had not begun when all others had ended, once that is on record: what is left is to ask the others for
   * what they did. One of these may have begun since, when the fork was repeated.
   */
  readonly unbegun?: ReadonlySet<string>;
  /** Name of the strand whose end stops the others. */
  stoppedBy?: string;
  /** Of the strand that forked. */
  readonly outer?: Group;
  /** Of the steps that it was forked in. */
  readonly bound: InnermostBound;
}

export interface Joined<T> {
  readonly ends: readonly (T | undefined)[];
  /** What they noted after their last record. */
  readonly notes: readonly Fact[];
  /** Not empty: they have not all ended, and those that have not wait for this. */
  readonly waits: readonly Wait[];
  /** The process stops, and some have not ended. */
  readonly isAside: boolean;
}

/** One strand of a fork: new → active → waiting → active … → ended. A waiting one frees its place among the active. */
interface Slot<T> {
  readonly plan: StrandPlan<T>;
  readonly prefix: string;
  readonly memory: StrandMemory;
  /** Rows that it had when the fork was come to. */
  readonly before: number;
  state: 'new' | 'active' | 'waiting' | 'aside' | 'ended';
  waits: readonly Wait[];
  end?: T;
  notes: readonly Fact[];
}

/**
 * Carries the strands of a fork as far as they come: until each has ended or waits for something that is not there. A
 * waiting strand is executed again, from its own top, as soon as what it waits for is there, while others still work.
 */
export async function joinStrands<T>(
  run: EmbeddedRun,
  outerPrefix: string,
  fork: Fork<T>,
  group: Group,
): Promise<Joined<T>> {
  const slots = fork.strands.map((plan): Slot<T> => {
    const prefix = `${outerPrefix}${plan.name}|`;
    const memory = run.memories.of(prefix);
    return { plan, prefix, memory, before: memory.recorded, state: 'new', waits: [], notes: [] };
  });
  let active = 0;
  let broken: unknown;
  let change = Promise.withResolvers<void>();
  const changed = (): void => change.resolve();
  const unwatch = run.watch(changed);
  try {
    for (;;) {
      change = Promise.withResolvers<void>();
      for (const slot of slots) {
        if (!mayBegin()) break;
        if (isRunnable(slot)) begin(slot);
      }
      if (active === 0) break;
      const cancelTimer = wakeAtNextDue();
      await change.promise;
      cancelTimer?.();
    }
  } finally {
    unwatch();
  }
  if (broken !== undefined) throw broken;
  const waiting = slots.filter(({ state }) => state === 'waiting');
  const isAside = slots.some(({ state }) => state === 'aside');
  return {
    ends: slots.map(({ end }) => end),
    notes: slots.flatMap(({ notes }) => notes),
    waits: isAside ? [] : waiting.flatMap(({ waits }) => waits),
    isAside,
  };

  function begin(slot: Slot<T>): void {
    active++;
    slot.state = 'active';
    const strand = new Strand(run, slot.prefix, slot.memory, group);
    void slot.plan.run(strand).then(
      (end) => {
        slot.state = 'ended';
        // Asked again for what it did before it was joined: what was cut short came after that.
        if (group.unbegun === undefined) slot.memory.isInterrupted = false;
        slot.end = end;
        slot.notes = fork.isPast(end) ? [] : strand.takeNotes([]);
        if (group.stoppedBy === undefined && fork.stops(end)) group.stoppedBy = slot.plan.name;
        active--;
        changed();
      },
      (error: unknown) => {
        if (!(error instanceof Suspension)) broken ??= error;
        else if (group.unbegun !== undefined && !run.host.isStopping)
          broken ??= new Error(`${slot.plan.name} had ended, and waits when it is executed again`);
        slot.waits = strand.waits;
        slot.state = strand.waits.length > 0 ? 'waiting' : 'aside';
        active--;
        changed();
      },
    );
  }

  function mayBegin(): boolean {
    return active < fork.concurrency && broken === undefined;
  }

  function isRunnable({ plan, state, before, waits }: Slot<T>): boolean {
    if (group.unbegun !== undefined) return state === 'new' && !group.unbegun.has(plan.name);
    // One that was begun before must come to an end that is recorded; one that was not, need not begin any more.
    if (state === 'new') return before > 0 || (!isStopped() && run.whyStop(true) === undefined);
    return state === 'waiting' && waits.some(isOver);
  }

  function isOver({ isReload, dueAtMs, key, stoppable, held }: Wait): boolean {
    if (isReload) return false;
    if (held !== undefined && dueAtMs === null && !held.every((tag) => run.host.isSet(tag))) return true;
    if (dueAtMs !== null && dueAtMs <= run.host.now()) return true;
    if (key !== undefined && run.journal.has(key)) return true;
    return stoppable && (isStopped() || run.whyStop(false) !== undefined);
  }

  function isStopped(): boolean {
    for (let one: Group | undefined = group; one !== undefined; one = one.outer)
      if (one.stoppedBy !== undefined) return true;
    return false;
  }

  function wakeAtNextDue(): (() => void) | undefined {
    // What is due waits for a strand to leave its place, which is a change: a timer would be due at once, again and again.
    if (!mayBegin()) return undefined;
    const due = slots.flatMap(({ state, waits }) =>
      state === 'waiting' ? waits.flatMap(({ dueAtMs, isReload }) => (isReload ? [] : (dueAtMs ?? []))) : [],
    );
    if (due.length === 0) return undefined;
    return run.host.setTimer(Math.max(0, Math.min(...due) - run.host.now()), changed);
  }
}
