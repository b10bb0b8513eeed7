import type { Contract, DataClass } from '@tenon/contract';
import { references } from '@tenon/expression';
import { type Diagnostic, escapeToken, fromPointer, type Json, type Location, toPointer } from '@tenon/model';
import type { JsonSchema } from '@tenon/schema';
import { diagnostic } from '../../rules.ts';
import { type CallSpec, innerSteps, type StepSpec } from '../../spec/pipeline-spec.ts';
import { expressionsOf, type SpecExpression, type Template } from '../../spec/template.ts';
import type { ResolvedCall } from '../catalog.ts';
import { classedMembers } from '../data/classed-members.ts';
import { classesAt } from '../data/classes.ts';
import { unheldParts } from '../data/flows.ts';
import { listRead } from '../data/list-read.ts';
import { inputSource, refusalSource, resultSource } from '../data/payloads.ts';
import { originsAt } from '../data/pointers.ts';
import type { UsageTarget } from '../data/scope.ts';
import { calledOver } from './called-over.ts';
import type { Checked } from './masters.ts';

/** Classed data that an expression's value holds. */
interface Flow {
  readonly class: DataClass;
  /** `crm.subscriptionUpgraded /email`. */
  readonly from: string;
  readonly residency: string | undefined;
  readonly at: Location;
}

/** What a `set` or `emit` step holds, by pointer into its value. */
type Held = ReadonlyMap<string, readonly Flow[]>;

/** What an item of a list holds: what is at a path of a step's result, or all that its list does. */
type ItemFlow =
  | { readonly path: readonly string[]; readonly flows?: undefined }
  | { readonly flows: readonly Flow[]; readonly path?: undefined };

export interface LeakCheck {
  readonly diagnostics: readonly Diagnostic[];
  /** Classed data in values made here, by step: they are redacted like the fields that they come from (C98). */
  readonly held: ReadonlyMap<string, Held>;
  /** Classed data in what people are shown, by `approve` step: nobody else sees it. */
  readonly shown: ReadonlyMap<string, Held>;
}

/** Where a value goes. */
interface Sink {
  readonly name: string;
  /** Classes that may go to a pointer. */
  cleared(path: string): ReadonlySet<DataClass>;
  /** Is what belongs to a region kept in it there? */
  keeps(residency: string, path: string): boolean;
  /** Where, and how, a class is given to the field at a pointer. */
  place(wanted: DataClass, path: string): string;
  readonly region: string;
}

/**
 * Information flow (C93, C98, C99): a value from a field classed `personal`, `secret` or `financial`, followed through
 * expressions and steps, may only reach fields that are classed the same, in the same region, people whose team is
 * cleared for it, and no key or metric.
 */
