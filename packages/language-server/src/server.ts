import { type Clock, systemClock } from '@tenon/model';
import {
  CodeActionKind,
  type Connection,
  createConnection,
  DidChangeWatchedFilesNotification,
  type InitializeParams,
  type InitializeResult,
  ResponseError,
  TextDocumentSyncKind,
  TextDocuments,
} from 'vscode-languageserver/node';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { codeLensesOf } from './features/code-lens.ts';
import { completionAt } from './features/completion.ts';
import { diagnosticsOf } from './features/diagnostics.ts';
import { hoverAt } from './features/hover.ts';
import { quickFixesAt } from './features/quick-fix.ts';
import { referencesAt, renameAt, renameRange } from './features/rename.ts';
import { definitionAt } from './features/target.ts';
import {
  protocolCompletion,
  protocolDiagnostic,
  protocolFix,
  protocolLocation,
  protocolRange,
} from './protocol.ts';
import type { Snapshot } from './snapshot.ts';
import type { FileNames } from './uris.ts';
import { type OpenWorkspace, Workspaces } from './workspaces.ts';

/** How long after the last key press diagnostics are made, in milliseconds. */
const DEBOUNCE_MS = 40;
/** Answer of a request whose arguments cannot be used, as the protocol numbers it (`RequestFailed`). */
const REQUEST_FAILED = -32803;

/** Wherever below what the editor has opened a workspace lies. */
const WATCHED = [
  'contracts/**',
  'connectors/**',
  'pipelines/**',
  'tenon.config.yaml',
  'owners.yaml',
  'package.json',
].map((pattern) => `**/${pattern}`);

const CAPABILITIES: InitializeResult = {
  capabilities: {
    textDocumentSync: { openClose: true, change: TextDocumentSyncKind.Incremental, save: true },
    completionProvider: { triggerCharacters: ['.', '{', "'", '"', ' ', '$'] },
    hoverProvider: true,
    definitionProvider: true,
    referencesProvider: true,
    renameProvider: { prepareProvider: true },
    codeActionProvider: { codeActionKinds: [CodeActionKind.QuickFix] },
    codeLensProvider: { resolveProvider: false },
  },
  serverInfo: { name: 'tenon' },
};

/**
 * Speaks the Language Server Protocol over two streams until the editor says `exit` or closes them. Which workspace a file belongs to
 * `Workspaces` tells; nothing is read outside of them, and nothing is written.
 */
