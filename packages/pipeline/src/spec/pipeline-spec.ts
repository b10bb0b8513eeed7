import type { Json } from '@tenon/model';
import {
  type Diagnostic,
  type FailureClass,
  isFailureClass,
  type Location,
  parseDuration,
} from '@tenon/model';
import { diagnostic } from '../rules.ts';
import { stepSchemas } from '../shape/pipeline-schema.ts';
import { child, entry, jsonOf, type SpecDocument, type SpecNode } from '../yaml/spec-document.ts';
import type { ReconciliationSpec } from './reconciliation-spec.ts';
import { readTemplate, type SpecExpression, type Template } from './template.ts';

/** A value of a spec and the place it was written at. */
export interface Located<T> {
  readonly value: T;
  readonly at: Location;
}

/**
 * A pipeline as written: typed, positioned and unchecked. Parts that are missing or misshapen are absent: the shape
 * check has reported them, and later checks look at what is there.
 */
export interface PipelineSpec {
  readonly document: SpecDocument;
  readonly name: Located<string>;
  readonly version?: number;
  readonly description?: string;
  readonly owner?: OwnerSpec;
  readonly tier?: Located<Tier>;
  readonly trigger?: TriggerSpec;
  readonly identity?: {
    readonly at: Location;
    readonly key?: Template;
    readonly retain?: Located<number>;
    readonly orderBy?: Template;
    readonly account?: Template;
    readonly version?: SpecExpression;
  };
  readonly limits?: { readonly concurrency?: number; readonly deadline?: Located<number> };
  readonly steps: readonly StepSpec[];
  /** Ids of steps whose kind could not be told: they exist, and nothing is known of them. */
  readonly unreadSteps: ReadonlySet<string>;
  readonly success?: SpecExpression;
  readonly output?: { readonly at: Location; readonly schema?: Json; readonly value?: Template };
  readonly onFailure?: Located<'compensate' | 'forward' | 'hold'>;
  readonly slo?: { readonly objective?: number; readonly within?: Located<number> };
  readonly review?: { readonly by?: Located<string>; readonly every?: Located<number> };
  readonly drills?: { readonly every?: Located<number> };
  readonly metrics: readonly MetricSpec[];
  /** It is a reconciliation: its steps stand for its reads, and nothing runs them. */
  readonly reconciliation?: ReconciliationSpec;
}

/** What an item of a list is called where its `forEach` does not say. */
const ITEM = 'item';

export type Tier = 'low' | 'medium' | 'high';

export interface OwnerSpec {
  readonly at: Location;
  readonly team?: Located<string>;
  readonly backup?: Located<string>;
  readonly escalation?: Located<string>;
  readonly respond?: Located<number>;
  readonly recover?: Located<number>;
  readonly roles?: Readonly<Partial<Record<OwnerRole, Located<string>>>>;
}

/** What owning a pipeline consists of; a role that is not given to another team is the owning team's. */
export const OWNER_ROLES = ['logic', 'data', 'incidents', 'triage'] as const;
export type OwnerRole = (typeof OWNER_ROLES)[number];

export type TriggerSpec =
  | { readonly kind: 'event'; readonly event: Located<string>; readonly where?: SpecExpression }
  | { readonly kind: 'manual'; readonly at: Location; readonly input: Json };

export interface MetricSpec {
  readonly name: Located<string>;
  readonly when?: SpecExpression;
  readonly value?: SpecExpression;
}

interface StepSpecCommon {
  readonly id: Located<string>;
  readonly at: Location;
  readonly deadline?: Located<number>;
  readonly when?: SpecExpression;
}

export interface CallSpec extends StepSpecCommon {
  readonly kind: 'call';
  readonly call: Located<string>;
  /** Names the connection that it goes over; `call` begins with the connector then. */
  readonly over?: SpecExpression;
  readonly with?: Template;
  readonly retry?: RetrySpec;
  /** Names of the answers of refusal that it takes as a value. */
  readonly refusals?: readonly Located<string>[];
  readonly fresh?: FreshSpec;
  readonly pages?: PagesSpec;
  readonly basedOn?: BasedOnSpec;
  readonly compensate?: CompensateSpec;
  readonly irreversible?: IrreversibleSpec;
}