export function checkLeaks(checked: Checked): LeakCheck {
  const { model, data } = checked;
  const { spec, catalog } = model;
  const { contracts } = catalog.workspace;
  const found: Diagnostic[] = [];
  const held = new Map<string, Held>();
  const shown = new Map<string, Held>();
  const items = new Map<string, ItemFlow>();
  /** Each expression stands at one place, where the same items and results are known whenever it is asked. */
  const flows = new Map<SpecExpression, readonly Flow[]>();
  const input: Held = heldByMembers(
    spec.trigger?.kind === 'manual' ? spec.trigger.input : undefined,
    `${spec.name.value} input`,
    spec.name.at,
  );
  for (const [step, child] of model.runs)
    held.set(step.id.value, heldByMembers(child.output, `${child.name} output`, step.pipeline.at));
  const isTold = input.size > 0 || [...held.values()].some(({ size }) => size > 0);
  if (!isTold && !touched(checked).some(isClassed)) return { diagnostics: found, held: new Map(), shown };

  for (const key of [spec.identity?.key, spec.identity?.orderBy, spec.identity?.account])
    for (const expression of key ? expressionsOf(key) : []) clear(expression, 'classed-data-in-key', 'a key');
  if (spec.identity?.version) clear(spec.identity.version, 'classed-data-in-key', 'a key');
  for (const step of spec.steps) visitStep(step);
  if (spec.output?.value)
    follow(spec.output.value, '', pipelineSink(`${spec.name.value} output`, spec.output.schema));
  for (const { value } of spec.metrics) if (value) clear(value, 'classed-data-in-metric', 'a metric');
  return { diagnostics: found, held, shown };

  function visitStep(step: StepSpec): void {
    if (step.kind === 'forEach') {
      if (step.records) items.set(step.as.value, { path: [step.records.step, ...step.records.path, '*'] });
      else if (step.in) items.set(step.as.value, itemOf(step.in));
      for (const expression of step.key ? expressionsOf(step.key) : [])
        clear(expression, 'classed-data-in-key', 'a key');
    }
    for (const inner of innerSteps(step)) for (const one of inner) visitStep(one);
    if (step.kind === 'forEach' && step.result) held.set(step.id.value, heldBy(step.result, '/*/result'));
    if (step.kind === 'set' && step.value) held.set(step.id.value, heldBy(step.value));
    if (step.kind === 'emit') {
      const event = model.events.get(step);
      if (event && step.with)
        follow(
          step.with,
          '',
          contractSink(
            event.name,
            event.contract,
            event.definition.message.payload,
            event.contract.policy?.residency,
          ),
        );
      const headers = event?.definition.message.headers;
      if (event && step.headers && headers !== undefined)
        follow(
          step.headers,
          '',
          contractSink(event.name, event.contract, headers, event.contract.policy?.residency),
        );
      if (step.with) held.set(step.id.value, heldBy(step.with));
    }
    if (step.kind === 'approve' && step.show && step.by) {
      show(step.show, step.by.value);
      shown.set(step.id.value, heldBy(step.show));
      // Nobody decided in time: then the one who stands in is asked, and shown the same.
      if (step.onExpiry === 'escalate' && spec.owner?.backup) show(step.show, spec.owner.backup.value);
    }
    const child = step.kind === 'run' ? model.runs.get(step) : undefined;
    if (child && step.kind === 'run' && step.with)
      follow(step.with, '', pipelineSink(`${child.name} input`, child.input));
    if (step.kind !== 'call') return;
    const meaning = model.calls.get(step);
    for (const [template, call] of [
      [step.with, meaning?.call],
      [step.compensate?.with, meaning?.compensation],
      [step.compensate?.guard?.with, meaning?.guard],
    ] as const)
      for (const region of template && call ? regionsOf(step, call) : [])
        if (template && call)
          follow(
            template,
            '',
            contractSink(call.plan.name, call.contract, inputSource(call.operation), region),
          );
  }

  /** Where the accounts are that a call may go to. */
  function regionsOf(step: CallSpec, call: ResolvedCall): ReadonlySet<string | undefined> {
    const { connections } = catalog.workspace.config;
    const own = call.contract.policy?.residency;
    const regions = calledOver(call, step, data).map((name) => connections[name]?.region ?? own);
    return new Set(regions.length === 0 ? [own] : regions);
  }

  function follow(template: Template, path: string, sink: Sink): void {
    if (template.kind === 'object')
      for (const { name, value } of template.entries) follow(value, `${path}/${escapeToken(name)}`, sink);
    else if (template.kind === 'array') for (const item of template.items) follow(item, `${path}/*`, sink);
    else for (const expression of expressionsOf(template)) arrive(expression, path, sink);
  }

  /** People see what they decide on: their team must be cleared for it, as a field would have to be. */
  function show(template: Template, team: string): void {
    const cleared = catalog.workspace.clearances?.get(team);
    for (const flow of expressionsOf(template).flatMap((expression) => flowsOf(expression)))
      if (!cleared?.has(flow.class))
        found.push(
          diagnostic('data-not-cleared', {
            message: `${flow.class} data (${flow.from}) is shown to \`${team}\`, which is not cleared for it`,
            at: flow.at,
            subject: `${team} ${flow.from}`,
            fix: `add \`cleared: [${flow.class}]\` to the team in owners.yaml, show something else, or write \`declassify(…, '<reason>')\``,
          }),
        );
  }

  function arrive(expression: SpecExpression, path: string, sink: Sink): void {
    const cleared = sink.cleared(path);
    for (const flow of flowsOf(expression)) {
      const where = `\`${sink.name}\` at \`${fromPointer(path).join('.')}\``;
      const subject = `${sink.name} ${path} ${flow.from}`;
      if (!cleared.has(flow.class))
        found.push(
          diagnostic('data-not-cleared', {
            message: `${flow.class} data (${flow.from}) goes to ${where}, which is not cleared for it`,
            at: flow.at,
            subject,
            fix: `class the field \`${flow.class}\` ${sink.place(flow.class, path)} if it may hold such data, send another value, or write \`declassify(…, '<reason>')\``,
          }),
        );
      else if (flow.class === 'personal' && flow.residency !== undefined && !sink.keeps(flow.residency, path))
        found.push(
          diagnostic('data-leaves-region', {
            message: `personal data (${flow.from}) of region ${flow.residency} goes to ${where}, ${sink.region}`,
            at: flow.at,
            subject,
          }),
        );
    }
  }

  function clear(
    expression: SpecExpression,
    code: 'classed-data-in-key' | 'classed-data-in-metric',
    what: string,
  ): void {
    for (const flow of flowsOf(expression)) {
      // An amount is what many metrics are about; it names nobody.
      if (code === 'classed-data-in-metric' && flow.class === 'financial') continue;
      const message = `${flow.class} data (${flow.from}) becomes part of ${what}, which is stored and shown in clear`;
      found.push(diagnostic(code, { message, at: flow.at, subject: `${what} ${flow.from}` }));
    }
  }

  function heldBy(template: Template, path = ''): Held {
    const all = new Map<string, readonly Flow[]>();
    const visit = (part: Template, here: string): void => {
      if (part.kind === 'object')
        for (const { name, value } of part.entries) visit(value, `${here}/${escapeToken(name)}`);
      else if (part.kind === 'array') for (const item of part.items) visit(item, `${here}/*`);
      else {
        const flows = expressionsOf(part).flatMap((expression) => flowsOf(expression));
        if (flows.length > 0) all.set(here, [...(all.get(here) ?? []), ...flows]);
      }
    };
    visit(template, path);
    return all;
  }

  /** Classed data in the value of an expression: from contracts, through `set` steps, and through items of lists. */
  function flowsOf(expression: SpecExpression): readonly Flow[] {
    const known = flows.get(expression);
    if (known) return known;
    const found = followed(expression);
    flows.set(expression, found);
    return found;
  }

  function followed(expression: SpecExpression): readonly Flow[] {
    const unheld = unheldParts(expression.parsed.ast).map((span) => expression.locate(span).range);
    const isHeld = (at: Location): boolean =>
      !unheld.some(
        ({ start, end }) => at.range.start.offset >= start.offset && at.range.end.offset <= end.offset,
      );
    const direct = (data.reads.get(expression) ?? []).flatMap(({ source, path, at }) =>
      isHeld(at) ? classedReads(source, path, at) : [],
    );
    const known = new Set((data.reads.get(expression) ?? []).map(({ at }) => at.range.start.offset));
    const indirect = references(expression.parsed.ast).flatMap((reference) => {
      const item = items.get(reference.root);
      const isInput = INPUT.has(reference.root) && input.size > 0;
      if (!isInput && !item && reference.root !== 'steps') return [];
      const names = reference.path.map(({ name }) => name);
      const [step, ...rest] = item?.path ? [...item.path, ...names] : reference.root === 'steps' ? names : [];
      const source = step === undefined ? undefined : held.get(step);
      // Most reads are of what holds nothing classed: their place is never asked for.
      if (!isInput && !item?.flows && !source) return [];
      const at = expression.locate(reference.span);
      if (isInput) return isHeld(at) ? through(input, names, at) : [];
      if (item?.flows && isHeld(at) && !known.has(at.range.start.offset))
        return item.flows.map((flow) => ({ ...flow, at }));
      return source && isHeld(at) ? through(source, rest, at) : [];
    });
    return distinct([...direct, ...indirect]);
  }

  function itemOf(list: SpecExpression): ItemFlow {
    const read = listRead(list.parsed.ast);
    const outer = read && items.get(read.root);
    const names = read?.path.map(({ name }) => name) ?? [];
    if (read?.root === 'steps') return { path: [...names, '*'] };
    if (outer?.path) return { path: [...outer.path, ...names, '*'] };
    // What is known of it by its contract is read there; all else that its list holds, it holds.
    return { flows: flowsOf(list) };
  }

  function classedReads(source: UsageTarget, path: string, at: Location): readonly Flow[] {
    const contract = contracts.get(source.contract);
    const schema = contract && schemaOf(contract, source);
    if (!contract || schema === undefined) return [];
    const residency = contract.policy?.residency;
    const name = source.target.kind === 'event' ? source.target.event : source.target.operation;
    return [...classesAt(contract, schema, path, 'touching')].map((one) => ({
      class: one,
      from: `${contract.name}.${name} ${path || '/'}`,
      residency,
      at,
    }));
  }

  function schemaOf(contract: Contract, { target }: UsageTarget): JsonSchema | undefined {
    if (target.kind === 'event') {
      const message = contract.events.get(target.event)?.message;
      return target.part === 'headers' ? message?.headers : message?.payload;
    }
    const operation = contract.operations.get(target.operation);
    if (operation === undefined) return undefined;
    const refused = target.kind === 'response' ? target.refused : undefined;
    return refused === undefined ? resultSource(operation) : refusalSource(operation, refused);
  }
}

