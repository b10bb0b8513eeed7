import type { ValueTemplate } from '@tenon/expression';
import { compareText, digestOf, type Json, parseDuration } from '@tenon/model';
import { classPointers } from './check/data/classes.ts';
import { inputSource, resultSource } from './check/data/payloads.ts';
import type { PipelineModel } from './check/model.ts';
import {
  comparedAs,
  isOfRecord,
  itemsPointer,
  recordsOf,
  totalledAs,
} from './check/proofs/reconciliation-steps.ts';
import { ownerPlan, policyPlans } from './compile.ts';
import type { PolicySpec } from './load/policies.ts';
import type { FieldPlan, ReconciliationPlan, SidePlan, Tolerance } from './reconciliation-plan.ts';
import { type FieldSpec, SIDES, type Side } from './spec/reconciliation-spec.ts';
import { type Template, valueTemplate } from './spec/template.ts';

const DEADLINE_DEFAULT_MS = 6 * 3_600_000;
const LISTED_DEFAULT = 10_000;
const EMPTY: ValueTemplate = { literal: {} };

/** Compiles a reconciliation in which no check found an error; `undefined` when a required part is missing all the same. */
export function compileReconciliation(
  model: PipelineModel,
  policies: readonly PolicySpec[],
  classed: ReadonlyMap<string, readonly string[]>,
): ReconciliationPlan | undefined {
  const { spec } = model;
  const { reconciliation, version, description } = spec;
  const owner = ownerPlan(spec);
  if (!reconciliation || !owner || version === undefined || description === undefined) return undefined;
  const source = sidePlan('source');
  const target = sidePlan('target');
  if (!source || !target) return undefined;
  const { schedule } = reconciliation;
  const { repair, settle, window, confirm, deadline, list, alarmAbove } = reconciliation;
  const body: Omit<ReconciliationPlan, 'hash'> = {
    apiVersion: 'tenon/v1',
    kind: 'ReconciliationPlan',
    name: spec.name.value,
    version,
    description,
    owner,
    ...(schedule?.cron &&
      schedule.zone && {
        schedule: {
          cron: schedule.cron.value,
          zone: schedule.zone.value,
          missed: schedule.missed ?? 'once',
          jitterMs: schedule.jitter ?? 0,
        },
      }),
    sides: { source, target },
    compare: reconciliation.compare.map((field, index) => fieldPlan(field, comparedAs(index))),
    totals: reconciliation.totals.map((field, index) => fieldPlan(field, totalledAs(index))),
    isKeyClassed: isClassed('key'),
    isIdClassed: isClassed('id'),
    settleMs: settle?.value ?? 0,
    ...(window && { windowMs: window.value }),
    ...(confirm && { confirmAfterMs: confirm.value }),
    deadlineMs: deadline?.value ?? DEADLINE_DEFAULT_MS,
    alarmAbove: alarmAbove ?? 0,
    listMax: list ?? LISTED_DEFAULT,
    repair: repair.map(({ pipeline, entity, start }) => ({
      pipeline: pipeline.value,
      entity: entity ? valueTemplate(entity) : { expression: 'key' },
      ...(entity && isOfRecord(entity) && { isOfRecord: true as const }),
      ...(start?.with && { start: valueTemplate(start.with) }),
    })),
    ...keeping(),
    policies: policyPlans(policies),
    contracts: [source, target]
      .map(({ operation }) => operation.contract)
      .filter((one, index, all) => all.findIndex(({ name }) => name === one.name) === index)
      .toSorted((a, b) => compareText(a.name, b.name)),
    source: { file: spec.document.file, text: spec.document.text },
  };
  // JSON by its type; an interface has no index signature.
  return { ...body, hash: digestOf(body as unknown as Json) };

  function sidePlan(side: Side): SidePlan | undefined {
    const written = reconciliation?.sides[side];
    const call = [...model.calls.values()].find(({ step }) => step.id.value === side)?.call;
    if (!written?.key || !call || !reconciliation) return undefined;
    const region = call.contract.policy?.residency;
    const isPersonal =
      region !== undefined &&
      [...classPointers(call.contract, inputSource(call.operation)).values()].includes('personal');
    return {
      connection: call.connection,
      operation: isPersonal ? { ...call.plan, region } : call.plan,
      with: written.with ? valueTemplate(written.with) : EMPTY,
      items: itemsPointer(written, model.catalog),
      ...(written.where && { where: written.where.source }),
      key: valueTemplate(written.key.value),
      ...(written.id && { id: valueTemplate(written.id.value) }),
      ...(written.changedAt && { changedAt: valueTemplate(written.changedAt.value) }),
      compare: reconciliation.compare.map((field) => templateOf(field[side])),
      totals: reconciliation.totals.map((field) => templateOf(field[side])),
    };
  }

  /** The shortest time that a contract gives to a class of data in what is read. */
  function keeping(): Pick<ReconciliationPlan, 'keepMs'> {
    const times = [...model.calls.values()].flatMap(({ call }) =>
      [...new Set(classPointers(call.contract, resultSource(call.operation)).values())].flatMap(
        (one) => call.contract.policy?.retentionMs?.[one] ?? [],
      ),
    );
    return times.length === 0 ? {} : { keepMs: Math.min(...times) };
  }

  function fieldPlan({ name, tolerance }: FieldSpec, member: string): FieldPlan {
    return {
      name: name.value,
      ...(tolerance && { tolerance: toleranceOf(tolerance.value) }),
      isClassed: isClassed(member),
    };
  }

  /** Does what is made of a record hold classed data at this member, on either side? */
  function isClassed(member: string): boolean {
    return SIDES.some((side) =>
      (classed.get(recordsOf(side)) ?? []).some((pointer) => pointer.split('/')[3] === member),
    );
  }
}

function templateOf(template: Template | undefined): ValueTemplate {
  return template ? valueTemplate(template) : { literal: null };
}

function toleranceOf(value: number | string): Tolerance {
  if (typeof value === 'number') return { absolute: value };
  if (value.endsWith('%')) return { share: Number(value.slice(0, -1)) / 100 };
  return { ms: parseDuration(value) ?? 0 };
}
