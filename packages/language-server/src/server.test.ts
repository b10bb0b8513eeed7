import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CodeAction,
  type CompletionItem,
  createProtocolConnection,
  type Hover,
  type Location,
  type ProtocolConnection,
  type PublishDiagnosticsParams,
  StreamMessageReader,
  StreamMessageWriter,
  type WorkspaceEdit,
} from 'vscode-languageserver/node';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const PIPELINE = 'pipelines/subscription-upgraded.pipeline.yaml';

let folder = '';
let child: ChildProcess;
let client: ProtocolConnection;
let text = '';
let version = 1;
const published: PublishDiagnosticsParams[] = [];
const listeners = new Set<() => void>();

const uri = (file: string): string => pathToFileURL(path.join(folder, file)).href;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'tenon-language-server-'));
  for (const part of ['contracts', 'pipelines', 'tenon.config.yaml', 'owners.yaml'])
    await cp(path.join(ROOT, part), path.join(folder, part), { recursive: true });
  for (const name of ['billing', 'crm', 'mail', 'ticketing'])
    await cp(
      path.join(ROOT, 'connectors', name, 'connector.yaml'),
      path.join(folder, 'connectors', name, 'connector.yaml'),
    );
  text = await readFile(path.join(folder, PIPELINE), 'utf8');
  [child, client] = await started(folder, (params) => {
    published.push(params);
    for (const listener of listeners) listener();
  });
  await client.sendNotification('textDocument/didOpen', {
    textDocument: { uri: uri(PIPELINE), languageId: 'yaml', version, text },
  });
});

