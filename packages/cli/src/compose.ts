import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import {
  type ConnectionConfig,
  type ConnectorManifest,
  fileTokenVault,
  guardedTransport,
  httpTransport,
  type OnSecretUse,
  type QuotaSharing,
  type QuotaStore,
  sandboxTransport,
  type Transport,
  type TransportContext,
  withOwnTokens,
} from '@tenon/connector';
import { Secret, type SecretStore } from '@tenon/model';
import {
  headersRead,
  isLoopback,
  planPublications,
  type Workspace,
  type WorkspaceCheck,
} from '@tenon/pipeline';
import {
  type Deployment,
  type EncryptionOptions,
  keyFolder,
  type LedgerEntry,
  openRuntime,
  type Runtime,
  type RuntimeOptions,
  SecretAudit,
} from '@tenon/runtime';
import {
  type Consumer,
  consume,
  type IntakeConnection,
  type Operator,
  startServer,
  type TenonServer,
} from '@tenon/server';
import { ComposeError } from './compose-error.ts';
import { resolveConnection, resolveConnections } from './connection-addresses.ts';
import { brokenCode, type ConnectorCode, loadModules, ownTransport, sourceMaker } from './connector-code.ts';
import { DataKeyError, encryptingWords, encryptionOptions, lockedWords, openKeyFiles } from './data-keys.ts';
import { deploymentOf } from './deployment.ts';
import { pipelinesCalling } from './grants.ts';
import {
  askHealth,
  type Health,
  type HealthCall,
  healthCalls,
  notAsked,
  watchHealth,
  withoutHealth,
} from './health.ts';
import type { Io } from './io.ts';
import { checkpointOptions } from './ledger-key.ts';
import type { LogLine } from './log-line.ts';
import { MaintenanceError, maintenanceOf } from './maintenance.ts';
import { TOKEN_FILE } from './operations-client.ts';
import { tellOtherPlans } from './other-plans.ts';
import { OutsideTroubles } from './outside-troubles.ts';
import { type OpenQuotaStore, openQuotaStore, QuotaStoreError } from './quota-store.ts';
import { isSandboxAddress } from './sandbox-addresses.ts';
import { openSecrets } from './secret-managers.ts';
import { sourcePlansOf } from './source-plans.ts';

export interface ComposeOptions {
  readonly root: string;
  readonly workspace: Workspace;
  readonly check: WorkspaceCheck;
  /** Of its connectors. */
  readonly code: ConnectorCode;
  readonly io: Io;
  /** Overrides the port of the configuration; 0 takes a free one. */
  readonly port?: number;
  /** Overrides the database file of the configuration; relative to `io.cwd`. */
  readonly engineFile?: string;
  /** A person's word for a ledger that is behind its checkpoints: a restored backup. */
  readonly setBack?: string;
  /** Why what is new in it is put in force. */
  readonly reason?: string;
  /** Why it starts with everything killed. */
  readonly killed?: string;
  readonly onEntry?: (entry: LedgerEntry) => void;
  readonly log: (line: LogLine) => void;
}

export interface RunningTenon {
  readonly url: string;
  readonly runtime: Runtime;
  readonly server: TenonServer;
  close(): Promise<void>;
}

/** Puts a checked workspace to work: secrets, transports, runtime with its plans, server. */
export async function startTenon(options: ComposeOptions): Promise<RunningTenon> {
  const opened = new AsyncDisposableStack();
  try {
    return await startWith(options, opened);
  } catch (error) {
    // What is left open would keep the process from ending.
    await opened.disposeAsync();
    throw error;
  }
}

