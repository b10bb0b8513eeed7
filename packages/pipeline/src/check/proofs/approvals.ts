import { type Diagnostic, didYouMean, type Location } from '@tenon/model';
import type { Operator } from '../../load/config.ts';
import { diagnostic } from '../../rules.ts';
import {
  type ApproveSpec,
  allSteps,
  innerSteps,
  type Located,
  type StepSpec,
} from '../../spec/pipeline-spec.ts';
import type { PipelineModel } from '../model.ts';
import type { PipelineFacts } from './facts.ts';

type Before = ReadonlyMap<string, ApproveSpec>;

/** An approval that more than one must give, or not everybody may, can be given, and is not given by silence (C103, C105). */
export function checkApprovals(model: PipelineModel): Diagnostic[] {
  const found: Diagnostic[] = [];
  through(model.spec.steps, new Map());
  return found;

  /** Gives the approvals that are done after these steps. */
  function through(steps: readonly StepSpec[], above: Before): Before {
    let before = above;
    for (const step of steps) {
      if (step.kind === 'approve') {
        found.push(...checkApproval(model, step, before));
        before = new Map([...before, [step.id.value, step]]);
      }
      const inside = innerSteps(step).map((list) => through(list, before));
      // What items of a list decided is read in the list alone.
      if (step.kind !== 'forEach') before = new Map([...before, ...inside.flatMap((each) => [...each])]);
    }
    return before;
  }
}

function checkApproval(model: PipelineModel, step: ApproveSpec, before: Before): Diagnostic[] {
  const unknown = (step.except ?? []).flatMap((name) => checkExcepted(name, before));
  const reach = unknown.length > 0 ? [] : checkReach(model, step, before);
  return [...unknown, ...checkSilence(step), ...reach];
}

const STEPS = 'steps.';
const REQUESTER = 'requester';

function checkExcepted({ value, at }: Located<string>, before: Before): Diagnostic[] {
  // Whether there is one all pipelines together say: see `checkRequesters`.
  if (value === REQUESTER) return [];
  if (!value.startsWith(STEPS) || before.has(value.slice(STEPS.length))) return [];
  const near = didYouMean(
    value,
    [...before.keys()].map((id) => STEPS + id),
  );
  return [
    diagnostic('approval-excepts-nobody', {
      message: `\`${value}\` is no approval that comes before this one`,
      at,
      subject: value,
      ...(near !== undefined && { misspelt: { name: value, meant: near } }),
    }),
  ];
}

/** Where approvals of a pipeline that an event starts keep its requester out. */
export function requestersOf({ spec }: PipelineModel): readonly Location[] {
  if (spec.trigger?.kind !== 'event') return [];
  return allSteps(spec.steps).flatMap((step) =>
    step.kind === 'approve'
      ? (step.except ?? []).flatMap(({ value, at }) => (value === REQUESTER ? [at] : []))
      : [],
  );
}

/**
 * Of a pipeline that an event starts a person is the requester where a chain of pipelines that publish or run leads to it from one that persons
 * start; and nobody is, where such a chain begins with what somebody else sends.
 */
export function checkRequesters(pipelines: readonly PipelineFacts[]): Diagnostic[] {
  const begun = ledTo(
    pipelines,
    pipelines.filter(({ isManual }) => isManual),
  );
  const sent = ledTo(
    pipelines,
    pipelines.filter(({ comesOver }) => comesOver),
  );
  return pipelines.flatMap((one) =>
    (one.requesters ?? []).flatMap((at) => {
      if (!begun.has(one)) return [nobodyRequests(one, at)];
      const from = sent.get(one);
      return from === undefined ? [] : [requesterAvoidable(one, from, at)];
    }),
  );
}

/** The pipelines that chains of publishing and running lead to, these among them, each with the one that its chain begins with. */
function ledTo(
  pipelines: readonly PipelineFacts[],
  first: readonly PipelineFacts[],
): ReadonlyMap<PipelineFacts, PipelineFacts> {
  const led = new Map(first.map((one) => [one, one]));
  for (const [{ causes, runs }, from] of led)
    for (const to of pipelines) {
      const isTold = causes.some(({ event, isEmitted }) => isEmitted && event === to.trigger?.event);
      if ((isTold || runs.some(({ pipeline }) => pipeline === to.pipeline)) && !led.has(to))
        led.set(to, from);
    }
  return led;
}

