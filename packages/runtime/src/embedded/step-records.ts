import { sendsKey } from '@tenon/connector';
import type { Failure, Json, JsonObject } from '@tenon/model';
import type { CallStep, Plan, PlanStep, RunStep, WaitStep } from '@tenon/pipeline';
import type { ChildEnd, Interruption } from '../engine.ts';
import { BY_HAND, type DoneByHand } from '../interpreter/by-hand.ts';
import { placeOfVersion } from '../interpreter/call-step.ts';
import { idempotencyKey } from '../interpreter/effect.ts';
import { PASSED } from '../interpreter/interpret.ts';
import { interruptionEnd } from '../interpreter/interruption.ts';
import type { Decision } from '../interpreter/steps.ts';
import type { PersonsWord, RunState, StepRecord } from '../runtime.ts';
import { finalStates } from '../states.ts';
import { redacted } from './redact.ts';
import type { JournalRow, RunRow } from './run-row.ts';
import { FAILED } from './strand.ts';

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
    const own =
      stopped?.step === placed.place
        ? failedRecord(placed, record, stopped, rows)
        : (record ?? failedCheckInside(placed, stopped, rows));
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

function withWords(record: StepRecord, said: readonly PersonsWord[]): StepRecord {
  return said.length === 0 ? record : { ...record, said: said.toSorted((a, b) => a.atMs - b.atMs) };
}

/** Verdicts on the attempts of a call, and what was decided on an approval. */
function wordsOn({ step, key: id }: PlacedStep, rows: StepRows): readonly PersonsWord[] {
  if (step.kind !== 'call' && step.kind !== 'approve') return [];
  const ends = step.kind === 'call' ? VERDICT : DECISION;
  return rows
    .inList(listOf(id))
    .flatMap((key) => (key.startsWith(`${id}#`) && ends.test(key.slice(id.length)) ? wordAt(key, rows) : []));
}

const VERDICT = /^#\d+~$/;
/** That of whoever stands in, too. */
const DECISION = /^#\d+\+?$/;

function wordsOnUndoing({ step, place }: PlacedStep, rows: StepRows): readonly PersonsWord[] {
  if (step.kind !== 'call') return [];
  return rows
    .undoingsOf(place)
    .flatMap((key) => (SAID.test(key) ? wordAt(key, rows) : []))
    .map((word) => ({ ...word, isOfUndoing: true }));
}

/** Nothing where nobody said anything: it expired, or was ended; nor of a word to try again. */
function wordAt(key: string, rows: StepRows): readonly PersonsWord[] {
  const { value }: { readonly value?: JsonObject | null } = JSON.parse(rows.get(key)!);
  const word = WORDS.find((one) => one === (value?.['verdict'] ?? value?.['decision']));
  if (word === undefined) return [];
  return [{ word, actor: String(value?.['actor']), reason: String(value?.['reason']), atMs: rows.atOf(key) }];
}

const WORDS: readonly PersonsWord['word'][] = [
  'confirm',
  'redo',
  'compensate',
  'approve',
  'reject',
  'undone',
];

type Stopped = Failure & { readonly step: string };

function withoutStep({ step: _, ...failure }: Stopped): Failure {
  return failure;
}

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