/** A server as an editor starts it that has opened this folder. */
async function started(
  opened: string,
  onDiagnostics: (params: PublishDiagnosticsParams) => void,
): Promise<[ChildProcess, ProtocolConnection]> {
  const server = spawn(
    process.execPath,
    ['--conditions=source', path.join(import.meta.dirname, 'main.ts'), '--stdio'],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const speaking = createProtocolConnection(
    new StreamMessageReader(server.stdout),
    new StreamMessageWriter(server.stdin),
  );
  speaking.onNotification('textDocument/publishDiagnostics', onDiagnostics);
  speaking.listen();
  await speaking.sendRequest('initialize', {
    processId: null,
    rootUri: pathToFileURL(opened).href,
    workspaceFolders: [{ uri: pathToFileURL(opened).href, name: 'workspace' }],
    capabilities: {},
  });
  await speaking.sendNotification('initialized', {});
  return [server, speaking];
}

afterAll(async () => {
  child.kill();
  await rm(folder, { recursive: true, force: true });
});

async function write(after: string): Promise<void> {
  text = after;
  version++;
  await client.sendNotification('textDocument/didChange', {
    textDocument: { uri: uri(PIPELINE), version },
    contentChanges: [{ text }],
  });
}

function positionOf(part: string, shift = 0): { line: number; character: number } {
  const before = text.slice(0, text.indexOf(part) + shift).split('\n');
  return { line: before.length - 1, character: before.at(-1)!.length };
}

/** Waits for the next diagnostics of a file that satisfy a wish. */
function diagnostics(
  file: string,
  wanted: (one: PublishDiagnosticsParams) => boolean,
): Promise<PublishDiagnosticsParams> {
  return new Promise((resolve) => {
    const look = (): void => {
      const last = published.findLast((one) => one.uri === uri(file));
      if (!last || !wanted(last)) return;
      listeners.delete(look);
      resolve(last);
    };
    listeners.add(look);
    look();
  });
}

describe('the language server, over standard input and output', () => {
  it('finds what is wrong while it is written, and takes it back', async () => {
    const sound = text;
    await write(text.replace("event.plan != 'free'", "event.plam != 'free'"));
    const { diagnostics: found } = await diagnostics(PIPELINE, (one) => one.diagnostics.length > 0);
    expect(found[0]?.code).toBe('unknown-field');
    expect(found[0]?.range.start).toEqual(positionOf('plam'));

    const at = positionOf('plam', 1);
    const actions = await client.sendRequest<CodeAction[]>('textDocument/codeAction', {
      textDocument: { uri: uri(PIPELINE) },
      range: { start: at, end: at },
      context: { diagnostics: found },
    });
    expect(actions[0]?.title).toBe('Change to plan');
    expect(actions[0]?.edit?.changes?.[uri(PIPELINE)]?.[0]?.newText).toBe('plan');

    await write(sound);
    await diagnostics(PIPELINE, (one) => one.diagnostics.length === 0);
  });

  it('completes, tells and finds', async () => {
    const place = { textDocument: { uri: uri(PIPELINE) }, position: positionOf('event.plan !=', 8) };
    const items = await client.sendRequest<CompletionItem[]>('textDocument/completion', place);
    expect(items.map(({ label }) => label)).toContain('accountId');
    const hover = await client.sendRequest<Hover>('textDocument/hover', place);
    expect(JSON.stringify(hover.contents)).toContain('contracts/crm/openapi.yaml');
    const [definition] = await client.sendRequest<Location[]>('textDocument/definition', place);
    expect(definition?.uri).toBe(uri('contracts/crm/openapi.yaml'));
  });

  it('renames a step, and says why it cannot', async () => {
    const place = { textDocument: { uri: uri(PIPELINE) }, position: positionOf('- id: invoice', 8) };
    const edit = await client.sendRequest<WorkspaceEdit>('textDocument/rename', {
      ...place,
      newName: 'bill',
    });
    expect(edit.changes?.[uri(PIPELINE)]?.length).toBeGreaterThan(2);
    await expect(client.sendRequest('textDocument/rename', { ...place, newName: 'ticket' })).rejects.toThrow(
      'already',
    );
  });

  it('shows the owner and the worst case', async () => {
    const lenses = await client.sendRequest<{ command: { title: string } }[]>('textDocument/codeLens', {
      textDocument: { uri: uri(PIPELINE) },
    });
    expect(lenses.map(({ command }) => command.title).join('; ')).toContain('owned by revenue-operations');
  });

  it('follows a contract that changes on disk', async () => {
    const file = 'contracts/crm/openapi.yaml';
    const before = await readFile(path.join(folder, file), 'utf8');
    await writeFile(path.join(folder, file), before.replaceAll('accountId', 'accountIdentity'));
    await client.sendNotification('workspace/didChangeWatchedFiles', {
      changes: [{ uri: uri(file), type: 2 }],
    });
    const { diagnostics: found } = await diagnostics(PIPELINE, (one) => one.diagnostics.length > 0);
    expect(found.some(({ message }) => JSON.stringify(message).includes('accountId'))).toBe(true);
    await writeFile(path.join(folder, file), before);
    await client.sendNotification('workspace/didChangeWatchedFiles', {
      changes: [{ uri: uri(file), type: 2 }],
    });
    await diagnostics(PIPELINE, (one) => one.diagnostics.length === 0);
  });

  it.each([
    ['above the workspace', '..'],
    ['in the workspace', 'pipelines'],
  ])('says the same where the editor has opened a folder %s', async (_where, opened) => {
    const found = Promise.withResolvers<PublishDiagnosticsParams>();
    const [server, editor] = await started(path.join(folder, opened), (params) => {
      if (params.uri === uri(PIPELINE) && params.diagnostics.length > 0) found.resolve(params);
    });
    await editor.sendNotification('textDocument/didOpen', {
      textDocument: {
        uri: uri(PIPELINE),
        languageId: 'yaml',
        version: 1,
        text: text.replace("event.plan != 'free'", "event.plam != 'free'"),
      },
    });
    expect(await found.promise).toMatchObject({
      uri: uri(PIPELINE),
      diagnostics: [{ code: 'unknown-field' }],
    });
    server.kill();
  });

  it('ends when the editor says so', async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await client.sendRequest('shutdown');
    await client.sendNotification('exit');
    expect(await ended).toBe(0);
  });
});
