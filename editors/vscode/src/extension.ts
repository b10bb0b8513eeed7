import path from 'node:path';
import { commands, type ExtensionContext, Uri, window, workspace } from 'vscode';
import {
  LanguageClient,
  type LanguageClientOptions,
  type ServerOptions,
  TransportKind,
} from 'vscode-languageclient/node';

/** Files that the server serves; it watches the contracts by itself. */
const DOCUMENTS: NonNullable<LanguageClientOptions['documentSelector']> = [
  { scheme: 'file', pattern: '**/*.pipeline.yaml' },
  { scheme: 'file', pattern: '**/*.reconciliation.yaml' },
  { scheme: 'file', pattern: '**/pipelines/policies/*.yaml' },
  { scheme: 'file', pattern: '**/connectors/*/connector.yaml' },
  { scheme: 'file', pattern: '**/contracts/*/contract.yaml' },
  { scheme: 'file', pattern: '**/tenon.config.yaml' },
  { scheme: 'file', pattern: '**/owners.yaml' },
];

let client: LanguageClient | undefined;

/** Starts the language server of the workspace's own tenon, so that the editor says what its `tenon check` says. */
export async function activate(context: ExtensionContext): Promise<void> {
  context.subscriptions.push(
    commands.registerCommand('tenon.restart', async () => {
      await deactivate();
      await start();
    }),
  );
  await start();
}

export async function deactivate(): Promise<void> {
  await client?.dispose();
  client = undefined;
}

async function start(): Promise<void> {
  const folder = workspace.workspaceFolders?.[0];
  if (!folder) return;
  const command = await commandIn(folder.uri);
  if (command === undefined) {
    const said = 'Tenon is not installed in this workspace. Install it, or set `tenon.command`.';
    await window.showWarningMessage(said);
    return;
  }
  const server: ServerOptions = {
    command,
    args: ['language-server'],
    transport: TransportKind.stdio,
    options: { cwd: folder.uri.fsPath },
  };
  client = new LanguageClient('tenon', 'Tenon', server, {
    documentSelector: DOCUMENTS,
    workspaceFolder: folder,
  });
  await client.start();
}

async function commandIn(folder: Uri): Promise<string | undefined> {
  const configured = workspace.getConfiguration('tenon').get<string>('command', '');
  if (configured !== '') return path.resolve(folder.fsPath, configured);
  // In a repository of many, the workspaces of Tenon lie below, and may have it installed each for itself.
  const configs = await workspace.findFiles('**/tenon.config.yaml', '**/node_modules/**', WORKSPACES_MAX);
  for (const root of [folder, ...configs.map((config) => Uri.joinPath(config, '..'))]) {
    const own = await installedIn(root);
    if (own !== undefined) return own;
  }
  return undefined;
}

/** Looked at for one that has Tenon installed. */
const WORKSPACES_MAX = 50;

async function installedIn(folder: Uri): Promise<string | undefined> {
  const name = process.platform === 'win32' ? 'tenon.cmd' : 'tenon';
  const own = Uri.joinPath(folder, 'node_modules', '.bin', name);
  try {
    await workspace.fs.stat(own);
    return own.fsPath;
  } catch {
    return undefined;
  }
}
