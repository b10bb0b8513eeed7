import type { ContractUsage } from '@tenon/contract';
import {
  ANY,
  assignmentIssues,
  assume,
  type Conditional,
  type Environment,
  type Expr,
  type Facts,
  type Field,
  type ObjectType,
  type Policies,
  references,
  STRING,
  type Type,
  union,
} from '@tenon/expression';
import { compareText, type Diagnostic, type Location, toPointer } from '@tenon/model';
import type { JsonSchema } from '@tenon/schema';
import { diagnostic } from '../../rules.ts';
import {
  allSteps,
  type BranchSpec,
  type CallSpec,
  type ChooseSpec,
  type CompensateSpec,
  type ForEachSpec,
  type RunSpec,
  type StepSpec,
} from '../../spec/pipeline-spec.ts';
import { expressionsOf, type SpecExpression, type Template } from '../../spec/template.ts';
import type { ResolvedCall } from '../catalog.ts';
import type { PipelineModel } from '../model.ts';
import { knownRefusals, takenRefusals, withRefusals } from '../proofs/refusals.ts';
import { checkInScope, expressionDiagnostic, type PolicyRules, type Read, type Use } from './expressions.ts';
import { MapOver, MapUntil } from './growing-map.ts';
import { CONNECTION, connectionType, incomingOver, outgoingOver } from './incoming.ts';
import { type Item, itemOf, itemTypes, recordOf, withItems } from './list-item.ts';
import { checkRequest } from './request.ts';
import { placeOf } from './schema-path.ts';
import type { NamedSource, Scope, Unreadable, UsageTarget } from './scope.ts';
import {
  APPROVAL,
  APPROVAL_OF_SEVERAL,
  LIST,
  MOMENT,
  NULL,
  NUMBER,
  NUMBER_OR_TEXT,
  outcomesOf,
} from './step-results.ts';
import { typeOfSchema, typeOfTemplate } from './types.ts';
import { eventTarget, refusableTarget, requestTarget, responseTarget, UsageNotes } from './usage-notes.ts';
import { valuesOf } from './values-of.ts';
import { type Result, visibleSteps } from './visible-steps.ts';

export interface DataCheck {
  readonly diagnostics: readonly Diagnostic[];
  readonly usage: readonly ContractUsage[];
  readonly expressions: number;
  /** What each expression reads of contracts' data, for the proofs that follow data. */
  readonly reads: ReadonlyMap<SpecExpression, readonly Read[]>;
  /** The type of each expression. */
  readonly types: ReadonlyMap<SpecExpression, Type>;
  /** What each expression may name, and an expression anywhere in a step: for completion and hover. */
  readonly environments: ReadonlyMap<SpecExpression | StepSpec, Environment>;
  /** Connections of which `over` of a step may name one. */
  readonly over: ReadonlyMap<StepSpec, readonly string[]>;
  /** What is known of an event that the trigger has taken. */
  readonly taken: Environment;
  /** Where it is first read over which connection the event came. */
  readonly connectionRead?: Location;
}

function idsOf(branch: BranchSpec): readonly string[] {
  return allSteps(branch.steps).map((one) => one.id.value);
}

function extended(
  known: ReadonlyMap<string, Unreadable>,
  ids: readonly string[],
  why: Unreadable,
): ReadonlyMap<string, Unreadable> {
  return new Map([...known, ...ids.map((id) => [id, why] as const)]);
}

/** Of an event that declares none. */
const NO_HEADERS: JsonSchema = { type: 'object', properties: {}, additionalProperties: false };
const NOTHING: ReadonlySet<string> = new Set();
const NONE: ReadonlyMap<string, Unreadable> = new Map();
const NO_RESULT: ReadonlySet<Unreadable | undefined> = new Set(['withoutResult', 'withoutOutput']);
/** Said of parts of a condition that is true as a whole: `has(x)` within `!has(x)`. */
const SETTLED: ReadonlySet<string> = new Set(['always-true', 'always-false']);
const SETTLED_TRUE: ReadonlySet<string> = new Set(['always-true']);

/** Can the condition not be false here? */
function isCertain(condition: Expr, environment: Environment): boolean {
  return assume(condition, environment, false).facts?.isImpossible === true;
}