/** Names by which a pipeline without an event reads what it was given. */
const INPUT: ReadonlySet<string> = new Set(['event', 'input']);

/** What of a source is at a path, or within it. */
function through(source: Held, names: readonly string[], at: Location): readonly Flow[] {
  const path = toPointer(names);
  return [...source].flatMap(([pointer, flows]) =>
    relates(pointer, path) ? flows.map((flow) => ({ ...flow, at })) : [],
  );
}

function heldByMembers(schema: Json | undefined, name: string, at: Location): Held {
  return new Map(
    [...classedMembers(schema)].map(([pointer, { class: named, residency }]) => [
      pointer,
      [{ class: named, from: `${name} ${pointer || '/'}`, residency, at }],
    ]),
  );
}

function contractSink(
  name: string,
  contract: Contract,
  schema: JsonSchema,
  /** Where it is. */
  region: string | undefined,
): Sink {
  return {
    name,
    cleared: (path) => classesAt(contract, schema, path, 'within'),
    keeps: (wanted) => region === undefined || region === wanted,
    place: (wanted, path) => {
      const [origin] = originsAt(contract, schema, path);
      const entry = origin === undefined ? '' : ` (\`classes: { '${origin}': ${wanted} }\`)`;
      return `in contracts/${contract.name}/contract.yaml${entry}`;
    },
    region: `in region ${region}`,
  };
}

