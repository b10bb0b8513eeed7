import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import type { EncryptionOptions } from './data-keys.ts';

/** Seals what lies outside of the database by the keys that data keys are wrapped by (AES-256-GCM). */
export interface ByteSeal {
  /** Name of the key that seals. */
  readonly current: string;
  /** `name`: what it is; opened under the same alone. */
  seal(bytes: Uint8Array, name: string): Uint8Array;
  /** `by`: the key that sealed it. */
  open(by: string, sealed: Uint8Array, name: string): Uint8Array | SealProblem;
}

export interface SealProblem {
  readonly code: 'RUNTIME_KEY_MISSING' | 'RUNTIME_KEY_WRONG';
  readonly message: string;
}

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** `purpose`: what is sealed by it, so that nothing of one purpose is opened as another's. */
export function byteSeal({ keys, current }: EncryptionOptions, purpose: string): ByteSeal {
  const own = new Map(Object.entries(keys).map(([id, key]) => [id, keyFor(key, purpose)]));
  return {
    current,
    seal: (bytes, name) => {
      const nonce = randomBytes(NONCE_BYTES);
      // Checked when the options were made: the current key is among the keys.
      const cipher = createCipheriv('aes-256-gcm', own.get(current)!, nonce);
      cipher.setAAD(boundTo(current, name));
      return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
    },
    open: (by, sealed, name) => {
      const key = own.get(by);
      if (key === undefined)
        return {
          code: 'RUNTIME_KEY_MISSING',
          message: `${by} is not configured (engine.encryption.keys)`,
        };
      return (
        opened(Buffer.from(sealed), key, boundTo(by, name)) ?? {
          code: 'RUNTIME_KEY_WRONG',
          message: `the key that is configured as ${by} does not open it, or it is damaged`,
        }
      );
    },
  };
}

function opened(sealed: Buffer, key: KeyObject, bound: Buffer): Uint8Array | undefined {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(bound);
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    return undefined;
  }
}

function keyFor(key: Uint8Array, purpose: string): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', key, '', `tenon ${purpose}`, KEY_BYTES)));
}

function boundTo(by: string, name: string): Buffer {
  return Buffer.from(JSON.stringify([by, name]));
}