const STARTED_BY_HAND = {
  message: 'what a person, a program or another pipeline starts came over no connection',
  fix: 'take its name as a member of the input, `account: { enum: [<connection>, …] }`, and hand it over where the pipeline is started',
};

function onlyEmitted(event: string): NonNullable<Scope['unconnected']> {
  return {
    message: `\`${event}\` comes over no connection: no connector takes it in, so only pipelines publish it`,
    fix: 'have its payload name the connection, and read it there',
  };
}

/** What holds at one place of a pipeline. */
interface Here {
  readonly facts: Facts | undefined;
  /** Conditions that led here, as text: of the branches and the step's own. */
  readonly conditions: readonly string[];
  /** Steps of other branches, and why they cannot be read here. */
  readonly elsewhere: ReadonlyMap<string, Unreadable>;
  /** Items of the lists that it is inside of, by name. */
  readonly items: readonly Item[];
}

/**
 * Checks every expression and every request of a pipeline in the scope of its place, and notes what is read and
 * written. What a trigger's `where`, a step's `when`, a branch and a passed check say is known from there on.
 */
export function checkData(model: PipelineModel, policies: PolicyRules): DataCheck {
  const { spec } = model;
  const found: Diagnostic[] = [];
  const reads = new Map<SpecExpression, readonly Read[]>();
  const environments = new Map<SpecExpression | StepSpec, Environment>();
  const types = new Map<SpecExpression, Type>();
  const usage = new UsageNotes(model, typeOf);
  const results = new Map<string, Result>();
  const silent = new Set<string>();
  /** Steps of lists that the walk has left. */
  const left = new Map<string, { readonly at: number; readonly value: 'insideList' }>();
  const ids = allSteps(spec.steps).map((step) => step.id.value);
  const named = [...ids, ...spec.unreadSteps];
  const withoutOutput = new Set(
    [...model.runs].flatMap(([{ id }, child]) => (child.output === undefined ? [id.value] : [])),
  );
  const roots: Record<string, Type> = {};
  const rootSources = new Map<string, UsageTarget>();
  const compiled: Policies = Object.fromEntries(
    [...policies].map(([name, { parameters, condition }]) => [
      name,
      { parameters, expression: condition.source },
    ]),
  );
  let expressions = 0;
  const over = new Map<StepSpec, readonly string[]>();
  let connectionRead: Location | undefined;
  let unconnected: Scope['unconnected'];

  defineRoots();
  const visible = visibleSteps(ids, rootSources, withoutOutput);
  const { trigger, identity } = spec;
  const intake: Scope = {
    environment: environment(undefined, {}),
    sources: rootSources,
    unreadable: new Map(),
    steps: [],
    ...(unconnected && { unconnected }),
  };
  let start: Here = { facts: undefined, conditions: [], elsewhere: new Map(), items: [] };
  if (trigger?.kind === 'event' && trigger.where) {
    expression(trigger.where, 'trigger', intake, 'condition');
    start = { ...start, facts: assume(trigger.where.parsed.ast, intake.environment).facts };
  }
  for (const key of [identity?.key, identity?.orderBy, identity?.account])
    if (key) template(key, 'identity', intake, 'text');
  if (identity?.version) typed(identity.version, 'identity', intake, NUMBER_OR_TEXT, 'a version');
  const end = walk(spec.steps, start);
  const last = scope(end, undefined);
  if (spec.success) expression(spec.success, 'success', last, 'condition');
  const { output } = spec;
  if (output?.value) {
    template(output.value, 'output', last);
    // The shape check has found an object here, which is what a schema is.
    const schema = (output.schema ?? true) as JsonSchema;
    request(output.value, schema, 'output', output.at);
  }
  for (const { when, value } of spec.metrics) {
    if (when) expression(when, 'metrics', last, 'condition');
    if (value) typed(value, 'metrics', last, NUMBER, 'a metric');
  }
  return {
    diagnostics: found,
    usage: usage.all,
    expressions,
    reads,
    environments,
    types,
    over,
    taken: environment(start.facts, {}),
    ...(connectionRead && { connectionRead }),
  };

  function walk(steps: readonly StepSpec[], from: Here): Here {
    return steps.reduce((here, step) => visit(step, here), from);
  }

  /** Checks a step; gives what holds after it. */
  function visit(step: StepSpec, before: Here): Here {
    const id = step.id.value;
    let here = before;
    if (step.when) {
      const outer = scope(before, id);
      expression(step.when, id, outer, 'condition');
      here = {
        ...before,
        facts: assume(step.when.parsed.ast, outer.environment).facts,
        conditions: [...before.conditions, step.when.source],
      };
    }
    const inner = scope(here, id);
    environments.set(step, inner.environment);
    const done = (type: Type, source?: NamedSource, confirmed?: Type): void => {
      const more = { ...(source && { source }), ...(confirmed && { confirmed }) };
      results.set(id, { type, conditions: here.conditions, ...more });
    };
    switch (step.kind) {
      case 'call':
        visitCall(step, inner, here, done);
        return before;
      case 'emit': {
        if (step.with) template(step.with, id, inner);
        if (step.headers) template(step.headers, id, inner);
        const event = model.events.get(step);
        if (step.over) {
          const { workspace } = model.catalog;
          const names = event && [
            ...new Set([...outgoingOver(event, workspace), ...incomingOver(event, workspace)]),
          ];
          choice(
            step,
            step.over,
            inner,
            names,
            `no connection of a connector that has \`${step.emit.value}\``,
          );
        }
        if (!event) {
          done(ANY);
          return before;
        }
        request(step.with, event.plan.payload, event.name, step.emit.at);
        const source = eventTarget(event);
        usage.writes(step.with, source, id, step.emit.at);
        const { headers } = event;
        if (headers !== undefined || step.headers) {
          request(step.headers, headers ?? NO_HEADERS, `the headers of ${event.name}`, step.emit.at);
          const part = { ...source, target: { ...source.target, part: 'headers' } } as const;
          if (step.headers) usage.writes(step.headers, part, id, step.emit.at);
        }
        done(typeOfSchema(event.plan.payload));
        return before;
      }
      case 'approve':
        if (step.show) template(step.show, id, inner);
        done(step.count ? APPROVAL_OF_SEVERAL : APPROVAL);
        return before;
      case 'wait': {
        if (step.until) typed(step.until, id, inner, MOMENT, 'a moment');
        const event = model.events.get(step);
        if (event && step.event) usage.listens(event, id, step.event);
        if (step.over) {
          const names = event ? incomingOver(event, model.catalog.workspace) : undefined;
          choice(step, step.over, inner, names, `no connection that \`${step.event?.value}\` comes over`);
        }
        const signal = event ? typeOfSchema(event.plan.payload) : ANY;
        const withSignal = withValue(inner, 'signal', signal, event && eventTarget(event));
        environments.set(step, withSignal.environment);
        if (step.match) {
          expression(step.match, id, withSignal, 'condition');
        }
        if (!step.event) silent.add(id);
        else done(step.onExpiry === 'continue' ? union([signal, NULL]) : signal, event && eventTarget(event));
        return before;
      }
      case 'run':
        visitRun(step, inner, done);
        return before;
      case 'set':
        if (step.value) template(step.value, id, inner);
        done(step.value ? typeOfTemplate(step.value, typeOf) : ANY);
        return before;
      case 'check': {
        silent.add(id);
        let passed = here;
        for (const { condition } of step.that) {
          if (!condition) continue;
          const at = scope(passed, id);
          expression(condition, id, at, 'condition');
          passed = { ...passed, facts: assume(condition.parsed.ast, at.environment).facts };
        }
        // A check that is skipped has shown nothing.
        return step.when ? before : passed;
      }
      case 'choose':
        silent.add(id);
        visitBranches(step, here);
        return before;
      case 'parallel':
        silent.add(id);
        for (const branch of step.branches) {
          const beside = step.branches.filter((other) => other !== branch).flatMap(idsOf);
          walk(branch.steps, { ...here, elsewhere: extended(here.elsewhere, beside, 'beside') });
        }
        return before;
      case 'forEach':
        done(visitList(step, inner, here));
        // What was done for each item can be read for no item after it.
        for (const { id: inside } of allSteps(step.steps))
          if (!left.has(inside.value)) left.set(inside.value, { at: left.size, value: 'insideList' });
        return before;
    }
  }

  /** Checks what is done with each item, as with any one of them; gives the type of the outcomes. */
  function visitList(step: ForEachSpec, outer: Scope, here: Here): Type {
    const id = step.id.value;
    const before = usage.all.length;
    if (step.in) typed(step.in, id, outer, LIST, 'a list');
    const item = step.records
      ? recordOf(step, step.records, outer, results.get(step.records.step)?.type)
      : itemOf(step, outer, typeOf);
    // What is done with an item is noted where it is done.
    const list = item.source?.path && toPointer(item.source.path.slice(0, -1));
    usage.leavesItems(before, list);
    const inside: Here = { ...here, items: [...here.items, item] };
    const each = scope(inside, id);
    environments.set(step, each.environment);
    if (step.key) template(step.key, id, each, 'text');
    let good = inside;
    for (const { condition } of step.check?.that ?? []) {
      if (!condition) continue;
      const at = scope(good, id);
      expression(condition, id, at, 'condition');
      good = { ...good, facts: assume(condition.parsed.ast, at.environment).facts };
    }
    const after = walk(step.steps, good);
    if (step.result) template(step.result, id, scope(after, id));
    return outcomesOf(step.result && typeOfTemplate(step.result, typeOf));
  }

  function visitBranches(step: ChooseSpec, before: Here): void {
    let untaken = before;
    for (const [index, branch] of step.branches.entries()) {
      let inside = untaken;
      if (branch.when) {
        const outer = scope(untaken, step.id.value);
        const { ast } = branch.when.parsed;
        // The last value of an enum is certain once the others are excluded; naming it is still right (C8).
        const settled = index === 0 ? NOTHING : isCertain(ast, outer.environment) ? SETTLED : SETTLED_TRUE;
        expression(branch.when, step.id.value, outer, 'condition', settled);
        inside = {
          ...untaken,
          facts: assume(ast, outer.environment).facts,
          conditions: [...untaken.conditions, branch.when.source],
        };
        untaken = {
          ...untaken,
          facts: assume(ast, outer.environment, false).facts,
          conditions: [...untaken.conditions, `!(${branch.when.source})`],
        };
      }
      const others = step.branches.filter((other) => other !== branch).flatMap(idsOf);
      walk(branch.steps, { ...inside, elsewhere: extended(before.elsewhere, others, 'otherBranch') });
    }
  }

  function visitCall(
    step: CallSpec,
    inner: Scope,
    here: Here,
    done: (type: Type, source?: NamedSource, confirmed?: Type) => void,
  ): void {
    const id = step.id.value;
    const meaning = model.calls.get(step);
    if (step.over) {
      const { connections } = model.catalog.workspace.config;
      const connector = meaning?.call.manifest.name;
      const own = Object.values(connections).filter((one) => one.connector === connector);
      const names = meaning && own.map(({ name }) => name);
      choice(step, step.over, inner, names, `no connection of connector \`${connector}\``);
    }
    if (step.with) template(step.with, id, inner);
    if (meaning) {
      const { plan } = meaning.call;
      request(step.with, plan.input, step.call.value, step.call.at);
      usage.writes(step.with, requestTarget(meaning.call), id, step.call.at);
      const refusals = takenRefusals(step, meaning.call);
      const result = typeOfSchema(plan.result);
      const refusable = (): readonly string[] => [...knownRefusals(meaning.call).keys()];
      if (step.refusals === undefined) done(result, { ...responseTarget(meaning.call), refusable });
      else done(withRefusals(result, refusals), refusableTarget(meaning.call, refusals), result);
    } else done(ANY);
    visitFresh(step, inner, meaning?.call);
    const { compensate } = step;
    if (!compensate) return;
    // Compensation runs after the effect is confirmed, so it may read the step's own result.
    const after = scope(here, undefined, id);
    if (compensate.with) template(compensate.with, id, after);
    visitGuard(step, compensate, meaning?.guard, after);
    const compensation = meaning?.compensation;
    if (!compensation) return;
    request(compensate.with, compensation.plan.input, compensate.call.value, compensate.call.at);
    const target = { ...requestTarget(compensation), call: 'undo' } as const;
    usage.writes(compensate.with, target, id, compensate.call.at);
  }

  /** What `over` may name: each a connection that it can mean. `names`: those there are; absent, that is not known. */
  function choice(
    step: StepSpec,
    one: SpecExpression,
    inner: Scope,
    names: readonly string[] | undefined,
    none: string,
  ): void {
    const before = found.length;
    typed(one, step.id.value, inner, STRING, 'the name of a connection');
    const isWrong = found.slice(before).some(({ severity }) => severity === 'error');
    if (isWrong || names === undefined || !model.catalog.workspace.hasConfig) return;
    const type = typeOf(one);
    // However many accounts there are; none where it is known that nobody comes here, which is told where it is said.
    const values =
      type.kind === 'never'
        ? []
        : valuesOf(type, Number.POSITIVE_INFINITY)?.filter((value) => typeof value === 'string');
    const strange = values?.find((value) => !names.includes(value));
    if (values && strange === undefined) {
      over.set(step, values.toSorted(compareText));
      return;
    }
    found.push(
      diagnostic('over-unknown', {
        message:
          strange === undefined
            ? '`over` may be any text, so which connections it names cannot be told'
            : `\`over\` may be \`${strange}\`, which is ${none}`,
        at: one.at,
        subject: `${step.id.value} ${strange ?? ''}`,
        ...(names.length > 1 && {
          fix: `let it be one of these: ${names.join(', ')}. An input says so with \`enum\`, a condition with \`… ? '${names[0]}' : '${names[1]}'\``,
        }),
        ...(names.length === 1 && { fix: `there is one alone, \`${names[0]}\`` }),
      }),
    );
  }

  function visitFresh({ id, fresh }: CallSpec, inner: Scope, call: ResolvedCall | undefined): void {
    if (!fresh) return;
    const result = call ? typeOfSchema(call.plan.result) : ANY;
    const scoped = withValue(inner, 'result', result, call && responseTarget(call));
    if (fresh.moment) typed(fresh.moment, id.value, scoped, MOMENT, 'a moment');
    for (const one of [fresh.version, fresh.atLeast])
      if (one) typed(one, id.value, scoped, NUMBER_OR_TEXT, 'a version');
  }

  function visitGuard(
    step: CallSpec,
    { guard }: CompensateSpec,
    read: ResolvedCall | undefined,
    after: Scope,
  ): void {
    const id = step.id.value;
    if (guard?.with) template(guard.with, id, after);
    if (guard && read) {
      request(guard.with, read.plan.input, guard.read.value, guard.read.at);
      usage.writes(guard.with, { ...requestTarget(read), call: 'guard' }, id, guard.read.at);
    }
    if (!guard?.unchanged) return;
    const current = read ? typeOfSchema(read.plan.result) : ANY;
    const scoped = withValue(after, 'current', current, read && responseTarget(read));
    expression(guard.unchanged, id, scoped, 'condition');
  }

  function visitRun(step: RunSpec, inner: Scope, done: (type: Type) => void): void {
    const id = step.id.value;
    const child = model.runs.get(step);
    if (step.with) template(step.with, id, inner);
    // The shape check of the child has found an object here, which is what a schema is.
    if (child) request(step.with, child.input as JsonSchema, step.pipeline.value, step.pipeline.at);
    if (withoutOutput.has(id)) silent.add(id);
    // As above.
    else done(child?.output === undefined ? ANY : typeOfSchema(child.output as JsonSchema));
  }

  /** The names that can be used at a place. `self`: the step being checked; `certain`: one known to have run. */
  function scope(here: Here, self: string | undefined, certain?: string): Scope {
    const known = visible.at(here, results, silent);
    const leftNow = new MapUntil(left, left.size);
    const isGone = (id: string): boolean =>
      leftNow.has(id) && (known.fields.has(id) || NO_RESULT.has(known.unreadable.get(id)));
    let { fields, conditional, unreadable } = known;
    const own = certain === undefined ? undefined : results.get(certain);
    /** Steps that are there whatever the walk says of them. */
    const sure = new Map<string, Field>();
    if (certain !== undefined && own)
      sure.set(certain, { type: () => own.confirmed ?? own.type, required: true });
    for (const id of spec.unreadSteps) sure.set(id, { type: () => ANY, required: true });
    const hidesSelf = self !== undefined && (known.fields.has(self) || sure.has(self));
    if (sure.size > 0 || hidesSelf || left.size > 0) {
      const hidden = { has: (id: string) => isGone(id) || (hidesSelf && id === self) };
      fields = new MapOver(sure, known.fields, hidden);
      conditional = conditional.filter(({ path: [, id] }) => id !== certain && !hidden.has(id ?? ''));
    }
    if (left.size > 0)
      unreadable = new MapOver(new MapOver(leftNow, NONE, { has: (id) => !isGone(id) }), unreadable);
    if (self !== undefined) unreadable = new MapOver(new Map([[self, 'self']]), unreadable);
    const steps: ObjectType = { kind: 'object', fields, isPartial: false, isClosed: true };
    return {
      environment: environment(here.facts, { ...itemTypes(here.items), steps }, conditional),
      sources: withItems(known.sources, here.items),
      unreadable,
      steps: named,
      ...(unconnected && { unconnected }),
    };
  }

  function environment(
    facts: Facts | undefined,
    more: Readonly<Record<string, Type>>,
    conditional: readonly Conditional[] = [],
  ): Environment {
    return { variables: { ...roots, ...more }, policies: compiled, conditional, ...(facts && { facts }) };
  }

  function template(one: Template, step: string, here: Scope, use: Use = 'value'): void {
    if (one.kind === 'text') for (const part of expressionsOf(one)) expression(part, step, here, 'text');
    else if (one.kind === 'expression') expression(one.expression, step, here, use);
    else if (one.kind === 'object') for (const { value } of one.entries) template(value, step, here, use);
    else if (one.kind === 'array') for (const item of one.items) template(item, step, here, use);
  }

  function typed(one: SpecExpression, step: string, here: Scope, wanted: Type, what: string): void {
    expression(one, step, here, 'value');
    for (const issue of assignmentIssues(typeOf(one), wanted).slice(0, 1))
      found.push(
        expressionDiagnostic(issue.code, {
          message: `${what}: ${issue.message}`,
          at: one.at,
          subject: `${step} ${one.source}`,
        }),
      );
  }

  function expression(one: SpecExpression, step: string, here: Scope, use: Use, unsaid = NOTHING): void {
    expressions++;
    environments.set(one, here.environment);
    const checked = checkInScope(one, use, here, policies);
    found.push(...checked.diagnostics.filter(({ code }) => !unsaid.has(code)));
    reads.set(one, checked.reads);
    types.set(one, checked.type);
    for (const read of checked.reads) usage.read(step, read);
    connectionRead ??= connectionReadIn(one, here.environment);
  }

  /** An item of a list may have that name; then it is another thing. */
  function connectionReadIn(one: SpecExpression, { variables }: Environment): Location | undefined {
    const type = roots[CONNECTION];
    if (type === undefined || variables[CONNECTION] !== type) return undefined;
    const read = references(one.parsed.ast).find(({ root }) => root === CONNECTION);
    return read && one.locate(read.span);
  }

  function typeOf(one: SpecExpression): Type {
    return types.get(one) ?? ANY;
  }

  function request(one: Template | undefined, target: JsonSchema, name: string, at: Location): void {
    found.push(...checkRequest(one, placeOf(target), { document: spec.document, name, at, typeOf }));
  }

  function defineRoots(): void {
    if (spec.trigger?.kind === 'manual') {
      unconnected = STARTED_BY_HAND;
      // The shape check has found an object here, which is what a schema is.
      const input = typeOfSchema(spec.trigger.input as JsonSchema);
      roots['event'] = input;
      roots['input'] = input;
      return;
    }
    roots['event'] = model.trigger ? typeOfSchema(model.trigger.plan.payload) : ANY;
    if (spec.trigger?.kind === 'event') roots[CONNECTION] = ANY;
    if (!model.trigger) return;
    const names = connectionType(model.trigger, model.catalog.workspace);
    if (names) roots[CONNECTION] = names;
    else {
      delete roots[CONNECTION];
      unconnected = onlyEmitted(model.trigger.name);
    }
    if (spec.trigger?.kind === 'event') usage.listens(model.trigger, 'trigger', spec.trigger.event);
    const target = eventTarget(model.trigger);
    rootSources.set('event', target);
    const { headers } = model.trigger;
    if (headers === undefined) return;
    roots['headers'] = typeOfSchema(headers);
    rootSources.set('headers', { ...target, target: { ...target.target, part: 'headers' } });
  }
}

/** The same with one more name in it. */
function withValue(scope: Scope, name: string, type: Type, source: NamedSource | undefined): Scope {
  const { environment, sources } = scope;
  return {
    ...scope,
    environment: { ...environment, variables: { ...environment.variables, [name]: type } },
    sources: source ? new MapOver(new Map([[name, source]]), sources) : sources,
  };
}
