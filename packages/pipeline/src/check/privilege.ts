import type { Diagnostic } from '@tenon/model';
import { diagnostic } from '../rules.ts';
import type { Located } from '../spec/pipeline-spec.ts';
import type { Workspace, WorkspaceConnection } from '../workspace.ts';
import type { ConnectionUse, PipelineFacts } from './facts.ts';

interface Use extends ConnectionUse {
  readonly owner: string;
}

/** What a connection may do is what its pipelines need, no more; it serves one owner (C87, C88). */
export function checkPrivilege(pipelines: readonly PipelineFacts[], workspace: Workspace): Diagnostic[] {
  const uses = Map.groupBy(
    pipelines.flatMap(({ owner, uses: own }) => own.map((use): Use => ({ ...use, owner }))),
    ({ connection }) => connection,
  );
  return Object.values(workspace.config.connections).flatMap((connection) => {
    const own = uses.get(connection.name) ?? [];
    return [
      ...checkOwners(connection, own),
      ...checkGrants(connection, own, workspace),
      ...checkIdentity(connection, own, workspace),
    ];
  });
}

function checkOwners(connection: WorkspaceConnection, uses: readonly Use[]): Diagnostic[] {
  const listed = connection.owners;
  const [first] = uses;
  if (!first) return [];
  const firstOwner = first.owner;
  const strange = uses.find(({ owner }) => (listed ? !listed.includes(owner) : owner !== firstOwner));
  if (!strange) return [];
  const message = listed
    ? `connection \`${connection.name}\` is for ${listed.join(', ')}; this pipeline is ${strange.owner}'s`
    : `connection \`${connection.name}\` serves both ${firstOwner} and ${strange.owner}`;
  return [
    diagnostic('connection-shared-across-owners', {
      message,
      at: strange.at,
      subject: `${connection.name} ${strange.owner}`,
      related: listed ? [] : [{ ...first.at, message: `used by ${firstOwner} here` }],
    }),
  ];
}

function checkGrants(
  connection: WorkspaceConnection,
  uses: readonly Use[],
  workspace: Workspace,
): Diagnostic[] {
  const { grants } = connection;
  if (!grants) return [];
  const places = workspace.connectionPlaces.get(connection.name)?.grants ?? [];
  const used = new Set(uses.map(({ operation }) => operation));
  // The transport asks for the connector's health whatever the pipelines do.
  const health = workspace.connectors.get(connection.connector)?.health?.operation;
  const missing = uses.find(({ operation }) => !grants.includes(operation));
  return [
    ...(missing
      ? [
          diagnostic('grant-missing', {
            message: `connection \`${connection.name}\` is not granted \`${missing.operation}\``,
            at: missing.at,
            subject: `${connection.name} ${missing.operation}`,
          }),
        ]
      : []),
    ...places
      .filter(({ value }) => !used.has(value) && value !== health)
      .map(({ value, at }: Located<string>) =>
        diagnostic('grant-unused', {
          message: `connection \`${connection.name}\` is granted \`${value}\`, which no pipeline calls`,
          at,
          subject: `${connection.name} ${value}`,
        }),
      ),
  ];
}

/** Where a connection says whose credentials it holds: they cover what is used, and no more than that. */
function checkIdentity(
  connection: WorkspaceConnection,
  uses: readonly Use[],
  workspace: Workspace,
): Diagnostic[] {
  const { identity } = connection;
  const manifest = workspace.connectors.get(connection.connector);
  const place = workspace.connectionPlaces.get(connection.name)?.identity;
  const held = identity === undefined ? undefined : manifest?.identities[identity];
  if (identity === undefined || !held || !manifest || !place) return [];
  const scopesOf = (operation: string): readonly string[] => manifest.operations[operation]?.scopes ?? [];
  const found: Diagnostic[] = [];
  for (const { operation, at } of uses) {
    const lacking = scopesOf(operation).find((scope) => !held.includes(scope));
    if (lacking === undefined) continue;
    const fitting = Object.entries(manifest.identities).find(([, scopes]) =>
      scopesOf(operation).every((scope) => scopes.includes(scope)),
    );
    found.push(
      diagnostic('identity-lacks-scope', {
        message: `\`${operation}\` needs \`${lacking}\`, which identity \`${identity}\` of connection \`${connection.name}\` does not hold`,
        at,
        subject: `${connection.name} ${operation}`,
        ...(fitting && { fix: `call it over a connection with identity \`${fitting[0]}\`` }),
      }),
    );
  }
  const needed = new Set(uses.flatMap(({ operation }) => scopesOf(operation)));
  const excess = held.filter((scope) => !needed.has(scope));
  if (uses.length > 0 && excess.length > 0)
    found.push(
      diagnostic('scope-unused', {
        message: `identity \`${identity}\` of connection \`${connection.name}\` holds \`${excess[0]}\`, which nothing it is used for needs`,
        at: place,
        subject: `${connection.name} ${excess.join(' ')}`,
      }),
    );
  const effects = new Set(uses.map(({ isReading }) => (isReading ? 'read' : 'write')));
  if (effects.size === 2 && Object.keys(manifest.identities).length > 1)
    found.push(
      diagnostic('read-and-write-together', {
        message: `connection \`${connection.name}\` reads and writes with one identity, \`${identity}\``,
        at: place,
        subject: connection.name,
      }),
    );
  return found;
}
