import type { RunDetail, RunState } from '@tenon/runtime';
import { keepingWords } from './keeping-run.ts';
import {
  causeOf,
  doneAdvice,
  heldAndThen,
  isAtUndoing,
  lostChildWords,
  placeOf,
  resumeCommand,
  settleCommand,
  showCommand,
  stepOf,
} from './run-words.ts';

/** How a run stands that goes on by a person's word; `before`: as it was when it was told, `keeping`: the run below that keeps its undoing. */
export function resumedWords(
  done: string,
  run: RunDetail,
  before: RunDetail | undefined,
  keeping: RunDetail | undefined,
  /** The step that the word was of, where it was of one. */
  at?: string,
): string {
  const { runId, state, failure, heldBy = [], behind } = run;
  const more = showCommand(runId);
  const where = placeOf(run);
  const told = failure === undefined ? before : run;
  const lost = lostChildWords(run);
  const advice =
    lost !== undefined ? `\n${lost}` : told?.failure?.code === 'CHECK_NOT_MET' ? `\n${checkWords(told)}` : '';
  if (keeping !== undefined) return `${done}; its undoing waits${where} for ${keepingWords(keeping)}`;
  if (heldBy.length > 0) return `${done}; ${heldAndThen(heldBy, 'goes on')}`;
  if (behind !== undefined)
    return `${done}; it goes on once run ${behind} lets it, which has the same order key: ${showCommand(behind)}`;
  switch (state) {
    case 'succeeded':
      return `${done}; it has succeeded`;
    case 'compensated':
      return hasFailedSince(run, at ?? before?.failure?.step)
        ? `${done}; it failed${causeOf(run)}, and what it did is undone: ${more}`
        : `${done}; it is ${state}: ${more}`;
    case 'cancelled':
      return `${done}; it is ${state}: ${more}`;
    case 'failed':
      return `${done}; it failed${isAgain(run, before) ? ' again' : ''}${causeOf(run)}${advice}${byHand(run)}`;
    case 'inDoubt':
      return `${done}; it is in doubt${where}: \`tenon in-doubt\``;
    case 'waiting':
      return `${done}; it is waiting${where}: ${more}`;
    case 'accepted':
    case 'running':
    case 'compensating':
      return `${done}; it is under way${where}: ${more} says how it stands${advice}`;
  }
}

/** Has it gone on, and failed of something else than what a person's word was of? */
function hasFailedSince({ failure }: RunDetail, at: string | undefined): boolean {
  return failure !== undefined && at !== undefined && failure.step !== at;
}

/** At the same place, and of a block at an effect that it was parked at before. */
function isAgain(run: RunDetail, before: RunDetail | undefined): boolean {
  if (run.failure?.step !== before?.failure?.step) return false;
  const { canBeDone: earlier = [] } = before ?? {};
  const { canBeDone: now = [] } = run;
  return earlier.length === 0 || now.length === 0 || now.some((place) => earlier.includes(place));
}

function byHand(run: RunDetail): string {
  const advice = doneAdvice(run);
  return advice === undefined ? '' : `\nwhere it will never be taken: ${advice}`;
}

export function notResumableWords({ runId, state, step }: RunDetail): string {
  switch (state) {
    case 'inDoubt':
      return `the run is in doubt, not failed: say what became of its effect, and it goes on: ${settleCommand(runId, step ?? '<step>')}`;
    case 'succeeded':
      return 'the run has succeeded';
    case 'failed':
      // Its letter is closed, and nothing else closes it without resuming the run.
      return `the run was cancelled before, and is undone as soon as it goes on: ${showCommand(runId)} says how it stands`;
    default:
      return `the run is ${state}: ${showCommand(runId)} says how it stands`;
  }
}

/** A child that a person has resumed by itself does not take its parent along. */
export function parkedAboveWords({ state }: RunDetail, above: RunDetail | undefined): string {
  if (above === undefined || above.state !== 'failed' || isAtUndoing(above) || !GIVES.has(state)) return '';
  return `\nits parent, run ${above.runId} (${above.pipeline}), is still parked at ${stepOf(above)}: ${resumeCommand(above.runId)} goes on with what comes of this one`;
}

/** States in which a parent that is resumed has something from its child, or waits for it. */
const GIVES: ReadonlySet<RunState> = new Set<RunState>([
  'accepted',
  'running',
  'waiting',
  'inDoubt',
  'succeeded',
]);

function checkWords({ runId, failure, steps }: RunDetail): string {
  const cancel = `\`tenon runs cancel ${runId}\` undoes what it did, and its event is to be sent again under a new business key`;
  // Where it failed at a block, of each check in it that did not hold. Earlier servers do not say it.
  const own = steps.filter(
    ({ id, state, again }) => again !== undefined && (id === failure?.step || state === 'failed'),
  );
  const idle = own.find(({ again }) => again?.length === 0);
  if (idle !== undefined) {
    const which = idle.id === failure?.step ? 'this check' : `the check ${idle.id}`;
    return `nothing that ${which} looks at is read again, however often the run is resumed, so it fails again: ${cancel}`;
  }
  return `a check is judged anew when its run is resumed: its reads are made again first, unless something was done or went by them since. Mend the record and resume it again; where it fails still, ${cancel}`;
}

/** Where a run stands whose undoing is not parked. */
export function notThereWords(run: RunDetail, keeping: RunDetail | undefined): string {
  if (run.state === 'failed') return `failed${causeOf(run)}`;
  return keeping === undefined ? `is ${run.state}` : `waits${placeOf(run)} for ${keepingWords(keeping)}`;
}
