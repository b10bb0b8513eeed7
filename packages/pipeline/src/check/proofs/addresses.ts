import type { Diagnostic, Location } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import type { Workspace, WorkspaceConnection } from '../../workspace.ts';
import type { PipelineFacts } from './facts.ts';
import { neededGrants } from './needed-grants.ts';

/** What is called, and what events are fetched from, has an address. Webhooks come in without one, and so does the clock. */
export function checkAddresses(pipelines: readonly PipelineFacts[], workspace: Workspace): Diagnostic[] {
  return Object.values(workspace.config.connections).flatMap((connection) => {
    const place = workspace.connectionPlaces.get(connection.name)?.name;
    if (connection.baseUrl !== undefined || !place) return [];
    const use = called(connection, pipelines, workspace) ?? fetched(connection, pipelines, workspace);
    if (!use) return [];
    return [
      diagnostic('base-url-missing', {
        message: `connection \`${connection.name}\` has no \`baseUrl\`, and \`${use.what}\` ${use.how}`,
        at: place,
        subject: connection.name,
        related: [{ ...use.at, message: 'needed here' }],
      }),
    ];
  });
}

interface Use {
  readonly what: string;
  readonly how: string;
  readonly at: Location;
}

function called(...given: Parameters<typeof neededGrants>): Use | undefined {
  const [first] = [...neededGrants(...given).values()].flatMap(({ places }) => [...places]);
  return first && { what: first[0], how: 'is called over it', at: first[1] };
}

/** From a broker or a folder: a poll is a call. */
function fetched(
  { connector, sources }: WorkspaceConnection,
  pipelines: readonly PipelineFacts[],
  { connectors }: Workspace,
): Use | undefined {
  const manifest = connectors.get(connector);
  if (!manifest) return undefined;
  const heard = pipelines.flatMap(({ trigger, waits }) => [...(trigger ? [trigger] : []), ...waits]);
  const found = heard.find(({ event }) => {
    const id = event.startsWith(`${manifest.contract}.`) ? event.slice(manifest.contract.length + 1) : '';
    return (
      Object.hasOwn(manifest.sources, id) &&
      manifest.sources[id]?.schedule === undefined &&
      (sources?.includes(id) ?? true)
    );
  });
  return found && { what: found.event, how: 'is taken in over it', at: found.at };
}
