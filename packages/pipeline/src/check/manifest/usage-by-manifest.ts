import { type ConnectorManifest, inputPointer, withInput } from '@tenon/connector';
import type { Contract, ContractUsage, Operation } from '@tenon/contract';
import { type JsonObject, type Location, toPointer } from '@tenon/model';
import { declaredOperation } from '../../plan-operation.ts';
import { ownerOf, type PipelineModel } from '../model.ts';
import { readsOfText, type Use, writesOf } from './use-of-call.ts';

/**
 * What connectors send and read by their manifests for a pipeline: a probe is as much part of a call as its body. Each call that is made for a
 * step, its own and those beside it, is one `Call`, and to each its connector adds the same things.
 */
export function usageByManifest(
  model: PipelineModel,
  said: readonly ContractUsage[],
): readonly ContractUsage[] {
  const events = heard(model, said);
  const calls = [...callsOfSteps(model), ...events.flatMap((event) => listingOf(model, event))];
  return [
    ...calls.flatMap((call) => [call, ...probeOf(model, call, said)]).flatMap((call) => usesOf(model, call)),
    ...events.flatMap((event) => ofEvent(model, event)),
    ...keysOfMessages(model),
  ];
}

interface Spoken {
  readonly manifest: ConnectorManifest;
  readonly contract: Contract;
}

/** One call, made for a step. */
interface Call extends Spoken, Pick<ContractUsage, 'step' | 'call'> {
  readonly operation: string;
  /** Where it is asked for. */
  readonly at: Location;
  /** What the manifest says of this call alone. */
  readonly uses: readonly Use[];
}

function callsOfSteps(model: PipelineModel): Call[] {
  const asked = new Set<ConnectorManifest>();
  return [...model.calls.values()].flatMap(({ step, call, compensation, guard }) => {
    const { compensate } = step;
    const made = [
      { its: call, at: step.call.at },
      { its: compensation, at: compensate?.call.at, call: 'undo' as const },
      { its: guard, at: compensate?.guard?.read.at, call: 'guard' as const },
    ].flatMap(({ its, at, ...which }): Call[] => {
      if (!its || !at) return [];
      const { manifest, contract } = its;
      return [
        { manifest, contract, step: step.id.value, ...which, operation: its.plan.operation, at, uses: [] },
      ];
    });
    // Without an answer to it the connection is taken to be down, whatever its other operations do.
    const health = made.flatMap((one): Call[] => {
      const { manifest } = one;
      if (!manifest.health || asked.has(manifest)) return [];
      asked.add(manifest);
      const { operation, with: sent } = manifest.health;
      const at = placeIn(model, manifest, ['health']) ?? step.call.at;
      return [{ ...one, call: 'health', operation, at, uses: writesOf(sent) }];
    });
    return [...made, ...health];
  });
}

/** The listing in which an event is found. */
function listingOf(model: PipelineModel, { event, ...each }: Heard): Call[] {
  const { manifest, contract } = each;
  const poll = own(manifest.sources, event)?.poll;
  const operation = poll && contract.operations.get(poll.operation);
  if (!operation) return [];
  const { cursor, key } = poll;
  // A manifest's `with` is JSON.
  const given = poll.with as JsonObject;
  const items = declaredOperation(manifest, poll.operation, operation).pagination?.items ?? '';
  const ofItem = (pointer: string): Use => ({
    access: 'read',
    path: `${items}/*${pointer}`,
    expression: pointer,
  });
  return [
    {
      ...each,
      call: 'poll',
      operation: poll.operation,
      at: placeIn(model, manifest, ['sources', event, 'poll']) ?? each.at,
      uses: [...writesOf(withInput(given, cursor.in, cursor.from)), ofItem(key), ofItem(cursor.from)],
    },
  ];
}

/** The call that settles another, where its answer was lost: of what it finds is read what the pipeline reads of that answer. */
function probeOf(model: PipelineModel, call: Call, said: readonly ContractUsage[]): Call[] {
  const { manifest, contract, operation } = call;
  const source = contract.operations.get(operation);
  const probe = source && declaredOperation(manifest, operation, source).probe;
  if (!probe || (call.call !== undefined && call.call !== 'undo')) return [];
  const onward = said.filter(
    ({ contract: of, access, target }) =>
      of === contract.name &&
      access === 'read' &&
      target.kind === 'response' &&
      target.refused === undefined &&
      target.operation === operation,
  );
  return [
    {
      ...call,
      call: call.call === 'undo' ? 'undo probe' : 'probe',
      operation: probe.operation,
      at: placeIn(model, manifest, ['operations', operation, 'probe']) ?? call.at,
      uses: [...writesOf(probe.with), ...readsOfText(probe.found, probe.compares ? undefined : onward)],
    },
  ];
}

function usesOf(model: PipelineModel, call: Call): readonly ContractUsage[] {
  const { operation, uses } = call;
  // An answer of any kind shows health: no page is asked for, and nothing is read of it.
  const added = call.call === 'health' ? [] : addedTo(call, operation);
  return [...uses, ...added].map((use) =>
    entry(model, call, { kind: use.access === 'write' ? 'request' : 'response', operation }, use),
  );
}

