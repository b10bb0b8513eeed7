import type { OperationPlan } from '@tenon/connector';
import type { ValueTemplate } from '@tenon/expression';
import { digestOf, type Json } from '@tenon/model';
import type { CallStep, Plan, PlanStep, RetryPlan } from '@tenon/pipeline';

/** Plans for tests, made by hand: the runtime knows nothing of YAML. */
export function planFor(parts: Partial<Omit<Plan, 'hash'>> & { readonly steps: readonly PlanStep[] }): Plan {
  const plan: Omit<Plan, 'hash'> = {
    apiVersion: 'tenon/v1',
    kind: 'Plan',
    pipeline: 'orders',
    version: 1,
    description: 'a plan for a test',
    owner: {
      team: 'sales',
      backup: 'platform',
      escalation: 'pager:sales',
      respondMs: 60_000,
      recoverMs: 3_600_000,
    },
    tier: 'high',
    trigger: { event: 'shop.ordered' },
    identity: { key: { expression: 'event.id' }, retainMs: 86_400_000 },
    limits: { concurrency: 50, deadlineMs: 600_000 },
    onFailure: 'compensate',
    metrics: {},
    operations: Object.fromEntries(Object.entries(operations).map(([name, make]) => [name, make])),
    events: {
      'shop.ordered': event('shop.ordered', {
        type: 'object',
        required: ['id'],
        properties: { id: { type: 'string' }, amount: { type: 'number' } },
      }),
      'shop.paid': event('shop.paid', { type: 'object' }),
      'shop.shipped': event('shop.shipped', { type: 'object', required: ['id'] }),
    },
    policies: {},
    contracts: [{ name: 'shop', version: '1.0.0', digest: 'sha256:0' }],
    redact: {},
    source: { file: 'orders.pipeline.yaml', text: '' },
    ...parts,
  };
  return { ...plan, hash: digestOf(plan) };
}

export const retry: RetryPlan = {
  attempts: 4,
  withinMs: 120_000,
  backoff: { initialMs: 1_000, factor: 2, maxMs: 30_000 },
  jitter: 'none',
  on: ['timeout', 'transient', 'rateLimited'],
};

const at = { line: 1, column: 1 };

export function call(id: string, operation: string, parts: Partial<CallStep> = {}): CallStep {
  return { id, kind: 'call', at, operation, connection: 'acme', with: literal({ id }), retry, ...parts };
}

/** Reads an account and writes it with one member more, based on the version read. */
export function amend(id: string, account = 'shared', parts: Partial<CallStep> = {}): PlanStep[] {
  return [
    call(`${id}r`, 'acme.getAccount', { with: literal({ id: account }) }),
    call(id, 'acme.setAccount', {
      with: {
        object: {
          id: { literal: account },
          members: { expression: `steps.${id}r.members + [event.id]` },
        },
      },
      basedOn: { read: `${id}r`, again: [], attempts: 5 },
      ...parts,
    }),
  ];
}

/** The compensation of `amend`: what was there before, if nobody has written since. */
export function unamend(id: string, account: string): Pick<CallStep, 'compensate'> {
  return {
    compensate: {
      operation: 'acme.setAccount',
      connection: 'acme',
      with: { object: { id: { literal: account }, members: { expression: `steps.${id}r.members` } } },
      retry,
      guard: {
        operation: 'acme.getAccount',
        connection: 'acme',
        with: literal({ id: account }),
        retry,
        unchanged: `current.members == steps.${id}r.members + [event.id]`,
      },
    },
  };
}

/** Sets what differs; `<key>/<id>` is its id. */
export function setChecked(id: string): CallStep {
  const own = { expression: `event.id + '/${id}'` };
  return call(id, 'acme.setChecked', {
    with: { object: { id: own, body: { object: { value: own } } } },
    probe: {
      operation: 'acme.getState',
      with: { object: { id: { expression: 'request.id' } } },
      found: 'body',
      compares: true,
      settleMs: 1_000,
    },
  });
}

/** A call with a compensation and a probe, as the operation's name says. */
export function undoable(id: string, operation = 'acme.create', parts: Partial<CallStep> = {}): CallStep {
  return call(id, operation, {
    compensate: {
      operation: 'acme.remove',
      connection: 'acme',
      with: { object: { id: { expression: `steps.${id}.id` } } },
      retry,
    },
    ...parts,
  });
}

export const probe = {
  operation: 'acme.find',
  with: { object: { key: { expression: 'key' } } } satisfies ValueTemplate,
  found: 'body.found',
  settleMs: 1_000,
};

/** Looks for the effect in the list of all that was made, which comes in pages. */
export const probeOfList = {
  operation: 'acme.list',
  with: { object: {} } satisfies ValueTemplate,
  found: 'body.made.exists(one, one.key == key) ? body.made.filter(one, one.key == key)[0].thing : null',
  settleMs: 1_000,
};

