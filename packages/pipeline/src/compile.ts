import type { ConnectorManifest, OperationManifest, OperationPlan } from '@tenon/connector';
import { parseTemplate, type ValueTemplate } from '@tenon/expression';
import { compareText, isObject, type Json } from '@tenon/model';
import type { JsonSchema } from '@tenon/schema';
import type { ResolvedCall, ResolvedEvent } from './check/catalog.ts';
import { classedMembers } from './check/data/classed-members.ts';
import { classPointers } from './check/data/classes.ts';
import type { DataCheck } from './check/data/data.ts';
import { inputSource } from './check/data/payloads.ts';
import type { PipelineModel } from './check/model.ts';
import { betweenReadAndWrite } from './check/proofs/based-on.ts';
import { calledOver } from './check/proofs/called-over.ts';
import { madeAgain } from './check/proofs/made-again.ts';
import { stepResultSource, takenRefusals } from './check/proofs/refusals.ts';
import { retryPlan } from './check/proofs/retry.ts';
import type { PolicySpec } from './load/policies.ts';
import type {
  ApproveStep,
  ConnectionChoice,
  FreshPlan,
  Plan,
  PlanEvent,
  PlanStep,
  ProbePlan,
  RetryPlan,
} from './plan.ts';
import { planHash } from './plan-hash.ts';
import {
  allSteps,
  type CallSpec,
  type ConditionSpecs,
  type ForEachSpec,
  type Located,
  OWNER_ROLES,
  type PipelineSpec,
  type StepSpec,
} from './spec/pipeline-spec.ts';
import { pointOf, type Template, valueTemplate } from './spec/template.ts';

const CONCURRENCY_DEFAULT = 20;
const ITEMS_AT_A_TIME = 1;
const VERSIONS_TRIED = 5;
const EMPTY: ValueTemplate = { literal: {} };

/**
 * Compiles a pipeline in which no check found an error; `undefined` when a required part is missing all the same.
 * `classed`: pointers into the results of steps that hold classed data made elsewhere, and into what is shown, as proofs give them. Pure and canonical: the same spec
 * over the same contracts gives the same bytes.
 */
