import type { Json } from '@tenon/model';
import type { CallStep, Plan, PlanStep } from '@tenon/pipeline';
import { STOPPED } from '../../interpreter/interruption.ts';
import type { LedgerEntry, RunSummary, StepRecord } from '../../runtime.ts';
import type { Bench } from '../bench.ts';
import { OLD, PUT_OFF } from './faults.ts';
import { flatten, type History, stepOf } from './history.ts';

/** Promises of a run's state against what the target holds. */
export function judgeRun(history: History, run: RunSummary): readonly string[] {
  const { bench } = history;
  const plan = history.planOf(run);
  const all = flatten(plan.steps);
  const given = history.givenUp(run.runId);
  const removed = removedBy(bench, run);
  const isClosed = history.isClosed(run.runId);
  return [
    ...history.detail(run.runId).steps.flatMap((record) => {
      // An undoing is judged by what the trace says of it.
      if (record.id.startsWith('compensate:')) return [];
      const planned = all.find(({ id }) => id === stepOf(record.id));
      const isGivenUp = given.some((item) => record.id.startsWith(`${item}.`));
      if (planned?.kind !== 'call') return [];
      return [
        ...judgeFreshness(run, record, planned),
        ...judgeEffect(bench, run, record, planned, { isGivenUp, removed, plan, isClosed }),
      ];
    }),
    ...judgeUndoing(run, history.trace(run.runId), all),
    ...judgeOnce(run, history.trace(run.runId), all),
    ...judgeCancelled(run, history.trace(run.runId)),
    ...judgeClosed(run, history.trace(run.runId)),
    ...judgePutOff(run, history.trace(run.runId)),
    ...judgeCause(run, history.trace(run.runId)),
  ];
}

/** Ids of what a run has removed, or a person by hand. */
function removedBy({ target }: Bench, run: RunSummary): ReadonlySet<string> {
  return new Set([
    ...target.removedByHand,
    ...target.calls
      .filter(
        ({ operation, request, key }) =>
          operation === 'remove' && request.correlationId === run.correlationId && target.effects.has(key!),
      )
      // What the plans of a simulation remove has an id.
      .map(({ input }) => (input as { readonly id: string }).id),
  ]);
}

function judgeFreshness(run: RunSummary, record: StepRecord, planned: CallStep): readonly string[] {
  if (planned.fresh === undefined || record.state !== 'succeeded') return [];
  const isOld = (record.result as { readonly amount?: Json }).amount === OLD.amount;
  return isOld ? [`${run.key} ${record.id} went by what is old`] : [];
}

interface Undone {
  /** Of an item that a list has given up. */
  readonly isGivenUp: boolean;
  readonly removed: ReadonlySet<string>;
  readonly plan: Plan;
  readonly isClosed: boolean;
}

/** What a step's record says of its effect, against the effect. */
function judgeEffect(
  { target }: Bench,
  run: RunSummary,
  record: StepRecord,
  planned: CallStep,
  { isGivenUp, removed, plan, isClosed }: Undone,
): readonly string[] {
  const { key, state } = run;
  if (record.state === 'skipped' || plan.operations[planned.operation]?.effect === 'read') return [];
  if (planned.operation === 'acme.setChecked') {
    const wanted = `${key}/${planned.id}`;
    // What the simulated target keeps is what it was sent.
    const isSet = (target.states.get(wanted) as { value?: Json } | undefined)?.value === wanted;
    return record.state === 'succeeded' && !isSet ? [`${key} ${record.id} is not as it was to be set`] : [];
  }
  const violations: string[] = [];
  const sent = target.effectOf(run.runId, record.id) as { id: string } | undefined;
  if (record.byHand !== undefined && sent !== undefined)
    violations.push(`${key} ${record.id} happened, and was done by hand besides`);
  // What a person says they made they have made: once they were told that it was taken.
  const made = record.byHand === undefined ? sent : (record.result as { readonly id: string });
  if (record.refused !== undefined)
    return made === undefined ? [] : [`${key} ${record.id} was refused, they say, and it happened`];
  const isRemoved = made !== undefined && removed.has(made.id);
  if ((record.state === 'succeeded' || record.state === 'compensated') && made === undefined)
    violations.push(`${key} ${record.id} is ${record.state}, but nothing happened`);
  if (state === 'succeeded' && made === undefined && !isGivenUp)
    violations.push(`${key} succeeded, but ${record.id} never happened`);
  // Undone by another write, or left by a person's word: see `judgeAccounts`.
  if (planned.operation === 'acme.setAccount') return violations;
  if (record.state === 'failed' && made !== undefined && !isRemoved)
    violations.push(`${key} ${record.id} is failed, but it happened and stays`);
  const isToBeUndone =
    state === 'compensated' ||
    (state === 'cancelled' && !isClosed) ||
    (state === 'succeeded' && isGivenUp && plan.onFailure === 'compensate');
  if (isToBeUndone && planned.compensate !== undefined && made !== undefined && !isRemoved)
    violations.push(`${key} is ${state}, but ${record.id} was not undone`);
  if (state === 'succeeded' && isRemoved && !isGivenUp)
    violations.push(`${key} succeeded, but ${record.id} was undone`);
  return violations;
}

