import type { RunDetail, RuntimeCode } from '@tenon/runtime';
import { plural } from '../render/index.ts';
import { keepingWords } from './keeping-run.ts';
import {
  causeOf,
  heldAndThen,
  isAtUndoing,
  placeOf,
  resumeCommand,
  showCommand,
  undoingAdvice,
} from './run-words.ts';

/** How far the undoing is of a run that is cancelled, and what it needs to come to its end. */
export function cancelledWords(done: string, run: RunDetail, keeping: RunDetail | undefined): string {
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
export function isLeftAsItStood({ failure }: RunDetail): boolean {
  return failure?.code === ('RUN_CANCELLED_NOT_UNDONE' satisfies RuntimeCode);
}

export function undoingAlready(run: RunDetail, keeping: RunDetail | undefined): string {
  if (run.state === 'failed' && isAtUndoing(run))
    return `it is being undone already, and that is parked${causeOf(run)}: ${undoingAdvice(run)}`;
  if (keeping !== undefined)
    return `it is being undone already, and waits${placeOf(run)} for ${keepingWords(keeping)}`;
  return `it is being undone already: ${showCommand(run.runId)} says how it stands`;
}

/** An internal error has stopped it, before it could be undone or in that. */
export function isBroken({ state, failure }: RunDetail): boolean {
  return state === 'failed' && failure?.code === ('RUN_INVARIANT_BROKEN' satisfies RuntimeCode);
}

/** It still is where it was when it was cancelled. */
export function isYetToHeed(run: RunDetail): boolean {
  return (run.state === 'waiting' || run.state === 'failed') && !isAtUndoing(run);
}
