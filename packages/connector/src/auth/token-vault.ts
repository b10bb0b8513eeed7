import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { isObject, sha256 } from '@tenon/model';

/**
 * Refresh tokens that a server rotated: what the connection's secret reference held is then spent, and only this holds
 * the living one. Values are JSON texts; they are secrets.
 */
export interface TokenVault {
  /** `undefined` where nothing was saved under the key. */
  load(key: string): Promise<string | undefined>;
  /** Resolves when it is on disk: only then may the access token that came with it be used. */
  save(key: string, value: string): Promise<void>;
}

/** One file for each key below `folder`, readable by its owner alone, replaced whole and synced. For one process. */
export function fileTokenVault(folder: string): TokenVault {
  const fileOf = (key: string): string =>
    join(folder, `${sha256(key).slice('sha256:'.length, 'sha256:'.length + 32)}.token`);
  return {
    load: async (key) => {
      try {
        return await readFile(fileOf(key), 'utf8');
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
        throw error;
      }
    },
    save: async (key, value) => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const file = fileOf(key);
      await using next = await open(`${file}.next`, 'w', 0o600);
      await next.writeFile(value);
      await next.sync();
      await rename(`${file}.next`, file);
      await using directory = await open(folder, 'r');
      await directory.sync();
    },
  };
}

/** What the vault keeps: the living token, and which provisioned one it descends from. */
export interface KeptToken {
  readonly token: string;
  /** Digest of the token in the secret reference; another one means that an operator has provisioned anew. */
  readonly seed: string;
}

export function parseKept(text: string | undefined): KeptToken | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value) || typeof value['token'] !== 'string' || typeof value['seed'] !== 'string')
      return undefined;
    return { token: value['token'], seed: value['seed'] };
  } catch {
    return undefined;
  }
}
