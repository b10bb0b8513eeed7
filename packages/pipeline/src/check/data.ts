import { type Diagnostic, type Location, toPointer } from '@tenon/model';
import type { JsonSchema } from '@tenon/schema';
import { diagnostic } from '../rules.ts';
import { allSteps, type CallSpec, type PipelineSpec, type StepSpec } from '../spec/pipeline-spec.ts';
import { expressionsOf, type SpecExpression, type Template } from '../spec/template.ts';
import type { UsageEntry } from '../usage.ts';
import { checkExpression, type PolicyRules, type Read } from './expressions.ts';
import { ownerOf, type PipelineModel } from './model.ts';
import { checkRequest } from './request.ts';
import { ANY, type Place, placeOf } from './schema-path.ts';
import type { NamedValue, Scope, StepState, UsageTarget } from './scope.ts';

export interface DataCheck {
  readonly diagnostics: readonly Diagnostic[];
  readonly usage: readonly UsageEntry[];
  readonly expressions: number;
  /** What each expression reads of contracts' data, for the proofs that follow data. */
  readonly reads: ReadonlyMap<SpecExpression, readonly Read[]>;
}

const APPROVAL_RESULT: JsonSchema = {
  type: 'object',
  required: ['decision', 'actor', 'reason'],
  properties: { decision: { const: 'approved' }, actor: { type: 'string' }, reason: { type: 'string' } },
  additionalProperties: false,
};

/** Step kinds whose end leaves nothing to read. */
const WITHOUT_RESULT: ReadonlySet<string> = new Set(['check', 'choose']);

