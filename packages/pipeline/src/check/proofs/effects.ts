import { type Diagnostic, failureClasses, formatDuration } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import type { Located, RetrySpec } from '../../spec/pipeline-spec.ts';
import type { ResolvedCall } from '../catalog.ts';
import { type CallMeaning, effectsOf, type PipelineModel } from '../model.ts';
import { describeRetry, retryPlan } from './retry.ts';

/** No effect can happen twice (C41, C47, C53). */
export function checkEffects(model: PipelineModel): Diagnostic[] {
  return [
    ...checkRetention(model),
    ...effectsOf(model).flatMap(checkRepeat),
    ...[...model.calls.values()].flatMap(checkRetriedClasses),
  ];
}

/** Does a repeat do harm, and nothing tells whether the first one happened? */
function isUnguarded({ declared }: ResolvedCall): boolean {
  return declared.effect !== 'read' && declared.idempotency.mode === 'none' && declared.probe === undefined;
}

function checkRepeat({ step, call, compensation, guard }: CallMeaning): Diagnostic[] {
  const found: Diagnostic[] = [];
  // A write that carries its version applies at most once, however often it is sent.
  const isVersioned = step.basedOn !== undefined && call.declared.concurrency !== undefined;
  const isUndoneByVersion =
    guard?.declared.concurrency === 'etag' && compensation?.declared.concurrency === 'etag';
  const asked = step.retry !== undefined && !step.retry.none && retryPlan(step.retry, call.plan).attempts > 1;
  const undeclared = step.retry === undefined && step.irreversible === undefined;
  if (isUnguarded(call) && !isVersioned && (asked || undeclared))
    found.push(repeatDiagnostic('effect-can-repeat', call, step.call, step.retry, asked));
  if (
    step.compensate &&
    compensation &&
    isUnguarded(compensation) &&
    !isUndoneByVersion &&
    !step.compensate.retry?.none
  )
    found.push(
      repeatDiagnostic(
        'compensation-can-repeat',
        compensation,
        step.compensate.call,
        step.compensate.retry,
        true,
      ),
    );
  return found;
}

function repeatDiagnostic(
  code: 'effect-can-repeat' | 'compensation-can-repeat',
  call: ResolvedCall,
  name: Located<string>,
  retry: RetrySpec | undefined,
  isRetried: boolean,
): Diagnostic {
  const how = call.operation.kind === 'http' ? call.operation.method.toUpperCase() : 'message';
  return diagnostic(code, {
    message: `\`${name.value}\` (${how}) can happen twice: the connector declares idempotency \`none\` and no probe`,
    at: name.at,
    subject: name.value,
    related:
      retry && isRetried
        ? [{ ...retry.at, message: `tried up to ${describeRetry(retryPlan(retry, call.plan))}` }]
        : [],
    fix:
      code === 'effect-can-repeat'
        ? `declare \`probe\` or an idempotency mode for ${call.plan.operation} in the connector, or set \`retry: none\``
        : `declare \`idempotency: { mode: natural }\` for ${call.plan.operation} in the connector if undoing twice is undoing once, or a key or \`probe\`; or set \`retry: none\``,
  });
}

/** Classes that a repeat cannot mend make exactly one attempt (C53). */
function checkRetriedClasses({ step }: CallMeaning): Diagnostic[] {
  return [step.retry, step.compensate?.retry].flatMap((retry) =>
    (retry?.on ?? []).flatMap(({ value, at }) =>
      failureClasses[value].retry === 'budget'
        ? []
        : diagnostic('retry-cannot-help', {
            message: `\`${value}\` failures are not mended by trying again: ${failureClasses[value].meaning}`,
            at,
            subject: `${step.id.value} ${value}`,
          }),
    ),
  );
}

/**
 * The longest time between an effect's first attempt and its last repeat is a run's deadline plus the longest outage
 * that its owner promises to recover from. Keys must be remembered that long, here and at the target (C47).
 */
function checkRetention(model: PipelineModel): Diagnostic[] {
  const { spec } = model;
  const deadline = spec.limits?.deadline;
  const recover = spec.owner?.recover;
  if (!deadline || !recover) return [];
  const windowMs = deadline.value + recover.value;
  const window = `${formatDuration(windowMs)}: deadline ${formatDuration(deadline.value)} + recover ${formatDuration(recover.value)}`;
  const related = [
    { ...deadline.at, message: 'a run may work this long' },
    { ...recover.at, message: 'and rest this long in an outage' },
  ];
  const found: Diagnostic[] = [];
  const retain = spec.identity?.retain;
  if (retain && retain.value < windowMs)
    found.push(
      diagnostic('key-retention-too-short', {
        message: `keys are kept ${formatDuration(retain.value)}, a repeat may come after ${window}`,
        at: retain.at,
        subject: 'identity.retain',
        related,
        fix: `keep them at least ${formatDuration(windowMs)}`,
      }),
    );
  for (const { step, call } of effectsOf(model)) {
    const { idempotency, probe } = call.declared;
    if (idempotency.mode !== 'header' || idempotency.retentionMs === undefined || probe) continue;
    if (idempotency.retentionMs >= windowMs) continue;
    found.push(
      diagnostic('key-retention-too-short', {
        message: `\`${step.call.value}\` forgets keys after ${formatDuration(idempotency.retentionMs)}, a repeat may come after ${window}`,
        at: step.call.at,
        subject: step.call.value,
        related,
        fix: 'declare a `probe` for it, or shorten `limits.deadline` or `owner.recover`',
      }),
    );
  }
  return found;
}
