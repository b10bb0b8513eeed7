import type { RunDetail, RunState } from '@tenon/runtime';
import { type ExitCode, exit } from '../exit.ts';
import { cancelledWords, isBroken, isLeftAsItStood, isYetToHeed, undoingAlready } from './cancelled-words.ts';
import { closedWords, notParkedWords } from './closed-words.ts';
import { notResumableWords, notThereWords, parkedAboveWords, resumedWords } from './resumed-words.ts';
import { settleCommand } from './run-words.ts';

export type Word = 'resume' | 'done' | 'undone' | 'cancel' | 'close';

/** A child that goes on by such a word does not take its parent along. */
export const TAKES_NO_PARENT: ReadonlySet<Word> = new Set(['resume', 'done', 'close']);

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

export const UNDER_WAY: ReadonlySet<RunState> = new Set<RunState>(['accepted', 'running', 'compensating']);

/** What can be said of a run, as data. */
export const WORDS: Readonly<Record<Word, WordSpec>> = {
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
export function parkedCode({ state }: RunDetail, keeping: RunDetail | undefined): ExitCode {
  return keeping !== undefined || state === 'failed' || state === 'inDoubt' ? exit.partlyDone : exit.clean;
}
