import { compareText, digestOf, isObject } from '@tenon/model';
import type { Plan, Workspace, WorkspaceCheck } from '@tenon/pipeline';

/** What one connection may do and what is done over it (C88, C90). JSON; the same workspace gives the same. */
export interface ConnectionGrants {
  readonly connection: string;
  readonly connector: string;
  readonly identity?: string;
  /** Teams it serves. */
  readonly owners: readonly string[];
  /** Operations that it is granted; `all` where the connection does not narrow them. */
  readonly granted: readonly string[] | 'all';
  readonly used: readonly UsedOperation[];
  /** Granted and called by nobody; for `all`, what could be left out. */
  readonly unusedOperations: readonly string[];
  /** Scopes of its identity; absent where the connection does not say whose credentials it holds. */
  readonly heldScopes?: readonly string[];
  readonly usedScopes: readonly string[];
  readonly unusedScopes: readonly string[];
  /** References of its credentials: what a review of old tokens looks at. */
  readonly credentials: readonly string[];
}

export interface UsedOperation {
  readonly operation: string;
  readonly effect: string;
  readonly scopes: readonly string[];
  readonly pipelines: readonly string[];
}

export interface GrantsTable {
  readonly connections: readonly ConnectionGrants[];
  /** Connections over which nothing is called and nothing comes in. */
  readonly unusedConnections: readonly string[];
  /** Connectors that no connection uses. */
  readonly unusedConnectors: readonly string[];
  /** Pipelines that could not be planned, so that what they use is not counted. */
  readonly unplanned: readonly string[];
}

/** Granted against used, over every connection of the workspace. */
export function grantsOf(workspace: Workspace, check: WorkspaceCheck): GrantsTable {
  const plans = [...check.plans.values()];
  const calls = plans.flatMap((plan) => [...callsOf(plan)].map((call) => ({ ...call, plan })));
  const heard = new Set(plans.flatMap((plan) => Object.keys(plan.events)));
  const connections = Object.values(workspace.config.connections)
    .toSorted((a, b) => compareText(a.name, b.name))
    .map((connection): ConnectionGrants => {
      const manifest = workspace.connectors.get(connection.connector);
      const own = calls.filter((call) => call.connection === connection.name);
      const operations = unique(own.map(({ operation }) => operation));
      const used = operations.map((operation): UsedOperation => {
        const declared = manifest?.operations[operation];
        return {
          operation,
          effect: declared?.effect ?? 'unknown',
          scopes: declared?.scopes ?? [],
          pipelines: unique(
            own.filter((call) => call.operation === operation).map(({ plan }) => plan.pipeline),
          ),
        };
      });
      const granted = connection.grants ?? 'all';
      // The health call is made whatever the pipelines do.
      const needed = new Set([...operations, ...(manifest?.health ? [manifest.health.operation] : [])]);
      const could = granted === 'all' ? Object.keys(manifest?.operations ?? {}) : granted;
      const heldScopes =
        connection.identity === undefined ? undefined : manifest?.identities[connection.identity];
      const usedScopes = unique(used.flatMap(({ scopes }) => scopes));
      return {
        connection: connection.name,
        connector: connection.connector,
        ...(connection.identity !== undefined && { identity: connection.identity }),
        owners: unique(own.map(({ plan }) => plan.owner.team)),
        granted,
        used,
        unusedOperations: could.filter((operation) => !needed.has(operation)).toSorted(compareText),
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
      .filter(({ used, connector }) => used.length === 0 && !listening(connector))
      .map(({ connection }) => connection),
    unusedConnectors: [...workspace.connectors.keys()]
      .filter((name) => !connected.has(name))
      .toSorted(compareText),
    unplanned: unplannedOf(workspace, plans),
  };
}

/** What a review signs: the table, without anything that changes by itself. */
export function grantsDigest(table: GrantsTable): string {
  return digestOf(table);
}

interface Call {
  readonly connection: string;
  readonly operation: string;
}

/**
 * Every call of a plan with the connection it goes over: of steps, of compensations, and of the probes of both. Whatever
 * holds a connection and an operation is a call, so that a new kind of step is counted without being known here.
 */
function* callsOf(plan: Plan): Generator<Call> {
  yield* within(plan.steps, undefined);
}

function* within(value: unknown, connection: string | undefined): Generator<Call> {
  if (Array.isArray(value)) {
    for (const item of value) yield* within(item, connection);
    return;
  }
  if (!isObject(value)) return;
  const own = typeof value['connection'] === 'string' ? value['connection'] : connection;
  const operation = value['operation'];
  if (own !== undefined && typeof operation === 'string') {
    const [, name = operation] = operation.split('.');
    yield { connection: own, operation: name };
  }
  for (const [key, item] of Object.entries(value)) if (key !== 'with') yield* within(item, own);
}

function unplannedOf(workspace: Workspace, plans: readonly Plan[]): string[] {
  const planned = new Set(plans.map(({ source }) => source.file));
  return [...workspace.pipelineFiles.keys()].filter((file) => !planned.has(file)).toSorted(compareText);
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)].toSorted(compareText);
}
