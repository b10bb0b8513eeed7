import type { RunDetail } from '@tenon/runtime';
import { cancelCommand, closeCommand, isAtUndoing, settleCommand, showCommand, stepOf } from './run-words.ts';

/** What it did stays; where a run above is parked at it, that goes on by no such word. */
export function closedWords({ steps }: RunDetail, above: RunDetail | undefined): string {
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

export function notParkedWords({ runId, state, step }: RunDetail): string {
  if (state === 'inDoubt')
    return `the run is in doubt, not parked: say what became of its effect: ${settleCommand(runId, step ?? '<step>')}`;
  return `the run is ${state}, not parked: ${showCommand(runId)} says how it stands`;
}
