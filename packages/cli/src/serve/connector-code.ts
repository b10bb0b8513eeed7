import {
  type ConnectionConfig,
  type ConnectorManifest,
  type ConnectorModule,
  pollSource,
  type Source,
  type SourceContext,
  type SourcePlan,
  type Transport,
  type TransportContext,
  webhookScheme,
} from '@tenon/connector';
import { type Diagnostic, didYouMean, fromPointer, type Location, toPointer } from '@tenon/model';
import { inputGap, planOperation, type Workspace, type WorkspaceCheck } from '@tenon/pipeline';
import { cliDiagnostic } from '../cli-rules.ts';
import type { Session } from '../workspace/session.ts';
import { ComposeError } from './compose-error.ts';
import { ConnectorCodeError } from './connector-code-error.ts';
import { loadConnectorModule, nextEdition } from './connector-module.ts';
import { sourcePlansOf } from './source-plans.ts';

/** The code of every connector in use, by connector; without code, an empty module. */
export type ConnectorCode = ReadonlyMap<string, ConnectorModule>;

/**
 * Loads it, and holds it to export all that its manifest names: before anything is opened, so that what serves until
 * then can go on where it does not. `anew`: as it stands now, with all that it imports, whatever was loaded before.
 */
export async function loadConnectorCode(
  { root, workspace, check }: { root: string; workspace: Workspace; check: WorkspaceCheck },
  options: { readonly anew?: boolean } = {},
): Promise<ConnectorCode> {
  const connections = Object.values(workspace.config.connections);
  const code = await loadModules(workspace, connections, root, options.anew ? nextEdition(root) : undefined);
  for (const connection of connections) {
    const manifest = workspace.connectors.get(connection.connector);
    const module = code.get(connection.connector);
    if (!manifest || !module) continue;
    requireHooks(manifest, module, sourcePlansOf(connection, workspace, check));
    const [unfit] = operationsUnfit(manifest, module, workspace);
    if (unfit) throw new ComposeError(`connector ${manifest.name}: ${unfit.message}`, 'connector-code-unfit');
  }
  return code;
}

/** What is wrong with it, as findings: for who serves nothing. */
export async function connectorCodeFindings({ root, workspace, check }: Session): Promise<Diagnostic[]> {
  const found: Diagnostic[] = [];
  const seen = new Set<string>();
  for (const connection of Object.values(workspace.config.connections)) {
    const { connector } = connection;
    const manifest = workspace.connectors.get(connector);
    const folder = workspace.connectorFolders.get(connector);
    if (!manifest || folder === undefined) continue;
    const document = workspace.connectorDocuments.get(connector);
    const add = (finding: Diagnostic): void => {
      // Of two connections of one connector it is one finding.
      if (!seen.has(finding.fingerprint)) found.push(finding);
      seen.add(finding.fingerprint);
    };
    try {
      const module = await loadConnectorModule(root, folder);
      requireHooks(manifest, module, sourcePlansOf(connection, workspace, check));
      for (const { operation, message, fix } of operationsUnfit(manifest, module, workspace))
        add(
          cliDiagnostic('connector-code-unfit', {
            message,
            at: document?.locate(toPointer(['operations', operation])),
            subject: `${connector} ${operation} ${message}`,
            ...(fix !== undefined && { fix }),
          }),
        );
    } catch (error) {
      add(findingOf(error, document?.locate('/metadata/name')));
    }
  }
  return found;
}

function findingOf(error: unknown, at: Location | undefined): Diagnostic {
  if (error instanceof ConnectorCodeError) return error.diagnostic;
  if (error instanceof ComposeError)
    return cliDiagnostic('connector-code-broken', { message: error.message, at });
  throw error;
}

export function brokenCode(message: string): ComposeError {
  return new ComposeError(message, 'connector-code-broken');
}

