import type { DeadLetter, RunDetail, RunState } from '@tenon/runtime';
import { oneLine } from '../text/printable.ts';
import { renderTable } from '../text/table.ts';
import { time } from '../text/utc-time.ts';
import { keepingWords } from './keeping-run.ts';
import {
  cancelCommand,
  closeCommand,
  doneAdvice,
  isAtUndoing,
  lostChildWords,
  resumeCommand,
  stepOf,
  undoingAdvice,
} from './run-words.ts';
import { resultWords, stepWords } from './step-words.ts';

/** All that a person is shown of one run. */
export function runPage(
  run: RunDetail,
  parked: DeadLetter | undefined,
  keeping: RunDetail | undefined,
  held: readonly string[],
  width: number | undefined,
): string {
  const lines = [
    `run        ${run.runId}`,
    `pipeline   ${run.pipeline} version ${run.version}, plan ${run.planHash}`,
    `contracts  ${run.contracts.map((contract) => `${contract.name} ${contract.version} ${contract.digest.slice(0, 19)}`).join(', ')}`,
    `key        ${run.key}`,
    ...(run.orderKey === undefined ? [] : [`order key  ${run.orderKey}`]),
    ...(run.connection === undefined ? [] : [`came over  ${run.connection}`]),
    `state      ${stateWords(run, parked, keeping)}`,
    `owner      ${run.owner}`,
    `accepted   ${time(run.acceptedAtMs)}`,
    ...(ENDED.has(run.state) ? [`ended      ${time(run.updatedAtMs)}`] : []),
    `correlates ${run.correlationId}`,
  ];
  if (run.parent)
    lines.push(`run by     ${run.parent.runId} (${run.parent.pipeline}, step ${run.parent.step})`);
  for (const child of run.children ?? [])
    lines.push(`runs       ${child.runId} (${child.pipeline}, step ${child.step}): ${child.state}`);
  if (run.erased)
    lines.push(
      `erased     ${time(run.erased.atMs)} by ${run.erased.actor}: payload, results and failures are gone; tenon runs trace says why`,
    );
  if (run.isPastRetention)
    lines.push(
      `let go     payload, results and failures are no longer kept (retention; it ended ${time(run.updatedAtMs)}): \`tenon data\` says for how long they are`,
    );
  for (const words of held) lines.push(`held by    ${words}`);
  if (run.behind) lines.push(`behind     ${run.behind}: it has the same order key, and goes before this run`);
  if (run.failure)
    lines.push(
      `failed at  ${run.failure.step}: ${run.failure.class}, ${run.failure.message} (${run.failure.code})`,
    );
  const made = madeWords(run);
  if (made !== undefined) lines.push(`to undo    ${made}`);
  const cause = undoingWords(run);
  if (cause !== undefined) lines.push(`undone as  ${cause}`);
  // Of others that show none they are gone, or cannot be read.
  if (run.stepsUnread) lines.push(`steps      ${run.stepsUnread.message} (${run.stepsUnread.code})`);
  else if (run.steps.length === 0 && run.state === 'accepted') lines.push('steps      none has begun');
  if (run.steps.length === 0) return lines.map(oneLine).join('\n');
  // Earlier servers do not say when.
  const isTimed = run.steps.some(({ atMs }) => atMs !== undefined);
  const steps = renderTable(
    [
      'STEP',
      'STATE',
      ...(isTimed ? [{ title: 'AT', drop: 3 } as const] : []),
      { title: 'ATTEMPTS', drop: 2 },
      { title: 'IDEMPOTENCY KEY', drop: 1 },
      { title: 'WHY', below: true },
    ],
    run.steps.map((step) => [
      step.id,
      step.state,
      ...(isTimed ? [step.atMs === undefined ? '' : time(step.atMs)] : []),
      String(step.attempts),
      step.idempotencyKey ?? '',
      stepWords(step, run),
    ]),
    width,
  );
  return `${lines.map(oneLine).join('\n')}\n\n${steps}`;
}

/** It stays so, or is parked, since it was written last. */
const ENDED: ReadonlySet<RunState> = new Set<RunState>(['succeeded', 'compensated', 'failed', 'cancelled']);

function stateWords(run: RunDetail, parked: DeadLetter | undefined, keeping: RunDetail | undefined): string {
  if (run.state !== 'failed')
    return keeping === undefined ? run.state : `${run.state}: its undoing waits for ${keepingWords(keeping)}`;
  if (parked === undefined) return 'failed: `tenon dead-letters` lists the runs that are parked';
  const lost = lostChildWords(run);
  if (lost !== undefined) return `failed, parked in the queue ${parked.queue}: ${lost}`;
  const resume = `${resumeCommand(run.runId)} once its cause is mended`;
  return isAtUndoing(run)
    ? `failed, its undoing is parked in the queue ${parked.queue}: ${undoingAdvice(run)}`
    : `failed, parked in the queue ${parked.queue}: ${[resume, doneAdvice(run), `undo what it did: ${cancelCommand(run.runId)}`, `leave it as it is: ${closeCommand(run.runId)}`].filter(Boolean).join(', or ')}`;
}

/** What whoever undoes by hand looks for in the other system: what the step gave whose undoing is parked. */
function madeWords(run: RunDetail): string | undefined {
  if (run.state !== 'failed' || !isAtUndoing(run)) return undefined;
  const place = stepOf(run)?.slice('compensate:'.length);
  const result = run.steps.find(({ id }) => id === place)?.result;
  if (result === undefined || result === null) return undefined;
  return `${place} gave ${resultWords(result)}`;
}

/** Why a run is undone, where what it failed at does not say that. */
function undoingWords({ undoing, failure: shown }: RunDetail): string | undefined {
  if (undoing === undefined) return undefined;
  const { because, step, failure, actor, reason } = undoing;
  switch (because) {
    case 'failure':
      if (shown !== undefined && shown.step === step) return undefined;
      return `${step} failed: ${failure?.class}, ${failure?.message} (${failure?.code})`;
    case 'cancelled':
      return `${actor} cancelled it: ${reason}`;
    case 'parent':
      return `the run that started it is undone: ${reason} (${actor})`;
  }
}
