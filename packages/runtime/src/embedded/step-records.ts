import type { Failure, Json, JsonObject } from '@tenon/model';
import type { Plan, PlanStep } from '@tenon/pipeline';
import { idempotencyKey } from '../interpreter/effect.ts';
import { allSteps } from '../loaded-plan.ts';
import type { StepRecord } from '../runtime.ts';
import { redacted } from './redact.ts';
import type { JournalRow, RunRow } from './run-row.ts';

/** What became of each step, read from the run's journal; a step that left nothing there is left out. */
export function stepRecords(plan: Plan, run: RunRow, journal: readonly JournalRow[]): readonly StepRecord[] {
  const values = new Map(journal.map(({ key, value }) => [key, value]));
  return allSteps(plan.steps).flatMap((step) => {
    const record = recordOf(plan, run, step, values);
    return record === undefined ? [] : [record];
  });
}

interface AttemptValue {
  readonly outcome: 'succeeded' | 'retryable' | 'failed' | 'unknown';
  readonly value?: Json;
  readonly failure?: Failure;
}

function recordOf(
  plan: Plan,
  run: RunRow,
  step: PlanStep,
  values: ReadonlyMap<string, string>,
): StepRecord | undefined {
  const isHere = run.step === step.id;
  if (step.kind !== 'call') {
    const last = [...values.keys()].filter((key) => key === step.id || key.startsWith(`${step.id}#`));
    if (last.length === 0) return undefined;
    const isWaiting = isHere && (run.state === 'waiting' || run.state === 'failed');
    const state = !isWaiting ? 'succeeded' : run.state === 'failed' ? 'failed' : 'waiting';
    return { id: step.id, state, attempts: last.filter((key) => /#\d+$/.test(key)).length || 1 };
  }

  const outcomes: AttemptValue[] = [];
  for (let n = 1; values.has(`${step.id}#${n}`); n++)
    outcomes.push(JSON.parse(values.get(`${step.id}#${n}`)!));
  const begun = values.has(`${step.id}#${outcomes.length + 1}!`);
  const last = outcomes.at(-1);
  if (last === undefined && !begun) return undefined;
  const operation = plan.operations[step.operation];
  const settled = settledBy(step.id, outcomes.length, values);
  const result = last?.outcome === 'succeeded' ? last.value : settled;
  const isDone = result !== undefined;
  const isUndone = isDone && isSucceeded(values, `compensate:${step.id}`);
  return {
    id: step.id,
    state: isUndone ? 'compensated' : isDone ? 'succeeded' : stateOf(run, isHere, last, begun),
    attempts: outcomes.length + (begun ? 1 : 0),
    ...(operation?.effect !== 'read' && { idempotencyKey: idempotencyKey(run.pipeline, run.key, step.id) }),
    ...(isDone && { result: redacted(result, plan.redact[`steps.${step.id}`] ?? []) }),
    ...(!isDone && last?.failure !== undefined && { failure: last.failure }),
  };
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
