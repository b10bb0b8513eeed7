import type { Diagnostic } from '@tenon/model';
import type { GrantPlaces } from '../../load/config.ts';
import { diagnostic } from '../../rules.ts';
import type { Located } from '../../spec/pipeline-spec.ts';
import type { Workspace, WorkspaceConnection } from '../../workspace.ts';
import type { ConnectionUse, PipelineFacts } from './facts.ts';
import { type NeededGrant, type NeededGrants, neededGrants } from './needed-grants.ts';

interface Use extends ConnectionUse {
  readonly owner: string;
}

/** What a connection may do is what its pipelines need and are granted, no more; it serves one owner (C87, C88). */
export function checkPrivilege(
  pipelines: readonly PipelineFacts[],
  workspace: Workspace,
  /** Nothing else is wrong: what seems to be granted for nothing may else be what a broken part needs. */
  isSound: boolean,
): Diagnostic[] {
  const by = (what: 'uses' | 'polls'): ReadonlyMap<string, readonly Use[]> =>
    Map.groupBy(
      pipelines.flatMap((facts) => facts[what].map((use): Use => ({ ...use, owner: facts.owner }))),
      ({ connection }) => connection,
    );
  const [uses, polls] = [by('uses'), by('polls')];
  return Object.values(workspace.config.connections).flatMap((connection) => {
    const own = uses.get(connection.name) ?? [];
    return [
      ...checkOwners(connection, own),
      ...checkGrants(connection, pipelines, workspace, isSound),
      // Who listens to what is fetched spends nothing of the quota, but the credentials must do for it.
      ...checkIdentity(connection, [...own, ...(polls.get(connection.name) ?? [])], workspace),
    ];
  });
}

function checkOwners(connection: WorkspaceConnection, all: readonly Use[]): Diagnostic[] {
  const listed = connection.owners;
  // That a pipeline names no owner is said of the pipeline.
  const uses = all.filter(({ owner }) => owner !== '');
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

/** Default deny: what is not granted is refused at run time, and what is granted for nothing is a finding. */
function checkGrants(
  connection: WorkspaceConnection,
  pipelines: readonly PipelineFacts[],
  workspace: Workspace,
  isSound: boolean,
): Diagnostic[] {
  const needed = neededGrants(connection, pipelines, workspace);
  const places = workspace.connectionPlaces.get(connection.name)?.grants ?? [];
  return [
    ...[...needed].flatMap(([pipeline, need]) => missing(connection, pipeline, need)),
    ...(isSound ? places.flatMap((place) => unused(connection, place, needed)) : []),
  ];
}

function missing({ name, grants }: WorkspaceConnection, pipeline: string, need: NeededGrant): Diagnostic[] {
  const granted = grants?.[pipeline];
  const lacking = KINDS.flatMap((kind) => {
    const names = need[kind].filter((one) => !granted?.[kind].includes(one));
    return names.length === 0 ? [] : `${KIND_NAMES[kind]} ${names.map((one) => `\`${one}\``).join(', ')}`;
  });
  if (lacking.length === 0) return [];
  const places = [...need.places];
  const [, at] = places.find(([operation]) => !granted?.operations.includes(operation)) ?? places[0]!;
  return [
    diagnostic('grant-missing', {
      message: `connection \`${name}\` is not granted ${lacking.join(', ')} for pipeline \`${pipeline}\``,
      at,
      subject: `${name} ${pipeline}`,
    }),
  ];
}

const KINDS = ['operations', 'scopes', 'hosts'] as const;
const KIND_NAMES = { operations: 'operation', scopes: 'scope', hosts: 'host' } as const;

function unused({ name }: WorkspaceConnection, place: GrantPlaces, needed: NeededGrants): Diagnostic[] {
  const pipeline = place.pipeline.value;
  const need = needed.get(pipeline);
  if (need === undefined)
    return [excess(`to pipeline \`${pipeline}\`, which does nothing over it`, place.pipeline)];
  const listed = KINDS.flatMap((kind) => place[kind].filter(({ value }) => !need[kind].includes(value)));
  return listed.map((one) =>
    excess(`\`${one.value}\` for pipeline \`${pipeline}\`, which does not need it`, one),
  );

  function excess(what: string, { value, at }: Located<string>): Diagnostic {
    return diagnostic('grant-unused', {
      message: `connection \`${name}\` is granted ${what}`,
      at,
      subject: `${name} ${pipeline} ${value}`,
    });
  }
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
