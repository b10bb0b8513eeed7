import type { Failure, Json, JsonObject } from '@tenon/model';
import type { Plan, PlanStep, RunStep } from '@tenon/pipeline';
import type { ChildEnd } from '../engine.ts';
import { placeOfVersion } from '../interpreter/call-step.ts';
import { idempotencyKey } from '../interpreter/effect.ts';
import type { Decision } from '../interpreter/steps.ts';
import type { RunState, StepRecord } from '../runtime.ts';
import { redacted } from './redact.ts';
import type { JournalRow, RunRow } from './run-row.ts';

/**
 * What became of each step, read from the run's journal; a step that left nothing there is left out, but for the one that the run
 * failed at: a check only judges, and a request that could not be made was not sent.
 */
export function stepRecords(plan: Plan, run: RunRow, journal: readonly JournalRow[]): readonly StepRecord[] {
  const values = new Map(journal.map(({ key, value }) => [key, value]));
  // Written where the run was parked or ended.
  const stopped: (Failure & { readonly step: string }) | undefined =
    run.failure === null ? undefined : JSON.parse(run.failure);
  return placedSteps(plan.steps, [...values.keys()]).flatMap((placed): readonly StepRecord[] => {
    const record = recordOf(plan, run, placed, values);
    if (stopped?.step !== placed.place) return record === undefined ? [] : [record];
    return [failedRecord(placed, record, stopped, values)];
  });
}

/** Of the step that the run failed at. What came of what was sent says more than why the run did not go on. */
function failedRecord(
  { step, place }: PlacedStep,
  record: StepRecord | undefined,
  { step: _, ...failure }: Failure & { readonly step: string },
  values: ReadonlyMap<string, string>,
): StepRecord {
  const isSent = step.kind === 'call' || step.kind === 'run';
  if (isSent && record !== undefined && (record.failure !== undefined || KNOWN.has(record.state)))
    return record;
  let rounds = 1;
  // A round more for each time that it was resumed here.
  while (values.has(`${place}/resume/${rounds - 1}`)) rounds++;
  return { id: place, attempts: isSent ? 0 : rounds, ...record, state: 'failed', failure };
}

/** What came of it is known, or is to be found out. */
const KNOWN: ReadonlySet<StepRecord['state']> = new Set(['succeeded', 'compensated', 'inDoubt']);

/** A step where it was carried out: those of a list's items are there once for each item that was begun. */
export interface PlacedStep {
  readonly step: PlanStep;
  /** Its id in the whole run: `lines[7].book`. */
  readonly place: string;
  /** What its journal keys begin with. */
  readonly key: string;
}

