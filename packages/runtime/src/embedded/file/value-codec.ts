import { createCipheriv, createDecipheriv, randomFillSync } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Json } from '@tenon/model';
import { hex32 } from '../../hex32.ts';
import { RuntimeError } from '../../runtime-error.ts';
import type { RunIds } from '../intake/run-ids.ts';
import type { DataKeys } from './data-keys.ts';

/** Where a value lies: its table, and what names its row. Bound into it, so that a value is good in its row only. */
export type Place = `${
  | 'events'
  | 'journal'
  | 'openings'
  | 'runs'
  | 'cursors'
  | 'guards'
  | 'newest'
  | 'switches'
  | 'replays'
  | 'replay_starts'
  | 'reports'
  | 'differences'
  | 'repairs'}/${string}`;

/** A value that is not what was stored, or that cannot be read: its code says which, its place says where. */
export class UnreadableValue extends RuntimeError {
  readonly place: Place;

  constructor(code: keyof typeof SAID, place: Place, ids?: Partial<RunIds>) {
    super(code, `${shown(place, ids)}: ${SAID[code]}`);
    this.place = place;
  }
}

const SAID = {
  STORED_VALUE_DAMAGED: 'the stored value is not the one that was written there',
  STORED_VALUE_ERASED: 'the key of the stored value was destroyed',
  STORED_VALUE_LOCKED: 'the stored value is encrypted, and its key is not at hand',
} as const;

/** Format, number of the data key, nonce; then the ciphertext, then the tag. */
const FORMAT = 1;
const NONCE_AT = 7;
const NONCE_BYTES = 12;
const TEXT_AT = NONCE_AT + NONCE_BYTES;
const TAG_BYTES = 16;
/** A checked text: this mark, which no JSON begins with, eight digits of its CRC-32, the JSON. */
const CHECKED = '~';
const CHECKED_AT = 9;

/**
 * How values lie in the file, in three forms that are told apart by looking at them, so that one file may hold all: JSON
 * as it is (written by earlier versions), JSON behind a checksum, and bytes encrypted with AES-256-GCM.
 */
export class ValueCodec {
  readonly #keys: Pick<DataKeys, 'get' | 'forget'> | undefined;
  readonly #ids: RunIds | undefined;
  readonly #nonces = Buffer.alloc(NONCE_BYTES * 1024);
  #nonceAt = this.#nonces.length;

  /** Without keys what is encrypted stays closed, and what is stored is only checked. `ids`: for what is said of a value. */
  constructor(keys: Pick<DataKeys, 'get' | 'forget'> | undefined, ids?: RunIds) {
    this.#keys = keys;
    this.#ids = ids;
  }

  /** `key`: number and data key; without, the text gets a checksum. */
  seal(
    text: string,
    place: Place,
    key?: { readonly id: number; readonly key: Uint8Array },
  ): string | Uint8Array {
    if (key === undefined) return `${CHECKED}${checksum(text, place)}${text}`;
    const nonce = this.#nonce();
    const cipher = createCipheriv('aes-256-gcm', key.key, nonce);
    cipher.setAAD(Buffer.from(place));
    const body = cipher.update(text, 'utf8');
    cipher.final();
    const sealed = Buffer.allocUnsafe(TEXT_AT + body.length + TAG_BYTES);
    sealed[0] = FORMAT;
    sealed.writeUIntBE(key.id, 1, 6);
    nonce.copy(sealed, NONCE_AT);
    body.copy(sealed, TEXT_AT);
    cipher.getAuthTag().copy(sealed, TEXT_AT + body.length);
    return sealed;
  }

  /** The text that was stored. Throws `UnreadableValue`. */
  open(stored: unknown, place: Place): string {
    if (typeof stored === 'string') {
      if (!stored.startsWith(CHECKED)) return stored;
      const text = stored.slice(CHECKED_AT);
      if (stored.slice(1, CHECKED_AT) !== checksum(text, place))
        throw this.#unreadable('STORED_VALUE_DAMAGED', place);
      return text;
    }
    if (!(stored instanceof Uint8Array) || stored.length < TEXT_AT + TAG_BYTES || stored[0] !== FORMAT)
      throw this.#unreadable('STORED_VALUE_DAMAGED', place);
    if (this.#keys === undefined) throw this.#unreadable('STORED_VALUE_LOCKED', place);
    const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.length);
    const key = this.#keys.get(bytes.readUIntBE(1, 6));
    if (key === 'destroyed') throw this.#unreadable('STORED_VALUE_ERASED', place);
    if (key === 'absent') throw this.#unreadable('STORED_VALUE_LOCKED', place);
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(NONCE_AT, TEXT_AT), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(place));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    try {
      return decipher.update(bytes.subarray(TEXT_AT, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
    } catch {
      throw this.#unreadable('STORED_VALUE_DAMAGED', place);
    }
  }

  /** As `open`, where the text is JSON: one from before there were checksums shows its damage by not being any. */
  openJson(stored: unknown, place: Place): string {
    const isUnchecked = typeof stored === 'string' && !stored.startsWith(CHECKED);
    if (isUnchecked) this.json(stored, place);
    return this.open(stored, place);
  }

  json(stored: unknown, place: Place): Json {
    const text = this.open(stored, place);
    try {
      return JSON.parse(text);
    } catch {
      throw this.#unreadable('STORED_VALUE_DAMAGED', place);
    }
  }

  /** For showing: what cannot be read is `null`, and `tenon doctor` names it. */
  jsonOrNull(stored: unknown, place: Place): Json {
    try {
      return this.json(stored, place);
    } catch (error) {
      if (error instanceof UnreadableValue) return null;
      throw error;
    }
  }

  /** Keys were destroyed elsewhere. */
  forget(): void {
    this.#keys?.forget();
  }

  #unreadable(code: keyof typeof SAID, place: Place): UnreadableValue {
    return new UnreadableValue(code, place, this.#ids);
  }

  /** Twelve random bytes; asking the system for each would cost as much as the encryption. */
  #nonce(): Buffer {
    if (this.#nonceAt === this.#nonces.length) {
      randomFillSync(this.#nonces);
      this.#nonceAt = 0;
    }
    this.#nonceAt += NONCE_BYTES;
    return this.#nonces.subarray(this.#nonceAt - NONCE_BYTES, this.#nonceAt);
  }
}

/** Is it in the form that is to be: encrypted? */
export function isSealed(stored: unknown): boolean {
  return stored instanceof Uint8Array;
}

function checksum(text: string, place: Place): string {
  return hex32(crc32(text, crc32(place)));
}

/** As people are told it: by the id of the run, and without the keys of items, which may name somebody. */
function shown(place: Place, ids: Partial<RunIds> = {}): string {
  const slash = place.indexOf('/');
  const [table, row] = [place.slice(0, slash), place.slice(slash + 1)];
  const end = row.indexOf('/');
  // What names another row may have slashes of its own.
  const [seq, rest] = end < 0 ? [Number(row), ''] : [Number(row.slice(0, end)), row.slice(end + 1)];
  const run = (): string => ids.ofRun?.(seq) ?? `no. ${seq}`;
  switch (table) {
    case 'journal':
    case 'openings':
      return `${table} of run ${run()}, ${rest.replaceAll(/\[[^\]]*\]/g, '[]')}`;
    case 'runs':
      return `${rest} of run ${run()}`;
    case 'newest':
      return `newest of run ${run()}`;
    case 'events': {
      const runId = ids.ofEvent?.(seq);
      return runId === undefined ? `event no. ${seq}` : `event of run ${runId}`;
    }
    default:
      return `${table} ${row}`;
  }
}
