import { STRING, type Type } from '@tenon/expression';
import type { Workspace } from '../../workspace.ts';
import type { ResolvedEvent } from '../catalog.ts';

/** What expressions call the connection over which the event came that starts the pipeline. */
export const CONNECTION = 'connection';

/** How a step says that it goes over that connection, for a fix: in quotes, so that it can be pasted between braces too. */
export const OVER_OWN = '`over: "${ connection }"`';

type Named = Pick<ResolvedEvent, 'contract' | 'definition'>;

/**
 * Connections over which an event may come in, in the order of the configuration: those that fetch it, and those that have
 * what its deliveries are signed with. Any other is for calls alone.
 */
export function incomingOver(
  { contract, definition: { id } }: Named,
  { config, connectors, connectionPlaces }: Workspace,
): readonly string[] {
  return Object.values(config.connections).flatMap(({ name, connector, sources }) => {
    const manifest = connectors.get(connector);
    if (manifest?.contract !== contract.name) return [];
    const isFetched = Object.hasOwn(manifest.sources, id) && (sources?.includes(id) ?? true);
    // One that cannot be read is told of by itself.
    const secrets = connectionPlaces.get(name)?.webhookSecrets?.value ?? 0;
    return isFetched || (Object.hasOwn(manifest.webhooks, id) && secrets > 0) ? [name] : [];
  });
}

/** Connections over which an event goes out when a pipeline publishes it, in the order of the configuration. */
export function outgoingOver(
  { contract, definition: { id } }: Named,
  { config, connectors }: Workspace,
): readonly string[] {
  return Object.values(config.connections).flatMap(({ name, connector }) => {
    const manifest = connectors.get(connector);
    return manifest?.contract === contract.name && Object.hasOwn(manifest.publications, id) ? [name] : [];
  });
}

/**
 * The type of the name of the connection; `undefined` where no connector takes such events in, so that there is none. Where one does, and
 * no connection of it, that is a finding of its own, and the name may be any.
 */
export function connectionType(event: Named, workspace: Workspace): Type | undefined {
  const values = incomingOver(event, workspace);
  if (values.length > 0) return { kind: 'string', values };
  const { id } = event.definition;
  const isTaken = [...workspace.connectors.values()].some(
    ({ contract, sources, webhooks }) =>
      contract === event.contract.name && (Object.hasOwn(sources, id) || Object.hasOwn(webhooks, id)),
  );
  return isTaken ? STRING : undefined;
}
