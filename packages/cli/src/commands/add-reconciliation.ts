import { join } from 'node:path';
import type { Workspace } from '@tenon/pipeline';
import { type Args, UsageError } from '../command.ts';
import type { ExitCode } from '../exit.ts';
import type { Io } from '../io.ts';
import { type LeftOut, type ListedSide, scaffoldReconciliation } from '../scaffold/reconciliation.ts';
import { splitAtDot } from '../text/split-at-dot.ts';
import { CONFIG_FILE } from '../workspace/root.ts';
import { openSession } from '../workspace/session.ts';
import { checkAdded, grantNeeds, needName, needTeams, ownersFor, report, writeNew } from './adding.ts';

export async function addReconciliation(args: Args, io: Io): Promise<ExitCode> {
  const name = needName(args);
  const [from, to] = [args.text('source'), args.text('target')];
  if (from === undefined || to === undefined)
    throw new UsageError(
      'argument-missing',
      'give --source and --target: what lists the records of each, such as shop.listOrders',
    );
  const session = await openSession(io);
  if (!('workspace' in session)) return report(session.diagnostics, session.root, args, io);
  const { workspace, root } = session;
  await needTeams(args, root);
  const [source, target] = [sideOf(from, workspace), sideOf(to, workspace)];
  const { owner, backup } = ownersFor(args, workspace, [target.manifest.owner, source.manifest.owner]);
  const file = `pipelines/${name}.reconciliation.yaml`;
  const { text, leftOut } = scaffoldReconciliation({
    name,
    owner,
    backup,
    source,
    target,
    repair: args.texts('repair'),
  });
  const written = await writeNew(root, [{ path: join('pipelines', `${name}.reconciliation.yaml`), text }]);
  if (!Array.isArray(written)) return report([written], root, args, io);
  await grantNeeds(name, root, io);
  io.err(
    `added ${file}, and what it reads to \`grants\` in ${CONFIG_FILE}\n${notCompared(leftOut)}next: give what is marked TODO, and \`schedule\` if it is to begin by itself; then tenon check\n`,
  );
  return checkAdded(session.diagnostics, root, args, io);
}

/** Of a field that both have, each with its reason: that it is not compared would else show only when it differs. */
function notCompared(leftOut: readonly LeftOut[]): string {
  if (leftOut.length === 0) return '';
  const listed = leftOut.map(({ field, why }) => `  ${field}: ${why}\n`).join('');
  return `both have these and they are not compared; where they should agree, give an expression for each side under \`compare\`:\n${listed}`;
}

function sideOf(read: string, workspace: Workspace): ListedSide {
  const [connection, id] = splitAtDot(read);
  const { connector } = workspace.config.connections[connection] ?? {};
  const manifest = connector === undefined ? undefined : workspace.connectors.get(connector);
  const contract = manifest && workspace.contracts.get(manifest.contract);
  const operation = contract?.operations.get(id);
  if (!manifest || !contract || !operation) {
    const known = Object.keys(workspace.config.connections).join(', ') || 'none';
    throw new UsageError(
      'argument-unknown',
      `no connection of the workspace has the operation ${read}; there are the connections: ${known}`,
    );
  }
  if (manifest.operations[operation.id]?.effect !== 'read')
    throw new UsageError('argument-invalid', `${read} is not declared to read; a reconciliation only reads`);
  return { read, operation, manifest, contract };
}