/** Checks every expression and every request of a pipeline, in the scope of its place, and notes what is read and written. */
export function checkData(model: PipelineModel, policies: PolicyRules): DataCheck {
  const { spec } = model;
  const found: Diagnostic[] = [];
  const usage: UsageEntry[] = [];
  const reads = new Map<SpecExpression, readonly Read[]>();
  const places = new Map<SpecExpression, Place>();
  const results = new Map<string, NamedValue>();
  const order = [...allSteps(spec.steps)];
  const kinds = new Map(order.map((step) => [step.id.value, step]));
  const done = new Set<string>();
  const elsewhere = new Set<string>();
  let expressions = 0;

  const roots = triggerRoots(spec, model);
  const { trigger, identity } = spec;
  if (trigger?.kind === 'event' && trigger.where) condition(trigger.where, 'trigger', { roots });
  if (identity?.key) template(identity.key, 'identity', { roots });
  if (identity?.orderBy) template(identity.orderBy, 'identity', { roots });
  walk(spec.steps);
  const end = scope(undefined);
  if (spec.success) condition(spec.success, 'success', end);
  for (const metric of spec.metrics) {
    if (metric.when) condition(metric.when, 'metrics', end);
    if (metric.value) expression(metric.value, 'metrics', end);
  }
  return { diagnostics: found, usage, expressions, reads };

  function walk(steps: readonly StepSpec[]): void {
    for (const step of steps) {
      visit(step);
      done.add(step.id.value);
    }
  }

  function visit(step: StepSpec): void {
    const id = step.id.value;
    const here = scope(id);
    if (step.when) condition(step.when, id, here);
    switch (step.kind) {
      case 'call':
        visitCall(step, here);
        return;
      case 'emit': {
        const event = model.events.get(step);
        if (step.with) template(step.with, id, here);
        if (!event) return;
        const target = placeOf(event.plan.payload);
        request(step.with, target, event.name, step.emit.at);
        const source: UsageTarget = {
          contract: event.contract.name,
          target: { kind: 'event', event: event.plan.event },
        };
        writes(step.with, source, id, '', step.emit.at);
        results.set(id, { place: target });
        return;
      }
      case 'approve':
        if (step.show) template(step.show, id, here);
        results.set(id, { place: placeOf(APPROVAL_RESULT) });
        return;
      case 'wait': {
        if (step.until) expression(step.until, id, here);
        const event = model.events.get(step);
        const signal: NamedValue = event ? eventValue(event) : { place: ANY };
        if (step.match)
          condition(step.match, id, { ...here, roots: new Map(here.roots).set('signal', signal) });
        results.set(id, signal);
        return;
      }
      case 'set':
        if (step.value) template(step.value, id, here);
        results.set(id, { place: step.value ? templatePlace(step.value) : ANY });
        return;
      case 'check':
        for (const { condition: one } of step.that) if (one) condition(one, id, here);
        return;
      case 'choose':
        visitBranches(
          step.branches.map((branch) => branch.steps),
          (index) => {
            const when = step.branches[index]?.when;
            if (when) condition(when, id, here);
          },
        );
    }
  }

  function visitBranches(branches: readonly (readonly StepSpec[])[], before: (index: number) => void): void {
    const ids = branches.map((steps) => [...allSteps(steps)].map((step) => step.id.value));
    for (const [index, steps] of branches.entries()) {
      before(index);
      for (const [other, names] of ids.entries())
        for (const name of names) if (other !== index) elsewhere.add(name);
      for (const name of ids[index] ?? []) elsewhere.delete(name);
      walk(steps);
      for (const name of ids[index] ?? []) done.delete(name);
    }
    for (const name of ids.flat()) elsewhere.add(name);
  }

  function visitCall(step: CallSpec, here: Scope): void {
    const id = step.id.value;
    const meaning = model.calls.get(step);
    if (step.with) template(step.with, id, here);
    if (meaning) {
      const { plan, contract } = meaning.call;
      request(step.with, placeOf(plan.input), step.call.value, step.call.at);
      const target: UsageTarget = {
        contract: contract.name,
        target: { kind: 'request', operation: plan.operation },
      };
      writes(step.with, target, id, '', step.call.at);
      results.set(id, {
        place: placeOf(plan.result),
        source: { contract: contract.name, target: { kind: 'response', operation: plan.operation } },
      });
    }
    const { compensate } = step;
    if (!compensate) return;
    // Compensation runs after the effect is confirmed, so it may read the step's own result.
    const after = scope(undefined, id);
    if (compensate.with) template(compensate.with, id, after);
    const compensation = meaning?.compensation;
    if (!compensation) return;
    request(compensate.with, placeOf(compensation.plan.input), compensate.call.value, compensate.call.at);
    writes(
      compensate.with,
      {
        contract: compensation.contract.name,
        target: { kind: 'request', operation: compensation.plan.operation },
      },
      id,
      '',
      compensate.call.at,
    );
  }

  function scope(self: string | undefined, alsoDone?: string): Scope {
    const steps = new Map<string, StepState>();
    for (const [id, step] of kinds) {
      if (id === self) steps.set(id, { state: 'self' });
      else if (done.has(id) || id === alsoDone) steps.set(id, resultState(id, step));
      else steps.set(id, { state: elsewhere.has(id) ? 'otherBranch' : 'later' });
    }
    for (const id of spec.unreadSteps) steps.set(id, { state: 'available', value: { place: ANY } });
    return { roots, steps };
  }

  function resultState(id: string, step: StepSpec): StepState {
    if (WITHOUT_RESULT.has(step.kind)) return { state: 'withoutResult', kind: step.kind };
    if (step.kind === 'wait' && !step.event) return { state: 'withoutResult', kind: 'wait for a time' };
    return { state: 'available', value: results.get(id) ?? { place: ANY } };
  }

  function condition(one: SpecExpression, step: string, here: Scope): void {
    const place = expression(one, step, here);
    if (!place || place.any) return;
    const types = new Set(place.alternatives.flatMap((parts) => parts.flatMap((part) => part.type ?? [])));
    if (types.size === 0 || types.has('boolean')) return;
    found.push(
      diagnostic('condition-not-boolean', {
        message: `a condition must be true or false; \`${one.source.trim()}\` is not`,
        at: one.at,
        subject: `${step} ${one.source}`,
      }),
    );
  }

  function template(one: Template, step: string, here: Scope): void {
    for (const part of expressionsOf(one)) expression(part, step, here);
  }

  function expression(one: SpecExpression, step: string, here: Scope): Place | undefined {
    expressions++;
    const checked = checkExpression(one, here, policies);
    found.push(...checked.diagnostics);
    reads.set(one, checked.reads);
    if (checked.place) places.set(one, checked.place);
    for (const read of checked.reads)
      usage.push({
        pipeline: spec.name.value,
        step,
        ...read.source,
        access: 'read',
        path: read.path,
        expression: read.expression,
        at: read.at,
        ...(read.comparedWith !== undefined && { comparedWith: read.comparedWith }),
        owner: ownerOf(model),
      });
    return checked.place;
  }

  function request(one: Template | undefined, target: Place, name: string, at: Location): void {
    found.push(
      ...checkRequest(one, target, {
        document: spec.document,
        name,
        at,
        placeOfExpression: (part) => places.get(part),
      }),
    );
  }

  /** Every leaf of a template is a write at its pointer. */
  function writes(
    one: Template | undefined,
    target: UsageTarget,
    step: string,
    path: string,
    at: Location,
  ): void {
    const entry = (written: string, where: Location): void => {
      usage.push({
        pipeline: spec.name.value,
        step,
        ...target,
        access: 'write',
        path,
        expression: written,
        at: where,
        owner: ownerOf(model),
      });
    };
    switch (one?.kind) {
      case undefined:
        entry('', at);
        return;
      case 'object':
        if (one.entries.length === 0) entry('{}', spec.document.at(one.node));
        for (const { name, value } of one.entries) writes(value, target, step, path + toPointer([name]), at);
        return;
      case 'array':
        for (const item of one.items) writes(item, target, step, `${path}/*`, at);
        return;
      case 'expression':
        entry(one.expression.source, one.expression.at);
        return;
      case 'text':
        entry(String(one.node.value), spec.document.at(one.node));
        return;
      case 'literal':
        entry(JSON.stringify(one.value), spec.document.at(one.node));
    }
  }

  function templatePlace(one: Template): Place {
    switch (one.kind) {
      case 'expression':
        return places.get(one.expression) ?? ANY;
      case 'text':
        return placeOf({ type: 'string' });
      case 'literal':
        return placeOf({ const: one.value });
      case 'array':
        return placeOf({ type: 'array' });
      case 'object': {
        const properties = Object.fromEntries(
          one.entries.map(({ name, value }) => [
            name,
            value.kind === 'literal' ? { const: value.value } : true,
          ]),
        );
        return placeOf({
          type: 'object',
          properties,
          required: Object.keys(properties),
          additionalProperties: false,
        });
      }
    }
  }

  function eventValue(event: NonNullable<PipelineModel['trigger']>): NamedValue {
    return {
      place: placeOf(event.plan.payload),
      source: { contract: event.contract.name, target: { kind: 'event', event: event.plan.event } },
    };
  }

  function triggerRoots(source: PipelineSpec, resolved: PipelineModel): ReadonlyMap<string, NamedValue> {
    if (source.trigger?.kind === 'manual') {
      // The shape check has found an object here, which is what a schema is.
      const input: NamedValue = { place: placeOf(source.trigger.input as JsonSchema) };
      return new Map([
        ['event', input],
        ['input', input],
      ]);
    }
    return new Map([['event', resolved.trigger ? eventValue(resolved.trigger) : { place: ANY }]]);
  }
}