export function compilePipeline(
  model: PipelineModel,
  policies: readonly PolicySpec[],
  classed: ReadonlyMap<string, readonly string[]>,
  /** Plans of the pipelines that it may run. */
  children: ReadonlyMap<string, Plan>,
  data: Pick<DataCheck, 'over'>,
  /** Does some expression read the headers of the event that starts it? */
  readsHeaders = false,
): Plan | undefined {
  const { spec } = model;
  const { tier, identity, limits, onFailure, version, description } = spec;
  const owner = ownerPlan(spec);
  const trigger = triggerPlan();
  if (!owner || !tier || !identity?.key || !identity.retain || !limits?.deadline || !onFailure || !trigger)
    return undefined;
  if (version === undefined || description === undefined) return undefined;

  const operations: Record<string, OperationPlan> = {};
  const events: Record<string, PlanEvent> = {};
  if (model.trigger) addEvent(model.trigger, readsHeaders);
  const steps = stepPlans(spec.steps);
  if (!steps) return undefined;

  const body: Omit<Plan, 'hash'> = {
    apiVersion: 'tenon/v1',
    kind: 'Plan',
    pipeline: spec.name.value,
    version,
    description,
    owner,
    tier: tier.value,
    trigger,
    identity: {
      key: valueTemplate(identity.key),
      retainMs: identity.retain.value,
      ...(identity.orderBy && { orderBy: valueTemplate(identity.orderBy) }),
      ...(identity.account && { account: valueTemplate(identity.account) }),
      ...(identity.orderBy && identity.version && { version: identity.version.source }),
    },
    limits: { concurrency: limits.concurrency ?? CONCURRENCY_DEFAULT, deadlineMs: limits.deadline.value },
    steps,
    ...(spec.success && { success: spec.success.source }),
    ...outputPlan(),
    onFailure: onFailure.value,
    ...(spec.slo?.objective !== undefined &&
      spec.slo.within && { slo: { objective: spec.slo.objective, withinMs: spec.slo.within.value } }),
    ...(spec.drills?.every && { drills: { everyMs: spec.drills.every.value } }),
    metrics: Object.fromEntries(
      spec.metrics.map(({ name, when, value }) => [
        name.value,
        { ...(when && { when: when.source }), ...(value && { value: value.source }) },
      ]),
    ),
    operations: sorted(operations),
    events: sorted(events),
    policies: policyPlans(policies),
    contracts: contracts(),
    redact: redactions(),
    ...keeping(),
    source: { file: spec.document.file, text: spec.document.text },
  };
  deepFreeze(body);
  return Object.freeze({ ...body, hash: planHash(body) });

  /** One that is used in several places has its headers where any of them uses those. */
  function addEvent(event: ResolvedEvent, usesHeaders: boolean): void {
    const isUsed = usesHeaders || events[event.name]?.headers !== undefined;
    events[event.name] = withHeaders(event, isUsed);
  }

  function triggerPlan(): Plan['trigger'] | undefined {
    if (spec.trigger?.kind === 'manual') {
      // The shape check has found an object here, which is what a schema is.
      return { manual: true, input: spec.trigger.input as JsonSchema };
    }
    if (!model.trigger) return undefined;
    const where = spec.trigger?.where;
    return { event: model.trigger.name, ...(where && { where: where.source }) };
  }

  function outputPlan(): Pick<Plan, 'output'> {
    const { schema, value } = spec.output ?? {};
    // The shape check has found an object here, which is what a schema is.
    return schema === undefined || !value
      ? {}
      : { output: { schema: schema as JsonSchema, value: valueTemplate(value) } };
  }

  function stepPlans(list: readonly StepSpec[]): readonly PlanStep[] | undefined {
    const plans = list.map((step) => stepPlan(step, list));
    return plans.every((plan) => plan !== undefined) ? plans : undefined;
  }

  function stepPlan(step: StepSpec, list: readonly StepSpec[]): PlanStep | undefined {
    const common = {
      id: step.id.value,
      at: pointOf(step.id.at),
      ...(step.when && { when: step.when.source }),
      ...(step.deadline && { deadlineMs: step.deadline.value }),
    };
    switch (step.kind) {
      case 'call':
        return callPlan(step, common, list);
      case 'emit': {
        const event = model.events.get(step);
        if (!event) return undefined;
        addEvent(event, step.headers !== undefined);
        return {
          ...common,
          kind: 'emit',
          event: event.name,
          ...(step.over && { over: { over: step.over.source, among: data.over.get(step) ?? [] } }),
          with: template(step.with),
          ...(step.headers && { headers: template(step.headers) }),
        };
      }
      case 'approve': {
        const { by, within, onExpiry, show, count, except } = step;
        if (!by || !within || !onExpiry || !show) return undefined;
        return {
          ...common,
          kind: 'approve',
          by: by.value,
          withinMs: within.value,
          onExpiry,
          show: template(show),
          ...(count && { count: count.value }),
          ...(except && { except: exceptOf(except) }),
        };
      }
      case 'wait': {
        if (step.for) return { ...common, kind: 'wait', for: { durationMs: step.for.value } };
        if (step.until) return { ...common, kind: 'wait', for: { until: step.until.source } };
        const event = model.events.get(step);
        const { match, within, onExpiry } = step;
        if (!event || !match || !within || !onExpiry) return undefined;
        addEvent(event, false);
        return {
          ...common,
          kind: 'wait',
          for: {
            event: event.name,
            ...(step.over && { over: step.over.source }),
            match: match.source,
            withinMs: within.value,
            onExpiry,
          },
        };
      }
      case 'set':
        return step.value && { ...common, kind: 'set', value: valueTemplate(step.value) };
      case 'check': {
        const that = checkPlan(step.that);
        if (!that || !step.otherwise) return undefined;
        const again = madeAgain(model, list, step);
        return {
          ...common,
          kind: 'check',
          that,
          otherwise: step.otherwise,
          ...(again.length > 0 && { again }),
        };
      }
      case 'choose': {
        const branches = step.branches.map((branch) => {
          const inner = stepPlans(branch.steps);
          return inner && { ...(branch.when && { when: branch.when.source }), steps: inner };
        });
        if (!branches.every((branch) => branch !== undefined)) return undefined;
        return { ...common, kind: 'choose', branches };
      }
      case 'forEach':
        return forEachPlan(step, common);
      case 'parallel': {
        const branches = step.branches.map(({ name, steps: inside }) => {
          const inner = stepPlans(inside);
          return inner && { name: name.value, steps: inner };
        });
        if (!branches.every((branch) => branch !== undefined)) return undefined;
        return { ...common, kind: 'parallel', branches };
      }
      case 'run': {
        const child = children.get(step.pipeline.value);
        // It has findings of its own.
        if (!child || !('manual' in child.trigger)) return undefined;
        return {
          ...common,
          kind: 'run',
          pipeline: child.pipeline,
          version: child.version,
          plan: child.hash,
          with: template(step.with),
          ...(child.output && { result: child.output.schema }),
        };
      }
    }
  }

  function forEachPlan(
    step: ForEachSpec,
    common: { id: string; at: { line: number; column: number } },
  ): PlanStep | undefined {
    const inner = stepPlans(step.steps);
    const check = step.check && checkPlan(step.check.that);
    const otherwise = step.check?.otherwise;
    if (!inner || !step.in || !step.max || (step.check && !(check && otherwise))) return undefined;
    return {
      ...common,
      kind: 'forEach',
      in: step.in.source,
      as: step.as.value,
      ...(step.key && { key: valueTemplate(step.key) }),
      max: step.max.value,
      concurrency: step.concurrency ?? ITEMS_AT_A_TIME,
      ...(check && otherwise && { check: { that: check, otherwise } }),
      onItemFailure: step.onItemFailure ?? 'stop',
      steps: inner,
      ...(step.result && { result: valueTemplate(step.result) }),
    };
  }

  function checkPlan(that: ConditionSpecs): readonly { condition: string; message: string }[] | undefined {
    const complete = that.flatMap(({ condition, message }) =>
      condition && message !== undefined ? [{ condition: condition.source, message }] : [],
    );
    return complete.length === that.length ? complete : undefined;
  }

  function callPlan(
    step: CallSpec,
    common: { id: string; at: { line: number; column: number } },
    list: readonly StepSpec[],
  ): PlanStep | undefined {
    const meaning = model.calls.get(step);
    if (!meaning) return undefined;
    const { call, compensation, guard } = meaning;
    const { compensate, irreversible } = step;
    if (compensate && (!compensation || (compensate.guard && !guard))) return undefined;
    const probe = probePlan(call.manifest, call.declared);
    const undoing = compensation && probePlan(compensation.manifest, compensation.declared);
    return {
      ...common,
      kind: 'call',
      operation: used(call),
      connection: connection(call, step),
      with: template(step.with),
      retry: stepRetry(step, call.plan),
      ...(step.refusals && { refusals: step.refusals.map(({ value }) => value) }),
      ...freshPlan(step),
      ...(step.pages?.atMost && { pages: { atMost: step.pages.atMost.value } }),
      ...(step.basedOn?.read && {
        basedOn: {
          read: step.basedOn.read.value,
          again: betweenReadAndWrite(list, step)
            .filter(({ kind }) => kind === 'set' || kind === 'check')
            .map(({ id }) => id.value),
          attempts: step.basedOn.attempts ?? VERSIONS_TRIED,
        },
      }),
      ...(compensate &&
        compensation && {
          compensate: {
            operation: used(compensation),
            connection: connection(compensation, step),
            with: template(compensate.with),
            retry: retryPlan(compensate.retry, compensation.plan),
            ...(undoing && { probe: undoing }),
            ...(compensate.guard?.unchanged &&
              guard && {
                guard: {
                  operation: used(guard),
                  connection: connection(guard, step),
                  with: template(compensate.guard.with),
                  retry: retryPlan(undefined, guard.plan),
                  unchanged: compensate.guard.unchanged.source,
                },
              }),
            ...(compensate.confirm && { confirm: compensate.confirm.value }),
          },
        }),
      ...(irreversible?.because !== undefined &&
        irreversible.task !== undefined &&
        irreversible.owner &&
        irreversible.within && {
          irreversible: {
            because: irreversible.because,
            forward: {
              task: irreversible.task,
              owner: irreversible.owner.value,
              withinMs: irreversible.within.value,
            },
          },
        }),
      ...(probe && { probe }),
    };
  }

  function connection(call: ResolvedCall, step: CallSpec): ConnectionChoice {
    const { over, connection: named } = call;
    return over === undefined ? named : { over, among: calledOver(call, step, data) };
  }

  function used(call: ResolvedCall): string {
    const { plan, contract, operation } = call;
    const region = contract.policy?.residency;
    const isPersonal =
      region !== undefined &&
      [...classPointers(contract, inputSource(operation)).values()].includes('personal');
    const refusals = refusalsTaken(plan);
    operations[plan.name] = {
      ...plan,
      ...(isPersonal && { region }),
      ...(refusals !== undefined && { refusals }),
    };
    return plan.name;
  }

  /** Of all steps that call it: none of them is given what it does not take. */
  function refusalsTaken({ name }: OperationPlan): OperationPlan['refusals'] {
    const taken = [...model.calls.values()].flatMap(({ step, call }) =>
      call.plan.name === name ? takenRefusals(step, call) : [],
    );
    if (taken.length === 0) return undefined;
    return sorted(
      Object.fromEntries(
        taken.map(({ code, schema }) => [code, schema === undefined ? {} : { schema }] as const),
      ),
    );
  }

  /** What the manifest says of settling a doubt, with the operation it needs taken into the plan. */
  function probePlan(manifest: ConnectorManifest, declared: OperationManifest): ProbePlan | undefined {
    const { probe } = declared;
    const operation = probe && model.catalog.operation(manifest, probe.operation);
    if (!probe || !operation) return undefined;
    operations[operation.name] = operation;
    const { found, compares, settleMs } = probe;
    return {
      operation: operation.name,
      with: manifestTemplate(probe.with),
      found,
      ...(compares && { compares }),
      settleMs,
    };
  }

  function contracts(): Plan['contracts'] {
    const all = [...Object.values(operations), ...Object.values(events)].map(({ contract }) => contract);
    return [...new Map(all.map((one) => [one.name, one])).values()].toSorted((a, b) =>
      compareText(a.name, b.name),
    );
  }

  /** What a run stores: the events that it begins with, waits for and publishes, and what its calls answered. */
  function keeping(): Pick<Plan, 'keep'> {
    const stored = [
      ...(model.trigger
        ? [{ contract: model.trigger.contract, schema: model.trigger.definition.message.payload }]
        : []),
      ...[...model.events.values()].map(({ contract, definition }) => ({
        contract,
        schema: definition.message.payload,
      })),
      ...[...model.calls.values()].map(({ step, call }) => ({
        contract: call.contract,
        schema: stepResultSource(step, call),
      })),
    ];
    let keep: Plan['keep'];
    for (const { contract, schema } of stored)
      for (const one of new Set(classPointers(contract, schema).values())) {
        const ms = contract.policy?.retentionMs?.[one];
        if (ms !== undefined && (keep === undefined || ms < keep.ms))
          keep = { ms, because: `${one} data of ${contract.name}` };
      }
    return keep === undefined ? {} : { keep };
  }

  function redactions(): Plan['redact'] {
    const redact: Record<string, readonly string[]> = {};
    if (spec.trigger?.kind === 'manual') add('event', [...classedMembers(spec.trigger.input).keys()]);
    if (model.trigger)
      add('event', [
        ...classPointers(model.trigger.contract, model.trigger.definition.message.payload).keys(),
      ]);
    const { headers } = model.trigger?.definition.message ?? {};
    if (model.trigger && headers !== undefined && readsHeaders)
      add('headers', [...classPointers(model.trigger.contract, headers).keys()]);
    for (const step of allSteps(spec.steps)) {
      const event = model.events.get(step);
      const call = step.kind === 'call' ? model.calls.get(step)?.call : undefined;
      add(`steps.${step.id.value}`, [
        ...(event ? classPointers(event.contract, event.definition.message.payload).keys() : []),
        ...(call && step.kind === 'call'
          ? classPointers(call.contract, stepResultSource(step, call)).keys()
          : []),
        ...(classed.get(step.id.value) ?? []),
      ]);
      add(`shown.${step.id.value}`, classed.get(`shown.${step.id.value}`) ?? []);
    }
    return redact;

    function add(name: string, pointers: readonly string[]): void {
      if (pointers.length > 0) redact[name] = [...new Set(pointers)].sort();
    }
  }
}

