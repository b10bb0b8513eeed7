import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { goneTransport, type OnSecretUse } from '@tenon/connector';
import { type SecretStore, thrownAt } from '@tenon/model';
import { planPublications, type Workspace, type WorkspaceCheck } from '@tenon/pipeline';
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
import { type Consumer, isGuessable, startServer, type TenonServer } from '@tenon/server';
import type { Io } from '../io.ts';
import { ComposeError } from './compose-error.ts';
import { configurationParts } from './configuration-parts.ts';
import { resolveConnections } from './connection-addresses.ts';
import type { ConnectorCode } from './connector-code.ts';
import { credentialsOf } from './credential-port.ts';
import { DataKeyError, encryptingWords, encryptionOptions, lockedWords, openKeyFiles } from './data-keys.ts';
import { deploymentOf } from './deployment.ts';
import { healthCalls, watchHealth } from './health.ts';
import { intakeConnections } from './intake-connections.ts';
import { keptTokens, LOST_FIX, tokenLocks, UNNEEDED_FIX } from './kept-tokens.ts';
import { checkpointOptions } from './ledger-key.ts';
import { guessableWords, loadOperators } from './load-operators.ts';
import type { LogLine } from './log-line.ts';
import { MaintenanceError, maintenanceOf } from './maintenance.ts';
import { makeTransports } from './make-transports.ts';
import { tellOtherPlans } from './other-plans.ts';
import { OutsideTroubles } from './outside-troubles.ts';
import { type OpenQuotaStore, openQuotaStore, QuotaStoreError } from './quota-store.ts';
import { openSecrets } from './secret-managers.ts';
import { startConsumers } from './start-consumers.ts';

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
  const encryption = await encryptionOf(workspace, root, secrets);
  const tokens = keptTokens(root, encryption);
  const locks = await tokenLocks(tokens, workspace);
  if (locks.needed !== undefined)
    throw new ComposeError(`${lockedWords(locks.needed)}; ${LOST_FIX}`, locks.needed.code);
  for (const { code, message } of locks.others)
    log({ kind: 'problem', code, message: `${message}; no connection needs it: ${UNNEEDED_FIX}` });
  const parts = { workspace, check, code, io, log, secrets, onSecretUse, quotas: quotas?.store, tokens };
  const askedBy = makeTransports(
    health.map(({ connection }) => connection),
    parts,
  );
  const watching = new AbortController();
  const transports = makeTransports(connections, parts);
  const windows = maintenanceWindows(workspace);
  const operators = await loadOperators(workspace, secrets, root);
  for (const { name, token } of operators)
    if (isGuessable(token.reveal()))
      log({ kind: 'tokenGuessable', operator: name, message: guessableWords(name) });

  const file =
    options.engineFile === undefined
      ? resolve(root, workspace.config.engine.file)
      : resolve(io.cwd, options.engineFile);
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
    transport: (name) => transports.get(name) ?? goneTransport(name),
    connections: Object.fromEntries(
      Object.values(workspace.config.connections).map(({ name, connector }) => [name, connector]),
    ),
    credentialOf: credentialsOf(health, parts, io.clock),
    hasCredential: (name) => Object.keys(workspace.config.connections[name]?.credentials ?? {}).length > 0,
    regionOf: (name) => workspace.config.connections[name]?.region,
    closedUntil: (name) => windows.get(name)?.(io.clock.now()),
    outside: (told) =>
      troubles.at(
        consumers.map((one) => ({ ...one.status(), everyMs: one.everyMs })),
        told,
      ),
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
    // Not before the database is this process's own: another one may save a token at any moment.
    await tokens.sealAll();
    const plans = [...check.plans.values(), ...planPublications(workspace)];
    const names = new Set(plans.map(({ pipeline }) => pipeline));
    // What the workspace no longer has must not be started by the next event; runs already begun finish.
    const gone = runtime.pipelinesInForce().filter(({ name }) => !names.has(name));
    let known: Promise<Deployment> | undefined;
    const deployment = (): Promise<Deployment> => {
      known ??= deploymentOf(root, options.reason);
      return known;
    };
    for (const { name } of gone) await runtime.retire(name, deployment);
    for (const plan of plans) await runtime.activate(plan, deployment);
    await runtime.activateReconciliations([...check.reconciliations.values()]);
    await runtime.configured(configurationParts(workspace.configText), deployment);
    // There may be a million runs to look at: nothing waits for it.
    void tellOtherPlans(runtime, workspace.config.connections, log);
    const started = await startServer({
      runtime,
      clock: io.clock,
      host: workspace.config.server.host,
      port: options.port ?? workspace.config.server.port,
      connections: intakeConnections(workspace, connections, code, secrets),
      operators,
      consumers: consumed,
      log: (event) => log({ kind: 'request', ...event }),
    });
    server = started;
    consumers = await startConsumers(options, connections, secrets, runtime, transports);
    watchHealth(health, askedBy, io.clock, watching.signal, (one) => {
      troubles.seen(one);
      log({ kind: 'health', ...one });
    }).catch((error: unknown) => log({ kind: 'health', ok: false, message: thrownAt(error) }));
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