export function placedSteps(
  steps: readonly PlanStep[],
  journalKeys: readonly string[],
  place = '',
  prefix = '',
): readonly PlacedStep[] {
  return steps.flatMap((step): readonly PlacedStep[] => {
    const own: PlacedStep = { step, place: place + step.id, key: prefix + step.id };
    switch (step.kind) {
      case 'choose':
        return [
          own,
          ...step.branches.flatMap((branch) => placedSteps(branch.steps, journalKeys, place, prefix)),
        ];
      case 'parallel':
        return [
          own,
          ...step.branches.flatMap((branch) =>
            placedSteps(branch.steps, journalKeys, place, `${own.key}.${branch.name}|`),
          ),
        ];
      case 'forEach': {
        const start = `${own.key}[`;
        const items = journalKeys.flatMap((key) =>
          key.startsWith(start) ? [key.slice(prefix.length, key.indexOf('|', prefix.length))] : [],
        );
        return [
          own,
          ...[...new Set(items)].flatMap((item) =>
            placedSteps(step.steps, journalKeys, `${place}${item}.`, `${prefix}${item}|`),
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
  values: ReadonlyMap<string, string>,
): StepRecord | undefined {
  const isHere = run.step === place;
  if (step.kind === 'forEach' || step.kind === 'parallel') return blockRecord(place, id, values);
  if (step.kind === 'run') return childRecord(plan, step, place, id, values);
  if (step.kind !== 'call') {
    const last = [...values.keys()].filter((key) => key === id || key.startsWith(`${id}#`));
    if (last.length === 0) return undefined;
    const isWaiting = isHere && run.state === 'waiting';
    const state = answerState(step, id, values) ?? (isWaiting ? 'waiting' : 'succeeded');
    return { id: place, state, attempts: last.filter((key) => /#\d+$/.test(key)).length || 1 };
  }

  const outcomes: AttemptValue[] = [];
  for (let n = 1; values.has(`${id}#${n}`); n++) outcomes.push(JSON.parse(values.get(`${id}#${n}`)!));
  const begun = values.has(`${id}#${outcomes.length + 1}!`);
  // What was never sent was no attempt.
  const made = outcomes.filter(({ outcome }) => !NEVER_SENT.has(outcome));
  const last = made.at(-1);
  if (outcomes.length === 0 && !begun && !values.has(`${id}#1^1`)) return undefined;
  const operation = plan.operations[step.operation];
  const settled = settledBy(id, outcomes.length, values);
  const result = last?.outcome === 'succeeded' ? last.value : settled;
  const isDone = result !== undefined;
  const isUndone = isDone && compensations(values, place).some((key) => isSucceeded(values, key));
  return {
    id: place,
    state: isUndone ? 'compensated' : isDone ? 'succeeded' : stateOf(run, isHere, last, begun),
    attempts: made.length + (begun ? 1 : 0),
    ...(operation?.effect !== 'read' && {
      idempotencyKey: idempotencyKey(run.pipeline, run.key, keyPlace(id, place, outcomes.length + 1, values)),
    }),
    ...(isDone && { result: redacted(result, plan.redact[`steps.${step.id}`] ?? []) }),
    ...(!isDone && last?.failure !== undefined && { failure: last.failure }),
    // A read that is done may be made again; an effect, undone.
    ...waitsFor(run, isDone && operation?.effect !== 'read' ? compensations(values, place) : [id], values),
  };
}

/**
 * By what was answered to the last asking for it: several may wait beside each other, and the run is only at one of them.
 * Nothing for a time, of whose end nothing is on record.
 */
function answerState(
  step: PlanStep,
  id: string,
  values: ReadonlyMap<string, string>,
): StepRecord['state'] | undefined {
  const event = step.kind === 'wait' && 'event' in step.for ? step.for : undefined;
  const asked = step.kind === 'approve' ? step : event;
  if (asked === undefined) return undefined;
  const name = `${id}#${roundsOf(`${id}#`, values).at(-1)}`;
  const isEscalated = values.has(`${name}+`) || values.has(`#stop/${name}+`);
  const key = isEscalated ? `${name}+` : name;
  // Whatever came later, it was told to stop first.
  if (values.has(`#stop/${key}`)) return 'failed';
  const answer: { readonly expired?: true; readonly value?: Json } = JSON.parse(values.get(key) ?? '{}');
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
function waitsFor(
  run: RunRow,
  ids: readonly string[],
  values: ReadonlyMap<string, string>,
): { readonly waitsFor?: Failure } {
  if (!AT_WORK.has(run.state)) return {};
  for (const id of ids) {
    const attempts = newest(`${id}#`, values);
    const looks = newest(`${id}#${attempts.count + 1}^`, values);
    const probes = newest(`${id}#${attempts.count}?`, values);
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
function newest(
  name: string,
  values: ReadonlyMap<string, string>,
): { readonly count: number; readonly value?: CallValue } {
  let count = 0;
  while (values.has(`${name}${count + 1}`)) count++;
  const value = values.get(`${name}${count}`);
  return { count, ...(value !== undefined && { value: JSON.parse(value) }) };
}

const AT_WORK: ReadonlySet<RunState> = new Set<RunState>(['running', 'waiting', 'compensating']);

const NEVER_SENT: ReadonlySet<string> = new Set(['held', 'postponed', 'stopped'] satisfies NeverSent[]);

/** Where the step is based on a version, its key is that of the last version it went by. */
function keyPlace(id: string, place: string, last: number, values: ReadonlyMap<string, string>): string {
  let from = 1;
  for (let n = 2; n <= last; n++) if (values.has(`${id}#${n}%`)) from = n;
  return placeOfVersion(place, from);
}

/** A child in the words of the run that started it: as it last heard of it. */
function childRecord(
  plan: Plan,
  step: RunStep,
  place: string,
  id: string,
  values: ReadonlyMap<string, string>,
): StepRecord | undefined {
  let runId: string | undefined;
  let failure: Failure | undefined;
  let end: ChildEnd | undefined;
  let told = 0;
  for (const round of roundsOf(`${id}/child#`, values)) {
    const start = values.get(`${id}/child#${round}`);
    const started: { readonly runId?: string; readonly failure?: Failure } | null = JSON.parse(
      start ?? 'null',
    );
    runId ??= started?.runId;
    failure = started?.failure;
    if (start !== undefined || values.has(`${id}/child#${round}!`)) told++;
    const heard = values.get(`${id}/child#${round}=`);
    end = heard === undefined ? undefined : JSON.parse(heard).value;
  }
  if (told === 0) return undefined;
  // Undone in one go or, as long as it ended otherwise, in several.
  const undone = [...values].some(
    ([key, value]) => UNDONE.test(key) && key.includes(`compensate:${place}/`) && isGone(JSON.parse(value)),
  );
  // As the child's interpreter made it.
  const cause = (end?.failure as unknown as Failure | undefined) ?? failure;
  const isDone = end?.state === 'succeeded';
  return {
    id: place,
    state: undone ? 'compensated' : isDone ? 'succeeded' : cause === undefined ? 'waiting' : 'failed',
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
 * goes on waiting for what an earlier one has begun, nothing but the end is.
 */
function roundsOf(name: string, values: ReadonlyMap<string, string>): readonly number[] {
  const found = [...values.keys()].flatMap((key) =>
    key.startsWith(name) ? Number.parseInt(key.slice(name.length), 10) : [],
  );
  return [...new Set(found)].toSorted((a, b) => a - b);
}

const UNDONE = /\/child#\d+=$/;

function isGone({ value }: { readonly value?: ChildEnd }): boolean {
  return value?.state === 'compensated' || value?.state === 'cancelled';
}

/** Journal keys of the undoing of a step: the run's, or that of a list which undid what its failed items had done. */
function compensations(values: ReadonlyMap<string, string>, place: string): readonly string[] {
  const name = `compensate:${place}`;
  return [...values.keys()].flatMap((key) =>
    key.endsWith(`${name}#1`) || key.endsWith(`${name}#1!`) ? [key.slice(0, key.lastIndexOf('#'))] : [],
  );
}

/** A block has come to an end once its strands were joined; `attempts` counts how often. It may not have begun in some of its rounds. */
function blockRecord(place: string, id: string, values: ReadonlyMap<string, string>): StepRecord | undefined {
  const rounds = [...values.keys()].filter((key) => key.startsWith(`${id}/joined/`));
  if (rounds.length === 0) return undefined;
  const joined = rounds.filter((key) => !key.endsWith('!')).length;
  return { id: place, state: joined > 0 ? 'succeeded' : 'running', attempts: Math.max(1, joined) };
}

/** The result that a probe found or a person confirmed for attempt `n`. */
function settledBy(id: string, n: number, values: ReadonlyMap<string, string>): Json | undefined {
  for (let k = 1; values.has(`${id}#${n}?${k}`); k++) {
    const probed: JsonObject = JSON.parse(values.get(`${id}#${n}?${k}`)!);
    if (probed['found'] === 'yes') return probed['value'];
  }
  const verdict = values.get(`${id}#${n}~`);
  if (verdict === undefined) return undefined;
  const { value }: { readonly value: JsonObject } = JSON.parse(verdict);
  // Given up, with a result: it happened, and is among what is undone.
  if (value['verdict'] === 'compensate') return value['result'];
  return value['verdict'] === 'confirm' ? (value['result'] ?? null) : undefined;
}

function isSucceeded(values: ReadonlyMap<string, string>, id: string): boolean {
  for (let n = 1; values.has(`${id}#${n}`); n++) {
    const { outcome }: AttemptValue = JSON.parse(values.get(`${id}#${n}`)!);
    if (outcome === 'succeeded' || settledBy(id, n, values) !== undefined) return true;
  }
  return false;
}

function stateOf(
  run: RunRow,
  isHere: boolean,
  last: AttemptValue | undefined,
  begun: boolean,
): StepRecord['state'] {
  if (isHere && run.state === 'inDoubt') return 'inDoubt';
  if (begun) return 'running';
  if (last?.outcome === 'failed') return 'failed';
  if (isHere && run.state === 'waiting') return 'waiting';
  return run.state === 'running' ? 'running' : last?.outcome === 'unknown' ? 'inDoubt' : 'failed';
}