/** How old an answer may be, by a moment or by a version in it. */
export interface FreshSpec {
  readonly at: Location;
  readonly maxAge?: Located<number>;
  readonly moment?: SpecExpression;
  readonly version?: SpecExpression;
  readonly atLeast?: SpecExpression;
}

/** All pages of a listing are read, so many at most. */
export interface PagesSpec {
  readonly at: Location;
  readonly atMost?: Located<number>;
}

/** The read whose version a write carries. */
export interface BasedOnSpec {
  readonly at: Location;
  readonly read?: Located<string>;
  readonly attempts?: number;
}

export interface CompensateSpec {
  readonly at: Location;
  readonly call: Located<string>;
  readonly with?: Template;
  readonly retry?: RetrySpec;
  readonly guard?: GuardSpec;
  readonly confirm?: Located<string>;
}

export interface GuardSpec {
  readonly at: Location;
  readonly read: Located<string>;
  readonly with?: Template;
  readonly unchanged?: SpecExpression;
}

export interface IrreversibleSpec {
  readonly at: Location;
  readonly because?: string;
  readonly task?: string;
  readonly owner?: Located<string>;
  readonly within?: Located<number>;
}

/** As written; defaults come with the plan. */
export interface RetrySpec {
  readonly at: Location;
  readonly none: boolean;
  readonly attempts?: Located<number>;
  readonly within?: Located<number>;
  readonly initial?: Located<number>;
  readonly factor?: number;
  readonly max?: Located<number>;
  readonly jitter?: 'full' | 'none';
  readonly on?: readonly Located<FailureClass>[];
}

export interface EmitSpec extends StepSpecCommon {
  readonly kind: 'emit';
  readonly emit: Located<string>;
  /** Names the connection that it goes out over. */
  readonly over?: SpecExpression;
  readonly with?: Template;
  readonly headers?: Template;
}

export interface ApproveSpec extends StepSpecCommon {
  readonly kind: 'approve';
  readonly by?: Located<string>;
  readonly within?: Located<number>;
  readonly onExpiry?: 'reject' | 'approve' | 'escalate';
  readonly show?: Template;
  /** How many persons must approve. Absent: one. */
  readonly count?: Located<number>;
  /** Whose approval does not count: `requester`, and whoever approved at `steps.<id>`. */
  readonly except?: readonly Located<string>[];
}

export interface WaitSpec extends StepSpecCommon {
  readonly kind: 'wait';
  readonly for?: Located<number>;
  readonly until?: SpecExpression;
  readonly event?: Located<string>;
  /** Names the connection that the event must have come over. */
  readonly over?: SpecExpression;
  readonly match?: SpecExpression;
  readonly within?: Located<number>;
  readonly onExpiry?: 'fail' | 'continue';
}

export interface SetSpec extends StepSpecCommon {
  readonly kind: 'set';
  readonly value?: Template;
}

export interface CheckSpec extends StepSpecCommon {
  readonly kind: 'check';
  readonly that: ConditionSpecs;
  readonly otherwise?: 'quarantine' | 'fail';
}

export interface ChooseSpec extends StepSpecCommon {
  readonly kind: 'choose';
  readonly branches: readonly BranchSpec[];
}

export interface BranchSpec {
  readonly at: Location;
  readonly when?: SpecExpression;
  readonly steps: readonly StepSpec[];
}

/** Conditions that data must meet, with what is wrong when it does not. */
export type ConditionSpecs = readonly { readonly condition?: SpecExpression; readonly message?: string }[];

export interface ForEachSpec extends StepSpecCommon {
  readonly kind: 'forEach';
  readonly forEach: Location;
  readonly in?: SpecExpression;
  /** In place of `in`: the records that an earlier step reads, at these names of its answer. */
  readonly records?: { readonly step: string; readonly path: readonly string[] };
  /** Name of the item; `item` where none is given. */
  readonly as: Located<string>;
  readonly key?: Template;
  readonly max?: Located<number>;
  readonly concurrency?: number;
  readonly check?: { readonly that: ConditionSpecs; readonly otherwise?: 'quarantine' | 'split' };
  readonly onItemFailure?: 'stop' | 'collect';
  readonly steps: readonly StepSpec[];
  readonly result?: Template;
}

