import type { ConnectorManifest } from '@tenon/connector';
import type { Contract, EventDefinition } from '@tenon/contract';
import { type Location, toPointer } from '@tenon/model';
import { declaredOperation } from '../plan-operation.ts';
import type { Located } from '../spec/pipeline-spec.ts';
import type { UsageEntry } from '../usage.ts';
import { ownerOf, type PipelineModel } from './model.ts';
import { readsOfText, type Use, writesOf } from './use-of-call.ts';

/**
 * What a pipeline uses of contracts without an expression or a request that says so: the events that it listens to, and
 * what its connectors send and read by their manifests when it calls. A probe is as much part of a call as its body.
 */
export function impliedUsage(model: PipelineModel, said: readonly UsageEntry[]): readonly UsageEntry[] {
  return [...usedByCalls(model, said), ...usedByEvents(model), ...usedByPublications(model)];
}

/** Who makes a call, where that is written, and which of a step's calls it is. */
interface Caller extends Pick<UsageEntry, 'step' | 'isUndoing' | 'asked'> {
  readonly model: PipelineModel;
  /** What the pipeline says that it uses. */
  readonly said: readonly UsageEntry[];
  readonly at: Location;
}

interface Spoken {
  readonly manifest: ConnectorManifest;
  readonly contract: Contract;
}

function usedByCalls(model: PipelineModel, said: readonly UsageEntry[]): UsageEntry[] {
  const found: UsageEntry[] = [];
  const asked = new Set<ConnectorManifest>();
  for (const { step, call, compensation, guard } of model.calls.values()) {
    const caller: Caller = { model, said, step: step.id.value, at: step.call.at };
    const { compensate } = step;
    found.push(...byManifest(call, call.plan.operation, caller));
    if (compensate && compensation)
      found.push(
        ...byManifest(compensation, compensation.plan.operation, {
          ...caller,
          at: compensate.call.at,
          isUndoing: true,
        }),
      );
    if (compensate?.guard && guard) {
      const reading = { ...caller, at: compensate.guard.read.at, asked: 'guard' } as const;
      const written = compensate.guard.with;
      const sent = Object.fromEntries(
        written?.kind === 'object' ? written.entries.map(({ name }) => [name, name]) : [],
      );
      found.push(...entries(guard.contract, guard.plan.operation, writesOf(sent), reading));
      found.push(...byManifest(guard, guard.plan.operation, reading));
    }
    for (const spoken of [call, compensation, guard])
      if (spoken && !asked.has(spoken.manifest)) {
        asked.add(spoken.manifest);
        found.push(...askedForHealth(spoken, caller));
      }
  }
  return found;
}

