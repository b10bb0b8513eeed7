import type { Plan, PlanStep } from '@tenon/pipeline';
import { allSteps } from '../../loaded-plan.ts';
import { lostChild } from '../../lost-child.ts';
import type { ReplayReport, StepRecord, UnknownEffects } from '../../runtime.ts';
import { isOfUndoing, phaseOf } from '../control/operations.ts';
import type { RunRow } from '../file/run-row.ts';
import { placedSteps } from '../reads/placed-steps.ts';
import type { Queries } from '../reads/queries.ts';
import { stepRecords } from '../reads/step-records.ts';
import { lettingGoOf } from '../work/letting-go.ts';

export type Effects = Pick<
  ReplayReport['runs'][number],
  'effectsSkipped' | 'effectsToSend' | 'effectsUnknown' | 'goesOn' | 'refused'
>;

/** States in which a replay can do nothing, each with the reason. */
const notReplayable: Readonly<Partial<Record<RunRow['state'], string>>> = {
  compensated: 'its effects were undone; only a new business event can do them again',
  cancelled: 'a person ended it; only a new business event can do its work',
  compensating: 'it is being undone',
  accepted: 'its turn has not come; it goes on by itself',
  running: 'it is under way and goes on by itself',
  waiting: 'it is under way and goes on by itself',
  inDoubt: 'an effect is in doubt; settle it (`tenon in-doubt`), and it goes on',
};

/** Effects that a replay leaves alone, and those that it may send. */
export function effectsReader(queries: Queries): (run: RunRow) => Effects {
  /** By its plan's hash: what a run sends that is begun. */
  const ofPlans = new Map<string, readonly string[]>();
  return effectsOf;

  function effectsOf(run: RunRow): Effects {
    const why = notReplayable[run.state] ?? unreadWords(run, queries) ?? lostChildOf(run, queries);
    if (why !== undefined)
      return { effectsSkipped: [], effectsToSend: [], goesOn: false, refused: `${run.state}: ${why}` };
    const plan = queries.planOf(run);
    const journal = queries.journalOf(run.seq);
    const steps = placedSteps(plan.steps, journal);
    const records = stepRecords(plan, run, journal);
    const over = placesOf(records, 'succeeded', 'compensated');
    const done = placesOf(records.filter(hasEffect), 'succeeded');
    const had = placesOf(records.filter(hasEffect), 'succeeded', 'compensated');
    const canSend = run.state === 'failed';
    const isUndone = canSend && isParkedAtUndoing(run, queries);
    const children = queries
      .childrenOf(run.seq)
      .map((child) => ({ step: child.parent_step, ...effectsOf(child) }));
    const unknown: readonly UnknownEffects[] = [
      ...unknownOf(lettingGoOf(queries.stored.read, run)),
      ...children.flatMap(({ step, effectsUnknown = [] }) =>
        effectsUnknown.map(({ step: below, because }) => ({
          step: below === undefined ? step : nameBelow(step, below),
          because,
        })),
      ),
    ];
    const started = new Set(children.map(({ step }) => step));
    return {
      effectsSkipped: [
        ...steps.flatMap(({ step, place }) => (isEffect(plan, step) && had.has(place) ? [place] : [])),
        ...children.flatMap(({ step, effectsSkipped }) => named(step, effectsSkipped)),
      ],
      effectsToSend: canSend
        ? [
            ...steps.flatMap(({ step, place }) => {
              if (isUndone) return canBeUndone(step) && done.has(place) ? [`compensate:${place}`] : [];
              if (over.has(place) || started.has(place)) return [];
              return effectsAt(plan, step, place);
            }),
            // Of the runs that it started: those that are parked go on with it.
            ...children.flatMap(({ step, effectsToSend }) => named(step, effectsToSend)),
          ]
        : [],
      ...(unknown.length > 0 && { effectsUnknown: unknown }),
      goesOn: canSend,
    };
  }

  /** What a step sends that is yet to be taken: of one that runs another pipeline, all that the plan sends which it names. */
  function effectsAt(plan: Plan, step: PlanStep, place: string): readonly string[] {
    if (step.kind === 'run') return named(place, effectsOfPlan(step.plan));
    return isEffect(plan, step) ? [place] : [];
  }

  function effectsOfPlan(hash: string): readonly string[] {
    const known = ofPlans.get(hash);
    if (known !== undefined) return known;
    const plan = queries.plan(hash);
    // One that is not here is not begun either.
    const effects =
      plan === undefined ? [] : allSteps(plan.steps).flatMap((step) => effectsAt(plan, step, step.id));
    ofPlans.set(hash, effects);
    return effects;
  }
}