/** Behind the id of a block its strands are named: `lines[7]`, `both.left`. */
const BEHIND_BLOCK = /[.[]/;

/** The block that the strand is one of whose step it is. */
function blockOf(key: string): string {
  const strand = listOf(key).slice(0, -1);
  const start = strand.lastIndexOf('|') + 1;
  return strand.slice(0, start) + strand.slice(start).split(BEHIND_BLOCK, 1)[0];
}

/** What came of it is known, or is to be found out. */
const KNOWN: ReadonlySet<StepRecord['state']> = new Set(['succeeded', 'compensated', 'inDoubt', 'givenUp']);

/** A step where it was carried out: those of a list's items are there once for each item that was begun. */
export interface PlacedStep {
  readonly step: PlanStep;
  /** Its id in the whole run: `lines[7].book`. */
  readonly place: string;
  /** What its journal keys begin with. */
  readonly key: string;
}

/** Items of one list that are named, of those that were not begun. */
const UNBEGUN_NAMED_MAX = 100;

/**
 * All steps of a run where they were carried out, or would be. Of a list those of items that were not begun are there too, as its last
 * joining names them; of too many, or while nobody knows which there will be, once for all of them, by the name of the step.
 */
export function placedSteps(
  steps: readonly PlanStep[],
  journal: readonly JournalRow[],
): readonly PlacedStep[] {
  const rows = new StepRows(journal);
  return stepsAt(steps, rows, (block) => {
    const items = rows.itemsOf(block);
    const unbegun = rows.unbegunOf(block);
    return unbegun === undefined || unbegun.length > UNBEGUN_NAMED_MAX
      ? [...items, UNNAMED]
      : [...new Set([...items, ...unbegun])];
  });
}

/** Stands for all items of a list that have no name yet. */
const UNNAMED = '';

function stepsAt(
  steps: readonly PlanStep[],
  rows: StepRows,
  itemsOf: (block: string) => readonly string[] = (block) => rows.itemsOf(block),
  place = '',
  prefix = '',
): readonly PlacedStep[] {
  return steps.flatMap((step): readonly PlacedStep[] => {
    const own: PlacedStep = { step, place: place + step.id, key: prefix + step.id };
    switch (step.kind) {
      case 'choose':
        return [
          own,
          ...step.branches.flatMap((branch) => stepsAt(branch.steps, rows, itemsOf, place, prefix)),
        ];
      case 'parallel':
        return [
          own,
          ...step.branches.flatMap((branch) =>
            stepsAt(branch.steps, rows, itemsOf, place, `${own.key}.${branch.name}|`),
          ),
        ];
      case 'forEach': {
        return [
          own,
          ...itemsOf(own.key).flatMap((item) =>
            stepsAt(
              step.steps,
              rows,
              itemsOf,
              item === UNNAMED ? place : `${place}${item}.`,
              `${prefix}${item}|`,
            ),
          ),
        ];
      }
      default:
        return [own];
    }
  });
}

type NeverSent = 'held' | 'postponed' | 'stopped';

interface AttemptValue {
  readonly outcome: 'succeeded' | 'retryable' | 'failed' | 'unknown' | NeverSent;
  readonly value?: Json;
  readonly failure?: Failure;
}

function recordOf(
  plan: Plan,
  run: RunRow,
  { step, place, key: id }: PlacedStep,
  rows: StepRows,
): StepRecord | undefined {
  const isHere = run.step === place;
  if (step.kind === 'forEach' || step.kind === 'parallel') return blockRecord(place, id, rows);
  if (step.kind === 'run') return childRecord(plan, step, place, id, rows);
  if (step.kind !== 'call') {
    const last = rows.inList(listOf(id)).filter((key) => key === id || key.startsWith(`${id}#`));
    if (last.length === 0) return undefined;
    const isWaiting = isHere && run.state === 'waiting';
    const state = answerState(step, id, rows) ?? (isWaiting ? 'waiting' : 'succeeded');
    return { id: place, state, attempts: last.filter((key) => /#\d+$/.test(key)).length || 1 };
  }

  const { count, last, begun, attempts } = attemptsOf(id, rows);
  const byHand = doneByHandAt(id, rows);
  if (count === 0 && !begun && !rows.has(`${id}#1^1`) && byHand === undefined) return undefined;
  const operation = plan.operations[step.operation];
  const settled = settledBy(id, count, rows);
  const result = byHand?.result ?? (last?.outcome === 'succeeded' ? last.value : settled);
  const isDone = result !== undefined || byHand !== undefined;
  const isKeySent = operation !== undefined && operation.effect !== 'read' && sendsKey(operation);
  const state = isDone
    ? isUndone(plan, step, place, rows)
      ? 'compensated'
      : 'succeeded'
    : isGivenUp(id, count, rows)
      ? 'givenUp'
      : roundsOf(id + PASSED, rows).length > 0
        ? 'skipped'
        : stateOf(run, isHere, last, begun, AT_STEPS);
  const untilMs = state === 'waiting' ? dueAt(run, id) : undefined;
  return {
    id: place,
    state,
    attempts,
    ...(isKeySent && {
      idempotencyKey: idempotencyKey(run.pipeline, run.key, keyPlace(id, place, count + 1, rows)),
    }),
    ...(result !== undefined && { result: redacted(result, plan.redact[`steps.${step.id}`] ?? []) }),
    ...(byHand !== undefined && {
      byHand: { actor: byHand.actor, reason: byHand.reason, atMs: byHand.atMs },
    }),
    ...(!isDone && last?.failure !== undefined && { failure: last.failure }),
    ...(untilMs !== undefined && { awaits: { for: 'time', untilMs } }),
    // A read that is done may be made again; an effect, undone.
    ...waitsFor(run, isDone && operation?.effect !== 'read' ? compensations(rows, place) : [id], rows),
  };
}

/** Of an effect that a person did: who, and with what result. */
function doneByHandAt(id: string, rows: StepRows): DoneByHand | undefined {
  const row = rows.get(id + BY_HAND);
  return row === undefined ? undefined : JSON.parse(row);
}

interface Attempts {
  /** Rows, with those of what was never sent, which was no attempt. */
  readonly count: number;
  readonly attempts: number;
  /** What came of the last that was made. */
  readonly last: AttemptValue | undefined;
  readonly begun: boolean;
}

function attemptsOf(id: string, rows: StepRows): Attempts {
  const outcomes: AttemptValue[] = [];
  for (let n = 1; rows.has(`${id}#${n}`); n++) outcomes.push(JSON.parse(rows.get(`${id}#${n}`)!));
  const begun = rows.has(`${id}#${outcomes.length + 1}!`);
  const made = outcomes.filter(({ outcome }) => !NEVER_SENT.has(outcome));
  return { count: outcomes.length, attempts: made.length + (begun ? 1 : 0), last: made.at(-1), begun };
}

/**
 * Of a wait for a time, which leaves no record when it is over: it is, once what comes after it has left one, the run went on or
 * came to an end past it, or its time had passed when the run was last written. What stopped it is on record.
 */
function timeRecord(
  run: RunRow,
  { step, place, key: id }: PlacedStep,
  later: () => readonly PlacedStep[],
  stopped: Stopped | undefined,
  rows: StepRows,
): StepRecord | undefined {
  if (step.kind !== 'wait' || 'event' in step.for) return undefined;
  const round = roundsOf(`${id}#`, rows).at(-1);
  if (round === undefined) return undefined;
  const record = { id: place, attempts: 1 };
  const stop = rows.get(`#stop/${id}#${round}z`);
  // Stored by the strand's `#interruption`.
  if (stop !== undefined)
    return { ...record, state: 'failed', failure: interruptionEnd(JSON.parse(stop) as Interruption).failure };
  if (rows.has(`${FAILED}${id}/${round - 1}`)) return { ...record, state: 'failed' };
  const isOver =
    isTimeOver(step, rows.get(`${id}#${round}@`), run.updated_at) ||
    isListOver(run, id, rows) ||
    hasGoneOn(listOf(id), later(), stopped, rows);
  if (isOver) return { ...record, state: 'succeeded' };
  const untilMs = timeUntil(run, step, id, round, rows);
  return { ...record, state: 'waiting', awaits: { for: 'time', ...(untilMs !== undefined && { untilMs }) } };
}

function timeUntil(
  run: RunRow,
  { for: target }: WaitStep,
  id: string,
  round: number,
  rows: StepRows,
): number | undefined {
  const begun = rows.get(`${id}#${round}@`);
  if ('durationMs' in target && begun !== undefined) return Number(begun) + target.durationMs;
  return dueAt(run, id);
}

/** When a run that waits is due; of one with several strands, its row says when the first of them is, and not which. */
function dueAt(run: RunRow, id: string): number | undefined {
  return run.state === 'waiting' && !id.includes('|') ? (run.due_at ?? undefined) : undefined;
}

/** As far as that can be told: until when an expression says is not on record. */
function isTimeOver({ for: target }: WaitStep, begun: string | undefined, sinceMs: number): boolean {
  return 'durationMs' in target && begun !== undefined && Number(begun) + target.durationMs <= sinceMs;
}

/** Has the list of steps that it is in come to its end, or any that this list is inside of? */
function isListOver(run: RunRow, id: string, rows: StepRows): boolean {
  if (finalStates.has(run.state) || rows.has('/compensating')) return true;
  const lists = id.split('|').slice(0, -1);
  if (lists.length === 0) return run.state === 'failed';
  return lists.some((_, depth) => {
    const list = lists.slice(0, depth + 1).join('|');
    const block = list.slice(0, Math.max(0, list.lastIndexOf('|') + 1)) + lists[depth]!.split(/[.[]/, 1)[0];
    const last = roundsOf(`${block}/joined/`, rows).at(-1);
    return last !== undefined && rows.has(`${block}/joined/${last}`);
  });
}

/** Has one of the later steps of a list begun, failed or been stopped? */
function hasGoneOn(
  list: string,
  later: readonly PlacedStep[],
  stopped: Stopped | undefined,
  rows: StepRows,
): boolean {
  if (later.some(({ place }) => place === stopped?.step)) return true;
  const names = new Set(later.map(({ key }) => key));
  return rows
    .inList(list)
    .some((key) => names.has(list + /^[^#/=.[|]*/.exec(placeOf(key).slice(list.length))![0]));
}

/** Begins the keys of rows that say where a strand was told to stop. */
export const STOP = '#stop/';

/** Without what the engine puts in front of its own. */
function placeOf(key: string): string {
  if (key.startsWith(STOP)) return key.slice(STOP.length);
  return key.startsWith(FAILED) ? key.slice(FAILED.length) : key;
}

/** The strand whose steps the key is of: what all of its keys begin with. */
function listOf(key: string): string {
  return key.slice(0, key.lastIndexOf('|') + 1);
}

const COMPENSATE = 'compensate:';

/**
 * A run's journal as its steps ask for it: of a list with thousands of items no step looks through the rows of all others, since an operator's
 * question is answered by the thread that the runs are on.
 */
class StepRows {
  readonly #values: ReadonlyMap<string, string>;
  readonly #times: ReadonlyMap<string, number>;
  readonly #lists: ReadonlyMap<string, readonly string[]>;
  /** By what they undo. */
  readonly #undoings: ReadonlyMap<string, readonly string[]>;
  /** By block: the names of those that were begun, in the order of their first rows. */
  readonly #items = new Map<string, Set<string>>();

  constructor(journal: readonly JournalRow[]) {
    this.#values = new Map(journal.map(({ key, value }) => [key, value]));
    this.#times = new Map(journal.map(({ key, at }) => [key, at]));
    this.#lists = Map.groupBy(this.#values.keys(), (key) => listOf(placeOf(key)));
    this.#undoings = Map.groupBy(this.#values.keys(), (key) => {
      const at = key.lastIndexOf(COMPENSATE);
      return at < 0 ? '' : (UNDOING.exec(key.slice(at + COMPENSATE.length))?.[1] ?? '');
    });
    for (const list of new Set([...this.#values.keys()].map(listOf))) this.#addItem(list.slice(0, -1));
  }

  /** `lines[7]` to `lines`; what it is inside of was begun before it. */
  #addItem(strand: string): void {
    const start = strand.lastIndexOf('|') + 1;
    const bracket = strand.indexOf('[', start);
    if (bracket < 0) return;
    const block = strand.slice(0, bracket);
    const items = this.#items.get(block) ?? new Set();
    this.#items.set(block, items.add(strand.slice(start)));
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  get(key: string): string | undefined {
    return this.#values.get(key);
  }

  atOf(key: string): number {
    return this.#times.get(key) ?? 0;
  }

  /** Keys of the rows of a strand, the engine's own among them. */
  inList(list: string): readonly string[] {
    return this.#lists.get(list) ?? [];
  }

  /** Keys of what was done to undo a step: tries of a call, ends of a child, and what people said of it. */
  undoingsOf(place: string): readonly string[] {
    return this.#undoings.get(place) ?? [];
  }

  itemsOf(block: string): readonly string[] {
    return [...(this.#items.get(block) ?? [])];
  }

  /** Those that had not begun when all others had ended; absent before that. */
  unbegunOf(block: string): readonly string[] | undefined {
    const key = `${block}/joined/`;
    const last = Math.max(
      ...this.inList(listOf(block)).flatMap((row) =>
        row.startsWith(key) ? Number.parseInt(row.slice(key.length), 10) : [],
      ),
    );
    const joined = this.#values.get(`${key}${last}`);
    // Written by `Strand.fork`.
    return joined === undefined ? undefined : (JSON.parse(joined) as { unbegun: readonly string[] }).unbegun;
  }
}

const UNDOING = /^(.*?)(?:#\d+[!~]?|\/child#\d+[!=]|\/resume\/\d+|\/confirm#\d+~|\/guard\/\d+#\d+~)$/;

/**
 * Of the undoing of an effect; nothing once it has ended well, which the effect says itself, where a person left the effect as it is, or before
 * anything came of it.
 */
function undoingRecord(
  plan: Plan,
  run: RunRow,
  { step, place }: PlacedStep,
  stopped: Stopped | undefined,
  rows: StepRows,
): StepRecord | undefined {
  if (step.kind !== 'call' || step.compensate === undefined) return undefined;
  const id = `compensate:${place}`;
  if (isUndone(plan, step, place, rows) || isSaid(rows, place, ({ decision }) => decision === 'reject'))
    return undefined;
  const { attempts, last, begun } = attemptsOf(compensations(rows, place).at(-1) ?? id, rows);
  const isHere = run.step === id;
  const operation = plan.operations[step.compensate.operation];
  const stop = stopped?.step === id ? withoutStep(stopped) : undefined;
  if (attempts === 0 && stop === undefined && !(isHere && run.state === 'waiting')) return undefined;
  const failure = stop ?? last?.failure;
  // With a version that was looked at the key is that version's.
  const isVersioned = step.compensate.guard !== undefined && operation?.concurrency === 'etag';
  const isKeySent = operation !== undefined && sendsKey(operation);
  return {
    id,
    state: stop !== undefined ? 'failed' : stateOf(run, isHere, last, begun, AT_UNDOING),
    attempts,
    ...(isKeySent && !isVersioned && { idempotencyKey: idempotencyKey(run.pipeline, run.key, id) }),
    ...(failure !== undefined && { failure }),
  };
}

/**
 * Of the undoing of a child: from the first word to it until it has ended undone, which its step says. Where that is parked or waits for a
 * person is the child's to say.
 */
function childUndoing(place: string, runId: string | undefined, rows: StepRows): StepRecord | undefined {
  const told = rows.undoingsOf(place).filter((key) => TOLD.test(key));
  if (told.length === 0 || isChildUndone(place, rows)) return undefined;
  return {
    id: COMPENSATE + place,
    state: 'waiting',
    attempts: told.length,
    ...(runId !== undefined && { runId }),
  };
}

const TOLD = /\/child#\d+!$/;

/** Undone in one go or, as long as it ended otherwise, in several. */
function isChildUndone(place: string, rows: StepRows): boolean {
  return rows.undoingsOf(place).some((key) => UNDONE.test(key) && isGone(JSON.parse(rows.get(key)!)));
}

/** Deleting what is not there (any more) is what was wanted. */
function isUndone(plan: Plan, step: CallStep, place: string, rows: StepRows): boolean {
  const operation = step.compensate && plan.operations[step.compensate.operation];
  if (isSaid(rows, place, ({ verdict }) => verdict === 'undone')) return true;
  return compensations(rows, place).some(
    (key) =>
      isSucceeded(rows, key) ||
      (operation?.effect === 'delete' && attemptsOf(key, rows).last?.failure?.class === 'notFound'),
  );
}

/** Has a person said this of the undoing: that they did it themselves, or that the effect is to stay? */
function isSaid(rows: StepRows, place: string, isIt: (said: JsonObject) => boolean): boolean {
  return rows.undoingsOf(place).some((key) => {
    if (!SAID.test(key)) return false;
    // The operations API wrote it, or nothing came.
    const { value }: { readonly value?: JsonObject } = JSON.parse(rows.get(key)!);
    return value !== undefined && isIt(value);
  });
}

const SAID = /(?:\/resume\/\d+|~)$/;

/** By what was answered to the last asking for it: several may wait beside each other, and the run is only at one of them. */
function answerState(step: PlanStep, id: string, rows: StepRows): StepRecord['state'] | undefined {
  const event = step.kind === 'wait' && 'event' in step.for ? step.for : undefined;
  const asked = step.kind === 'approve' ? step : event;
  if (asked === undefined) return undefined;
  const name = `${id}#${roundsOf(`${id}#`, rows).at(-1)}`;
  const isEscalated = rows.has(`${name}+`) || rows.has(`#stop/${name}+`);
  const key = isEscalated ? `${name}+` : name;
  // Whatever came later, it was told to stop first.
  if (rows.has(`#stop/${key}`)) return 'failed';
  const answer: { readonly expired?: true; readonly value?: Json } = JSON.parse(rows.get(key) ?? '{}');
  if (answer.expired === true) {
    if (asked.onExpiry === 'escalate') return isEscalated ? 'failed' : 'waiting';
    return asked.onExpiry === 'approve' || asked.onExpiry === 'continue' ? 'succeeded' : 'failed';
  }
  if (answer.value === undefined) return 'waiting';
  if (event !== undefined) return 'succeeded';
  // The operations API wrote it.
  const { decision } = answer.value as unknown as Decision;
  return decision === 'approve' ? 'succeeded' : 'failed';
}

/** What the connection said, where the newest of what was done to one of these effects is that it took no call. */
function waitsFor(run: RunRow, ids: readonly string[], rows: StepRows): { readonly waitsFor?: Failure } {
  if (!AT_WORK.has(run.state)) return {};
  for (const id of ids) {
    const attempts = newest(`${id}#`, rows);
    const looks = newest(`${id}#${attempts.count + 1}^`, rows);
    const probes = newest(`${id}#${attempts.count}?`, rows);
    const { outcome, found, failure } = looks.value ?? probes.value ?? attempts.value ?? {};
    if ((outcome ?? found) === 'postponed' && failure !== undefined) return { waitsFor: failure };
  }
  return {};
}

interface CallValue {
  readonly outcome?: string;
  readonly found?: string;
  readonly failure?: Failure;
}

/** How many rows there are of a name and a number, from 1 on, and the last of them. */
function newest(name: string, rows: StepRows): { readonly count: number; readonly value?: CallValue } {
  let count = 0;
  while (rows.has(`${name}${count + 1}`)) count++;
  const value = rows.get(`${name}${count}`);
  return { count, ...(value !== undefined && { value: JSON.parse(value) }) };
}

const AT_WORK: ReadonlySet<RunState> = new Set<RunState>(['running', 'waiting', 'compensating']);

const NEVER_SENT: ReadonlySet<string> = new Set(['held', 'postponed', 'stopped'] satisfies NeverSent[]);

/** Where the step is based on a version, its key is that of the last version it went by. */
function keyPlace(id: string, place: string, last: number, rows: StepRows): string {
  let from = 1;
  for (let n = 2; n <= last; n++) if (rows.has(`${id}#${n}%`)) from = n;
  return placeOfVersion(place, from);
}

/** A child in the words of the run that started it: as it last heard of it. */
function childRecord(
  plan: Plan,
  step: RunStep,
  place: string,
  id: string,
  rows: StepRows,
): StepRecord | undefined {
  let runId: string | undefined;
  let failure: Failure | undefined;
  let end: ChildEnd | undefined;
  let told = 0;
  for (const round of roundsOf(`${id}/child#`, rows)) {
    const start = rows.get(`${id}/child#${round}`);
    const started: { readonly runId?: string; readonly failure?: Failure } | null = JSON.parse(
      start ?? 'null',
    );
    runId ??= started?.runId;
    failure = started?.failure;
    if (start !== undefined || rows.has(`${id}/child#${round}!`)) told++;
    const heard = rows.get(`${id}/child#${round}=`);
    end = heard === undefined ? undefined : JSON.parse(heard).value;
  }
  if (told === 0) return undefined;
  // As the child's interpreter made it.
  const cause = (end?.failure as unknown as Failure | undefined) ?? failure;
  const isDone = end?.state === 'succeeded';
  return {
    id: place,
    state: isChildUndone(place, rows)
      ? 'compensated'
      : isDone
        ? 'succeeded'
        : cause === undefined
          ? 'waiting'
          : 'failed',
    attempts: told,
    ...(runId !== undefined && { runId }),
    ...(isDone &&
      end?.output !== undefined && {
        result: redacted(end.output, plan.redact[`steps.${step.id}`] ?? []),
      }),
    ...(cause !== undefined && { failure: cause }),
  };
}

/**
 * Rounds of which something is on record, in order. In a strand the first may be a later one, and some be left out; and in one that
 * goes on waiting for what an earlier one has begun, earlier versions recorded nothing but the end.
 */
function roundsOf(name: string, rows: StepRows): readonly number[] {
  const found = rows
    .inList(listOf(placeOf(name)))
    .flatMap((key) => (key.startsWith(name) ? Number.parseInt(key.slice(name.length), 10) : []));
  return [...new Set(found)].toSorted((a, b) => a - b);
}

const UNDONE = /\/child#\d+=$/;

function isGone({ value }: { readonly value?: ChildEnd }): boolean {
  return value?.state === 'compensated' || value?.state === 'cancelled';
}

/** Journal keys of the undoing of a step: the run's, or that of a list which undid what its failed items had done. */
function compensations(rows: StepRows, place: string): readonly string[] {
  return rows
    .undoingsOf(place)
    .flatMap((key) => (/#1!?$/.test(key) ? [key.slice(0, key.lastIndexOf('#'))] : []));
}

/** A block has come to an end once its strands were joined; `attempts` counts how often. It may not have begun in some of its rounds. */
function blockRecord(place: string, id: string, rows: StepRows): StepRecord | undefined {
  const rounds = rows.inList(listOf(id)).filter((key) => key.startsWith(`${id}/joined/`));
  if (rounds.length === 0) return undefined;
  const joined = rounds.filter((key) => !key.endsWith('!'));
  const attempts = Math.max(1, joined.length);
  if (joined.length === 0) return { id: place, state: 'running', attempts };
  const last = Math.max(...joined.map((key) => Number(key.slice(`${id}/joined/`.length))));
  const isFailed = rows.has(`${FAILED}${id}/${last}`) || undoneAt(rows) === place;
  return { id: place, state: isFailed ? 'failed' : 'succeeded', attempts };
}

/** The step for which the run is undone: it failed, or the run was stopped in it. */
function undoneAt(rows: StepRows): string | undefined {
  const { step }: { readonly step?: string } = JSON.parse(rows.get('/compensating') ?? 'null') ?? {};
  return step;
}

/** The result that a probe found or a person confirmed for attempt `n`. */
function settledBy(id: string, n: number, rows: StepRows): Json | undefined {
  for (let k = 1; rows.has(`${id}#${n}?${k}`); k++) {
    const probed: JsonObject = JSON.parse(rows.get(`${id}#${n}?${k}`)!);
    if (probed['found'] === 'yes') return probed['value'];
  }
  const verdict = rows.get(`${id}#${n}~`);
  if (verdict === undefined) return undefined;
  const { value }: { readonly value: JsonObject } = JSON.parse(verdict);
  // Given up, with a result: it happened, and is among what is undone.
  if (value['verdict'] === 'compensate') return value['result'];
  return value['verdict'] === 'confirm' ? (value['result'] ?? null) : undefined;
}

/** A person has given the run up in whose attempt `n` nobody knows what became of the effect: that stays so. */
function isGivenUp(id: string, n: number, rows: StepRows): boolean {
  const { value }: { readonly value?: JsonObject } = JSON.parse(rows.get(`${id}#${n}~`) ?? '{}');
  return value?.['verdict'] === 'compensate' && value['result'] === undefined;
}

function isSucceeded(rows: StepRows, id: string): boolean {
  for (let n = 1; rows.has(`${id}#${n}`); n++) {
    const { outcome }: AttemptValue = JSON.parse(rows.get(`${id}#${n}`)!);
    if (outcome === 'succeeded' || settledBy(id, n, rows) !== undefined) return true;
  }
  return false;
}

function stateOf(
  run: RunRow,
  isHere: boolean,
  last: AttemptValue | undefined,
  begun: boolean,
  atIt: ReadonlySet<RunState>,
): StepRecord['state'] {
  if (isHere && run.state === 'inDoubt') return 'inDoubt';
  if (begun) return 'running';
  if (last?.outcome === 'failed') return 'failed';
  if (isHere && run.state === 'waiting') return 'waiting';
  return atIt.has(run.state) ? 'running' : last?.outcome === 'unknown' ? 'inDoubt' : 'failed';
}

/** States in which a run is at its steps; and at undoing them, which is done for failed items of a list while it goes on. */
const AT_STEPS: ReadonlySet<RunState> = new Set<RunState>(['running']);
const AT_UNDOING: ReadonlySet<RunState> = new Set<RunState>(['running', 'compensating']);
