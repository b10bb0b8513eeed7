import type { RunDetail } from '@tenon/runtime';
import { type OperationsClient, OperationsError } from '../client/operations-client.ts';
import type { Args } from '../command.ts';
import { type ExitCode, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { keepingRun } from './keeping-run.ts';
import { lookedAt, readRun, runPath, unreadable } from './read-run.ts';
import { resumedWords } from './resumed-words.ts';
import { showCommand, stepOf } from './run-words.ts';
import { sayDone } from './with-client.ts';
import { parkedCode, TAKES_NO_PARENT, UNDER_WAY, WORDS, type Word } from './words-to-run.ts';

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
  const isYetToHear = ({ state, step, updatedAtMs, steps }: RunDetail): boolean =>
    askedOn({ steps }, stepId) === undefined &&
    (state === 'waiting' || state === 'inDoubt') &&
    step === stepId &&
    (before === undefined || updatedAtMs === before.updatedAtMs);
  try {
    const isUnderWay = (seen: RunDetail): boolean =>
      askedOn(seen, stepId) === undefined && (UNDER_WAY.has(seen.state) || isYetToHear(seen));
    const run = await lookedAt(read, isUnderWay, io);
    const open = askedOn(run, stepId);
    if (open !== undefined) {
      const { count, given } = open;
      const left = count - given.length;
      const more = `${left} more ${left === 1 ? 'person' : 'persons'} of ${open.by} ${left === 1 ? 'has' : 'have'}`;
      const words = `${done}, which is ${given.length} of ${count}; it goes on when ${more} approved it: ${showCommand(runId)}`;
      sayDone({ ...standing(run), given: given.length, count }, words, args, io);
      return exit.clean;
    }
    const keeping = await keepingRun(run, (below) => readRun(client, below)).catch(unreadable);
    const isDeaf = isYetToHear(run);
    const isGivenUp = run.steps.some(({ id, state }) => id === stepId && state === 'givenUp');
    const words = isDeaf
      ? `${done}; it has not gone on yet: ${showCommand(runId)}`
      : isGivenUp
        ? givenUpWords(done, run, stepId)
        : resumedWords(done, run, undefined, keeping, stepId);
    sayDone(standing(run), words, args, io);
    if (isDeaf) return exit.clean;
    return isGivenUp ? exit.partlyDone : parkedCode(run, keeping);
  } catch (error) {
    if (!(error instanceof OperationsError)) throw error;
    sayDone({ runId }, `${done}; how it stands could not be read: ${error.message}`, args, io);
    return exit.clean;
  }
}

/** The approval that several must give, as long as some of them have and some have not. */
function askedOn({ steps }: Pick<RunDetail, 'steps'>, stepId: string) {
  const awaits = steps.find(({ id }) => id === stepId)?.awaits;
  if (awaits?.for !== 'approval') return undefined;
  const { by, count, given = [] } = awaits;
  return count === undefined || given.length === 0 ? undefined : { by, count, given };
}

/** The run is undone, and so looks well; of this effect nobody knows. */
function givenUpWords(done: string, { runId, state }: RunDetail, stepId: string): string {
  const stands = state === 'compensated' ? '; it is compensated, but' : ', but';
  return `${done}${stands} whether ${stepId} happened is not known, and nothing undoes it: look in the other system, undo it there if it is, then \`tenon fixes\` (${showCommand(runId)})`;
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
