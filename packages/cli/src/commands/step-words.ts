import type { Json } from '@tenon/model';
import type { ApartFromOne, PersonsWord, RunDetail, StepRecord, StepWait } from '@tenon/runtime';
import { quoted } from '../program.ts';
import { time } from '../text/utc-time.ts';
import { settleCommand } from './run-words.ts';

/** Who did it in place of the run, why it failed, or what it waits for and how it goes on. */
export function stepWords(
  { id, state, undoneAtMs, result, refused, byHand, said = [], failure, waitsFor, awaits }: StepRecord,
  run: RunDetail,
): string {
  const { runId } = run;
  const words: string[] = [];
  if (byHand) words.push(`done by hand by ${byHand.actor} at ${time(byHand.atMs)}: ${byHand.reason}`);
  words.push(...said.map(saidWords));
  if (refused !== undefined) words.push(`refused (${refused}), which the pipeline goes by: nothing was done`);
  if (undoneAtMs !== undefined) words.push(`undone at ${time(undoneAtMs)}`);
  // What people gave, the run goes by; it can be looked at nowhere else.
  const isGiven =
    byHand !== undefined || said.some(({ word, isOfUndoing }) => GIVES.has(word) && !isOfUndoing);
  if (isGiven && result !== undefined && result !== null)
    words.push(`with the result ${resultWords(result)}`);
  if (failure) words.push(`${failure.class}: ${failure.message}`);
  if (waitsFor) words.push(`waits: ${waitsFor.message}`);
  if (awaits) words.push(awaitedWords(awaits, `${runId} ${quoted(id)}`));
  if (state === 'inDoubt' && !isGivenUp(id, run))
    words.push(
      `${settleCommand(runId, id)} says what became of it: confirm (with --result '<json>' where it gives something), redo or compensate`,
    );
  if (state === 'givenUp') words.push('whether it happened is not known, and nothing undoes it');
  return words.join('; ');
}

/** Verdicts that a result may be given with. */
const GIVES: ReadonlySet<PersonsWord['word']> = new Set(['confirm', 'compensate'] as const);

/** So much of a result is shown. */
const RESULT_MAX = 400;

/** A result as a page of words holds it. */
export function resultWords(result: Json): string {
  const text = JSON.stringify(result);
  return text.length > RESULT_MAX ? `${text.slice(0, RESULT_MAX)}… (--format json has it whole)` : text;
}

function saidWords({ word, isOfUndoing, actor, reason, atMs }: PersonsWord): string {
  const said = SAID[word][isOfUndoing ? 'ofUndoing' : 'own'];
  return `${said} by ${actor} at ${time(atMs)}: ${reason}`;
}

/** What a person said of a step, and the same of its undoing. */
const SAID: Readonly<Record<PersonsWord['word'], { readonly own: string; readonly ofUndoing: string }>> = {
  confirm: { own: 'said to have happened', ofUndoing: 'said to be undone' },
  redo: {
    own: 'said not to have happened, and sent again,',
    ofUndoing: 'said not to be undone, and tried again,',
  },
  compensate: { own: 'given up', ofUndoing: 'its undoing given up' },
  approve: { own: 'approved', ofUndoing: 'its undoing approved' },
  reject: { own: 'rejected', ofUndoing: 'its undoing rejected' },
  undone: { own: 'undone by hand', ofUndoing: 'undone by hand' },
};

/** As earlier servers show what was given up: in doubt for good, with nothing to settle. */
function isGivenUp(id: string, { state }: RunDetail): boolean {
  switch (state) {
    case 'succeeded':
    case 'compensated':
    case 'cancelled':
      return true;
    case 'compensating':
      return !id.startsWith('compensate:');
    default:
      return false;
  }
}

/** `place`: the run and the step, as commands name them. */
function awaitedWords(awaits: StepWait, place: string): string {
  switch (awaits.for) {
    case 'approval':
      return `waits for ${awaits.by} to approve${severalWords(awaits)}${until(awaits.expiresAtMs)}: \`tenon approvals approve ${place} --reason …\`, or reject`;
    case 'event':
      return `waits for the event ${awaits.event}${until(awaits.expiresAtMs)}`;
    case 'time':
      return awaits.untilMs === undefined ? 'waits for a time' : `waits${until(awaits.untilMs)}`;
    case 'run':
      return `waits for run ${awaits.runId} (${awaits.pipeline})`;
  }
}

/** How many persons must, how many have, and who cannot. */
export function severalWords({ count, given = [], except = [] }: ApartFromOne): string {
  const several = count === undefined ? '' : ` (${given.length} of ${count} persons have)`;
  return several + (except.length === 0 ? '' : `, but not ${except.join(' nor ')},`);
}

function until(atMs: number | undefined): string {
  return atMs === undefined ? '' : ` until ${time(atMs)}`;
}
