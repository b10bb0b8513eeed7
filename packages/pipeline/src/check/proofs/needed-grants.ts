import type { ConnectorManifest, Grant, Grants } from '@tenon/connector';
import { compareText, type Location } from '@tenon/model';
import { byOwnName } from '../../by-own-name.ts';
import { publicationOperation, publicationPipeline } from '../../plan-publication.ts';
import type { Workspace, WorkspaceConnection } from '../../workspace.ts';
import type { ConnectionUse, PipelineFacts } from './facts.ts';

/** What the pipelines of the workspace do over one connection, by pipeline: the grants that fit it exactly. */
export type NeededGrants = ReadonlyMap<string, NeededGrant>;

export interface NeededGrant extends Grant {
  /** The first use of each operation; the first of them all comes first. */
  readonly places: ReadonlyMap<string, Location>;
}

export function neededGrants(
  connection: WorkspaceConnection,
  pipelines: readonly PipelineFacts[],
  workspace: Workspace,
): NeededGrants {
  const manifest = workspace.connectors.get(connection.connector);
  const place = workspace.connectionPlaces.get(connection.name)?.name;
  const needed = new Map<string, NeededGrant>();
  for (const facts of pipelines)
    add(
      facts.pipeline,
      [...facts.uses, ...facts.polls].filter((use) => use.connection === connection.name),
    );
  for (const event of place && manifest ? Object.keys(manifest.publications) : [])
    add(publicationPipeline(connection.name, event), [
      { operation: publicationOperation(event), at: place! },
    ]);
  return needed;

  function add(pipeline: string, uses: readonly Pick<ConnectionUse, 'operation' | 'at'>[]): void {
    if (uses.length === 0) return;
    const places = new Map<string, Location>();
    for (const { operation, at } of uses) if (!places.has(operation)) places.set(operation, at);
    const operations = unique(uses.map(({ operation }) => operation));
    needed.set(pipeline, {
      operations,
      scopes: unique(operations.flatMap((operation) => scopesOf(manifest, operation))),
      // Which operation goes to which host is the connector's code to know.
      hosts: unique(manifest?.egress ?? []),
      places,
    });
  }
}

/** As `tenon.config.yaml` says it. */
export function asGrants(needed: NeededGrants): Grants {
  return byOwnName(
    [...needed]
      .toSorted(([a], [b]) => compareText(a, b))
      .map(([pipeline, { operations, scopes, hosts }]) => [pipeline, { operations, scopes, hosts }]),
  );
}

function scopesOf(manifest: ConnectorManifest | undefined, operation: string): readonly string[] {
  const publication = Object.entries(manifest?.publications ?? {}).find(
    ([event]) => publicationOperation(event) === operation,
  );
  return publication?.[1].scopes ?? manifest?.operations[operation]?.scopes ?? [];
}

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)].toSorted(compareText);
}
