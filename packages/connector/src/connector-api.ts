import type { ConnectorModule } from './transport.ts';

/**
 * The interface between Tenon and a connector's own code, and which of its versions still work. A version is raised
 * when code written against the one before would no longer do what it did; the one before stays supported until at least
 * twelve months after, in every release until `until`.
 */
export const connectorApi: {
  readonly current: number;
  readonly versions: readonly {
    readonly version: number;
    readonly since: string;
    /** The first date on which a release may drop it; absent: no successor yet. */
    readonly until?: string;
  }[];
} = { current: 1, versions: [{ version: 1, since: '2026-11-28' }] };

/** Why a module cannot be used with this Tenon, in one sentence; `undefined` where it can. */
export function connectorApiProblem(module: Pick<ConnectorModule, 'api'>): string | undefined {
  const { api } = module;
  // Written before modules said it: the first version.
  if (api === undefined || connectorApi.versions.some(({ version }) => version === api)) return undefined;
  const known = connectorApi.versions.map(({ version }) => version).join(', ');
  return api > connectorApi.current
    ? `it was written for connector API ${api}, and this Tenon knows ${known}: update Tenon`
    : `it was written for connector API ${api}, which this Tenon no longer supports (it knows ${known}): update the connector`;
}
