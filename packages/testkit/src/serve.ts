import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type ConnectorManifest, loadManifest } from '@tenon/connector';
import { type Contract, loadContract, nodeFileReader } from '@tenon/contract';
import { type Diagnostic, hasErrors, type JsonObject } from '@tenon/model';
import { type MailSandbox, startMailSandbox } from './mail/mail-sandbox.ts';
import { type Sandbox, startSandbox } from './sandbox/sandbox.ts';
import type { OAuthOptions } from './sandbox/security.ts';

/** Sandboxes to run side by side, by name. Folders and files are relative to `root`. JSON-safe: it may come from a file. */
export interface SandboxesConfig {
  /** Workspace root. */
  readonly root: string;
  readonly sandboxes: Readonly<Record<string, SandboxConfig>>;
}

export type SandboxConfig =
  | {
      readonly kind?: 'http';
      /** The entry document: `contracts/billing/openapi.yaml`. An `overlay.yaml` beside it is applied. */
      readonly contract: string;
      /** `connectors/billing/connector.yaml`. */
      readonly connector?: string;
      readonly port?: number;
      readonly seed?: number;
      readonly imagine?: boolean;
      readonly data?: Readonly<Record<string, readonly JsonObject[]>>;
      readonly credentials?: Readonly<Record<string, readonly string[]>>;
      readonly oauth?: OAuthOptions;
    }
  | {
      readonly kind: 'smtp';
      readonly port?: number;
      readonly controlPort?: number;
      readonly credentials?: Readonly<Record<string, string>>;
    };

export interface ServedSandbox {
  readonly name: string;
  readonly url: string;
  /** Base of the control over HTTP: `<control>/_sandbox/effects`. */
  readonly control: string;
}

export interface ServedSandboxes {
  readonly served: readonly ServedSandbox[];
  close(): Promise<void>;
}

/** Starts them all. Rejects with the diagnostics when a contract or a manifest does not load; none is left running then. */
export async function serveSandboxes(config: SandboxesConfig): Promise<ServedSandboxes> {
  const root = resolve(config.root);
  const running: { readonly served: ServedSandbox; close(): Promise<void> }[] = [];
  const close = async () => {
    await Promise.all(running.map((one) => one.close()));
  };
  try {
    for (const [name, one] of Object.entries(config.sandboxes)) running.push(await serveOne(name, one, root));
  } catch (error) {
    await close();
    throw error;
  }
  return { served: running.map(({ served }) => served), close };
}

async function serveOne(
  name: string,
  config: SandboxConfig,
  root: string,
): Promise<{ readonly served: ServedSandbox; close(): Promise<void> }> {
  if (config.kind === 'smtp') {
    const { kind: _kind, ...options } = config;
    const mail: MailSandbox = await startMailSandbox({ controlPort: 0, ...options });
    return {
      served: { name, url: mail.url, control: mail.controlUrl ?? mail.url },
      close: () => mail.close(),
    };
  }
  const { kind: _kind, contract: document, connector, ...options } = config;
  const contract = await readContract(name, document, root);
  const manifest = connector === undefined ? undefined : await readManifest(connector, root);
  const sandbox: Sandbox = await startSandbox({
    ...options,
    contract,
    ...(manifest !== undefined && { manifest }),
  });
  return { served: { name, url: sandbox.url, control: sandbox.url }, close: () => sandbox.close() };
}

async function readContract(name: string, document: string, root: string): Promise<Contract> {
  const reader = nodeFileReader(root);
  const overlay = join(dirname(document), 'overlay.yaml');
  const hasOverlay = (await reader.read(overlay)) !== undefined;
  const { value, diagnostics } = await loadContract(
    { name, document, ...(hasOverlay && { overlay }) },
    reader,
  );
  return loaded(value, diagnostics, document);
}

async function readManifest(file: string, root: string): Promise<ConnectorManifest> {
  const { value, diagnostics } = loadManifest(file, await readFile(join(root, file), 'utf8'));
  return loaded(value, diagnostics, file).manifest;
}

function loaded<T>(value: T | undefined, diagnostics: readonly Diagnostic[], file: string): T {
  if (value !== undefined && !hasErrors(diagnostics)) return value;
  const lines = diagnostics.map(
    ({ code, message, file: at, range }) => `${at ?? file}:${range?.start.line ?? 1} ${code}  ${message}`,
  );
  throw new Error(`a sandbox cannot start from ${file}\n${lines.join('\n')}`);
}
