import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import {
  type ConnectionConfig,
  type ConnectorModule,
  envFileSecretStore,
  fileTokenVault,
  guardedTransport,
  httpTransport,
  type Transport,
} from '@tenon/connector';
import { Secret, type SecretStore } from '@tenon/model';
import type { Workspace, WorkspaceCheck } from '@tenon/pipeline';
import { type LedgerEntry, openRuntime, type Runtime } from '@tenon/runtime';
import { type IntakeConnection, type Operator, startServer, type TenonServer } from '@tenon/server';
import { loadConnectorModule } from './connector-module.ts';
import type { Io } from './io.ts';
import { TOKEN_FILE } from './operations-client.ts';

export interface ComposeOptions {
  readonly root: string;
  readonly workspace: Workspace;
  readonly check: WorkspaceCheck;
  readonly io: Io;
  /** Overrides the port of the configuration; 0 takes a free one. */
  readonly port?: number;
  /** Overrides the database file of the configuration; relative to `io.cwd`. */
  readonly engineFile?: string;
  readonly onEntry?: (entry: LedgerEntry) => void;
  readonly log: (line: Readonly<Record<string, unknown>>) => void;
}

export interface RunningTenon {
  readonly url: string;
  readonly runtime: Runtime;
  readonly server: TenonServer;
  close(): Promise<void>;
}

/** A configuration that cannot be run as it stands, said in one sentence. */
export class ComposeError extends Error {}

/** Puts a checked workspace to work: secrets, transports, runtime with its plans, server. */
export async function startTenon(options: ComposeOptions): Promise<RunningTenon> {
  const { root, workspace, check, io, log } = options;
  const secrets = envFileSecretStore({
    env: io.env,
    root,
    readFile: (path) => readFile(path, 'utf8'),
    onUse: ({ reference, purpose, found }) => log({ kind: 'secretUsed', reference, found, ...purpose }),
  });
  const connections = resolveConnections(workspace, io);
  const transports = await makeTransports(workspace, connections, secrets, root, io, log);
  const operators = await loadOperators(workspace, secrets, root);

  const file =
    options.engineFile === undefined
      ? resolve(root, workspace.config.engine.file)
      : resolve(io.cwd, options.engineFile);
  const runtime = await openRuntime({
    file,
    clock: io.clock,
    random: io.random,
    transport: (name) => {
      const transport = transports.get(name);
      if (!transport) throw new ComposeError(`no connection is called ${name}`);
      return transport;
    },
    ...(options.onEntry && { onEntry: options.onEntry }),
  });
  const closeAll = async (): Promise<void> => {
    await runtime.stop();
    await Promise.all([...transports.values()].map((transport) => transport.close()));
  };
  try {
    const plans = [...check.plans.values()];
    // What the workspace no longer has must not be started by the next event; runs already begun finish.
    const gone = runtime.activePipelines().filter((name) => !check.plans.has(name));
    for (const name of gone) await runtime.retire(name);
    for (const plan of plans) await runtime.activate(plan);
    const server = await startServer({
      runtime,
      clock: io.clock,
      host: workspace.config.server.host,
      port: options.port ?? workspace.config.server.port,
      connections: intakeConnections(workspace, connections, secrets),
      operators,
      pipelines: plans.map((plan) => ({ name: plan.pipeline, version: plan.version, planHash: plan.hash })),
      log: (event) => log({ ...event }),
    });
    return {
      url: server.url,
      runtime,
      server,
      close: async () => {
        await server.close();
        await closeAll();
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** Base URLs may be `env:NAME`, so that one spec serves every environment. */
function resolveConnections(workspace: Workspace, io: Io): ConnectionConfig[] {
  return Object.values(workspace.config.connections).map((connection) => {
    if (!connection.baseUrl.startsWith('env:')) return connection;
    const name = connection.baseUrl.slice('env:'.length);
    const baseUrl = io.env[name];
    if (!baseUrl)
      throw new ComposeError(
        `connection ${connection.name}: set the environment variable ${name} to its base URL`,
      );
    return { ...connection, baseUrl };
  });
}

async function makeTransports(
  workspace: Workspace,
  connections: readonly ConnectionConfig[],
  secrets: SecretStore,
  root: string,
  io: Io,
  log: ComposeOptions['log'],
): Promise<Map<string, Transport>> {
  const transports = new Map<string, Transport>();
  const modules = new Map<string, ConnectorModule>();
  const tokens = fileTokenVault(join(root, '.tenon', 'tokens'));
  for (const connection of connections) {
    const manifest = workspace.connectors.get(connection.connector);
    const folder = workspace.connectorFolders.get(connection.connector);
    if (!manifest || folder === undefined) continue;
    const context = { connection, secrets, clock: io.clock, random: io.random, tokens };
    // Quota, breaker and calls in flight as the manifest declares them, whatever carries the calls.
    const guarded = (transport: Transport): Transport =>
      guardedTransport(transport, manifest.defaults, {
        clock: io.clock,
        connection: connection.name,
        grants: connection.grants,
        scopes: connection.identity === undefined ? undefined : manifest.identities[connection.identity],
        onBreaker: (state) => log({ kind: 'breaker', connection: connection.name, state }),
        onDeprecation: (operation, notice) =>
          log({ kind: 'deprecation', connection: connection.name, operation, ...notice }),
      });
    const { transport: kind } = manifest;
    if (kind === 'http') {
      transports.set(connection.name, guarded(httpTransport(context)));
      continue;
    }
    let module = modules.get(connection.connector);
    if (!module) {
      module = await loadConnectorModule(join(root, folder));
      modules.set(connection.connector, module);
    }
    const make = module.transports?.[kind];
    if (!make) {
      throw new ComposeError(
        `connector ${connection.connector} says transport: ${kind}, and its code exports no such transport`,
      );
    }
    transports.set(connection.name, guarded(make(context)));
  }
  return transports;
}

function intakeConnections(
  workspace: Workspace,
  connections: readonly ConnectionConfig[],
  secrets: SecretStore,
): Map<string, IntakeConnection> {
  const intake = new Map<string, IntakeConnection>();
  for (const connection of connections) {
    const manifest = workspace.connectors.get(connection.connector);
    if (!manifest || Object.keys(manifest.webhooks).length === 0) continue;
    intake.set(connection.name, {
      contract: manifest.contract,
      webhooks: manifest.webhooks,
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

/**
 * The operators of the configuration; without any, one local operator whose token lies in the workspace, readable by
 * its owner only. That suffices on loopback; on any other host operators must be named.
 */
async function loadOperators(workspace: Workspace, secrets: SecretStore, root: string): Promise<Operator[]> {
  const { host, operators } = workspace.config.server;
  if (operators.length > 0) {
    return Promise.all(
      operators.map(async ({ name, role, token }) => ({
        name,
        role,
        token: await secrets.resolve(token, { connection: 'operations', use: `operator ${name}` }),
      })),
    );
  }
  if (!isLoopback(host)) {
    throw new ComposeError(
      `server.host is ${host}, which others can reach: name operators in tenon.config.yaml (server.operators) first`,
    );
  }
  const path = join(root, TOKEN_FILE);
  const known = await readFile(path, 'utf8').catch(() => undefined);
  const token = known?.trim() || randomBytes(32).toString('base64url');
  if (!known) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `${token}\n`, { mode: 0o600 });
  }
  return [{ name: 'local-operator', role: 'operator', token: new Secret(`file:${TOKEN_FILE}`, token) }];
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