export async function loadModules(
  workspace: Workspace,
  connections: readonly Pick<ConnectionConfig, 'connector'>[],
  root: string,
  edition?: number,
): Promise<Map<string, ConnectorModule>> {
  const modules = new Map<string, ConnectorModule>();
  for (const name of new Set(connections.map(({ connector }) => connector))) {
    const folder = workspace.connectorFolders.get(name);
    if (folder === undefined) continue;
    const module = await loadConnectorModule(root, folder, {
      ...(edition !== undefined && { edition }),
    }).catch((error: unknown) => {
      throw error instanceof ConnectorCodeError ? brokenCode(error.words) : error;
    });
    modules.set(name, module);
  }
  return modules;
}

/** What makes the transport of its own that the manifest names; absent over HTTP, and where it only takes events in. */
export function ownTransport(
  { name, transport: kind, operations }: ConnectorManifest,
  module: ConnectorModule,
): ((context: TransportContext) => Transport) | undefined {
  if (kind === 'http') return undefined;
  const make = module.transports?.[kind];
  if (make === undefined && Object.keys(operations).length > 0)
    throw brokenCode(
      `connector ${name} says transport: ${kind}, and its code exports ${others('transport', module.transports)}`,
    );
  return make;
}

/** What there is in place of what was named: code that was taken over has names of its own. */
function others(what: 'transport' | 'source', hooks: object = {}): string {
  const names = Object.keys(hooks);
  return names.length === 0 ? `no such ${what}` : `no such ${what}: it has ${names.join(', ')}`;
}

/** What makes the source of each of these plans. */
export function sourceMaker(
  { name, transport }: ConnectorManifest,
  module: ConnectorModule,
  plans: readonly SourcePlan[],
): (plan: SourcePlan) => (context: SourceContext) => Source {
  const own = module.sources?.[transport];
  if (own === undefined && plans.some(({ poll }) => poll === undefined))
    throw brokenCode(
      `connector ${name} has \`sources\` over ${transport}, and its code exports ${others('source', module.sources)}`,
    );
  // Held above: whatever is not polled has one of its own.
  return ({ poll }) => (poll ? pollSource : own!);
}

/** All that its manifest names, and pipelines listen to, its code is to give. */
function requireHooks(
  manifest: ConnectorManifest,
  module: ConnectorModule,
  plans: readonly SourcePlan[],
): void {
  ownTransport(manifest, module);
  sourceMaker(manifest, module, plans);
  requireSchemes(manifest, module);
}

interface Unfit {
  readonly operation: string;
  readonly message: string;
  readonly fix?: string;
}

/** Operations that the manifest names and the code does not carry out, and what it reads that their input never has. */
function operationsUnfit(
  manifest: ConnectorManifest,
  { operations }: ConnectorModule,
  { contracts }: Workspace,
): readonly Unfit[] {
  const contract = contracts.get(manifest.contract);
  if (operations === undefined || contract === undefined) return [];
  return Object.keys(manifest.operations).flatMap((operation): readonly Unfit[] => {
    const code = Object.hasOwn(operations, operation) ? operations[operation] : undefined;
    if (code === undefined) return [{ operation, message: `the code does not carry out \`${operation}\`` }];
    const plan = planOperation(contract, manifest, operation);
    return code.reads.flatMap((field): readonly Unfit[] => {
      const gap = plan && inputGap(plan, field);
      if (!gap) return [];
      const meant = didYouMean(gap.name, gap.candidates);
      const tokens = fromPointer(field);
      return [
        {
          operation,
          message: `the code reads \`${field}\` of \`${operation}\`, which its input never has`,
          ...(meant !== undefined && {
            fix: `did you mean \`${toPointer(tokens.with(tokens.indexOf(gap.name), meant))}\`?`,
          }),
        },
      ];
    });
  });
}

function requireSchemes({ name, webhooks }: ConnectorManifest, module: ConnectorModule): void {
  for (const [event, { verify }] of Object.entries(webhooks))
    if (webhookScheme(verify, module.webhookSchemes) === undefined)
      throw brokenCode(
        `connector ${name} verifies ${event} by ${verify}, and its code exports no such scheme`,
      );
}
