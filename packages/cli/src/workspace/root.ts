import { access, readFile } from 'node:fs/promises';
import { dirname, join, parse, relative, resolve, sep } from 'node:path';
import { parseDocument } from '@tenon/document';
import { atPointer, isObject, isSecretReference } from '@tenon/model';
import type { EncryptionConfig } from '@tenon/pipeline';

/** The file that makes a folder a workspace. */
export const CONFIG_FILE = 'tenon.config.yaml';

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 4700;

/** The nearest folder, from `from` upwards, that holds `tenon.config.yaml`. */
export async function findRoot(from: string): Promise<string | undefined> {
  for (let folder = from; ; folder = dirname(folder)) {
    if (await exists(join(folder, CONFIG_FILE))) return folder;
    if (folder === parse(folder).root) return undefined;
  }
}

/** Path of a workspace in the repository that it is part of, with `/` at its end; empty at the repository's root, and where there is none. */
export async function pathInRepository(root: string): Promise<string> {
  for (let folder = root; ; folder = dirname(folder)) {
    // A file in work trees and submodules.
    if (await exists(join(folder, '.git'))) {
      const path = relative(folder, root).split(sep).join('/');
      return path === '' ? '' : `${path}/`;
    }
    if (folder === parse(folder).root) return '';
  }
}

/** Where the workspace's own Tenon listens and keeps its database, read without loading the rest of the workspace. */
export async function readServerConfig(root: string | undefined): Promise<{
  readonly url: string;
  /** Which file says so, or that none does. */
  readonly saidBy: string;
  readonly engineFile?: string;
  readonly checkpointsFile?: string;
  readonly encryption?: EncryptionConfig;
}> {
  const text = root === undefined ? '' : await readFile(join(root, CONFIG_FILE), 'utf8').catch(() => '');
  const value = parseDocument(CONFIG_FILE, text).value?.value;
  const host = atPointer(value, '/server/host');
  const port = atPointer(value, '/server/port');
  const file = atPointer(value, '/engine/file');
  const url = `http://${urlHost(typeof host === 'string' ? host : DEFAULT_HOST)}:${typeof port === 'number' ? port : DEFAULT_PORT}`;
  if (root === undefined) return { url, saidBy: `the default: no ${CONFIG_FILE} here or above` };
  const checkpoints = atPointer(value, '/ledger/checkpoints/file');
  return {
    url,
    saidBy: CONFIG_FILE,
    engineFile: resolve(root, typeof file === 'string' ? file : DEFAULT_ENGINE_FILE),
    ...(typeof checkpoints === 'string' && { checkpointsFile: resolve(root, checkpoints) }),
    ...encryptionOf(value),
  };
}

function encryptionOf(value: unknown): { readonly encryption?: EncryptionConfig } {
  const keys = atPointer(value, '/engine/encryption/keys');
  const folder = atPointer(value, '/engine/encryption/folder');
  if (!Array.isArray(keys)) return {};
  return {
    encryption: {
      keys: keys.flatMap((one) => {
        const { id, key } = isObject(one) ? one : {};
        return typeof id === 'string' && typeof key === 'string' && isSecretReference(key)
          ? [{ id, key }]
          : [];
      }),
      ...(typeof folder === 'string' && { folder }),
    },
  };
}

/** An IPv6 address stands in brackets in a URL. */
function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

const DEFAULT_ENGINE_FILE = join('.tenon', 'tenon.db');

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
