import type { ConnectionConfig, ConnectorManifest } from '@tenon/connector';
import type { SecretStore } from '@tenon/model';
import { headersRead, type Workspace } from '@tenon/pipeline';
import type { IntakeConnection } from '@tenon/server';
import type { ConnectorCode } from './connector-code.ts';

/** What the server takes webhooks in for, by the name of the connection. */
export function intakeConnections(
  workspace: Workspace,
  connections: readonly ConnectionConfig[],
  modules: ConnectorCode,
  secrets: SecretStore,
): Map<string, IntakeConnection> {
  const intake = new Map<string, IntakeConnection>();
  for (const connection of connections) {
    const manifest = workspace.connectors.get(connection.connector);
    if (!manifest || Object.keys(manifest.webhooks).length === 0) continue;
    const own = modules.get(connection.connector)?.webhookSchemes;
    intake.set(connection.name, {
      contract: manifest.contract,
      webhooks: manifest.webhooks,
      eventHeaders: eventHeaders(workspace, manifest),
      ...(own && { webhookSchemes: own }),
      secrets: () =>
        Promise.all(
          connection.webhookSecrets.map((reference) =>
            secrets.resolve(reference, { connection: connection.name, use: 'webhook verification' }),
          ),
        ),
    });
  }
  return intake;
}

/** Of its webhooks: what of their headers is read, by event. */
function eventHeaders(
  workspace: Workspace,
  manifest: ConnectorManifest,
): NonNullable<IntakeConnection['eventHeaders']> {
  const contract = workspace.contracts.get(manifest.contract);
  return Object.fromEntries(
    Object.keys(manifest.webhooks).flatMap((event) => {
      const definition = contract?.events.get(event);
      const headers = contract && definition && headersRead(contract, definition).headers;
      return headers === undefined ? [] : [[event, headers]];
    }),
  );
}
