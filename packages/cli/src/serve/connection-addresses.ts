import type { ConnectionConfig } from '@tenon/connector';
import type { Workspace, WorkspaceConnection } from '@tenon/pipeline';
import type { Io } from '../io.ts';
import { ComposeError } from './compose-error.ts';

/** An environment variable that holds no address yet, and what it is to hold. */
interface Missing {
  readonly missing: string;
  readonly what: string;
}

/** Base URLs and token URLs may be `env:NAME`, so that one spec serves every environment. */
export function resolveConnections(workspace: Workspace, io: Io): ConnectionConfig[] {
  return Object.values(workspace.config.connections).map((connection) => {
    const resolved = resolveConnection(connection, io);
    if ('missing' in resolved)
      throw new ComposeError(
        `connection ${connection.name}: set the environment variable ${resolved.missing} to ${resolved.what}, and start again`,
      );
    return resolved;
  });
}

export function resolveConnection(
  connection: WorkspaceConnection,
  io: Pick<Io, 'env'>,
): ConnectionConfig | Missing {
  const [first] = missingOf(connection, io);
  if (first !== undefined) return first;
  const { baseUrl = '', tokenUrls } = connection;
  return {
    ...connection,
    baseUrl: addressOf(baseUrl, io)!,
    ...(tokenUrls && { tokenUrls: resolveTokenUrls(tokenUrls, io) }),
  };
}

/** What is not set is left out. */
export function resolveTokenUrls(
  given: NonNullable<WorkspaceConnection['tokenUrls']>,
  io: Pick<Io, 'env'>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(given).flatMap(([scheme, url]) => {
      const address = addressOf(url, io);
      return address === undefined ? [] : [[scheme, address]];
    }),
  );
}

/** Environment variables that hold no address of a connection yet. */
export function missingAddresses(workspace: Workspace, io: Pick<Io, 'env'>): readonly string[] {
  return Object.values(workspace.config.connections).flatMap((connection) =>
    missingOf(connection, io).map(({ missing }) => missing),
  );
}

function missingOf(
  { baseUrl = '', tokenUrls = {} }: WorkspaceConnection,
  io: Pick<Io, 'env'>,
): readonly Missing[] {
  const given = [
    { url: baseUrl, what: 'its base URL' },
    ...Object.entries(tokenUrls).map(([scheme, url]) => ({ url, what: `the token URL of ${scheme}` })),
  ];
  return given.flatMap(({ url, what }) => {
    const missing = variableOf(url);
    return missing === undefined || io.env[missing] ? [] : [{ missing, what }];
  });
}

function addressOf(url: string, { env }: Pick<Io, 'env'>): string | undefined {
  const name = variableOf(url);
  return name === undefined ? url : env[name] || undefined;
}

/** The NAME of `env:NAME`; of nothing else that begins so, for `tenon sandbox` prints it to be read by a shell. */
export function variableOf(reference: string | undefined): string | undefined {
  return /^env:([A-Za-z_][A-Za-z0-9_]*)$/.exec(reference ?? '')?.[1];
}
