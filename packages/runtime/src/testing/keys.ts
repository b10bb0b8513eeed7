import type { EncryptionOptions } from '../embedded/data-keys.ts';

/** Keys of these names, the first of them in use. A name has always the same key, as one that is kept elsewhere has. */
export function keysNamed(...names: readonly [string, ...string[]]): EncryptionOptions {
  return { keys: Object.fromEntries(names.map((name) => [name, keyNamed(name)])), current: names[0] };
}

export function keyNamed(name: string): Uint8Array {
  return Buffer.alloc(32, name);
}
