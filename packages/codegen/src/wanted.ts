import type { ConnectorManifest } from '@tenon/connector';
import type { Contract, ContractUsage } from '@tenon/contract';

/** Operations and events of a contract, by id. */
export interface Wanted {
  readonly operations: ReadonlySet<string>;
  readonly events: ReadonlySet<string>;
}

/**
 * What a package is made for: what the connectors of a contract name, and what pipelines use besides. A vendor's document may
 * describe a thousand operations; files for those that nobody calls are only in the way. `undefined`: no connector speaks the
 * contract, so nobody has said what of it matters, and it is all of it.
 */
export function wantedOf(
  contract: Contract,
  manifests: readonly ConnectorManifest[],
  usage: readonly ContractUsage[],
): Wanted | undefined {
  if (manifests.length === 0) return undefined;
  const used = usedOf(usage.filter((entry) => entry.contract === contract.name));
  return {
    operations: new Set([...manifests.flatMap(operationsOf), ...used.operations]),
    events: new Set([...manifests.flatMap(eventsOf), ...used.events]),
  };
}

/** What pipelines use, each by its name. */
export function usedOf(usage: readonly ContractUsage[]): Wanted {
  const operations = new Set<string>();
  const events = new Set<string>();
  for (const { target } of usage) {
    if (target.kind === 'event') events.add(target.event);
    else operations.add(target.operation);
  }
  return { operations, events };
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