/** Undone is last first, once each, and nothing goes on meanwhile. */
function judgeUndoing(
  run: RunSummary,
  trace: readonly LedgerEntry[],
  all: readonly PlanStep[],
): readonly string[] {
  const violations: string[] = [];
  const confirmed = trace
    .filter(({ kind, step }) => kind === 'stepDone' && step !== undefined)
    .map(({ step }) => step!);
  const begun = trace.find(
    ({ kind, details }) => kind === 'compensation' && details['effects'] !== undefined,
  );
  const undone: string[] = [];
  // What each list undid by itself is one order; what the run undid at last is another.
  const orders = new Map<string, number[]>();
  for (const { kind, step, details, sequence } of trace) {
    if (
      kind !== 'compensation' ||
      !step?.startsWith('compensate:') ||
      (details['alreadyGone'] ?? details['left']) === true
    )
      continue;
    const place = step.slice('compensate:'.length);
    undone.push(place);
    const by = begun !== undefined && sequence > begun.sequence ? 'run' : place.slice(0, place.indexOf('['));
    // A child that had not succeeded has no place in the order.
    const position = confirmed.lastIndexOf(place);
    const isRun = all.some(({ id, kind: what }) => what === 'run' && id === stepOf(place));
    if (!isRun || position >= 0) orders.set(by, [...(orders.get(by) ?? []), position]);
  }
  for (const [by, order] of orders)
    if (order.some((position, index) => index > 0 && position > order[index - 1]!))
      violations.push(`${run.key}: undone by ${by} in the order ${undone.join(', ')}`);
  for (const { kind, step, sequence } of trace)
    if (begun !== undefined && sequence > begun.sequence && (kind === 'intent' || kind === 'outcome'))
      if (!step!.startsWith('compensate:')) violations.push(`${run.key}: ${step} goes on while it is undone`);
  for (const { step, details, sequence } of trace)
    if (
      details['action'] === 'undone' &&
      trace.some((one) => one.sequence > sequence && one.kind === 'intent' && one.step === step)
    )
      violations.push(`${run.key}: ${step} is tried again, though a person has done it`);
  for (const { step, details, sequence } of trace)
    if (
      details['action'] === 'done' &&
      trace.some((one) => one.sequence > sequence && SENDING.has(one.kind) && one.step === step)
    )
      violations.push(`${run.key}: ${step} is sent, though a person has done it`);
  for (const { step, details, sequence } of trace)
    if (
      details['action'] === 'done' &&
      ENDED.has(run.state) &&
      !trace.some((one) => one.sequence > sequence && one.details['byHand'] === true && one.step === step)
    )
      violations.push(`${run.key}: a person has done ${step} and said so, and that is forgotten`);
  if (new Set(undone).size !== undone.length)
    violations.push(`${run.key}: undone twice: ${undone.join(', ')}`);
  return violations;
}

const ENDED: ReadonlySet<string> = new Set(['succeeded', 'compensated', 'cancelled']);
const SENDING: ReadonlySet<string> = new Set(['intent', 'attempt', 'outcome']);