/** Who answers for it; `undefined` when a required part of that is missing. */
export function ownerPlan({ owner }: PipelineSpec): Plan['owner'] | undefined {
  if (!owner?.team || !owner.backup || !owner.escalation || !owner.respond || !owner.recover)
    return undefined;
  const { roles } = owner;
  return {
    team: owner.team.value,
    backup: owner.backup.value,
    escalation: owner.escalation.value,
    respondMs: owner.respond.value,
    recoverMs: owner.recover.value,
    ...(roles && {
      roles: Object.fromEntries(
        OWNER_ROLES.flatMap((role) => {
          const team = roles[role];
          return team ? [[role, team.value]] : [];
        }),
      ),
    }),
  };
}

export function policyPlans(policies: readonly PolicySpec[]): Plan['policies'] {
  return Object.fromEntries(
    policies
      .map(
        (policy) =>
          [
            policy.name.value,
            {
              parameters: policy.parameters.map(({ value }) => value),
              expression: policy.condition.source,
            },
          ] as const,
      )
      .toSorted(([a], [b]) => compareText(a, b)),
  );
}

/** Where a step says what is fresh, what is not is read again, unless it says what is tried again. */
function stepRetry({ retry, fresh }: CallSpec, operation: OperationPlan): RetryPlan {
  const plan = retryPlan(retry, operation);
  return fresh && !retry?.on ? { ...plan, on: [...plan.on, 'stale'] } : plan;
}

