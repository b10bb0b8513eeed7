import { DataKeys, type EncryptionOptions } from '../embedded/file/data-keys.ts';

/** Keys of these names, the first of them in use. A name has always the same key, as one that is kept elsewhere has. */
export function keysNamed(...names: readonly [string, ...string[]]): EncryptionOptions {
  return { keys: Object.fromEntries(names.map((name) => [name, keyNamed(name)])), current: names[0] };
}

export function keyNamed(name: string): Uint8Array {
  return Buffer.alloc(32, name);
}

/**
 * Gives a file that is about to be encrypted its first data keys, the same each time: what the digests in its columns are, and so
 * where its rows lie and how many pages a commit takes.
 */
export function layKnownKeys(file: string, encryption: EncryptionOptions): void {
  new DataKeys(file, encryption).allocate((bytes) => Buffer.alloc(bytes, 'known'));
}
