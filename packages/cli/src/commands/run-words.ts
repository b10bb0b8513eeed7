import { lostChild, type RunDetail } from '@tenon/runtime';
import { quoted } from '../program.ts';
import { oneLine } from '../text/printable.ts';

/** Is it at a compensation? */
export function isAtUndoing(run: RunDetail): boolean {
  return stepOf(run)?.startsWith('compensate:') ?? false;
}

/** Where it is, and where it failed once it has: the failure says that. */
export function stepOf({ state, step, failure }: Partial<RunDetail>): string | undefined {
  return state === 'failed' ? (failure?.step ?? step) : step;
}

export function placeOf({ step }: RunDetail): string {
  return step === undefined ? '' : oneLine(` at ${step}`);
}

export function causeOf({ failure }: RunDetail): string {
  return failure === undefined
    ? ''
    : oneLine(` at ${failure.step}: ${failure.class}, ${failure.message} (${failure.code})`);
}

/** What a run needs whose undoing is parked. */
export function undoingAdvice(run: RunDetail): string {
  const place = stepOf(run)?.slice('compensate:'.length) ?? '<step>';
  return `mend it, then ${resumeCommand(run.runId)}; or undo it by hand, then \`tenon runs undone ${run.runId} ${quoted(place)} --reason …\``;
}

/** How a run that is parked at an effect goes on without sending it; nothing where it is parked at none. */
export function doneAdvice({ runId, canBeDone = [], doneGivesNothing = [] }: RunDetail): string | undefined {
  const [first] = canBeDone;
  if (first === undefined) return undefined;
  const result = canBeDone.every((place) => doneGivesNothing.includes(place)) ? '' : " --result '<json>'";
  const command = `\`tenon runs done ${runId} ${canBeDone.length === 1 ? quoted(first) : '<step>'}${result} --reason …\``;
  return `do it by hand in the other system, then ${command}${canBeDone.length === 1 ? '' : ` for each of ${canBeDone.join(', ')}`}`;
}

/** Why a run that is parked at a step with a child can only fail there again. */
export function lostChildWords(run: RunDetail): string | undefined {
  const lost = lostChild(run);
  if (lost === undefined) return undefined;
  return `it can only fail there again, however often it is resumed, as its child ${lost.runId} (${lost.pipeline}) is ${lost.state}: ${cancelCommand(run.runId)} undoes what it did, and its event is to be sent again under a new business key; ${closeCommand(run.runId)} leaves it as it is`;
}

export function showCommand(runId: string): string {
  return `\`tenon runs show ${runId}\``;
}

export function resumeCommand(runId: string): string {
  return `\`tenon dead-letters resume ${runId} --reason …\``;
}

export function cancelCommand(runId: string): string {
  return `\`tenon runs cancel ${runId} --reason …\``;
}

export function closeCommand(runId: string): string {
  return `\`tenon runs close ${runId} --reason …\``;
}

export function settleCommand(runId: string, place: string): string {
  return `\`tenon in-doubt settle ${runId} ${quoted(place)} --verdict … --reason …\``;
}

/** It needs no other word: what a switch or a window holds goes on by itself, in order. */
export function heldAndThen(heldBy: readonly string[], then: string): string {
  return `it is held by ${heldBy.join(', ')}, and ${then} once ${heldBy.length === 1 ? 'that lets' : 'they let'} it`;
}
