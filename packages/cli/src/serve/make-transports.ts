import {
  type ConnectionConfig,
  type ConnectorManifest,
  guardedTransport,
  httpTransport,
  type QuotaSharing,
  type QuotaStore,
  sandboxTransport,
  type TokenVault,
  type Transport,
  type TransportContext,
  withOwnTokens,
} from '@tenon/connector';
import type { Workspace } from '@tenon/pipeline';
import { pipelinesCalling } from '../workspace/grants.ts';
import type { ComposeOptions } from './compose.ts';
import { brokenCode, ownTransport } from './connector-code.ts';
import { isSandboxAddress } from './sandbox-addresses.ts';

/** What transports are made of. */
export interface TransportParts
  extends Pick<ComposeOptions, 'workspace' | 'check' | 'code' | 'io' | 'log'>,
    Pick<TransportContext, 'secrets' | 'onSecretUse'> {
  /** Where what an account of several processes has used is counted. */
  readonly quotas?: QuotaStore | undefined;
  /** Of the workspace: one for all of a process. */
  readonly tokens: TokenVault;
}

/** What carries the calls of each connection, by its name: guarded as its manifest and the configuration say. */
export function makeTransports(
  connections: readonly ConnectionConfig[],
  { workspace, check, code, io, log, secrets, onSecretUse, quotas, tokens }: TransportParts,
): Map<string, Transport> {
  const transports = new Map<string, Transport>();
  for (const connection of connections) {
    const manifest = workspace.connectors.get(connection.connector);
    const module = code.get(connection.connector);
    if (!manifest || !module) continue;
    const isSandbox = isSandboxAddress(connection.baseUrl, io);
    const context = {
      // A sandbox gives its tokens itself.
      connection: isSandbox ? withOwnTokens(connection) : connection,
      secrets,
      ...(onSecretUse && { onSecretUse }),
      clock: io.clock,
      random: io.random,
      tokens,
    };
    // Quota, breaker and calls in flight as the manifest declares them, whatever carries the calls.
    const guarded = (transport: Transport): Transport =>
      guardedTransport(isSandbox ? sandboxTransport(transport) : transport, manifest.defaults, {
        clock: io.clock,
        connection: connection.name,
        grants: connection.grants ?? {},
        scopes: connection.identity === undefined ? undefined : manifest.identities[connection.identity],
        quota: sharingOf(workspace, connection.name, quotas, log),
        onBreaker: (state) => log({ kind: 'breaker', connection: connection.name, state }),
        onDeprecation: (operation, notice) =>
          log({
            kind: 'deprecation',
            connection: connection.name,
            operation,
            pipelines: pipelinesCalling(check, connection.name, operation),
            ...notice,
          }),
      });
    if (manifest.transport === 'http') {
      transports.set(connection.name, guarded(httpTransport(context, { classify: module.classify })));
      continue;
    }
    const make = ownTransport(manifest, module);
    if (make) transports.set(connection.name, guarded(madeBy(make, context, manifest)));
  }
  return transports;
}

function madeBy(
  make: (context: TransportContext) => Transport,
  context: TransportContext,
  { name, transport }: ConnectorManifest,
): Transport {
  try {
    return make(context);
  } catch (error) {
    throw brokenCode(
      `the code of connector ${name} cannot make its transport ${transport}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** Of a connection whose account other processes use as well. */
function sharingOf(
  { config }: Workspace,
  connection: string,
  store: QuotaStore | undefined,
  log: ComposeOptions['log'],
): QuotaSharing | undefined {
  const quota = config.connections[connection]?.quota;
  if (quota === undefined || store === undefined) return undefined;
  return {
    ...quota,
    store,
    onStore: (isThere, because) =>
      log({ kind: 'quotaStore', connection, isThere, ...quota, ...(because !== undefined && { because }) }),
  };
}