/** What the manifest adds to one call of an operation, and the probe that settles it. */
function byManifest({ manifest, contract }: Spoken, operation: string, caller: Caller): UsageEntry[] {
  const source = contract.operations.get(operation);
  if (!source) return [];
  const declared = declaredOperation(manifest, operation, source);
  const { model } = caller;
  const place = (...tokens: string[]): Location =>
    placeIn(model, manifest, ['operations', operation, ...tokens]) ?? caller.at;
  const uses: (Use & { readonly at: Location })[] = [];
  const header = (name: string, at: Location): void => {
    const known = source.parameters.find((one) => one.in === 'header' && isSameHeader(one.name, name));
    // Those of a message are given beside its body, not each by itself.
    const within = source.kind === 'message' ? ['headers'] : [];
    uses.push({ access: 'write', path: toPointer([...within, known?.name ?? name]), expression: name, at });
  };
  const read = (pointer: string, at: Location): void => {
    uses.push({ access: 'read', path: pointer, expression: pointer, at });
  };
  const { idempotency, concurrency, pagination } = declared;
  if (idempotency.mode === 'header') header(idempotency.name, place('idempotency', 'name'));
  if (concurrency === 'etag') {
    if (declared.effect === 'read') read('/headers/ETag', place('concurrency'));
    else header('If-Match', place('concurrency'));
  } else if (concurrency && declared.effect === 'read')
    read(concurrency.field, place('concurrency', 'field'));
  for (const key of ['in', 'limit'] as const) {
    const name: unknown =
      pagination && key in pagination ? pagination[key as keyof typeof pagination] : undefined;
    if (typeof name === 'string')
      uses.push({ access: 'write', path: toPointer([name]), expression: name, at: place('pagination', key) });
  }
  for (const key of ['items', 'out', 'more', 'id'] as const) {
    const pointer: unknown =
      pagination && key in pagination ? pagination[key as keyof typeof pagination] : undefined;
    if (typeof pointer !== 'string') continue;
    if (key === 'id') read(`${pagination?.items ?? ''}/*${pointer}`, place('pagination', key));
    // Of the list itself only where it is: what is read of its items is written in the pipeline.
    else if (key === 'items')
      uses.push({
        access: 'read',
        path: pointer,
        expression: pointer,
        at: place('pagination', key),
        itemsUnread: true,
      });
    else read(pointer, place('pagination', key));
  }
  for (const scheme of manifest.auth)
    if (
      scheme.type === 'apiKey' &&
      source.parameters.some((one) => one.in === scheme.in && isSameHeader(one.name, scheme.name))
    )
      header(scheme.name, placeIn(model, manifest, ['auth']) ?? caller.at);
  for (const { when } of [...declared.failures, ...manifest.defaults.failures])
    if (when !== undefined) uses.push(...readsOfText(when).map((one) => ({ ...one, at: place('failures') })));
  const found = uses.flatMap((use) => entries(contract, operation, [use], { ...caller, at: use.at }));
  const { probe } = declared;
  if (!probe || caller.asked) return found;
  // What is found stands for the answer of the call: of it is read what the pipeline reads of that.
  const onward = probe.compares
    ? undefined
    : caller.said.filter(
        ({ contract: of, access, target, isNaming }) =>
          !isNaming &&
          of === contract.name &&
          access === 'read' &&
          target.kind === 'response' &&
          target.operation === operation,
      );
  const probing: Caller = { ...caller, asked: 'probe', at: place('probe') };
  return [
    ...found,
    ...entries(
      contract,
      probe.operation,
      [...writesOf(probe.with), ...readsOfText(probe.found, onward)],
      probing,
    ),
    ...byManifest({ manifest, contract }, probe.operation, probing),
  ];
}

/** Without an answer to it the connection is taken to be down, whatever its other operations do. */
function askedForHealth({ manifest, contract }: Spoken, caller: Caller): UsageEntry[] {
  const { health } = manifest;
  if (!health) return [];
  const at = placeIn(caller.model, manifest, ['health']) ?? caller.at;
  return entries(contract, health.operation, writesOf(health.with), { ...caller, asked: 'health', at });
}

/** Who listens needs the event, whatever is read of it, and what its connector finds and orders it by. */
function usedByEvents(model: PipelineModel): UsageEntry[] {
  const { spec, trigger, events } = model;
  const heard: { step: string; named: Located<string>; contract: Contract; event: EventDefinition }[] = [];
  if (trigger && spec.trigger?.kind === 'event')
    heard.push({
      step: 'trigger',
      named: spec.trigger.event,
      contract: trigger.contract,
      event: trigger.definition,
    });
  for (const [step, { contract, definition }] of events)
    if (step.kind === 'wait' && step.event)
      heard.push({ step: step.id.value, named: step.event, contract, event: definition });
  return heard.flatMap(({ step, named, contract, event }) => {
    const caller: Caller = { model, said: [], step, at: named.at };
    return [
      ofEvent(contract, event.id, { path: '', expression: named.value, isNaming: true }, caller),
      ...speaking(model, contract).flatMap((manifest) => takenIn({ manifest, contract }, event.id, caller)),
    ];
  });
}