/** `opened`: what is to be closed after the runtime, or when the start fails. */
async function startWith(options: ComposeOptions, opened: AsyncDisposableStack): Promise<RunningTenon> {
  const { root, workspace, check, code, io, log } = options;
  // What is held is used at every call: the log tells of the reads, the ledger of both.
  const secretUses = new SecretAudit();
  const onSecretUse: OnSecretUse = (use) => {
    secretUses.onSecretUse(use);
    const { reference, purpose, found, isHeld } = use;
    if (!isHeld) log({ kind: 'secretUsed', reference, found, ...purpose });
  };
  const { store: secrets, close: closeSecrets } = openSecrets(
    workspace.config.secrets,
    root,
    io,
    onSecretUse,
  );
  opened.defer(closeSecrets);
  const connections = resolveConnections(workspace, io);
  const health = healthCalls(workspace, connections);
  const quotas = await quotaStoreOf(workspace, secrets, io);
  if (quotas) opened.use(quotas);
  const askedBy = makeTransports(
    options,
    connectionsOf(health),
    code,
    { secrets, onSecretUse },
    root,
    io,
    log,
    quotas?.store,
  );
  const watching = new AbortController();
  const transports = makeTransports(
    options,
    connections,
    code,
    { secrets, onSecretUse },
    root,
    io,
    log,
    quotas?.store,
  );
  const windows = maintenanceWindows(workspace);
  const operators = await loadOperators(workspace, secrets, root);

  const file =
    options.engineFile === undefined
      ? resolve(root, workspace.config.engine.file)
      : resolve(io.cwd, options.engineFile);
  const encryption = await encryptionOf(workspace, root, secrets);
  for (const { what, fix } of await openKeyFiles(workspace.config, root))
    log({ kind: 'keyFileOpen', message: `${what}: ${fix}` });
  const isFirstEncrypted = encryption !== undefined && !existsSync(keyFolder(file, encryption));
  const troubles = new OutsideTroubles(io.clock, askedBy.keys());
  let consumers: readonly Consumer[] = [];
  const consumed = () => consumers.map((consumer) => consumer.status());
  const runtime = await openRuntime({
    file,
    secretUses,
    ...(encryption && { encryption }),
    checkpoints: {
      ...(await checkpointOptions(workspace.config.ledger, root, file, secrets, io.env, log)),
      ...(options.setBack !== undefined && { setBack: options.setBack }),
    },
    ...answering(workspace),
    ...(options.killed !== undefined && { killed: { actor: 'serve', reason: options.killed } }),
    clock: io.clock,
    random: io.random,
    transport: (name) => {
      const transport = transports.get(name);
      if (!transport) throw new ComposeError(`no connection is called ${name}`);
      return transport;
    },
    regionOf: (name) => workspace.config.connections[name]?.region,
    closedUntil: (name) => windows.get(name)?.(io.clock.now()),
    outside: (told) => troubles.at(consumed(), told),
    onProblem: (message, code) => log({ kind: 'problem', code, message }),
    ...(options.onEntry && { onEntry: options.onEntry }),
  });
  // Not before it is so: a start that is refused has encrypted nothing.
  if (isFirstEncrypted) log({ kind: 'encrypting', message: encryptingWords(encryption, file) });
  let server: TenonServer | undefined;
  const closeAll = async (): Promise<void> => {
    await server?.close();
    watching.abort();
    await Promise.all([...askedBy.values()].map((transport) => transport.close()));
    await Promise.all(consumers.map((consumer) => consumer.stop()));
    await runtime.stop();
    await Promise.all([...transports.values()].map((transport) => transport.close()));
    await opened.disposeAsync();
  };
  try {
    const plans = [...check.plans.values(), ...planPublications(workspace)];
    const names = new Set(plans.map(({ pipeline }) => pipeline));
    // What the workspace no longer has must not be started by the next event; runs already begun finish.
    const gone = runtime.activePipelines().filter((name) => !names.has(name));
    let known: Promise<Deployment> | undefined;
    const deployment = (): Promise<Deployment> => {
      known ??= deploymentOf(root, options.reason);
      return known;
    };
    for (const name of gone) await runtime.retire(name, deployment);
    for (const plan of plans) await runtime.activate(plan, deployment);
    await runtime.activateReconciliations([...check.reconciliations.values()]);
    // There may be a million runs to look at: nothing waits for it.
    void tellOtherPlans(runtime, log);
    const started = await startServer({
      runtime,
      clock: io.clock,
      host: workspace.config.server.host,
      port: options.port ?? workspace.config.server.port,
      connections: intakeConnections(workspace, connections, code, secrets),
      operators,
      pipelines: plans.map((plan) => ({ name: plan.pipeline, version: plan.version, planHash: plan.hash })),
      consumers: consumed,
      log: (event) => log({ kind: 'request', ...event }),
    });
    server = started;
    consumers = await startConsumers(options, connections, secrets, runtime, transports);
    watchHealth(health, askedBy, io.clock, watching.signal, (one) => {
      troubles.seen(one);
      log({ kind: 'health', ...one });
    }).catch((error: unknown) => log({ kind: 'health', ok: false, message: String(error) }));
    return {
      url: started.url,
      runtime,
      server: started,
      close: closeAll,
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** As the runtime is told it: where that was written is for checks. */
function answering({ config }: Workspace): Pick<RuntimeOptions, 'owner'> {
  const { owner: named } = config.server;
  if (named === undefined) return {};
  const { teamAt: _, ...owner } = named;
  return { owner };
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

async function quotaStoreOf(
  { config }: Workspace,
  secrets: SecretStore,
  io: Io,
): Promise<OpenQuotaStore | undefined> {
  try {
    return config.quotas && (await openQuotaStore(config.quotas, secrets, io));
  } catch (error) {
    throw error instanceof QuotaStoreError ? new ComposeError(error.message) : error;
  }
}

/** Every connection's health call, asked once over a transport that may make nothing else. */
export async function lookAtHealth(
  options: Pick<ComposeOptions, 'root' | 'workspace' | 'check' | 'io'>,
): Promise<readonly Health[]> {
  const { root, workspace, io } = options;
  const unanswered: Health[] = [];
  const connections = Object.values(workspace.config.connections).flatMap((connection) => {
    const resolved = resolveConnection(connection, io);
    if (!('missing' in resolved)) return [resolved];
    const message = `set the environment variable ${resolved.missing} to ${resolved.what}`;
    unanswered.push(notAsked(connection.name, 'CONNECTION_ADDRESS_UNSET', message));
    return [];
  });
  const modules = await loadModules(workspace, connections, root);
  const calls = healthCalls(workspace, connections);
  const secrets = openSecrets(workspace.config.secrets, root, io);
  const held = { secrets: secrets.store };
  const transports = makeTransports(options, connectionsOf(calls), modules, held, root, io, () => {});
  const asked = calls.flatMap((call) => {
    const transport = transports.get(call.connection.name);
    return transport ? [askHealth(call, transport, io.clock)] : [];
  });
  try {
    return [...(await Promise.all(asked)), ...unanswered, ...withoutHealth(workspace, connections)];
  } finally {
    await Promise.all([...transports.values()].map((transport) => transport.close()));
    await secrets.close();
  }
}

function connectionsOf(calls: readonly HealthCall[]): readonly ConnectionConfig[] {
  return calls.map(({ connection }) => connection);
}

async function encryptionOf(
  { config }: Workspace,
  root: string,
  secrets: SecretStore,
): Promise<EncryptionOptions | undefined> {
  if (config.engine.encryption === undefined) return undefined;
  try {
    return await encryptionOptions(config.engine.encryption, root, secrets);
  } catch (error) {
    throw error instanceof DataKeyError ? new ComposeError(lockedWords(error), error.code) : error;
  }
}

/** Of the connections that declare any: until when each is closed. */
function maintenanceWindows(workspace: Workspace): ReadonlyMap<string, ReturnType<typeof maintenanceOf>> {
  try {
    return new Map(
      Object.values(workspace.config.connections).flatMap(({ name, maintenance = [] }) =>
        maintenance.length === 0 ? [] : [[name, maintenanceOf(name, maintenance)] as const],
      ),
    );
  } catch (error) {
    throw error instanceof MaintenanceError ? new ComposeError(error.message) : error;
  }
}

function makeTransports(
  { workspace, check }: Pick<ComposeOptions, 'workspace' | 'check'>,
  connections: readonly ConnectionConfig[],
  modules: ConnectorCode,
  secrets: Pick<TransportContext, 'secrets' | 'onSecretUse'>,
  root: string,
  io: Io,
  log: ComposeOptions['log'],
  quotas?: QuotaStore,
): Map<string, Transport> {
  const transports = new Map<string, Transport>();
  const tokens = fileTokenVault(join(root, '.tenon', 'tokens'));
  for (const connection of connections) {
    const manifest = workspace.connectors.get(connection.connector);
    const module = modules.get(connection.connector);
    if (!manifest || !module) continue;
    const isSandbox = isSandboxAddress(connection.baseUrl, io);
    const context = {
      // A sandbox gives its tokens itself.
      connection: isSandbox ? withOwnTokens(connection) : connection,
      ...secrets,
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

/** One consumer for each place from which an event comes that some plan listens to, over each connection that takes it. */
async function startConsumers(
  { workspace, check, code, io, log }: ComposeOptions,
  connections: readonly ConnectionConfig[],
  secrets: SecretStore,
  runtime: Runtime,
  transports: ReadonlyMap<string, Transport>,
): Promise<readonly Consumer[]> {
  const awaited = runtime.awaitedEvents();
  const starts = connections.map(async (connection): Promise<readonly (() => Consumer)[]> => {
    const manifest = workspace.connectors.get(connection.connector);
    const module = code.get(connection.connector);
    const { sources = undefined } = workspace.config.connections[connection.name] ?? {};
    const plans = sourcePlansOf({ ...connection, ...(sources && { sources }) }, workspace, check, awaited);
    if (!manifest || !module || plans.length === 0) return [];
    const make = sourceMaker(manifest, module, plans);
    const transport = transports.get(connection.name);
    const context = {
      connection,
      secrets,
      clock: io.clock,
      random: io.random,
      ...(transport && { transport }),
    };
    return plans.map(
      (plan) => () =>
        consume({
          connection: connection.name,
          plan,
          runtime,
          clock: io.clock,
          random: io.random,
          source: (given) => make(plan)({ ...context, ...given }),
          log: (event) => log({ kind: 'source', ...event }),
        }),
    );
  });
  // None begins before all are known to be right.
  return (await Promise.all(starts)).flat().map((start) => start());
}

function intakeConnections(
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

/**
 * The operators of the configuration; without any, one local operator whose token lies in the workspace, readable by
 * its owner only. That suffices on loopback; on any other host operators must be named.
 */
async function loadOperators(workspace: Workspace, secrets: SecretStore, root: string): Promise<Operator[]> {
  const { host, operators } = workspace.config.server;
  if (operators.length > 0) {
    const loaded = await Promise.all(
      operators.map(async ({ name, role, teams, token }) => ({
        name,
        role,
        ...(teams && { teams: teams.map(({ value }) => value) }),
        token: await secrets.resolve(token, { connection: 'operations', use: `operator ${name}` }),
      })),
    );
    refuseSharedTokens(loaded);
    return loaded;
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

/** Who did it could not be told: the ledger would name one of them for what the other did. */
function refuseSharedTokens(operators: readonly Operator[]): void {
  const holders = new Map<string, string>();
  for (const { name, token } of operators) {
    const other = holders.get(token.reveal());
    if (other !== undefined)
      throw new ComposeError(
        `server.operators: ${other} and ${name} have the same token; give each a token of their own`,
      );
    holders.set(token.reveal(), name);
  }
}