export interface ParallelSpec extends StepSpecCommon {
  readonly kind: 'parallel';
  readonly branches: readonly (BranchSpec & { readonly name: Located<string> })[];
}

export interface RunSpec extends StepSpecCommon {
  readonly kind: 'run';
  readonly pipeline: Located<string>;
  readonly with?: Template;
}

export type StepSpec =
  | CallSpec
  | EmitSpec
  | ApproveSpec
  | WaitSpec
  | SetSpec
  | CheckSpec
  | ChooseSpec
  | ForEachSpec
  | ParallelSpec
  | RunSpec;

/** Reads a document that may be partly wrong. `undefined` when it has no name or no steps to speak of. */
export function readPipeline(document: SpecDocument): {
  readonly spec?: PipelineSpec;
  readonly diagnostics: readonly Diagnostic[];
} {
  const found: Diagnostic[] = [];
  const read = reader(document, found);
  const root = document.root;
  const name = read.text(child(child(root, 'metadata'), 'name'));
  if (!root || !name) return { diagnostics: found };

  const unreadSteps = new Set<string>();
  const limits = child(root, 'limits');
  const slo = child(root, 'slo');
  const review = child(root, 'review');
  const drills = child(root, 'drills');
  const metrics = child(root, 'metrics');
  const spec: PipelineSpec = {
    document,
    name,
    ...given('version', read.number(child(child(root, 'metadata'), 'version'))?.value),
    ...given('description', read.text(child(child(root, 'metadata'), 'description'))?.value),
    ...given('owner', readOwner(document, read, child(root, 'owner'))),
    ...given('tier', read.oneOf(child(root, 'tier'), ['low', 'medium', 'high'])),
    ...given('trigger', trigger(child(root, 'trigger'))),
    ...given('identity', identity(child(root, 'identity'))),
    ...(limits && {
      limits: {
        ...given('concurrency', read.number(child(limits, 'concurrency'))?.value),
        ...given('deadline', read.duration(child(limits, 'deadline'))),
      },
    }),
    steps: steps(child(root, 'steps')),
    unreadSteps,
    ...given('success', read.expression(child(root, 'success'))),
    ...given('output', output(entry(root, 'output'))),
    ...given('onFailure', read.oneOf(child(root, 'onFailure'), ['compensate', 'forward', 'hold'])),
    ...(slo && {
      slo: {
        ...given('objective', read.number(child(slo, 'objective'))?.value),
        ...given('within', read.duration(child(slo, 'within'))),
      },
    }),
    ...(review && {
      review: {
        ...given('by', read.text(child(review, 'by'))),
        ...given('every', read.duration(child(review, 'every'))),
      },
    }),
    ...(drills && { drills: given('every', read.duration(child(drills, 'every'))) }),
    metrics: (metrics?.kind === 'map' ? metrics.entries : []).map(({ key, value }) => ({
      name: { value: String(key.value), at: document.at(key) },
      ...given('when', read.expression(child(value, 'when'))),
      ...given('value', read.expression(child(value, 'value'))),
    })),
  };
  return { spec, diagnostics: found };

  function trigger(node: SpecNode | undefined): TriggerSpec | undefined {
    const event = read.text(child(node, 'event'));
    if (event) return { kind: 'event', event, ...given('where', read.expression(child(node, 'where'))) };
    const manual = entry(node, 'manual');
    const input = child(manual?.value, 'input');
    if (!manual || !input) return undefined;
    return { kind: 'manual', at: document.at(manual.key), input: jsonOf(input) };
  }

  function output(part: ReturnType<typeof entry>): PipelineSpec['output'] {
    if (part?.value.kind !== 'map') return undefined;
    const schema = child(part.value, 'schema');
    return {
      at: document.at(part.key),
      ...(schema?.kind === 'map' && { schema: jsonOf(schema) }),
      ...given('value', read.template(child(part.value, 'value'))),
    };
  }

  function identity(node: SpecNode | undefined): PipelineSpec['identity'] {
    if (node?.kind !== 'map') return undefined;
    return {
      at: document.at(node),
      ...given('key', read.template(child(node, 'key'))),
      ...given('retain', read.duration(child(node, 'retain'))),
      ...given('orderBy', read.template(child(node, 'orderBy'))),
      ...given('account', read.template(child(node, 'account'))),
      ...given('version', read.expression(child(node, 'version'))),
    };
  }

  function steps(node: SpecNode | undefined): StepSpec[] {
    return (node?.kind === 'list' ? node.items : []).flatMap((item) => step(item) ?? []);
  }

  function step(node: SpecNode): StepSpec | undefined {
    const id = read.text(child(node, 'id'));
    const kinds = Object.keys(stepSchemas).filter((kind) => entry(node, kind));
    if (!id) return undefined;
    if (kinds.length !== 1) {
      unreadSteps.add(id.value);
      return undefined;
    }
    const body = child(node, kinds[0]!);
    const common = {
      id,
      at: document.at(node),
      ...given('when', read.expression(child(node, 'when'))),
      ...given('deadline', read.duration(child(node, 'deadline'))),
    };
    const withTemplate = given('with', read.template(child(node, 'with')));
    // Every key of the table of step schemas has its reader here; the type makes a missing one an error.
    const readers: Record<keyof typeof stepSchemas, () => StepSpec | undefined> = {
      call: () => {
        const call = read.text(body);
        if (!call) return undefined;
        return {
          ...common,
          kind: 'call',
          call,
          ...given('over', read.expression(child(node, 'over'))),
          ...withTemplate,
          ...given('retry', retry(child(node, 'retry'))),
          ...given('refusals', refusals(child(node, 'refusals'))),
          ...given('fresh', fresh(child(node, 'fresh'))),
          ...given('pages', pages(child(node, 'pages'))),
          ...given('basedOn', basedOn(child(node, 'basedOn'))),
          ...given('compensate', compensate(child(node, 'compensate'))),
          ...given('irreversible', irreversible(child(node, 'irreversible'))),
        };
      },
      emit: () => {
        const emit = read.text(body);
        return (
          emit && {
            ...common,
            kind: 'emit',
            emit,
            ...given('over', read.expression(child(node, 'over'))),
            ...withTemplate,
            ...given('headers', read.template(child(node, 'headers'))),
          }
        );
      },
      approve: () => ({
        ...common,
        kind: 'approve',
        ...given('by', read.text(child(body, 'by'))),
        ...given('within', read.duration(child(body, 'within'))),
        ...given('onExpiry', read.oneOf(child(body, 'onExpiry'), ['reject', 'approve', 'escalate'])?.value),
        ...given('show', read.template(child(body, 'show'))),
        ...given('count', read.number(child(body, 'count'))),
        ...given('except', names(child(body, 'except'))),
      }),
      wait: () => ({
        ...common,
        kind: 'wait',
        ...given('for', read.duration(child(body, 'for'))),
        ...given('until', read.expression(child(body, 'until'))),
        ...given('event', read.text(child(body, 'event'))),
        ...given('over', read.expression(child(body, 'over'))),
        ...given('match', read.expression(child(body, 'match'))),
        ...given('within', read.duration(child(body, 'within'))),
        ...given('onExpiry', read.oneOf(child(body, 'onExpiry'), ['fail', 'continue'])?.value),
      }),
      set: () => ({ ...common, kind: 'set', ...given('value', read.template(body)) }),
      check: () => {
        return {
          ...common,
          kind: 'check',
          that: conditions(child(body, 'that')),
          ...given('otherwise', read.oneOf(child(body, 'otherwise'), ['quarantine', 'fail'])?.value),
        };
      },
      choose: () => ({
        ...common,
        kind: 'choose',
        branches: (body?.kind === 'list' ? body.items : []).map((item) => ({
          at: document.at(item),
          ...given('when', read.expression(child(item, 'when'))),
          steps: steps(child(item, 'steps')),
        })),
      }),
      forEach: () => {
        const check = child(body, 'check');
        const at = document.at(entry(node, 'forEach')?.key ?? node);
        return {
          ...common,
          kind: 'forEach',
          forEach: at,
          ...given('in', read.expression(child(body, 'in'))),
          as: read.text(child(body, 'as')) ?? { value: ITEM, at },
          ...given('key', read.template(child(body, 'key'))),
          ...given('max', read.number(child(body, 'max'))),
          ...given('concurrency', read.number(child(body, 'concurrency'))?.value),
          ...(check && {
            check: {
              that: conditions(child(check, 'that')),
              ...given('otherwise', read.oneOf(child(check, 'otherwise'), ['quarantine', 'split'])?.value),
            },
          }),
          ...given('onItemFailure', read.oneOf(child(body, 'onItemFailure'), ['stop', 'collect'])?.value),
          steps: steps(child(body, 'steps')),
          ...given('result', read.template(child(body, 'result'))),
        };
      },
      parallel: () => ({
        ...common,
        kind: 'parallel',
        branches: (body?.kind === 'map' ? body.entries : []).map(({ key, value }) => ({
          name: { value: String(key.value), at: document.at(key) },
          at: document.at(key),
          steps: steps(value),
        })),
      }),
      run: () => {
        const pipeline = read.text(child(body, 'pipeline'));
        if (!pipeline) return undefined;
        return { ...common, kind: 'run', pipeline, ...given('with', read.template(child(body, 'with'))) };
      },
    };
    // The key was found among the table's own.
    return readers[kinds[0] as keyof typeof stepSchemas]();
  }

  function conditions(node: SpecNode | undefined): ConditionSpecs {
    return (node?.kind === 'list' ? node.items : []).map((item) => ({
      ...given('condition', read.expression(child(item, 'condition'))),
      ...given('message', read.text(child(item, 'message'))?.value),
    }));
  }

  function refusals(node: SpecNode | undefined): CallSpec['refusals'] {
    return node?.kind === 'list' ? node.items.flatMap((item) => read.text(item) ?? []) : undefined;
  }

  function fresh(node: SpecNode | undefined): FreshSpec | undefined {
    if (node?.kind !== 'map') return undefined;
    return {
      at: document.at(node),
      ...given('maxAge', read.duration(child(node, 'maxAge'))),
      ...given('moment', read.expression(child(node, 'at'))),
      ...given('version', read.expression(child(node, 'version'))),
      ...given('atLeast', read.expression(child(node, 'atLeast'))),
    };
  }

  function pages(node: SpecNode | undefined): PagesSpec | undefined {
    if (node?.kind !== 'map') return undefined;
    return { at: document.at(node), ...given('atMost', read.number(child(node, 'atMost'))) };
  }

  function basedOn(node: SpecNode | undefined): BasedOnSpec | undefined {
    if (node?.kind !== 'map') return undefined;
    return {
      at: document.at(node),
      ...given('read', read.text(child(node, 'read'))),
      ...given('attempts', read.number(child(node, 'attempts'))?.value),
    };
  }

  function compensate(node: SpecNode | undefined): CompensateSpec | undefined {
    const call = read.text(child(node, 'call'));
    if (!node || !call) return undefined;
    return {
      at: document.at(node),
      call,
      ...given('with', read.template(child(node, 'with'))),
      ...given('retry', retry(child(node, 'retry'))),
      ...given('guard', guard(child(node, 'guard'))),
      ...given('confirm', read.text(child(node, 'confirm'))),
    };
  }

  function guard(node: SpecNode | undefined): GuardSpec | undefined {
    const asked = read.text(child(node, 'read'));
    if (!node || !asked) return undefined;
    return {
      at: document.at(node),
      read: asked,
      ...given('with', read.template(child(node, 'with'))),
      ...given('unchanged', read.expression(child(node, 'unchanged'))),
    };
  }

  function irreversible(node: SpecNode | undefined): IrreversibleSpec | undefined {
    if (node?.kind !== 'map') return undefined;
    const forward = child(node, 'forward');
    return {
      at: document.at(node),
      ...given('because', read.text(child(node, 'because'))?.value),
      ...given('task', read.text(child(forward, 'task'))?.value),
      ...given('owner', read.text(child(forward, 'owner'))),
      ...given('within', read.duration(child(forward, 'within'))),
    };
  }

  function retry(node: SpecNode | undefined): RetrySpec | undefined {
    if (!node) return undefined;
    const at = document.at(node);
    if (node.kind === 'scalar') return { at, none: node.value === 'none' };
    const backoff = child(node, 'backoff');
    const on = child(node, 'on');
    return {
      at,
      none: false,
      ...given('attempts', read.number(child(node, 'attempts'))),
      ...given('within', read.duration(child(node, 'within'))),
      ...given('initial', read.duration(child(backoff, 'initial'))),
      ...given('factor', read.number(child(backoff, 'factor'))?.value),
      ...given('max', read.duration(child(backoff, 'max'))),
      ...given('jitter', read.oneOf(child(node, 'jitter'), ['full', 'none'])?.value),
      ...(on?.kind === 'list' && { on: on.items.flatMap(failureClass) }),
    };
  }

  function names(node: SpecNode | undefined): Located<string>[] | undefined {
    return node?.kind === 'list' ? node.items.flatMap((item) => read.text(item) ?? []) : undefined;
  }

  function failureClass(node: SpecNode): Located<FailureClass>[] {
    const name = read.text(node);
    return name && isFailureClass(name.value) ? [{ value: name.value, at: name.at }] : [];
  }
}

