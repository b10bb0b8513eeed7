import { type Diagnostic, formatDuration } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import {
  allSteps,
  innerSteps,
  type OwnerRole,
  type RunSpec,
  type StepSpec,
  type Tier,
} from '../../spec/pipeline-spec.ts';
import { entry } from '../../yaml/spec-document.ts';
import type { ResolvedCall } from '../catalog.ts';
import { classPointers } from '../data/classes.ts';
import { inputSource } from '../data/payloads.ts';
import { type CallMeaning, effectsOf, type PipelineModel } from '../model.ts';

const DAY_MS = 86_400_000;

/**
 * Controls that a tier requires besides those that every pipeline has (an owner, a backup that is another team, an
 * escalation path). Roles are those that must be given by name; review and drills must come round within the time.
 */
const REQUIRED: Readonly<Record<Tier, Controls>> = {
  low: { success: false, slo: false, approval: false, roles: [] },
  medium: { success: true, slo: false, approval: false, roles: [] },
  high: {
    success: true,
    slo: true,
    approval: true,
    roles: ['incidents', 'triage'],
    review: 366 * DAY_MS,
    drills: 180 * DAY_MS,
  },
};

interface Controls {
  readonly success: boolean;
  readonly slo: boolean;
  readonly approval: boolean;
  readonly roles: readonly OwnerRole[];
  readonly review?: number;
  readonly drills?: number;
}

/** Controls that come round, with what is said of one that is not there. */
const ROUNDS = {
  review: { code: 'review-missing', what: 'who outside the owning team looks at it' },
  drills: { code: 'drills-missing', what: 'how often its failure paths are rehearsed' },
} as const;

/** What a tier requires (C27, C105, C136, C152). */
export function checkTier(model: PipelineModel): Diagnostic[] {
  const { spec } = model;
  const { tier } = spec;
  if (!tier) return [];
  const required = REQUIRED[tier.value];
  const found: Diagnostic[] = [];
  const effects = effectsOf(model);
  const weighty = effects.find(({ call }) => impactOf(call) !== undefined);
  if (tier.value === 'low' && weighty)
    found.push(
      diagnostic('tier-too-low', {
        message: `tier is \`low\`, and \`${weighty.step.call.value}\` ${impactOf(weighty.call)}`,
        at: tier.at,
        subject: spec.name.value,
        related: [{ ...weighty.step.call.at, message: 'reaches further than that' }],
        fix: 'make it `medium` or `high`',
      }),
    );
  if (required.success && !entry(spec.document.root, 'success') && effects.length > 0)
    found.push(
      diagnostic('success-undeclared', {
        message: `tier \`${tier.value}\` needs \`success\`: what must be true in the end`,
        at: tier.at,
        subject: spec.name.value,
      }),
    );
  if (required.slo && !spec.slo)
    found.push(
      diagnostic('slo-missing', {
        message: `tier \`${tier.value}\` needs \`slo\`: what users are promised`,
        at: tier.at,
        subject: spec.name.value,
      }),
    );
  const unnamed = required.roles.filter((role) => !spec.owner?.roles?.[role]);
  if (unnamed.length > 0)
    found.push(
      diagnostic('roles-missing', {
        message: `tier \`${tier.value}\` needs ${unnamed.map((role) => `\`owner.roles.${role}\``).join(' and ')}`,
        at: tier.at,
        subject: spec.name.value,
      }),
    );
  for (const control of ['review', 'drills'] as const) found.push(...checkRounds(model, control, required));
  if (required.approval) found.push(...checkApprovals(model));
  return found;
}

/** What comes round is there where the tier requires it, and neither all the time nor hardly ever. */
function checkRounds(
  { spec }: PipelineModel,
  control: keyof typeof ROUNDS,
  required: Controls,
): Diagnostic[] {
  const longestMs = required[control];
  const every = spec[control]?.every;
  const { tier } = spec;
  if (!spec[control]) {
    if (longestMs === undefined || !tier) return [];
    const { code, what } = ROUNDS[control];
    return [
      diagnostic(code, {
        message: `tier \`${tier.value}\` needs \`${control}\`: ${what}`,
        at: tier.at,
        subject: spec.name.value,
      }),
    ];
  }
  if (!every || (every.value >= DAY_MS && every.value <= (longestMs ?? Infinity))) return [];
  const isRare = every.value >= DAY_MS;
  return [
    diagnostic('control-out-of-bounds', {
      message: isRare
        ? `\`${control}\` every ${formatDuration(every.value)}, and tier \`${tier?.value}\` needs it every ${formatDuration(longestMs!)}`
        : `\`${control}\` every ${formatDuration(every.value)} is more often than anybody does it`,
      at: every.at,
      subject: `${spec.name.value} ${control}`,
    }),
  ];
}

