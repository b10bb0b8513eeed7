import { sleep } from '@tenon/model';
import type { RunDetail, RunState, RuntimeCode } from '@tenon/runtime';
import type { Args } from '../command.ts';
import { type ExitCode, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { type OperationsClient, OperationsError } from '../operations-client.ts';
import { plural } from '../render/index.ts';
import { keepingRun, keepingWords } from './keeping-run.ts';
import {
  cancelCommand,
  causeOf,
  closeCommand,
  doneAdvice,
  isAtUndoing,
  lostChildWords,
  placeOf,
  resumeCommand,
  settleCommand,
  showCommand,
  stepOf,
  undoingAdvice,
} from './run-words.ts';
import { sayDone } from './with-client.ts';

/** How long a run is looked at that was told something: what fails mostly does so at once, and whoever told it is still there. */
const LOOKED_AT_MS = 3_000;
const LOOK_MS = 200;

/**
 * Gives a run a person's word, looks at it for some seconds, and says how it stands: on stderr in words, with `--format json` on stdout
 * too, for programs.
 */
export async function tellRun(
  word: Word,
  runId: string,
  why: string,
  client: OperationsClient,
  args: Args,
  io: Io,
  /** What is sent beside the reason. */
  more: { readonly step?: string; readonly result?: unknown } = {},
): Promise<ExitCode> {
  const { verb, done, isUnderWay, words, code, refused } = WORDS[word];
  const read = () => readRun(client, runId);
  const keptBy = (run: RunDetail) => keepingRun(run, (below) => readRun(client, below)).catch(unreadable);
  const aboveOf = async ({ parent }: RunDetail): Promise<RunDetail | undefined> =>
    TAKES_NO_PARENT.has(word) && parent !== undefined
      ? readRun(client, parent.runId).catch(unreadable)
      : undefined;
  const say = (text: string, run: Pick<RunDetail, 'runId'> & Partial<RunDetail>): void => {
    sayDone(standing(run), text, args, io);
  };
  // Whatever is wrong with reading it, the word is given.
  const before = await read().catch(unreadable);
  try {
    await client.post(`${runPath(runId)}/${verb}`, { ...more, reason: why });
  } catch (error) {
    if (!(error instanceof OperationsError)) throw error;
    const wordsOf = refused[error.code ?? ''];
    const run = wordsOf && (await read().catch(unreadable));
    if (wordsOf === undefined || run === undefined) throw error;
    const before = error.before === undefined ? '' : `\nbefore you, ${error.before}`;
    say(wordsOf(run, await keptBy(run), await aboveOf(run)) + before, run);
    return exit.failed;
  }
  let run: RunDetail;
  try {
    run = await lookedAt(read, isUnderWay, io);
  } catch (error) {
    if (!(error instanceof OperationsError)) throw error;
    // It was told, whatever becomes of looking at it.
    say(`${done}; how it stands could not be read: ${error.message}`, { runId });
    return exit.clean;
  }
  const keeping = await keptBy(run);
  say(words(run, before, keeping, await aboveOf(run)), run);
  return code(run, keeping);
}

/**
 * Says a person's word of a step, looks at its run for some seconds, and says how it stands. It was said, whatever becomes of looking at
 * it.
 */
export async function tellStep(
  done: string,
  { runId, stepId }: { readonly runId: string; readonly stepId: string },
  client: OperationsClient,
  args: Args,
  io: Io,
  give: () => Promise<unknown>,
): Promise<ExitCode> {
  const read = () => readRun(client, runId);
  const before = await read().catch(unreadable);
  await give();
  // It still is where it was when that was said, and has not come there once more.
  const isYetToHear = ({ state, step, updatedAtMs }: RunDetail): boolean =>
    (state === 'waiting' || state === 'inDoubt') &&
    step === stepId &&
    (before === undefined || updatedAtMs === before.updatedAtMs);
  try {
    const run = await lookedAt(read, (seen) => UNDER_WAY.has(seen.state) || isYetToHear(seen), io);
    const keeping = await keepingRun(run, (below) => readRun(client, below)).catch(unreadable);
    const isDeaf = isYetToHear(run);
    const isGivenUp = run.steps.some(({ id, state }) => id === stepId && state === 'givenUp');
    const words = isDeaf
      ? `${done}; it has not gone on yet: ${showCommand(runId)}`
      : isGivenUp
        ? givenUpWords(done, run, stepId)
        : resumedWords(done, run, undefined, keeping);
    sayDone(standing(run), words, args, io);
    if (isDeaf) return exit.clean;
    return isGivenUp ? exit.partlyDone : parkedCode(run, keeping);
  } catch (error) {
    if (!(error instanceof OperationsError)) throw error;
    sayDone({ runId }, `${done}; how it stands could not be read: ${error.message}`, args, io);
    return exit.clean;
  }
}

/** The run is undone, and so looks well; of this effect nobody knows. */
function givenUpWords(done: string, { runId, state }: RunDetail, stepId: string): string {
  const stands = state === 'compensated' ? '; it is compensated, but' : ', but';
  return `${done}${stands} whether ${stepId} happened is not known, and nothing undoes it: look in the other system, undo it there if it is, then \`tenon fixes\` (${showCommand(runId)})`;
}

export async function readRun(client: OperationsClient, runId: string): Promise<RunDetail> {
  const run = await client.get(runPath(runId)).catch((error: unknown) => {
    // What is told of a run that is not there says so by this code.
    if (error instanceof OperationsError && error.code === 'HTTP_RESOURCE_UNKNOWN')
      throw new OperationsError(error.message, error.exitCode, 'RUN_NOT_FOUND');
    throw error;
  });
  // The shape that contracts/operations promises; a test of the server holds its routes to that contract.
  return run as unknown as RunDetail;
}

function runPath(runId: string): string {
  return `/v1/runs/${encodeURIComponent(runId)}`;
}

/** What is said of a run does without it. */
export function unreadable(error: unknown): undefined {
  if (!(error instanceof OperationsError)) throw error;
}

type Word = 'resume' | 'done' | 'undone' | 'cancel' | 'close';

/** A child that goes on by such a word does not take its parent along. */
const TAKES_NO_PARENT: ReadonlySet<Word> = new Set(['resume', 'done', 'close']);

interface WordSpec {
  readonly verb: string;
  readonly done: string;
  /** Does it go on by itself, so that another look may show more? */
  readonly isUnderWay: (run: RunDetail) => boolean;
  /**
   * `before`: as it was when it was told, where that could be read. `keeping`: the run below that keeps its undoing. `above`: the run
   * that started it.
   */
  readonly words: (
    run: RunDetail,
    before: RunDetail | undefined,
    keeping: RunDetail | undefined,
    above: RunDetail | undefined,
  ) => string;
  readonly code: (run: RunDetail, keeping: RunDetail | undefined) => ExitCode;
  /** What is said instead of the server's own words, by its code. */
  readonly refused: Readonly<
    Record<string, (run: RunDetail, keeping: RunDetail | undefined, above: RunDetail | undefined) => string>
  >;
}

const UNDER_WAY: ReadonlySet<RunState> = new Set<RunState>(['accepted', 'running', 'compensating']);

const WORDS: Readonly<Record<Word, WordSpec>> = {
  resume: {
    verb: 'resume',
    done: 'resumed',
    isUnderWay: ({ state }) => UNDER_WAY.has(state),
    words: (run, before, keeping, above) =>
      resumedWords('resumed', run, before, keeping) + parkedAboveWords(run, above),
    code: parkedCode,
    refused: {
      RUN_NOT_RESUMABLE: (run, _keeping, above) =>
        `${notResumableWords(run)} (RUN_NOT_RESUMABLE)${parkedAboveWords(run, above)}`,
    },
  },
  done: {
    verb: 'done',
    done: 'taken as done by hand',
    isUnderWay: ({ state }) => UNDER_WAY.has(state),
    words: (run, before, keeping, above) =>
      resumedWords('taken as done by hand', run, before, keeping) + parkedAboveWords(run, above),
    code: parkedCode,
    refused: {
      RUN_IN_DOUBT: ({ runId, step }) =>
        `the run is in doubt, not parked: say what became of its effect: ${settleCommand(runId, step ?? '<step>')} (RUN_IN_DOUBT)`,
    },
  },
  undone: {
    verb: 'undone',
    done: 'taken as undone by hand',
    isUnderWay: ({ state }) => UNDER_WAY.has(state),
    words: (run, before, keeping) => resumedWords('taken as undone by hand', run, before, keeping),
    code: parkedCode,
    refused: {
      RUN_NOT_AT_UNDOING: (run, keeping) =>
        `the run is not parked at undoing that step: it ${notThereWords(run, keeping)} (RUN_NOT_AT_UNDOING)`,
    },
  },
  close: {
    verb: 'close',
    done: 'closed as it stood',
    // It has ended with the answer.
    isUnderWay: () => false,
    words: (run, _before, _keeping, above) => closedWords(run, above),
    code: () => exit.clean,
    refused: {
      RUN_NOT_PARKED: (run) => `${notParkedWords(run)} (RUN_NOT_PARKED)`,
      RUN_COMPENSATING: (run, keeping) => `${undoingAlready(run, keeping)} (RUN_COMPENSATING)`,
    },
  },
  cancel: {
    verb: 'cancel',
    done: 'cancelled',
    // A run that waits or is parked heeds it a moment later.
    isUnderWay: (run) => UNDER_WAY.has(run.state) || isYetToHeed(run),
    words: (run, _before, keeping) => cancelledWords('cancelled', run, keeping),
    code: (run, keeping) => {
      // Too late, it is as one that had ended when it was cancelled.
      if (run.state === 'succeeded' || run.state === 'compensated') return exit.failed;
      if (isLeftAsItStood(run) || isBroken(run)) return exit.partlyDone;
      // Parked at a step, it has not heeded it yet.
      return isYetToHeed(run) ? exit.clean : parkedCode(run, keeping);
    },
    refused: {
      RUN_CANCELLED_ALREADY: (run, keeping) => cancelledWords('cancelled already', run, keeping),
      RUN_COMPENSATING: (run, keeping) => `${undoingAlready(run, keeping)} (RUN_COMPENSATING)`,
      RUN_ENDED: ({ state }) => `the run has ended: ${state} (RUN_ENDED)`,
      RUN_IN_DOUBT: ({ runId, step }) =>
        `the run is in doubt: say first what became of its effect: ${settleCommand(runId, step ?? '<step>')} (RUN_IN_DOUBT)`,
    },
  },
};

/**
 * It was told, and somebody has to look at it once more: it is parked or in doubt, or the run below is that keeps its undoing. What a
 * switch holds is none of these: whoever lifts that has to say nothing of the run.
 */
function parkedCode({ state }: RunDetail, keeping: RunDetail | undefined): ExitCode {
  return keeping !== undefined || state === 'failed' || state === 'inDoubt' ? exit.partlyDone : exit.clean;
}

/** What it did stays; where a run above is parked at it, that goes on by no such word. */
function closedWords({ steps }: RunDetail, above: RunDetail | undefined): string {
  const kept = steps.filter(
    ({ state, idempotencyKey }) => state === 'succeeded' && idempotencyKey !== undefined,
  );
  const stays = kept.length === 0 ? '' : `, and what it did stays: ${kept.map(({ id }) => id).join(', ')}`;
  return `closed as it stood: nothing more is done${stays}${lostAboveWords(above)}`;
}

function lostAboveWords(above: RunDetail | undefined): string {
  if (above === undefined || above.state !== 'failed' || isAtUndoing(above)) return '';
  return `\nits parent, run ${above.runId} (${above.pipeline}), is parked at ${stepOf(above)} and can only fail there: ${closeCommand(above.runId)} leaves that as it is too, ${cancelCommand(above.runId)} undoes what else it did`;
}

function notParkedWords({ runId, state, step }: RunDetail): string {
  if (state === 'inDoubt')
    return `the run is in doubt, not parked: say what became of its effect: ${settleCommand(runId, step ?? '<step>')}`;
  return `the run is ${state}, not parked: ${showCommand(runId)} says how it stands`;
}

function notThereWords(run: RunDetail, keeping: RunDetail | undefined): string {
  if (run.state === 'failed') return `failed${causeOf(run)}`;
  return keeping === undefined ? `is ${run.state}` : `waits${placeOf(run)} for ${keepingWords(keeping)}`;
}

function undoingAlready(run: RunDetail, keeping: RunDetail | undefined): string {
  if (run.state === 'failed' && isAtUndoing(run))
    return `it is being undone already, and that is parked${causeOf(run)}: ${undoingAdvice(run)}`;
  if (keeping !== undefined)
    return `it is being undone already, and waits${placeOf(run)} for ${keepingWords(keeping)}`;
  return `it is being undone already: ${showCommand(run.runId)} says how it stands`;
}

/** What a program needs to know of a run: nothing but its id where it could not be looked at. */
function standing(run: Pick<RunDetail, 'runId'> & Partial<RunDetail>): object {
  const { runId, state, failure, heldBy } = run;
  const step = stepOf(run);
  return {
    runId,
    ...(state !== undefined && { state }),
    ...(step !== undefined && { step }),
    ...(heldBy !== undefined && { heldBy }),
    ...(failure !== undefined && { failureCode: failure.code }),
  };
}

/** The run as it is once it does not go on by itself, or after a while. */
async function lookedAt(
  read: () => Promise<RunDetail>,
  isUnderWay: WordSpec['isUnderWay'],
  { clock }: Io,
): Promise<RunDetail> {
  const untilMs = clock.steady() + LOOKED_AT_MS;
  for (;;) {
    const run = await read();
    const isHeld = run.heldBy !== undefined && run.heldBy.length > 0;
    if (!isUnderWay(run) || isHeld || clock.steady() >= untilMs) return run;
    await sleep(clock, LOOK_MS);
  }
}

function resumedWords(
  done: string,
  run: RunDetail,
  before: RunDetail | undefined,
  keeping: RunDetail | undefined,
): string {
  const { runId, state, failure, heldBy = [], behind } = run;
  const more = showCommand(runId);
  const at = placeOf(run);
  const told = failure === undefined ? before : run;
  const lost = lostChildWords(run);
  const advice =
    lost !== undefined ? `\n${lost}` : told?.failure?.code === 'CHECK_NOT_MET' ? `\n${checkWords(told)}` : '';
  if (keeping !== undefined) return `${done}; its undoing waits${at} for ${keepingWords(keeping)}`;
  if (heldBy.length > 0) return `${done}; ${heldAndThen(heldBy, 'goes on')}`;
  if (behind !== undefined)
    return `${done}; it goes on once run ${behind} lets it, which has the same order key: ${showCommand(behind)}`;
  switch (state) {
    case 'succeeded':
      return `${done}; it has succeeded`;
    case 'compensated':
    case 'cancelled':
      return `${done}; it is ${state}: ${more}`;
    case 'failed':
      return `${done}; it failed${isAgain(run, before) ? ' again' : ''}${causeOf(run)}${advice}${byHand(run)}`;
    case 'inDoubt':
      return `${done}; it is in doubt${at}: \`tenon in-doubt\``;
    case 'waiting':
      return `${done}; it is waiting${at}: ${more}`;
    case 'accepted':
    case 'running':
    case 'compensating':
      return `${done}; it is under way${at}: ${more} says how it stands${advice}`;
  }
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

function notResumableWords({ runId, state, step }: RunDetail): string {
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
function parkedAboveWords({ state }: RunDetail, above: RunDetail | undefined): string {
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

/** How far the undoing is of a run that is cancelled, and what it needs to come to its end. */
function cancelledWords(done: string, run: RunDetail, keeping: RunDetail | undefined): string {
  const { runId, state, steps, heldBy = [] } = run;
  const more = `${showCommand(runId)} says how it stands`;
  if (state === 'failed' && isAtUndoing(run))
    return `${done}, but the undoing failed${causeOf(run)}; ${undoingAdvice(run)}`;
  if (keeping !== undefined) return `${done}; its undoing waits${placeOf(run)} for ${keepingWords(keeping)}`;
  if (heldBy.length > 0) return `${done}; ${heldAndThen(heldBy, 'is undone')}`;
  if (isBroken(run))
    return `${done}, but an internal error stops the run${causeOf(run)}: a version that mends that undoes it once it is resumed (${resumeCommand(runId)}); cancelled once more, it ends as it stands`;
  switch (state) {
    case 'cancelled': {
      if (isLeftAsItStood(run))
        return `${done}, and it ended as it stood: ${run.failure?.message}\nwhat it did may still be there, and is owed by ${run.owner}: \`tenon fixes\``;
      const undone = steps.filter((step) => step.state === 'compensated').length;
      return undone === 0
        ? `${done}; it had done nothing that can be undone`
        : `${done} and undone: ${plural(undone, 'steps')}, see ${showCommand(runId)}`;
    }
    case 'succeeded':
    case 'compensated':
      return `${done}, but too late: the run has ended: ${state}`;
    case 'inDoubt':
      return `${done}; it is in doubt${placeOf(run)}, and goes on being undone once that is settled: \`tenon in-doubt\``;
    case 'waiting':
      return `${done}; its undoing${isAtUndoing(run) ? ` waits${placeOf(run)}` : ' has not begun'}: ${more}`;
    case 'failed':
    case 'accepted':
    case 'running':
      return `${done}; its undoing has not begun: ${more}`;
    case 'compensating':
      return `${done}; it is being undone${placeOf(run)}: ${more}`;
  }
}

/** It has ended, and could not be undone. */
function isLeftAsItStood({ failure }: RunDetail): boolean {
  return failure?.code === ('RUN_CANCELLED_NOT_UNDONE' satisfies RuntimeCode);
}

/** It needs no other word: what a switch or a window holds goes on by itself, in order. */
function heldAndThen(heldBy: readonly string[], then: string): string {
  return `it is held by ${heldBy.join(', ')}, and ${then} once ${heldBy.length === 1 ? 'that lets' : 'they let'} it`;
}

/** An internal error has stopped it, before it could be undone or in that. */
function isBroken({ state, failure }: RunDetail): boolean {
  return state === 'failed' && failure?.code === ('RUN_INVARIANT_BROKEN' satisfies RuntimeCode);
}

/** It still is where it was when it was cancelled. */
function isYetToHeed(run: RunDetail): boolean {
  return (run.state === 'waiting' || run.state === 'failed') && !isAtUndoing(run);
}
