import type { ConnectorManifest, SourceEvent, SourcePlan } from '@tenon/connector';
import type { Contract, EventDefinition } from '@tenon/contract';
import { planOperation } from './plan-operation.ts';

/** Where an event of the contract comes from: what the manifest says, else the address of its channel. */
export function placeOfSource(manifest: ConnectorManifest, event: EventDefinition): string | undefined {
  const source = manifest.sources[event.id];
  // What is fetched or comes of time has no place but itself.
  const own = source?.poll || source?.schedule ? event.id : undefined;
  return source?.from ?? own ?? event.address ?? event.channel;
}

/**
 * What a connector takes in over its connections, one plan for each place; only places at which something is heard.
 * `heard`: names (`<contract>.<event>`) that pipelines listen to.
 */
export function planSources(
  contract: Contract,
  manifest: ConnectorManifest,
  heard: ReadonlySet<string>,
): readonly SourcePlan[] {
  const plans = new Map<string, SourcePlan>();
  for (const [id, source] of Object.entries(manifest.sources)) {
    const definition = contract.events.get(id);
    const from = definition && placeOfSource(manifest, definition);
    if (!definition || from === undefined) continue;
    const name = `${contract.name}.${id}`;
    const event: SourceEvent = {
      name,
      contentType: definition.message.contentType,
      id: source.id,
      isHeard: heard.has(name),
      ...(source.type && { type: source.type }),
      ...(source.orderBy !== undefined && { orderBy: source.orderBy }),
    };
    const { group, prefetchMax, create, invalid, everyMs, poll, schedule } = source;
    const operation = poll && planOperation(contract, manifest, poll.operation);
    // The manifest's check says what is wrong with it.
    if (poll && !operation) continue;
    const earlier = plans.get(from);
    plans.set(from, {
      ...(earlier ?? {
        connector: manifest.name,
        contract: { name: contract.name, version: contract.version, digest: contract.digest },
        transport: manifest.transport,
        channel: definition.channel ?? id,
        from,
        address: definition.address ?? from,
        group,
        prefetchMax,
        create,
        invalid,
        everyMs,
        bindings: { ...definition.bindings, ...definition.message.bindings },
        ...(poll && operation && { poll: { ...poll, operation } }),
        ...(schedule && { schedule }),
      }),
      events: [...(earlier?.events ?? []), event],
    });
  }
  return [...plans.values()].filter(({ events }) => events.some(({ isHeard }) => isHeard));
}