function freshPlan({ fresh }: CallSpec): { readonly fresh?: FreshPlan } {
  if (fresh?.maxAge && fresh.moment)
    return { fresh: { at: fresh.moment.source, maxAgeMs: fresh.maxAge.value } };
  if (fresh?.version && fresh.atLeast)
    return { fresh: { version: fresh.version.source, atLeast: fresh.atLeast.source } };
  return {};
}

function template(one: Template | undefined): ValueTemplate {
  return one ? valueTemplate(one) : EMPTY;
}

/** A manifest's `with`, JSON with `${ }` in its texts, as a template. */
export function manifestTemplate(value: unknown): ValueTemplate {
  if (Array.isArray(value)) return { array: value.map(manifestTemplate) };
  if (isObject(value))
    return {
      object: Object.fromEntries(Object.entries(value).map(([key, item]) => [key, manifestTemplate(item)])),
    };
  if (typeof value !== 'string') {
    // What is left of JSON: null, booleans and numbers.
    return { literal: value as Json };
  }
  const { parts } = parseTemplate(value);
  const [only] = parts;
  if (parts.length === 1 && only?.kind === 'expression') return { expression: only.expression.source };
  if (parts.every((part) => part.kind === 'text'))
    return { literal: parts.map((part) => part.text).join('') };
  return {
    text: parts.map((part) => (part.kind === 'text' ? part.text : { expression: part.expression.source })),
  };
}

function exceptOf(names: readonly Located<string>[]): NonNullable<ApproveStep['except']> {
  const steps = names.flatMap(({ value }) =>
    value.startsWith('steps.') ? value.slice('steps.'.length) : [],
  );
  return {
    ...(names.some(({ value }) => value === 'requester') && { requester: true }),
    ...(steps.length > 0 && { steps }),
  };
}

function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => compareText(a, b)));
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const item of Object.values(value)) deepFreeze(item);
  }
  return value;
}

/** Headers are part of a plan, held against it and kept, only where it does something with them. */
function withHeaders({ plan, headers }: ResolvedEvent, isUsed: boolean): PlanEvent {
  return isUsed && headers !== undefined ? { ...plan, headers } : plan;
}