export function startLanguageServer(
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
  clock: Clock = systemClock,
): Promise<void> {
  const connection = createConnection(input, output);
  const documents = new TextDocuments(TextDocument);
  const workspaces = new Workspaces();
  let canRegister = false;

  connection.onInitialize((params) => {
    workspaces.begin(foldersOf(params));
    canRegister = params.capabilities.workspace?.didChangeWatchedFiles?.dynamicRegistration === true;
    return CAPABILITIES;
  });
  connection.onInitialized(() => {
    if (canRegister)
      connection.client
        .register(DidChangeWatchedFilesNotification.type, {
          watchers: WATCHED.map((globPattern) => ({ globPattern })),
        })
        .catch((thrown: unknown) => report(connection, thrown));
    publishSoon();
  });

  const publish = publisher(connection);
  let cancelTimer: (() => void) | undefined;
  function publishSoon(): void {
    cancelTimer?.();
    cancelTimer = clock.setTimer(DEBOUNCE_MS, () => {
      for (const here of workspaces.all)
        here.project
          .snapshot()
          .then((snapshot) => publish(snapshot, here))
          .catch((thrown: unknown) => report(connection, thrown));
    });
  }

  documents.onDidOpen(({ document: { uri } }) => {
    if (workspaces.of(uri) === undefined)
      connection.console.info(
        `${uri}: nothing can be said of it, for no tenon.config.yaml lies in its folder or above; \`tenon init\` makes a workspace`,
      );
  });
  documents.onDidChangeContent(({ document }) => {
    workspaces.setText(document.uri, document.getText());
    publishSoon();
  });
  documents.onDidClose(({ document }) => {
    workspaces.setText(document.uri, undefined);
    publishSoon();
  });
  connection.onDidChangeWatchedFiles(({ changes }) => {
    for (const { uri } of changes) workspaces.changedOnDisk(uri);
    publishSoon();
  });

  connection.onCompletion(({ textDocument, position }) =>
    answer(textDocument.uri, [], (snapshot, file, document) =>
      completionAt(snapshot, file, document.offsetAt(position)).map((item, index) =>
        protocolCompletion(item, index),
      ),
    ),
  );
  connection.onHover(({ textDocument, position }) =>
    answer(textDocument.uri, null, (snapshot, file, document) => {
      const found = hoverAt(snapshot, file, document.offsetAt(position));
      return (
        found && {
          contents: { kind: 'markdown', value: found.markdown } as const,
          range: protocolRange(found.range),
        }
      );
    }),
  );
  connection.onDefinition(({ textDocument, position }) =>
    answer(textDocument.uri, [], (snapshot, file, document, names) =>
      definitionAt(snapshot, file, document.offsetAt(position)).map((at) => protocolLocation(at, names)),
    ),
  );
  connection.onReferences(({ textDocument, position }) =>
    answer(textDocument.uri, [], (snapshot, file, document, names) =>
      referencesAt(snapshot, file, document.offsetAt(position)).map((at) => protocolLocation(at, names)),
    ),
  );
  connection.onPrepareRename(({ textDocument, position }) =>
    answer(textDocument.uri, null, (snapshot, file, document) => {
      const at = renameRange(snapshot, file, document.offsetAt(position));
      return at && protocolRange(at.range);
    }),
  );
  connection.onRenameRequest(({ textDocument, position, newName }) =>
    answer(textDocument.uri, null, (snapshot, file, document) => {
      const renamed = renameAt(snapshot, file, document.offsetAt(position), newName);
      if ('refused' in renamed) return new ResponseError(REQUEST_FAILED, renamed.refused);
      const edits = renamed.places.map(({ at, text }) => ({ range: protocolRange(at.range), newText: text }));
      return { changes: { [textDocument.uri]: edits } };
    }),
  );
  connection.onCodeAction(({ textDocument, range }) =>
    answer(textDocument.uri, [], (snapshot, file, document, names) =>
      quickFixesAt(snapshot, file, document.offsetAt(range.start), document.offsetAt(range.end)).map((fix) =>
        protocolFix(fix, names),
      ),
    ),
  );
  connection.onCodeLens(({ textDocument }) =>
    answer(textDocument.uri, [], (snapshot, file) =>
      codeLensesOf(snapshot, file).map(({ range, title }) => ({
        range: protocolRange(range),
        command: { title, command: '' },
      })),
    ),
  );

  documents.listen(connection);
  connection.listen();
  return new Promise((resolve) => {
    connection.onExit(() => {
      cancelTimer?.();
      resolve();
    });
  });

  /** Asks a feature about an open document; a fault of ours is logged and answers as nothing found. */
  async function answer<T, Nothing>(
    uri: string,
    nothing: Nothing,
    ask: (snapshot: Snapshot, file: string, document: TextDocument, names: FileNames) => T | undefined,
  ): Promise<T | Nothing> {
    const here = workspaces.of(uri);
    try {
      const snapshot = await here?.project.snapshot();
      const document = documents.get(uri);
      if (!here || !snapshot || !document) return nothing;
      return ask(snapshot, here.names.fileOf(uri), document, here.names) ?? nothing;
    } catch (thrown) {
      report(connection, thrown);
      return nothing;
    }
  }
}

function foldersOf({
  workspaceFolders,
  rootUri,
}: InitializeParams & { readonly rootUri?: string | null }): readonly string[] {
  return workspaceFolders?.map(({ uri }) => uri) ?? (rootUri ? [rootUri] : []);
}

function report(connection: Connection, thrown: unknown): void {
  connection.console.error(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
}

/** Sends each file's diagnostics when they are others than those sent before; those of files now sound are taken back. */
function publisher(connection: Connection): (snapshot: Snapshot, workspace: OpenWorkspace) => void {
  const sentOf = new Map<OpenWorkspace, Map<string, string>>();
  return (snapshot, workspace) => {
    const { names } = workspace;
    const sent = sentOf.get(workspace) ?? new Map<string, string>();
    sentOf.set(workspace, sent);
    const found = diagnosticsOf(snapshot);
    for (const file of new Set([...found.keys(), ...sent.keys()])) {
      const uri = names.uriOf(file);
      const diagnostics = (found.get(file) ?? []).map((one) => protocolDiagnostic(one, names));
      const text = JSON.stringify(diagnostics);
      if ((sent.get(file) ?? '[]') === text) continue;
      if (diagnostics.length === 0) sent.delete(file);
      else sent.set(file, text);
      connection.sendDiagnostics({ uri, diagnostics }).catch((thrown: unknown) => report(connection, thrown));
    }
  };
}