/** Who answers for it, as far as it is said. */
export function readOwner(
  document: SpecDocument,
  read: ReturnType<typeof reader>,
  node: SpecNode | undefined,
): OwnerSpec | undefined {
  if (node?.kind !== 'map') return undefined;
  const roles = child(node, 'roles');
  return {
    at: document.at(node),
    ...given('team', read.text(child(node, 'team'))),
    ...given('backup', read.text(child(node, 'backup'))),
    ...given('escalation', read.text(child(node, 'escalation'))),
    ...given('respond', read.duration(child(node, 'respond'))),
    ...given('recover', read.duration(child(node, 'recover'))),
    ...(roles && {
      roles: Object.assign({}, ...OWNER_ROLES.map((role) => given(role, read.text(child(roles, role))))),
    }),
  };
}

/** Readers of single values: each gives `undefined` for what is missing or of the wrong type. */
export function reader(document: SpecDocument, found: Diagnostic[]) {
  const text = (node: SpecNode | undefined): Located<string> | undefined =>
    node?.kind === 'scalar' && typeof node.value === 'string' && node.value.trim() !== ''
      ? { value: node.value, at: document.at(node) }
      : undefined;
  const template = (node: SpecNode | undefined): Template | undefined =>
    node &&
    readTemplate(document, node, (message, at, fix) => {
      found.push(diagnostic('expression-syntax', { message, at, fix }));
    });
  return {
    text,
    template,
    number: (node: SpecNode | undefined): Located<number> | undefined =>
      node?.kind === 'scalar' && typeof node.value === 'number'
        ? { value: node.value, at: document.at(node) }
        : undefined,
    duration: (node: SpecNode | undefined): Located<number> | undefined => {
      const written = text(node);
      const value = written && parseDuration(written.value);
      return written && value !== undefined ? { value, at: written.at } : undefined;
    },
    oneOf: <const T extends string>(
      node: SpecNode | undefined,
      allowed: readonly T[],
    ): Located<T> | undefined => {
      const written = text(node);
      const value = allowed.find((one) => one === written?.value);
      return written && value !== undefined ? { value, at: written.at } : undefined;
    },
    expression: (node: SpecNode | undefined): SpecExpression | undefined => {
      const whole = template(node);
      return whole?.kind === 'expression' ? whole.expression : undefined;
    },
  };
}

/** `{ key: value }`, or nothing when there is no value: optional members are absent, never `undefined`. */
export function given<Key extends string, T>(key: Key, value: T | undefined): { [K in Key]?: T } {
  // A computed key widens to `string`; it is `Key` by construction.
  return (value === undefined ? {} : { [key]: value }) as { [K in Key]?: T };
}

/** Every step of a pipeline, those inside others too, in document order. */
export function allSteps(steps: readonly StepSpec[]): readonly StepSpec[] {
  const known = flattened.get(steps);
  if (known) return known;
  const found = steps.flatMap((step) => [step, ...innerSteps(step).flatMap(allSteps)]);
  flattened.set(steps, found);
  return found;
}

/** A spec's steps never change, and two dozen checks go through them all. */
const flattened = new WeakMap<readonly StepSpec[], readonly StepSpec[]>();

/** The lists of steps inside a step: the branches of a choice, what goes on beside each other, what each item gets. */
export function innerSteps(step: StepSpec): readonly (readonly StepSpec[])[] {
  if (step.kind === 'choose' || step.kind === 'parallel') return step.branches.map(({ steps }) => steps);
  return step.kind === 'forEach' ? [step.steps] : [];
}
