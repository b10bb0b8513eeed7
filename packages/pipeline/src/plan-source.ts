import type { ConnectorManifest, SourceEvent, SourcePlan } from '@tenon/connector';
import type { Contract, EventDefinition } from '@tenon/contract';
import { isSchemaObject, type JsonSchema, settle } from '@tenon/schema';
import { headersSchema } from './plan-headers.ts';
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
 * `heard`: names (`<contract>.<event>`) that pipelines listen to. `taken`: ids that the connection at hand takes in; absent: all.
 * Of a place that several events share, the others are read and left out.
 */
export function planSources(
  contract: Contract,
  manifest: ConnectorManifest,
  heard: ReadonlySet<string>,
  taken?: readonly string[],
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
      isHeard: heard.has(name) && (taken?.includes(id) ?? true),
      ...headersRead(contract, definition),
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

/** What of a message's headers is handed on: those that its contract declares, and nothing else that a sender may put there. */
export function headersRead(contract: Contract, event: EventDefinition): Pick<SourceEvent, 'headers'> {
  const declared = headersSchema([event.message.headers], contract.definitions);
  if (declared === undefined) return {};
  const headers = Object.entries(declared.properties ?? {}).map(
    ([name, schema]) => [name, typesOf(schema, contract)] as const,
  );
  return { headers: Object.fromEntries(headers) };
}

/** The JSON types that a header's text may stand for. */
function typesOf(schema: JsonSchema, contract: Contract): readonly string[] {
  if (!isSchemaObject(schema)) return [];
  const settled = settle(schema, {
    definitions: contract.definitions,
    pick: (branches) => branches[0] ?? true,
    takeThen: () => true,
  }).schema;
  return settled === false ? [] : [settled.type ?? []].flat();
}
