import type { Plan } from '@tenon/pipeline';
import type { StepRecord } from '../../runtime.ts';
import type { JournalRow, RunRow } from '../file/run-row.ts';
import { BEHIND_BLOCK, blockOf, listOf, roundsOf, STOP, StepRows } from '../work/step-rows.ts';
import { FAILED } from '../work/strand-memory.ts';
import { recordOf } from './begun-records.ts';
import { withWords, wordsOn, wordsOnUndoing } from './persons-words.ts';
import { type PlacedStep, stepsAt } from './placed-steps.ts';
import { type Stopped, withoutStep } from './stopped.ts';
import { timeRecord } from './time-records.ts';
import { childUndoing, undoingRecord } from './undoing-records.ts';

/**
 * What became of each step, read from the run's journal; a step that left nothing there is left out, but for the one that the run
 * failed at: a check only judges, and a request that could not be made was not sent. The undoing of an effect that has begun, or
 * waits for a person, and has not ended well is there beside it.
 */
export function stepRecords(plan: Plan, run: RunRow, journal: readonly JournalRow[]): readonly StepRecord[] {
  const rows = new StepRows(journal);
  // Written where the run was parked or ended.
  const stopped: Stopped | undefined = run.failure === null ? undefined : JSON.parse(run.failure);
  const all = stepsAt(plan.steps, rows);
  const lists = Map.groupBy(all.keys(), (index) => listOf(all[index]!.key));
  return all.flatMap((placed, index): readonly StepRecord[] => {
    const later = (): readonly PlacedStep[] =>
      lists.get(listOf(placed.key))!.flatMap((one) => (one > index ? all[one]! : []));
    const record = timeRecord(run, placed, later, stopped, rows) ?? recordOf(plan, run, placed, rows);
    const found =
      stopped?.step === placed.place
        ? failedRecord(placed, record, stopped, rows)
        : (record ?? failedCheckInside(placed, stopped, rows));
    const own = found && withTimes(found, placed, rows);
    const undoing =
      placed.step.kind === 'run'
        ? childUndoing(placed.place, record?.runId, rows)
        : undoingRecord(plan, run, placed, stopped, rows);
    const words = wordsOn(placed, rows);
    const ofUndoing = wordsOnUndoing(placed, rows);
    return undoing === undefined
      ? own === undefined
        ? []
        : [withWords(own, [...words, ...ofUndoing])]
      : [...(own === undefined ? [] : [withWords(own, words)]), withWords(undoing, ofUndoing)];
  });
}

/** When it came to what it is, as its newest row tells; a wait for a time leaves none when it is over. */
function withTimes(record: StepRecord, { step, place, key }: PlacedStep, rows: StepRows): StepRecord {
  if (!ENDED.has(record.state) || (step.kind === 'wait' && !('event' in step.for))) return record;
  const atMs = rows.lastAt(key);
  const undoneAtMs =
    record.state === 'compensated'
      ? Math.max(0, ...rows.undoingsOf(place).map((undoing) => rows.atOf(undoing)))
      : 0;
  return { ...record, ...(atMs > 0 && { atMs }), ...(undoneAtMs > 0 && { undoneAtMs }) };
}

const ENDED: ReadonlySet<StepRecord['state']> = new Set([
  'succeeded',
  'skipped',
  'failed',
  'givenUp',
  'compensated',
]);

/** Of the step that the run failed at. What came of what was sent says more than why the run did not go on. */
function failedRecord(
  { step, place }: PlacedStep,
  record: StepRecord | undefined,
  stopped: Stopped,
  rows: StepRows,
): StepRecord {
  const isSent = step.kind === 'call' || step.kind === 'run';
  if (isSent && record !== undefined && (record.failure !== undefined || KNOWN.has(record.state)))
    return record;
  const failure = withoutStep(stopped);
  let rounds = 1;
  // A round more for each time that it was resumed here.
  while (rows.has(`${place}/resume/${rounds - 1}`)) rounds++;
  // What a list looks at before its items was made of what is on record, and so is all that it looks at again.
  const isOfList =
    step.kind === 'forEach' && stopped.code === 'CHECK_NOT_MET' && OF_LIST.test(stopped.message);
  const again = step.kind === 'check' ? { again: step.again ?? [] } : isOfList && { again: [] };
  return { id: place, attempts: isSent ? 0 : rounds, ...record, state: 'failed', failure, ...again };
}

/** As a list says it of its own check, and not of a step of its items. */
const OF_LIST = /^\d+ of \d+ items: /;

/** A check that failed in a branch or an item, for which the run failed at the block: what is read again for it, as of one outside. */
function failedCheckInside(
  { step, place, key }: PlacedStep,
  stopped: Stopped | undefined,
  rows: StepRows,
): StepRecord | undefined {
  if (step.kind !== 'check' || stopped === undefined) return undefined;
  const [outermost] = key.split(BEHIND_BLOCK, 1);
  if (listOf(key) === '' || outermost !== stopped.step) return undefined;
  const judged = roundsOf(`${FAILED}${key}/`, rows).filter((round) => !rows.has(`${STOP}${key}/${round}`));
  // One that failed in an earlier round holds now, or was not come to.
  if (judged.length === 0 || judged.at(-1) !== roundsOf(`${blockOf(key)}/joined/`, rows).at(-1))
    return undefined;
  const again = step.again ?? [];
  const cause = stopped.message.split(`; ${place}: `)[1];
  const { class: failureClass, code, delivery } = stopped;
  const failure = cause === undefined ? undefined : { class: failureClass, code, message: cause, delivery };
  return { id: place, state: 'failed', attempts: judged.length, ...(failure && { failure }), again };
}

/** What came of it is known, or is to be found out. */
const KNOWN: ReadonlySet<StepRecord['state']> = new Set(['succeeded', 'compensated', 'inDoubt', 'givenUp']);
