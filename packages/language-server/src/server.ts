import { type Clock, systemClock } from '@tenon/model';
import { nodeWorkspaceFiles } from '@tenon/pipeline';
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
import { openProject, type Project } from './project.ts';
import {
  protocolCompletion,
  protocolDiagnostic,
  protocolFix,
  protocolLocation,
  protocolRange,
} from './protocol.ts';
import type { Snapshot } from './snapshot.ts';
import { type FileNames, fileNames } from './uris.ts';

/** How long after the last key press diagnostics are made, in milliseconds. */
const DEBOUNCE_MS = 40;
/** Answer of a request whose arguments cannot be used, as the protocol numbers it (`RequestFailed`). */
const REQUEST_FAILED = -32803;

const WATCHED = [
  'contracts/**',
  'connectors/**',
  'pipelines/**',
  'tenon.config.yaml',
  'owners.yaml',
  'package.json',
];

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
 * Speaks the Language Server Protocol over two streams until the editor says `exit` or closes them. The workspace is
 * the first folder that the editor opens; nothing is read outside it, and nothing is written.
 */
export function startLanguageServer(
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
  clock: Clock = systemClock,
): Promise<void> {
  const connection = createConnection(input, output);
  const documents = new TextDocuments(TextDocument);
  let editor: { readonly project: Project; readonly names: FileNames } | undefined;
  let canRegister = false;

  connection.onInitialize((params) => {
    const names = fileNames(rootOf(params));
    canRegister = params.capabilities.workspace?.didChangeWatchedFiles?.dynamicRegistration === true;
    editor = { names, project: openProject(names.root, nodeWorkspaceFiles(names.root)) };
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
      const here = editor;
      if (!here) return;
      here.project
        .snapshot()
        .then((snapshot) => publish(snapshot, here.names))
        .catch((thrown: unknown) => report(connection, thrown));
    });
  }

  documents.onDidChangeContent(({ document }) => {
    editor?.project.setText(editor.names.fileOf(document.uri), document.getText());
    publishSoon();
  });
  documents.onDidClose(({ document }) => {
    editor?.project.setText(editor.names.fileOf(document.uri), undefined);
    publishSoon();
  });
  connection.onDidChangeWatchedFiles(({ changes }) => {
    for (const { uri } of changes) editor?.project.changedOnDisk(editor.names.fileOf(uri));
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
    const here = editor;
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

function rootOf({
  workspaceFolders,
  rootUri,
}: InitializeParams & { readonly rootUri?: string | null }): string {
  return workspaceFolders?.[0]?.uri ?? rootUri ?? 'file:///';
}

function report(connection: Connection, thrown: unknown): void {
  connection.console.error(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
}

/** Sends each file's diagnostics when they are others than those sent before; those of files now sound are taken back. */
function publisher(connection: Connection): (snapshot: Snapshot, names: FileNames) => void {
  const sent = new Map<string, string>();
  return (snapshot, names) => {
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