/** What weighs, and what is run, without an approval before it. */
export interface Unapproved {
  readonly calls: readonly { readonly meaning: CallMeaning; readonly because: string }[];
  readonly runs: readonly RunSpec[];
}

export function unapprovedOf(
  model: PipelineModel,
  steps: readonly StepSpec[] = model.spec.steps,
  isApproved = false,
): Unapproved {
  let approved = isApproved;
  const found = steps.map((step): Unapproved => {
    if (step.kind === 'approve') approved = true;
    const inner = innerSteps(step);
    if (inner.length > 0) {
      const inside = inner.map((list) => unapprovedOf(model, list, approved));
      // A rule decides who needs approval: a gate in one branch is one, as is a gate with `when`.
      if (inner.some(hasApproval)) approved = true;
      return { calls: inside.flatMap(({ calls }) => calls), runs: inside.flatMap(({ runs }) => runs) };
    }
    if (approved) return NOTHING;
    if (step.kind === 'run') return { calls: [], runs: [step] };
    const meaning = step.kind === 'call' ? model.calls.get(step) : undefined;
    const because = meaning && reason(meaning);
    return meaning && because !== undefined ? { calls: [{ meaning, because }], runs: [] } : NOTHING;
  });
  return { calls: found.flatMap(({ calls }) => calls), runs: found.flatMap(({ runs }) => runs) };
}

const NOTHING: Unapproved = { calls: [], runs: [] };

/** At the high tier somebody looks before money moves or something happens for good. */
function checkApprovals(model: PipelineModel): Diagnostic[] {
  return unapprovedOf(model).calls.map(({ meaning: { step }, because }) =>
    diagnostic('approval-missing', {
      message: `\`${step.call.value}\` ${because}, and nobody approves it before`,
      at: step.call.at,
      subject: step.id.value,
    }),
  );
}

function reason({ step, call }: CallMeaning): string | undefined {
  if (call.declared.effect === 'read') return undefined;
  if (step.irreversible) return 'cannot be undone';
  if (call.declared.effect === 'delete') return 'deletes';
  return impactOf(call);
}

function hasApproval(steps: readonly StepSpec[]): boolean {
  return allSteps(steps).some((step) => step.kind === 'approve');
}

/**
 * What an effect does that no pipeline may call of low impact: it moves money, by its classed fields, or the contract
 * says so (`x-tenon-impact: access` on the operation; an overlay puts it onto a vendor's document).
 */
function impactOf(call: ResolvedCall): string | undefined {
  if (call.declared.effect === 'read') return undefined;
  if (movesMoney(call)) return 'moves money: it writes fields classed `financial`';
  const [impact] = [call.operation.extensions[IMPACT_EXTENSION]].flat();
  if (typeof impact !== 'string') return undefined;
  return IMPACTS[impact] ?? `has the impact \`${impact}\``;
}

const IMPACT_EXTENSION = 'x-tenon-impact';
const IMPACTS: Readonly<Record<string, string>> = {
  money: 'moves money',
  access: 'changes who has access',
  mass: 'reaches many people at once',
};

/** Does a request of this operation hold a field classed `financial`? */
export function movesMoney({ contract, operation, declared }: ResolvedCall): boolean {
  if (declared.effect === 'read') return false;
  return [...classPointers(contract, inputSource(operation)).values()].includes('financial');
}