/** The same, in a list whose pages are counted, so that they move when something in front of it is removed. */
export const probeOfPages = { ...probeOfList, operation: 'acme.browse' };

export function literal(value: Json): ValueTemplate {
  return { literal: value };
}

export function step<K extends PlanStep['kind']>(
  kind: K,
  id: string,
  parts: Omit<Extract<PlanStep, { kind: K }>, 'kind' | 'id' | 'at'>,
): PlanStep {
  // The parts are those of the kind; only the common members are added.
  return { kind, id, at, ...parts } as unknown as PlanStep;
}

function operation(
  name: string,
  effect: OperationPlan['effect'],
  idempotency: OperationPlan['idempotency'],
  more: Partial<OperationPlan> = {},
): OperationPlan {
  return {
    name: `acme.${name}`,
    connector: 'acme',
    operation: name,
    contract: { name: 'acme', version: '1.0.0', digest: 'sha256:1' },
    transport: 'http',
    effect,
    idempotency,
    scopes: [],
    timeoutMs: 5_000,
    failures: [],
    auth: [],
    egress: [],
    input: true,
    result: true,
    ...more,
  };
}

const header = { mode: 'header', name: 'Idempotency-Key' } as const;

const operations: Record<string, OperationPlan> = {
  'acme.get': operation('get', 'read', { mode: 'natural' }),
  'acme.find': operation('find', 'read', { mode: 'natural' }),
  'acme.list': operation(
    'list',
    'read',
    { mode: 'natural' },
    { pagination: { type: 'cursor', in: 'cursor', out: '/next', items: '/made' } },
  ),
  'acme.browse': operation(
    'browse',
    'read',
    { mode: 'natural' },
    { pagination: { type: 'page', in: 'page', start: 1, items: '/made' } },
  ),
  'acme.create': operation('create', 'create', header),
  'acme.shortKey': operation('shortKey', 'create', { ...header, retentionMs: 15_000 }),
  'acme.createBlind': operation('createBlind', 'create', { mode: 'none' }),
  'acme.createChecked': operation('createChecked', 'create', { mode: 'checkFirst' }),
  'acme.put': operation('put', 'update', { mode: 'natural' }),
  'acme.getAccount': operation('getAccount', 'read', { mode: 'natural' }, { concurrency: 'etag' }),
  'acme.setAccount': operation('setAccount', 'update', { mode: 'none' }, { concurrency: 'etag' }),
  'acme.getState': operation('getState', 'read', { mode: 'natural' }),
  'acme.setChecked': operation('setChecked', 'update', { mode: 'checkFirst' }),
  'acme.send': operation('send', 'send', { mode: 'none' }),
  'acme.remove': operation('remove', 'delete', header),
};

function event(name: string, payload: Plan['events'][string]['payload']): Plan['events'][string] {
  return {
    contract: { name: 'shop', version: '1.0.0', digest: 'sha256:0' },
    event: name.split('.')[1]!,
    payload,
  };
}

/** A pipeline that others run: its input is an order, its output what `parts` says. */
export function childPlan(parts: Partial<Parameters<typeof planFor>[0]> & Pick<Plan, 'steps'>): Plan {
  return planFor({
    pipeline: 'child',
    trigger: { manual: true, input: { type: 'object', required: ['id'] } },
    identity: { key: { expression: 'event.id' }, retainMs: 86_400_000 },
    ...parts,
  });
}

/** Runs such a pipeline, over the order's id unless told otherwise. */
export function run(
  id: string,
  child: Plan,
  input: ValueTemplate = { object: { id: { expression: 'event.id' } } },
): PlanStep {
  const { pipeline, version, hash, output } = child;
  return step('run', id, {
    pipeline,
    version,
    plan: hash,
    with: input,
    ...(output && { result: output.schema }),
  });
}

/** Lines of an order, for `list`. */
export const ofSkus = (...skus: string[]) => skus.map((sku) => ({ sku, quantity: 1 }));

/** What a step within such a list sends. */
export const sku: ValueTemplate = { object: { id: { expression: 'line.sku' } } };

/** Books each line of the order, two at a time, unless told otherwise. */
export function list(parts: Partial<Extract<PlanStep, { kind: 'forEach' }>> = {}): PlanStep {
  return step('forEach', 'lines', {
    in: 'event.lines',
    as: 'line',
    key: { expression: 'line.sku' },
    max: 50,
    concurrency: 2,
    onItemFailure: 'stop',
    steps: [undoable('book', 'acme.create', { with: sku })],
    result: { expression: 'steps.book.id' },
    ...parts,
  });
}

/** Two branches. */
export function both(left: Plan['steps'], right: Plan['steps']): PlanStep {
  return step('parallel', 'both', {
    branches: [
      { name: 'left', steps: left },
      { name: 'right', steps: right },
    ],
  });
}