/** The header in which a message that is sent carries its key. */
function usedByPublications(model: PipelineModel): UsageEntry[] {
  return [...model.events].flatMap(([step, { contract, definition }]) =>
    step.kind !== 'emit'
      ? []
      : speaking(model, contract).flatMap((manifest) => {
          const publication = Object.hasOwn(manifest.publications, definition.id)
            ? manifest.publications[definition.id]
            : undefined;
          if (publication?.idempotency.mode !== 'header') return [];
          const { name } = publication.idempotency;
          const tokens = ['publications', definition.id, 'idempotency', 'name'];
          const at = placeIn(model, manifest, tokens) ?? step.emit.at;
          const sent = ofEvent(
            contract,
            definition.id,
            { path: toPointer([name]), expression: name },
            { model, said: [], step: step.id.value, at },
          );
          const target = { kind: 'event', event: definition.id, part: 'headers' } as const;
          return { ...sent, access: 'write', target };
        }),
  );
}

function speaking({ catalog }: PipelineModel, { name }: Contract): readonly ConnectorManifest[] {
  return [...catalog.workspace.connectors.values()].filter(({ contract }) => contract === name);
}

/** What a connector reads of an event that it takes in, and the listing that it finds it in. */
function takenIn({ manifest, contract }: Spoken, event: string, caller: Caller): UsageEntry[] {
  const { model } = caller;
  const [webhook, source] = [manifest.webhooks, manifest.sources].map((all) =>
    Object.hasOwn(all, event) ? all[event] : undefined,
  ) as [ConnectorManifest['webhooks'][string] | undefined, ConnectorManifest['sources'][string] | undefined];
  const pointers = [
    ['webhooks', 'id', webhook?.id],
    ['webhooks', 'order', webhook?.order],
    ['webhooks', 'type', webhook?.type],
    ['sources', 'id', source?.id],
    ['sources', 'orderBy', source?.orderBy],
    ['sources', 'type', source?.type?.at],
  ] as const;
  const found = pointers.flatMap(([member, key, pointer]) => {
    // Others stand in headers, or are the broker's.
    if (!pointer?.startsWith('/')) return [];
    const at = placeIn(model, manifest, [member, event, key]) ?? caller.at;
    return ofEvent(contract, event, { path: pointer, expression: pointer }, { ...caller, at });
  });
  const poll = source?.poll;
  if (!poll) return found;
  const at = placeIn(model, manifest, ['sources', event, 'poll']) ?? caller.at;
  const asking: Caller = { ...caller, asked: 'poll', at };
  const operation = contract.operations.get(poll.operation);
  const items = operation && declaredOperation(manifest, poll.operation, operation).pagination?.items;
  return [
    ...found,
    ...entries(
      contract,
      poll.operation,
      [
        ...writesOf({ ...poll.with, [poll.cursor.in]: poll.cursor.from }),
        ...[poll.key, poll.cursor.from].map((pointer): Use => {
          return { access: 'read', path: `${items ?? ''}/*${pointer}`, expression: pointer };
        }),
      ],
      asking,
    ),
    ...byManifest({ manifest, contract }, poll.operation, asking),
  ];
}

function entries(contract: Contract, operation: string, uses: readonly Use[], caller: Caller): UsageEntry[] {
  return uses.map(({ access, path, expression, isNaming, itemsUnread }) => ({
    ...base(contract, caller),
    target: { kind: access === 'write' ? 'request' : 'response', operation },
    access,
    path,
    expression,
    ...(isNaming && { isNaming }),
    ...(itemsUnread && { itemsUnread }),
  }));
}

function ofEvent(
  contract: Contract,
  event: string,
  use: Pick<UsageEntry, 'path' | 'expression' | 'isNaming'>,
  caller: Caller,
): UsageEntry {
  return { ...base(contract, caller), target: { kind: 'event', event }, access: 'read', ...use };
}

function base({ name }: Contract, { model, step, at, isUndoing, asked }: Caller) {
  return {
    pipeline: model.spec.name.value,
    step,
    contract: name,
    ...(isUndoing && { isUndoing }),
    ...(asked && { asked }),
    at,
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

function isSameHeader(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