/** What a pipeline is given, or gives: its members are classed in its own text. */
function pipelineSink(name: string, schema: Json | undefined): Sink {
  const members = classedMembers(schema);
  const at = (path: string) =>
    [...members].flatMap(([pointer, one]) => (isWithin(path, pointer) ? [one] : []));
  return {
    name,
    cleared: (path) => new Set(at(path).map((one) => one.class)),
    keeps: (wanted, path) => at(path).some(({ residency }) => residency === wanted),
    place: () => 'with `x-tenon-class`',
    region: 'which does not say by `x-tenon-residency` that it stays there',
  };
}

/** The contracts that a pipeline's data can come from. */
function touched({ model }: Checked): readonly Contract[] {
  return [
    ...(model.trigger ? [model.trigger.contract] : []),
    ...[...model.events.values()].map(({ contract }) => contract),
    ...[...model.calls.values()].map(({ call }) => call.contract),
  ];
}

function isClassed({ policy }: Contract): boolean {
  return policy !== undefined && Object.keys(policy.classes).length > 0;
}

function relates(a: string, b: string): boolean {
  return isWithin(a, b) || isWithin(b, a);
}

/** Is `inner` the same place as `outer`, or below it? `*` stands for any item. */
function isWithin(inner: string, outer: string): boolean {
  const below = tokensOf(inner);
  const above = tokensOf(outer);
  return above.every((token, index) => {
    const other = below[index];
    return other === token || (other !== undefined && (token === '*' || other === '*'));
  });
}

const tokens = new Map<string, readonly string[]>();
/** Pointers of a few contracts, asked for again with every expression. */
const TOKENS_KEPT_MAX = 10_000;

function tokensOf(pointer: string): readonly string[] {
  const known = tokens.get(pointer);
  if (known) return known;
  if (tokens.size >= TOKENS_KEPT_MAX) tokens.clear();
  const split = fromPointer(pointer);
  tokens.set(pointer, split);
  return split;
}

function distinct(flows: readonly Flow[]): readonly Flow[] {
  return [
    ...new Map(
      flows.map((flow) => [`${flow.class} ${flow.from} ${flow.at.range.start.offset}`, flow]),
    ).values(),
  ];
}
