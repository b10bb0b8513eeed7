import type { ConnectorManifest } from '@tenon/connector';
import type { Contract, ContractUsage, Named } from '@tenon/contract';
import { namedBy } from '@tenon/pipeline';

/**
 * What a package is made for: what the connectors of a contract name, and what pipelines use besides. A vendor's document may
 * describe a thousand operations; files for those that nobody calls are only in the way. `undefined`: no connector speaks the
 * contract, so nobody has said what of it matters, and it is all of it.
 */
export function wantedOf(
  contract: Contract,
  manifests: readonly ConnectorManifest[],
  usage: readonly ContractUsage[],
): Named | undefined {
  if (manifests.length === 0) return undefined;
  const named = namedBy(manifests);
  const used = usedOf(usage.filter((entry) => entry.contract === contract.name));
  return {
    operations: new Set([...named.operations, ...used.operations]),
    events: new Set([...named.events, ...used.events]),
  };
}

/** What pipelines use, each by its name. */
export function usedOf(usage: readonly ContractUsage[]): Named {
  const operations = new Set<string>();
  const events = new Set<string>();
  for (const { target } of usage) {
    if (target.kind === 'event') events.add(target.event);
    else operations.add(target.operation);
  }
  return { operations, events };
}
