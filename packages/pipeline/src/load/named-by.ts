import type { ConnectorManifest } from '@tenon/connector';
import type { Named } from '@tenon/contract';

/** What connectors name of the contract that they speak, also to settle, undo, poll or ask for health. */
export function namedBy(manifests: readonly ConnectorManifest[]): Named {
  return {
    operations: new Set(manifests.flatMap(operationsOf)),
    events: new Set(manifests.flatMap(eventsOf)),
  };
}

function operationsOf({ operations, sources, health }: ConnectorManifest): readonly string[] {
  return [
    ...Object.keys(operations),
    ...Object.values(operations).flatMap(({ probe, compensation }) => [
      ...(probe ? [probe.operation] : []),
      ...(compensation ? [compensation.operation] : []),
    ]),
    ...Object.values(sources).flatMap(({ poll }) => (poll ? [poll.operation] : [])),
    ...(health ? [health.operation] : []),
  ];
}

function eventsOf({ webhooks, sources, publications }: ConnectorManifest): readonly string[] {
  return [webhooks, sources, publications].flatMap((events) => Object.keys(events));
}