function nobodyRequests({ pipeline, trigger }: PipelineFacts, at: Location): Diagnostic {
  return diagnostic('approval-excepts-nobody', {
    message: `\`${trigger?.event ?? 'an event'}\` starts this pipeline, and nothing that a person starts publishes it, so nobody is the requester`,
    at,
    subject: `${pipeline} ${REQUESTER}`,
    fix: 'take it away; a person starts `manual` pipelines, what those run, and what begins with an event that they publish',
  });
}

function requesterAvoidable({ pipeline }: PipelineFacts, from: PipelineFacts, at: Location): Diagnostic {
  const { trigger, comesOver = [] } = from;
  const over = comesOver.map((name) => `\`${name}\``).join(', ');
  const begins =
    from.pipeline === pipeline
      ? 'starts this pipeline'
      : `starts \`${from.pipeline}\`, which leads to this pipeline`;
  return diagnostic('approval-requester-avoidable', {
    message: `\`${trigger?.event ?? 'an event'}\` ${begins}, and it comes in over ${over} too: of one that comes so nobody is the requester`,
    at,
    subject: `${pipeline} ${REQUESTER}`,
    ...(trigger && { related: [{ ...trigger.at, message: `\`${trigger.event}\` is heard here` }] }),
  });
}

function checkSilence({ id, count, except, onExpiry, at }: ApproveSpec): Diagnostic[] {
  if (onExpiry !== 'approve' || (!count && !except)) return [];
  const who = count ? `${count.value} persons are to approve` : 'not everybody may approve';
  return [
    diagnostic('approval-by-silence', {
      message: `${who}, and when nobody does, it is approved`,
      at: count?.at ?? except?.[0]?.at ?? at,
      subject: id.value,
    }),
  ];
}

/** Are there enough operators, whoever of them has started the run or approved before? Where nobody says how many, there is the local one. */
function checkReach(model: PipelineModel, step: ApproveSpec, before: Before): Diagnostic[] {
  const { by, count, except, onExpiry, id } = step;
  if (!by || (!count && !except)) return [];
  const { operators } = model.catalog.workspace.config.server;
  const needed = count?.value ?? 1;
  const backup = onExpiry === 'escalate' ? model.spec.owner?.backup : undefined;
  const asked = backup === undefined ? [by] : [by, backup];
  return asked.flatMap((asking) => {
    const team = asking.value;
    const may = deciding(operators, team);
    const names = new Set(may.map(({ name }) => name));
    const size = operators.length === 0 ? 1 : names.size;
    const left = size - outOf(step, before, operators, may, size);
    if (left >= needed) return [];
    const who =
      operators.length === 0
        ? 'without `server.operators` there is one'
        : size === 0
          ? 'no operator decides for it'
          : `${size} decide${size === 1 ? 's' : ''} for it (${[...names].join(', ')})`;
    const minus = left < size ? `, of whom ${size - left} may be excepted` : '';
    return [
      diagnostic('approval-out-of-reach', {
        message: `\`${id.value}\` needs ${needed} of ${team}${asking === backup ? ', the backup that it is escalated to,' : ','} and ${who}${minus}`,
        at: count?.at ?? except?.[0]?.at ?? step.at,
        subject: `${id.value} ${team}`,
      }),
    ];
  });
}

/** How many of those who may decide can be kept from it, at most. */
function outOf(
  { except = [] }: ApproveSpec,
  before: Before,
  operators: readonly Operator[],
  may: readonly Operator[],
  size: number,
): number {
  const names = new Set(may.map(({ name }) => name));
  const each = except.map(({ value }) => {
    // Only an operator starts runs.
    if (value === REQUESTER)
      return operators.length === 0 || may.some(({ role }) => role === 'operator') ? 1 : 0;
    const earlier = before.get(value.slice(STEPS.length));
    if (!earlier?.by) return 0;
    const both = new Set(
      deciding(operators, earlier.by.value).flatMap(({ name }) => (names.has(name) ? name : [])),
    );
    return Math.min(earlier.count?.value ?? 1, operators.length === 0 ? 1 : both.size);
  });
  return Math.min(
    size,
    each.reduce((sum, one) => sum + one, 0),
  );
}

/** Those with the right to decide, for the team or for all. */
function deciding(operators: readonly Operator[], team: string): readonly Operator[] {
  return operators.filter(
    ({ role, teams }) =>
      (role === 'approver' || role === 'operator') &&
      (teams === undefined || teams.some(({ value }) => value === team)),
  );
}