/** Effects that a run has had and not undone, as far as that can be read, with those of the runs that it started. */
export function effectsDone(run: RunRow, queries: Queries): readonly string[] {
  const plan = queries.planOf(run);
  const journal = queries.journalOf(run.seq);
  const done = placesOf(stepRecords(plan, run, journal).filter(hasEffect), 'succeeded');
  return [
    ...placedSteps(plan.steps, journal).flatMap(({ step, place }) =>
      isEffect(plan, step) && done.has(place) ? [place] : [],
    ),
    ...queries.childrenOf(run.seq).flatMap((child) => named(child.parent_step, effectsDone(child, queries))),
  ];
}

/** An answer that said no is a step's value, and nothing was done. */
function hasEffect({ refused }: StepRecord): boolean {
  return refused === undefined;
}

function placesOf(
  records: readonly StepRecord[],
  ...states: readonly StepRecord['state'][]
): ReadonlySet<string> {
  return new Set(records.flatMap(({ id, state }) => (states.includes(state) ? [id] : [])));
}

/** It goes on undoing what it did, and does nothing else. Not of a list that undoes its failed items alone: the run goes on after it. */
function isParkedAtUndoing(run: RunRow, queries: Queries): boolean {
  return queries
    .openingsOf(run.seq)
    .some(
      (opening) =>
        opening.kind === 'deadLetter' && isOfUndoing(opening) && phaseOf(opening) === 'compensating',
    );
}

function canBeUndone(step: PlanStep): boolean {
  return step.kind === 'call' && step.compensate !== undefined;
}

/** Resumed, it is parked again before anything is sent; and what it has done, nobody can tell. */
function unreadWords(run: RunRow, queries: Queries): string | undefined {
  if (run.state !== 'failed') return undefined;
  const unread = queries.unreadOf(run);
  return unread && `it cannot be read, so it cannot go on (${unread.code}: ${unread.message})`;
}

/** Why a run that is parked at a step with a child can only fail there again: what that was to give is gone. */
function lostChildOf({ seq, state, failure }: RunRow, queries: Queries): string | undefined {
  // Written where the run was parked.
  const stopped: { readonly step: string; readonly message: string } | null = JSON.parse(failure ?? 'null');
  if (stopped === null) return undefined;
  const children = queries
    .childrenOf(seq)
    .map((child) => ({ runId: child.run_id, step: child.parent_step, state: child.state }));
  const lost = lostChild({ state, failure: stopped, children });
  if (lost === undefined) return undefined;
  return `it can only fail at ${lost.step} again, as the run ${lost.runId} is ${lost.state}; cancel it, and have its event sent again under a new business key`;
}

function unknownOf({ erased, isPastRetention }: ReturnType<typeof lettingGoOf>): readonly UnknownEffects[] {
  if (erased !== undefined) return [{ because: 'erased' }];
  return isPastRetention ? [{ because: 'pastRetention' }] : [];
}

function isEffect({ operations }: Plan, step: PlanStep): boolean {
  return step.kind === 'call' && operations[step.operation]?.effect !== 'read';
}

/** Effects of a child, by the step that runs it. */
function named(step: string, places: readonly string[]): readonly string[] {
  return places.map((place) => nameBelow(step, place));
}

function nameBelow(step: string, place: string): string {
  return `${step} › ${place}`;
}
