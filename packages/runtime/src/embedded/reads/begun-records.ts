import { sendsKey } from '@tenon/connector';
import type { Failure, Json } from '@tenon/model';
import type { Plan, PlanStep, RunStep } from '@tenon/pipeline';
import type { ChildEnd } from '../../engine.ts';
import { BY_HAND, type DoneByHand } from '../../interpreter/by-hand.ts';
import { PASSED } from '../../interpreter/carry-out.ts';
import { idempotencyKey } from '../../interpreter/effect.ts';
import type { Decision } from '../../interpreter/several-approvals.ts';
import type { RunState, StepRecord } from '../../runtime.ts';
import { redacted } from '../file/redact.ts';
import type { RunRow } from '../file/run-row.ts';
import {
  AT_STEPS,
  attemptsOf,
  isGivenUp,
  listedBy,
  refusedBy,
  settledBy,
  stateOf,
} from '../work/call-attempts.ts';
import {
  compensations,
  keyPlace,
  listOf,
  newest,
  roundsOf,
  type StepRows,
  undoneAt,
} from '../work/step-rows.ts';
import { FAILED } from '../work/strand-memory.ts';
import type { PlacedStep } from './placed-steps.ts';
import { dueAt } from './time-records.ts';
import { isChildUndone, isUndone } from './undoing-records.ts';

export function recordOf(
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

  const made = attemptsOf(id, rows);
  const { count, begun, attempts } = made;
  const byHand = doneByHandAt(id, rows);
  if (count === 0 && !begun && !rows.has(`${id}#1^1`) && byHand === undefined) return undefined;
  const operation = plan.operations[step.operation];
  const listed =
    step.pages === undefined ? undefined : listedBy(id, count, rows, operation?.pagination?.items ?? '');
  const last = listed ?? made.last;
  const settled = settledBy(id, count, rows);
  const done = byHand?.result ?? (last?.outcome === 'succeeded' ? last.value : settled);
  const isOfVersion = step.basedOn !== undefined;
  const refused =
    byHand === undefined && done === undefined ? refusedBy(id, count, last, rows, isOfVersion) : undefined;
  const result = refused === undefined ? done : { refused };
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
    // The interpreter wrote it.
    ...(refused !== undefined && { refused: (refused as { readonly code: string }).code }),
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

const AT_WORK: ReadonlySet<RunState> = new Set<RunState>(['running', 'waiting', 'compensating']);

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
