import type { Grant, Grants } from '@tenon/connector';
import { compareText, digestOf } from '@tenon/model';
import { byOwnName, type Plan, type Workspace, type WorkspaceCheck } from '@tenon/pipeline';

/** What one connection may do and what is done over it (C88, C90). JSON; the same workspace gives the same. */
export interface ConnectionGrants {
  readonly connection: string;
  readonly connector: string;
  readonly identity?: string;
  /** Teams it serves. */
  readonly owners: readonly string[];
  /** By pipeline. */
  readonly granted: Grants;
  /** By pipeline: what fits exactly. */
  readonly used: Grants;
  /** Used and not granted: each such call is refused. */
  readonly missing: Grants;
  /** Granted and not used. */
  readonly unused: Grants;
  /** Of each operation used, what it does. */
  readonly effects: Readonly<Record<string, string>>;
  /** Scopes of its identity; absent where the connection does not say whose credentials it holds. */
  readonly heldScopes?: readonly string[];
  readonly usedScopes: readonly string[];
  readonly unusedScopes: readonly string[];
  /** References of its credentials: what a review of old tokens looks at. */
  readonly credentials: readonly string[];
}

export interface GrantsTable {
  readonly connections: readonly ConnectionGrants[];
  /** Connections over which nothing is called and nothing comes in. */
  readonly unusedConnections: readonly string[];
  /** Connectors that no connection uses. */
  readonly unusedConnectors: readonly string[];
  /** Pipelines with errors: what they use is counted as far as it can be read. */
  readonly unplanned: readonly string[];
}

/** The pipelines that call an operation over a connection, by name. */
export function pipelinesCalling(
  check: WorkspaceCheck,
  connection: string,
  operation: string,
): readonly string[] {
  const needed = Object.entries(check.needed.get(connection) ?? {});
  return unique(needed.flatMap(([name, { operations }]) => (operations.includes(operation) ? name : [])));
}

/** Granted against used, over every connection of the workspace. */
export function grantsOf(workspace: Workspace, check: WorkspaceCheck): GrantsTable {
  const plans = [...check.plans.values()];
  const heard = new Set(plans.flatMap((plan) => Object.keys(plan.events)));
  const connections = Object.values(workspace.config.connections)
    .toSorted((a, b) => compareText(a.name, b.name))
    .map((connection): ConnectionGrants => {
      const manifest = workspace.connectors.get(connection.connector);
      const granted = connection.grants ?? NO_GRANTS;
      const used = check.needed.get(connection.name) ?? NO_GRANTS;
      const operations = unique(Object.values(used).flatMap((grant) => grant.operations));
      const heldScopes =
        connection.identity === undefined ? undefined : manifest?.identities[connection.identity];
      const usedScopes = unique(Object.values(used).flatMap(({ scopes }) => scopes));
      return {
        connection: connection.name,
        connector: connection.connector,
        ...(connection.identity !== undefined && { identity: connection.identity }),
        owners: unique([
          ...plans.filter((plan) => used[plan.pipeline]).map((plan) => plan.owner.team),
          ...[...check.reconciliations.values()]
            .filter((plan) => used[plan.name])
            .map((plan) => plan.owner.team),
        ]),
        granted,
        used,
        missing: without(used, granted),
        unused: without(granted, used),
        effects: Object.fromEntries(
          operations.map((name) => [name, manifest?.operations[name]?.effect ?? 'send']),
        ),
        ...(heldScopes && { heldScopes }),
        usedScopes,
        unusedScopes: (heldScopes ?? []).filter((scope) => !usedScopes.includes(scope)),
        credentials: unique(Object.values(connection.credentials).flatMap((fields) => Object.values(fields))),
      };
    });
  const listening = (connector: string): boolean => {
    const manifest = workspace.connectors.get(connector);
    return [...heard].some((event) => event.startsWith(`${manifest?.contract}.`));
  };
  const connected = new Set(connections.map(({ connector }) => connector));
  return {
    connections,
    unusedConnections: connections
      .filter(({ used, connector }) => Object.keys(used).length === 0 && !listening(connector))
      .map(({ connection }) => connection),
    unusedConnectors: [...workspace.connectors.keys()]
      .filter((name) => !connected.has(name))
      .toSorted(compareText),
    unplanned: unplannedOf(workspace, [...plans, ...check.reconciliations.values()]),
  };
}

/** What a review signs: the table, without anything that changes by itself. */
export function grantsDigest(table: GrantsTable): string {
  return digestOf(table);
}

const NO_GRANTS: Grants = byOwnName([]);
const NONE: Grant = { operations: [], scopes: [], hosts: [] };

/** What stands in `these` and not in `those`; pipelines of which nothing is left are left out. */
function without(these: Grants, those: Grants): Grants {
  const left = Object.entries(these).map(([pipeline, grant]): readonly [string, Grant] => {
    const other = those[pipeline] ?? NONE;
    const rest = (kind: keyof Grant) => grant[kind].filter((one) => !other[kind].includes(one));
    return [pipeline, { operations: rest('operations'), scopes: rest('scopes'), hosts: rest('hosts') }];
  });
  return byOwnName(
    left.filter(
      ([pipeline, grant]) =>
        Object.values(grant).some((names) => names.length > 0) || !Object.hasOwn(those, pipeline),
    ),
  );
}

function unplannedOf(workspace: Workspace, plans: readonly Pick<Plan, 'source'>[]): string[] {
  const planned = new Set(plans.map(({ source }) => source.file));
  return [...workspace.pipelineFiles.keys()].filter((file) => !planned.has(file)).toSorted(compareText);
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)].toSorted(compareText);
}
