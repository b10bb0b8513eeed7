import { references } from '@tenon/expression';
import { type Diagnostic, formatDuration } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import {
  allSteps,
  type CallSpec,
  type CompensateSpec,
  innerSteps,
  type StepSpec,
} from '../../spec/pipeline-spec.ts';
import { expressionsOf } from '../../spec/template.ts';
import { type CallMeaning, effectsOf, type PipelineModel } from '../model.ts';

/** Every effect has a way back or says why not, and the way back is a safe one (C67–C70). */
export function checkWayBack(model: PipelineModel): Diagnostic[] {
  return [
    ...effectsOf(model).flatMap((effect) => checkEffect(model, effect)),
    ...[...model.calls.values()].flatMap(checkRead),
    ...effectsOf(model).flatMap(checkFresh),
    ...checkOrder(model, model.spec.steps, []),
  ];
}

function checkEffect(model: PipelineModel, { step, call, compensation, guard }: CallMeaning): Diagnostic[] {
  const { compensate, irreversible } = step;
  const subject = step.id.value;
  if (compensate && irreversible)
    return [
      diagnostic('way-back-contradicts', {
        message: `step \`${subject}\` has a compensation and says that it is irreversible`,
        at: irreversible.at,
        subject,
        related: [{ ...compensate.at, message: 'the compensation' }],
      }),
    ];
  if (!compensate && !irreversible) {
    // Losing a low-tier run's effects reaches nobody else (C152).
    if (model.spec.tier?.value === 'low') return [];
    const offered = call.declared.compensation?.operation;
    const isDeletion = offered !== undefined && call.manifest.operations[offered]?.effect === 'delete';
    return [
      diagnostic('effect-without-way-back', {
        message: `\`${step.call.value}\` changes another system and nothing undoes it when a later step fails`,
        at: step.call.at,
        subject,
        ...(offered !== undefined && {
          fix: `add \`compensate: { call: ${call.connection}.${offered}, with: … }\`: the connector names it${isDeletion ? ', and it deletes: say why that is right on the line above (`# tenon: allow compensation-deletes because <reason>`), or say `irreversible`' : ''}`,
        }),
      }),
    ];
  }
  if (!compensate || !compensation) return [];
  const found: Diagnostic[] = [];
  const { effect } = compensation.declared;
  if (effect === 'read')
    found.push(
      diagnostic('compensation-reads', {
        message: `\`${compensate.call.value}\` only reads, so it undoes nothing`,
        at: compensate.call.at,
        subject,
      }),
    );
  if (effect === 'delete')
    found.push(
      diagnostic('compensation-deletes', {
        message: `\`${compensate.call.value}\` deletes the record it should make good`,
        at: compensate.call.at,
        subject,
      }),
    );
  if (guard && guard.declared.effect !== 'read')
    found.push(
      diagnostic('guard-changes', {
        message: `\`${compensate.guard?.read.value}\` changes something; a guard only looks`,
        at: compensate.guard?.read.at ?? compensate.at,
        subject,
      }),
    );
  return [...found, ...checkBlind(step, compensate), ...checkWindow(model, { step, call })];
}

/** What is put back was read before the step: whatever somebody has written since would be gone. */
function checkBlind(step: CallSpec, compensate: CompensateSpec): Diagnostic[] {
  if (compensate.guard || !compensate.with) return [];
  const body =
    compensate.with.kind === 'object'
      ? compensate.with.entries.find(({ name }) => name === 'body')
      : undefined;
  const restored = (body ? expressionsOf(body.value) : []).flatMap((one) =>
    references(one.parsed.ast).flatMap(({ root, path, span }) =>
      root === 'steps' && path[0] && path[0].name !== step.id.value ? [one.locate(span)] : [],
    ),
  );
  const [first] = restored;
  if (!first) return [];
  return [
    diagnostic('compensation-overwrites', {
      message: `undoing \`${step.id.value}\` puts back what was read before it, whatever somebody has written since`,
      at: first,
      subject: step.id.value,
      fix: 'add `guard: { read: …, with: …, unchanged: ${ current.… == steps.… } }` to the compensation',
    }),
  ];
}