/** What a manifest adds to every call of an operation. */
function addedTo({ manifest, contract }: Spoken, operation: string): readonly Use[] {
  const source = contract.operations.get(operation);
  if (!source) return [];
  const declared = declaredOperation(manifest, operation, source);
  const { effect, idempotency, concurrency } = declared;
  const uses: Use[] = [];
  const at = (...tokens: string[]): readonly string[] => ['operations', operation, ...tokens];
  const send = (name: string | undefined, place: readonly string[], path = toPointer([name ?? ''])): void => {
    if (name !== undefined) uses.push({ access: 'write', path, expression: name, place });
  };
  const read = (path: string | undefined, place: readonly string[], more: Partial<Use> = {}): void => {
    if (path !== undefined) uses.push({ access: 'read', path, expression: path, place, ...more });
  };
  if (idempotency.mode === 'header')
    send(idempotency.name, at('idempotency', 'name'), headerPath(source, idempotency.name));
  if (effect === 'read')
    read(
      concurrency === 'etag' ? '/headers/ETag' : concurrency?.field,
      at('concurrency', ...(concurrency === 'etag' ? [] : ['field'])),
    );
  else if (concurrency === 'etag') send('If-Match', at('concurrency'), headerPath(source, 'If-Match'));
  const pages: Pages = declared.pagination ?? {};
  const { items } = pages;
  for (const key of ['in', 'limit'] as const)
    send(pages[key], at('pagination', key), inputPointer(pages[key] ?? ''));
  for (const key of ['out', 'more'] as const) read(pages[key], at('pagination', key));
  // Of the list itself only where it is: what is read of its items is written in the pipeline.
  read(items, at('pagination', 'items'), { itemsUnread: true });
  if (pages.id !== undefined) read(`${items ?? ''}/*${pages.id}`, at('pagination', 'id'));
  for (const scheme of manifest.auth)
    if (
      scheme.type === 'apiKey' &&
      source.parameters.some((one) => one.in === scheme.in && isSameHeader(one.name, scheme.name))
    )
      send(scheme.name, ['auth'], headerPath(source, scheme.name));
  for (const { when } of [...declared.failures, ...manifest.defaults.failures])
    if (when !== undefined) uses.push(...readsOfText(when).map((use) => ({ ...use, place: at('failures') })));
  return uses;
}

type Pages = Partial<Record<'in' | 'limit' | 'items' | 'out' | 'more' | 'id', string>>;

/** Where a header stands in a request: a parameter of it, or of a message among those beside its body. */
function headerPath(operation: Operation, name: string): string {
  const known = operation.parameters.find((one) => one.in === 'header' && isSameHeader(one.name, name));
  return toPointer([...(operation.kind === 'message' ? ['headers'] : []), known?.name ?? name]);
}

interface Heard extends Spoken, Pick<Call, 'step' | 'at'> {
  readonly event: string;
}

/** The events that a pipeline listens to, with each connector that may take them in. */
function heard(model: PipelineModel, said: readonly ContractUsage[]): readonly Heard[] {
  return said.flatMap(({ target, isNaming, contract: name, step, at }) => {
    const contract = model.catalog.workspace.contracts.get(name);
    if (!isNaming || target.kind !== 'event' || !contract) return [];
    return speaking(model, contract).map((manifest) => ({
      manifest,
      contract,
      step,
      event: target.event,
      at,
    }));
  });
}

/** What a connector finds and orders an event by. */
function ofEvent(model: PipelineModel, each: Heard): ContractUsage[] {
  const { manifest, event } = each;
  const webhook = own(manifest.webhooks, event);
  const source = own(manifest.sources, event);
  return (
    [
      ['webhooks', 'id', webhook?.id],
      ['webhooks', 'order', webhook?.order],
      ['webhooks', 'type', webhook?.type],
      ['sources', 'id', source?.id],
      ['sources', 'orderBy', source?.orderBy],
      ['sources', 'type', source?.type?.at],
    ] as const
  ).flatMap(([member, key, path]) => {
    // Others stand in headers, or are the broker's.
    if (!path?.startsWith('/')) return [];
    const use: Use = { access: 'read', path, expression: path, place: [member, event, key] };
    return entry(model, each, { kind: 'event', event }, use);
  });
}

/** The headers in which messages carry their keys. */
function keysOfMessages(model: PipelineModel): ContractUsage[] {
  return [...model.events].flatMap(([step, { contract, definition }]) =>
    speaking(model, contract).flatMap((manifest) => {
      const event = definition.id;
      const idempotency = own(manifest.publications, event)?.idempotency;
      if (step.kind !== 'emit' || idempotency?.mode !== 'header') return [];
      const { name } = idempotency;
      const place = ['publications', event, 'idempotency', 'name'];
      const use: Use = { access: 'write', path: toPointer([name]), expression: name, place };
      const caller = { manifest, contract, step: step.id.value, at: step.emit.at };
      return entry(model, caller, { kind: 'event', event, part: 'headers' }, use);
    }),
  );
}

function speaking({ catalog }: PipelineModel, { name }: Contract): readonly ConnectorManifest[] {
  return [...catalog.workspace.connectors.values()].filter(({ contract }) => contract === name);
}

function entry(
  model: PipelineModel,
  { manifest, contract, step, call, at }: Pick<Call, 'manifest' | 'contract' | 'step' | 'call' | 'at'>,
  target: ContractUsage['target'],
  { place, ...use }: Use,
): ContractUsage {
  return {
    pipeline: model.spec.name.value,
    step,
    ...(call && { call }),
    by: 'manifest',
    contract: contract.name,
    target,
    ...use,
    at: (place && placeIn(model, manifest, place)) ?? at,
    owner: ownerOf(model),
  };
}

function placeIn(
  { catalog }: PipelineModel,
  { name }: ConnectorManifest,
  tokens: readonly string[],
): Location | undefined {
  return catalog.workspace.connectorDocuments.get(name)?.locate(toPointer(tokens));
}

function own<T>(members: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(members, name) ? members[name] : undefined;
}

function isSameHeader(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
