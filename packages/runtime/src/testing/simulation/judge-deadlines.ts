import type { CallStep, PlanStep } from '@tenon/pipeline';
import type { LedgerEntry, RunSummary } from '../../runtime.ts';
import { type History, stepOf } from './history.ts';
import { momentsOf } from './judge-time.ts';

/** A deadline that a call is under: its own, or that of a block around it. */
interface Bound {
  readonly deadlineMs: number;
  /** Steps that it is over, itself included. */
  readonly ids: ReadonlySet<string>;
  /** Lists between it and the call. */
  readonly lists: number;
  /** Something in it waits for somebody or for a time, which is not counted. */
  readonly hasPauses: boolean;
  /** Whether all of the run pauses when something in it does: nothing goes on beside it, or beside each other in it. */
  readonly isAlone: boolean;
}

/**
 * The deadline of a step: no attempt begins once it is over, in whichever process; and none is ended before so much time
 * has been worked, pauses not counted.
 */
export function judgeDeadlines(history: History): readonly string[] {
  if (history.witness.isTimeUneven) return [];
  const moments = momentsOf(history);
  return history.runs.flatMap((run) => {
    const trace = history.trace(run.runId);
    const { steps, identity } = history.planOf(run);
    // Resumed, it stands there as running, and may have to wait for its turn in the order of its key first.
    const begun = identity.orderBy === undefined ? trace : trace.filter((entry) => !isResumed(entry));
    return boundsOf(steps).flatMap(([step, bounds]) => {
      const own = trace.filter((entry) => entry.step !== undefined && isOf(step, entry.step));
      return [
        ...own.flatMap((entry) => tooLate(run, begun, entry, bounds, moments)),
        ...own.flatMap((entry) => tooEarly(run, trace, entry, bounds, moments)),
      ];
    });
  });
}

function isResumed({ kind, details }: LedgerEntry): boolean {
  return kind === 'state' && details['from'] === 'failed';
}

function isOf({ id }: CallStep, place: string): boolean {
  return stepOf(place) === id && !place.includes(':');
}

function tooLate(
  { key }: RunSummary,
  trace: readonly LedgerEntry[],
  entry: LedgerEntry,
  bounds: readonly Bound[],
  moments: readonly number[],
): readonly string[] {
  const isTry = entry.kind === 'intent' || entry.kind === 'attempt';
  if (!isTry && entry.details['purpose'] !== 'check before sending') return [];
  // A person's word may begin it anew.
  const said = trace.findLast(({ kind, sequence }) => BY_PEOPLE.has(kind) && sequence < entry.sequence);
  return bounds.flatMap((bound) => {
    const beganAtMs = beginOf(bound, trace, entry, said?.sequence ?? 0);
    // What a process before may have sent comes to an outcome first; and a switch stops the clock.
    const isExcused = moments.some((at) => at > beganAtMs && at <= entry.at);
    if (bound.hasPauses || isExcused || entry.at < beganAtMs + bound.deadlineMs) return [];
    return [
      `${key} ${entry.step} was tried ${entry.at - beganAtMs} ms after a deadline of ${bound.deadlineMs} ms began`,
    ];
  });
}

function tooEarly(
  { key }: RunSummary,
  trace: readonly LedgerEntry[],
  entry: LedgerEntry,
  bounds: readonly Bound[],
  moments: readonly number[],
): readonly string[] {
  if (entry.details['code'] !== 'STEP_DEADLINE_EXCEEDED') return [];
  // What a cancelled run was parked with before, whoever resumed it in the same moment.
  if (entry.kind === 'compensation' && entry.details['because'] === 'cancelled') return [];
  const resumed = trace.findLast(
    ({ details, sequence }) => details['action'] === 'resume' && sequence < entry.sequence,
  );
  const since = resumed ?? trace[0]!;
  // It may have begun, and its process ended before anything else was on record.
  if (moments.some((at) => at > since.at && at <= entry.at)) return [];
  const isOver = bounds.some((bound) => {
    const beganAtMs = beginOf(bound, trace, entry, since.sequence);
    const pausedMs = bound.isAlone ? pausesIn(bound, trace, entry, since.sequence) : 0;
    return entry.at - beganAtMs - pausedMs >= bound.deadlineMs;
  });
  return isOver ? [] : [`${key} ${entry.step} was ended by a deadline that was not over`];
}

/** When something under it was first on record, after `since`. */
function beginOf(bound: Bound, trace: readonly LedgerEntry[], entry: LedgerEntry, since: number): number {
  const first = trace.find(({ step, sequence }) => sequence > since && isUnder(bound, entry, step));
  return first?.at ?? entry.at;
}

function pausesIn(bound: Bound, trace: readonly LedgerEntry[], until: LedgerEntry, since: number): number {
  return trace.reduce((sum, { kind, step, at, sequence, details }) => {
    const isPause = kind === 'waiting' && sequence > since && sequence < until.sequence;
    if (!isPause || details['for'] === 'run' || !isUnder(bound, until, step)) return sum;
    const next = trace.find(
      (each) => each.sequence > sequence && each.step === step && each.kind !== 'state',
    );
    return sum + (next === undefined ? 0 : next.at - at);
  }, 0);
}

/** Is `place` under the deadline, in the same item of the lists around it as `entry` is? */
function isUnder({ ids, lists }: Bound, entry: LedgerEntry, place: string | undefined): boolean {
  if (place === undefined || place.includes(':') || !ids.has(stepOf(place))) return false;
  const items = entry.step!.split('].');
  const around = items.slice(0, items.length - 1 - lists).map((item) => `${item}].`);
  return place.startsWith(around.join(''));
}

/** The calls of a plan, each with the deadlines that it is under. */
function boundsOf(
  steps: readonly PlanStep[],
  around: readonly Bound[] = [],
  isForked = false,
): readonly (readonly [CallStep, readonly Bound[]])[] {
  return steps.flatMap((step) => {
    const inside = stepsIn(step);
    const all = [step, ...everyStepIn(inside)];
    const own: Bound = {
      deadlineMs: step.deadlineMs ?? 0,
      ids: new Set(all.map(({ id }) => id)),
      lists: 0,
      hasPauses: all.some(({ kind }) => kind === 'wait' || kind === 'approve' || kind === 'run'),
      isAlone: !isForked && !all.some(isFork),
    };
    const bounds = step.deadlineMs === undefined ? around : [...around, own];
    if (step.kind === 'call') return [[step, bounds] as const];
    const below =
      step.kind === 'forEach' ? bounds.map((each) => ({ ...each, lists: each.lists + 1 })) : bounds;
    return boundsOf(inside, below, isForked || isFork(step));
  });
}

function isFork({ kind }: PlanStep): boolean {
  return kind === 'parallel' || kind === 'forEach';
}

function stepsIn(step: PlanStep): readonly PlanStep[] {
  if (step.kind === 'choose' || step.kind === 'parallel') return step.branches.flatMap(({ steps }) => steps);
  return step.kind === 'forEach' ? step.steps : [];
}

function everyStepIn(steps: readonly PlanStep[]): readonly PlanStep[] {
  return steps.flatMap((step) => [step, ...everyStepIn(stepsIn(step))]);
}

const BY_PEOPLE: ReadonlySet<string> = new Set(['operator', 'approval']);