/** The target undoes for so long; the run may work, rest in an outage, and wait for people and events. */
function checkWindow(model: PipelineModel, { step, call }: Pick<CallMeaning, 'step' | 'call'>): Diagnostic[] {
  const windowMs = call.declared.compensation?.withinMs;
  const { limits, owner } = model.spec;
  if (windowMs === undefined || !limits?.deadline || !owner?.recover) return [];
  const waits = mayFollow(model.spec.steps, step).flatMap((later) => {
    if (later.kind === 'approve') return later.within ?? [];
    return later.kind === 'wait' ? (later.within ?? later.for ?? []) : [];
  });
  const longestMs = waits.reduce(
    (sum, { value }) => sum + value,
    limits.deadline.value + owner.recover.value,
  );
  if (longestMs <= windowMs) return [];
  return [
    diagnostic('compensation-too-late', {
      message: `\`${step.call.value}\` can be undone for ${formatDuration(windowMs)}; a later step may fail after ${formatDuration(longestMs)}`,
      at: step.call.at,
      subject: step.id.value,
      related: waits.map(({ at, value }) => ({ ...at, message: `waits up to ${formatDuration(value)}` })),
    }),
  ];
}

/** Steps that may come after a step, or go on beside it: what it does may be undone as late as that. */
function mayFollow(steps: readonly StepSpec[], step: StepSpec): readonly StepSpec[] {
  const all = allSteps(steps);
  const around = all.filter(
    (one) =>
      (one.kind === 'forEach' || one.kind === 'parallel') &&
      innerSteps(one).some((inner) => allSteps(inner).includes(step)),
  );
  const beside = new Set(around.flatMap((one) => innerSteps(one).flatMap((inner) => allSteps(inner))));
  return all.filter((one, index) => index > all.indexOf(step) || beside.has(one));
}

/** Only what is read can be too old. */
function checkFresh({ step }: CallMeaning): Diagnostic[] {
  if (!step.fresh) return [];
  return [
    diagnostic('fresh-not-a-read', {
      message: `\`${step.call.value}\` changes something: it has happened, however old its answer is`,
      at: step.fresh.at,
      subject: step.id.value,
    }),
  ];
}

function checkRead({ step, call }: CallMeaning): Diagnostic[] {
  const given = step.compensate ?? step.irreversible;
  if (call.declared.effect !== 'read' || !given) return [];
  return [
    diagnostic('read-with-way-back', {
      message: `\`${step.call.value}\` only reads: there is nothing to undo`,
      at: given.at,
      subject: step.id.value,
    }),
  ];
}

/** Calls that cannot be undone. */
function lastingIn(model: PipelineModel, steps: readonly StepSpec[]): readonly CallSpec[] {
  return allSteps(steps).filter(
    (step): step is CallSpec =>
      step.kind === 'call' &&
      step.irreversible !== undefined &&
      model.calls.get(step)?.call.declared.effect !== 'read',
  );
}

/** How a step that waits for somebody's word, or looks at data, ends a run. */
function refusalOf(step: StepSpec): string | undefined {
  if (step.kind === 'approve' || step.kind === 'check') return 'may refuse';
  const isAwaited = step.kind === 'wait' && step.event !== undefined && step.onExpiry === 'fail';
  return isAwaited ? 'fails when its event does not come' : undefined;
}

/** After what cannot be undone, nothing may come that is there to say no. */
function checkOrder(
  model: PipelineModel,
  steps: readonly StepSpec[],
  before: readonly CallSpec[],
): Diagnostic[] {
  const done = [...before];
  const found: Diagnostic[] = [];
  for (const step of steps) {
    const [first] = done;
    const refusal = refusalOf(step);
    if (first && refusal !== undefined)
      found.push(
        diagnostic('irreversible-before-decision', {
          message: `step \`${step.id.value}\` ${refusal}, and \`${first.id.value}\` cannot be undone by then`,
          at: step.id.at,
          subject: `${first.id.value} ${step.id.value}`,
          related: [{ ...first.call.at, message: 'cannot be undone' }],
          fix: `move \`${step.id.value}\` before \`${first.id.value}\``,
        }),
      );
    if (step.kind === 'choose')
      found.push(...step.branches.flatMap((branch) => checkOrder(model, branch.steps, done)));
    if (step.kind === 'parallel') {
      for (const branch of step.branches) {
        // What the others do may be done by then.
        const beside = step.branches.flatMap((other) =>
          other === branch ? [] : lastingIn(model, other.steps),
        );
        found.push(...checkOrder(model, branch.steps, [...done, ...beside]));
      }
      done.push(...step.branches.flatMap((branch) => lastingIn(model, branch.steps)));
    }
    if (step.kind === 'forEach') {
      const lasting = lastingIn(model, step.steps);
      // Where the others go on, a refusal takes back nothing but its own item.
      const earlier = step.onItemFailure === 'collect' ? [] : [...done, ...lasting];
      found.push(...checkOrder(model, step.steps, earlier));
      done.push(...lasting);
    }
    if (step.kind === 'call' && step.irreversible && model.calls.get(step)?.call.declared.effect !== 'read')
      done.push(step);
  }
  return found;
}
