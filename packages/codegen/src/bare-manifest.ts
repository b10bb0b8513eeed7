import type { ConnectorManifest } from '@tenon/connector';
import type { Contract } from '@tenon/contract';

/** For a contract that no connector speaks yet: no authentication, and for each operation what planning assumes. */
export function bareManifest(contract: Contract): ConnectorManifest {
  return {
    name: contract.name,
    version: contract.version,
    owner: contract.policy?.steward ?? '',
    contract: contract.name,
    transport: contract.format === 'openapi' ? 'http' : (contract.servers[0]?.protocol ?? 'http'),
    auth: [],
    identities: {},
    egress: [],
    defaults: { timeoutMs: TIMEOUT_MS, inFlightMax: IN_FLIGHT_MAX, failures: [] },
    operations: {},
    webhooks: {},
    sources: {},
    publications: {},
  };
}

/** The defaults of a manifest. */
const TIMEOUT_MS = 10_000;
const IN_FLIGHT_MAX = 64;