/** What is done is done once, and a run that has succeeded does nothing more but to be undone. */
function judgeOnce(
  { key }: RunSummary,
  trace: readonly LedgerEntry[],
  all: readonly PlanStep[],
): readonly string[] {
  const ended = trace.find(({ kind, details }) => kind === 'state' && details['to'] === 'succeeded');
  // What a check looks at: see `judgeRereads`.
  const madeAgain = new Set(all.flatMap((each) => (each.kind === 'check' ? (each.again ?? []) : [])));
  // What a write is based on is read again where somebody else has written.
  const done = trace.flatMap(({ kind, step = '', details }) =>
    kind === 'stepDone' && details['operation'] !== 'acme.getAccount' && !madeAgain.has(stepOf(step))
      ? step
      : [],
  );
  const twice = done.filter((step, index) => done.indexOf(step) !== index);
  const after = trace.filter(
    ({ kind, step, sequence }) =>
      ended !== undefined &&
      sequence > ended.sequence &&
      FORWARD.has(kind) &&
      !/^(compensate|guard):/.test(step ?? ''),
  );
  return [
    ...twice.map((step) => `${key}: ${step} was done twice`),
    ...after.map(({ kind, step }) => `${key} had succeeded, and goes on at ${step} (${kind})`),
  ];
}

/** Who cancels a run and is told that it is taken will not find it succeeded. */
function judgeCancelled({ key }: RunSummary, trace: readonly LedgerEntry[]): readonly string[] {
  const cancelled = trace.find(({ kind, details }) => kind === 'operator' && details['action'] === 'cancel');
  const succeeded = trace.find(({ kind, details }) => kind === 'state' && details['to'] === 'succeeded');
  const isInVain =
    cancelled !== undefined && succeeded !== undefined && cancelled.sequence < succeeded.sequence;
  return isInVain ? [`${key} was cancelled, and succeeded`] : [];
}

/** What somebody has taken as it stands stays so. */
function judgeClosed({ key }: RunSummary, trace: readonly LedgerEntry[]): readonly string[] {
  const closed = trace.find(({ details }) => details['action'] === 'close');
  const after = trace.find(
    ({ kind, sequence }) =>
      closed !== undefined && sequence > closed.sequence && (SENDING.has(kind) || kind === 'compensation'),
  );
  return after === undefined ? [] : [`${key} was closed, and goes on at ${after.step} (${after.kind})`];
}

const FORWARD: ReadonlySet<string> = new Set([
  'intent',
  'attempt',
  'outcome',
  'stepDone',
  'branch',
  'waiting',
  'signal',
  'emitted',
]);

/** A call that its connection does not take yet is no attempt: it uses up no budget, so no step fails of it. */
function judgePutOff({ key }: RunSummary, trace: readonly LedgerEntry[]): readonly string[] {
  const forward = trace.filter(({ step }) => step !== undefined && !/^(compensate|guard):/.test(step));
  return forward.flatMap((entry, at) => {
    const { step, details } = entry;
    if (!PUT_OFF.has(details['code'])) return [];
    if (details['outcome'] === 'failed' || details['to'] === 'failed')
      return [`${key}: ${step} failed of a connection that it was to wait for`];
    // Of what may have been sent tries are counted, once it has waited for long.
    if (details['outcome'] !== 'retryable' || mayBeSent(forward.slice(0, at), step!)) return [];
    return [`${key}: ${step} used up a try on a connection that it was to wait for`];
  });
}

/** Was an attempt begun of which the trace does not say that nothing left? */
function mayBeSent(trace: readonly LedgerEntry[], place: string): boolean {
  const own = trace.filter(({ step, kind }) => step === place && (kind === 'intent' || kind === 'outcome'));
  return own.some(({ kind }, at) => kind === 'intent' && own[at + 1]?.details['delivery'] !== 'notSent');
}

/** What was stopped for the sake of another is no cause: a run that fails of nothing else is stopped so again at each resuming. */
function judgeCause({ key }: RunSummary, trace: readonly LedgerEntry[]): readonly string[] {
  return trace
    .filter(({ details }) => details['code'] === STOPPED && details['to'] === 'failed')
    .map(({ step }) => `${key} failed at ${step} of a branch that was stopped, and no other had failed`);
}
