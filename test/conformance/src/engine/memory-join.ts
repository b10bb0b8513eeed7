import {
  type Fact,
  type Fork,
  type InnermostBound,
  type StrandPlan,
  Suspension,
} from '@tenon/runtime/engine';
import type { Left, MemoryRun } from './memory-run.ts';
import { MemoryStrand } from './memory-strand.ts';

/** What the strands of one fork know of each other. */
export interface Group {
  /** Those that had not begun when the fork was joined, once that is on record: the others only replay. */
  readonly unbegun?: ReadonlySet<string>;
  /** Name of the strand whose end stops the others. */
  stoppedBy?: string;
  /** Of the strand that forked. */
  readonly outer?: Group;
  /** Deadlines of the steps that it was forked in. */
  readonly bound: InnermostBound;
}

interface Slot<T> {
  readonly plan: StrandPlan<T>;
  readonly prefix: string;
  /** Rows that it had when the fork was come to. */
  readonly before: number;
  state: 'new' | 'active' | 'waiting' | 'aside' | 'ended';
  waits: readonly Left[];
  end?: T;
  notes: readonly Fact[];
}

/** Carries the strands of a fork on until each has ended, or waits for something that is not there. */
export async function joinStrands<T>(
  run: MemoryRun,
  outerPrefix: string,
  fork: Fork<T>,
  group: Group,
): Promise<{
  readonly ends: readonly (T | undefined)[];
  readonly notes: readonly Fact[];
  readonly waits: readonly Left[];
  readonly isAside: boolean;
}> {
  const slots = fork.strands.map((plan): Slot<T> => {
    const prefix = `${outerPrefix}${plan.name}|`;
    const before = run.memoryOf(prefix).recorded;
    return { plan, prefix, before, state: 'new', waits: [], notes: [] };
  });
  let active = 0;
  let broken: unknown;
  let change = Promise.withResolvers<void>();
  const changed = (): void => change.resolve();
  run.watchers.add(changed);
  try {
    for (;;) {
      change = Promise.withResolvers<void>();
      for (const slot of slots)
        if (active < fork.concurrency && broken === undefined && isRunnable(slot)) begin(slot);
      if (active === 0) break;
      const cancelTimer = wakeAtNextDue();
      await change.promise;
      cancelTimer();
    }
  } finally {
    run.watchers.delete(changed);
  }
  if (broken !== undefined) throw broken;
  const isAside = slots.some(({ state }) => state === 'aside');
  return {
    ends: slots.map(({ end }) => end),
    notes: slots.flatMap(({ notes }) => notes),
    waits: isAside ? [] : slots.flatMap(({ state, waits }) => (state === 'waiting' ? waits : [])),
    isAside,
  };

  function begin(slot: Slot<T>): void {
    active++;
    slot.state = 'active';
    const memory = run.memoryOf(slot.prefix);
    const strand = new MemoryStrand(run, slot.prefix, memory, group);
    void slot.plan
      .run(strand)
      .then(
        (end) => {
          slot.state = 'ended';
          // Asked again for what it did before it was joined: what was cut short came after that.
          if (group.unbegun === undefined) memory.isInterrupted = false;
          slot.end = end;
          slot.notes = fork.isPast(end) ? [] : strand.takeNotes([]);
          if (fork.stops(end)) group.stoppedBy ??= slot.plan.name;
        },
        (error: unknown) => {
          if (!(error instanceof Suspension)) broken ??= error;
          slot.waits = strand.waits;
          slot.state = strand.waits.length > 0 ? 'waiting' : 'aside';
        },
      )
      .then(() => {
        active--;
        changed();
      });
  }

  function isRunnable({ plan, state, before, waits }: Slot<T>): boolean {
    if (group.unbegun !== undefined) return state === 'new' && !group.unbegun.has(plan.name);
    // One that was begun before must come to an end that is recorded; one that was not, need not begin any more.
    if (state === 'new') return before > 0 || (!isStopped() && run.whyStop(true) === undefined);
    return state === 'waiting' && waits.some(isOver);
  }

  function isOver({ isReload, dueAtMs, key, stoppable, held }: Left): boolean {
    if (isReload) return false;
    if (held?.some((tag) => !run.engine.isSet(tag))) return true;
    if (dueAtMs !== undefined && dueAtMs <= run.engine.now()) return true;
    if (key !== undefined && run.stored.journal.has(key)) return true;
    return stoppable && (isStopped() || run.whyStop(false) !== undefined);
  }

  function isStopped(): boolean {
    for (let one: Group | undefined = group; one !== undefined; one = one.outer)
      if (one.stoppedBy !== undefined) return true;
    return false;
  }

  function wakeAtNextDue(): () => void {
    const due = slots.flatMap(({ state, waits }) =>
      state === 'waiting' ? waits.flatMap(({ dueAtMs, isReload }) => (isReload ? [] : (dueAtMs ?? []))) : [],
    );
    if (due.length === 0) return () => {};
    return run.engine.setTimer(Math.max(0, Math.min(...due) - run.engine.now()), changed);
  }
}
