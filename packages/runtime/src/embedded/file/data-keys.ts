import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { RuntimeError } from '../../runtime-error.ts';
import { syncFolder } from './disk-sync.ts';

/** Keys that wrap data keys, by id: all of them open what they wrapped, `current` wraps what is new. */
export interface EncryptionOptions {
  /** 32 bytes each. Two live ones while data keys are being wrapped again. */
  readonly keys: Readonly<Record<string, Uint8Array>>;
  readonly current: string;
  /** Where data keys lie; default: beside the database. */
  readonly folder?: string;
}

/** Data keys in a file: 32 KiB, written and synced once for some 500 runs. */
const BLOCK_KEYS = 1024;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const NO_KEY = Buffer.alloc(KEY_BYTES);
/** Blocks held opened. */
const BLOCKS_MAX = 64;

/** Encrypts what belongs to no event and no run: cursors, what guards remember, dry runs. Never destroyed. */
export const SYSTEM_KEY = 0;

const BLOCK_FILE = /^(\d{8})\.([A-Za-z0-9_-]{1,64})\.keys$/;

export function keyFolder(file: string, encryption?: EncryptionOptions): string {
  return encryption?.folder ?? `${file}.keys`;
}

/**
 * Data keys, one for each event and one for each run, in a folder beside the database: `00000003.k1.keys` holds those
 * from 3,072 on, encrypted as a whole by the key that is called `k1`. They lie outside of the database so that no
 * backup and no old page of it holds them: a key that is overwritten here takes every copy of what it encrypted with it.
 *
 * A block is made whole with random keys before the first of them is used, and then only loses keys (zeroes), is
 * wrapped anew, or, with no key left in it, gives way to `00000003.gone`; each change is a new file that takes the old one's place. One writer; any number of readers.
 */
export class DataKeys {
  readonly #folder: string;
  readonly #current: string;
  readonly #wrapping: ReadonlyMap<string, KeyObject>;
  readonly #blocks = new Map<number, Buffer>();
  /** The next key that nobody has; a process begins with a block of its own. */
  #next = 0;
  #end = 0;

  /** `file`: the database. */
  constructor(file: string, encryption: EncryptionOptions) {
    const { keys, current } = encryption;
    this.#folder = keyFolder(file, encryption);
    this.#current = current;
    this.#wrapping = new Map(Object.entries(keys).map(([id, key]) => [id, wrappingKey(key)]));
  }

  /** The key, to be used at once and not kept: it turns to zeroes when it is destroyed. `destroyed`, or `absent` where its file is. */
  get(id: number): Buffer | 'destroyed' | 'absent' {
    const number = Math.floor(id / BLOCK_KEYS);
    const block = this.#block(number);
    if (block === undefined) return existsSync(join(this.#folder, goneName(number))) ? 'destroyed' : 'absent';
    const at = (id % BLOCK_KEYS) * KEY_BYTES;
    const bytes = block.subarray(at, at + KEY_BYTES);
    return bytes.equals(NO_KEY) ? 'destroyed' : bytes;
  }

  /** The number of a key that nothing was encrypted with. On disk when it returns. `make`: the keys of a block, which a simulation knows. */
  allocate(make: (bytes: number) => Buffer = randomBytes): number {
    if (this.#next === this.#end) {
      // Looked up once: nobody else makes blocks, and there may be many files.
      const block = this.#end === 0 ? highest(this.#folder) + 1 : this.#end / BLOCK_KEYS;
      this.#store(block, make(BLOCK_KEYS * KEY_BYTES));
      this.#next = block * BLOCK_KEYS;
      this.#end = this.#next + BLOCK_KEYS;
      // The first of all is the system's.
      if (this.#next === SYSTEM_KEY) this.#next++;
    }
    return this.#next++;
  }

  /** Destroys keys: what they encrypted cannot be read any more, wherever there is a copy of it. */
  shred(ids: readonly number[]): void {
    for (const [number, members] of Map.groupBy(ids, (id) => Math.floor(id / BLOCK_KEYS))) {
      const block = this.#block(number);
      if (block === undefined) continue;
      for (const id of members)
        block.fill(0, (id % BLOCK_KEYS) * KEY_BYTES, (id % BLOCK_KEYS) * KEY_BYTES + KEY_BYTES);
      if (block.every((byte) => byte === 0)) this.#remove(number);
      else this.#store(number, block);
    }
  }

  /** Wraps blocks by the current key, at most `limit` of them; gives how many are left. */
  rewrap(limit: number): number {
    const stale = listBlocks(this.#folder).filter(({ kek }) => kek !== this.#current);
    for (const { number } of stale.slice(0, limit)) this.#store(number, this.#mustOpen(number));
    return Math.max(0, stale.length - limit);
  }

  /** What was destroyed by another holder of the folder must not live on in memory. */
  forget(): void {
    this.#blocks.clear();
  }

  #mustOpen(number: number): Buffer {
    const block = this.#block(number);
    if (block === undefined) throw new Error(`the key file ${number} of ${this.#folder} is gone`);
    return block;
  }

  #block(number: number): Buffer | undefined {
    const known = this.#blocks.get(number);
    if (known !== undefined) return known;
    for (const [kek, wrapping] of [...this.#wrapping].toSorted(
      ([a], [b]) => Number(b === this.#current) - Number(a === this.#current),
    )) {
      const sealed = readOrNothing(join(this.#folder, blockName(number, kek)));
      if (sealed === undefined) continue;
      const block = unwrapped(sealed, wrapping, number, kek);
      if (block === undefined) throw damagedBlock(this.#folder, number, kek);
      this.#keep(number, block);
      return block;
    }
    return undefined;
  }

  #keep(number: number, block: Buffer): void {
    this.#blocks.delete(number);
    this.#blocks.set(number, block);
    if (this.#blocks.size > BLOCKS_MAX) this.#blocks.delete(this.#blocks.keys().next().value!);
  }

  #store(number: number, block: Buffer): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const before = [...this.#wrapping.keys()]
      .map((kek) => join(this.#folder, blockName(number, kek)))
      .filter(existsSync);
    const path = join(this.#folder, blockName(number, this.#current));
    // Checked when the options were made: the current key is among the keys.
    const sealed = wrapped(block, this.#wrapping.get(this.#current)!, number, this.#current);
    const draft = `${path}.new`;
    const handle = openSync(draft, 'w', 0o600);
    try {
      writeSync(handle, sealed);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    const old = before.map((file) => openSync(file, 'r+'));
    renameSync(draft, path);
    for (const file of before) if (file !== path) unlinkSync(file);
    syncFolder(this.#folder);
    // No promise on a disk that writes elsewhere; there the wrapping key is what protects the old block.
    for (const file of old) wipe(file, sealed.length);
    this.#keep(number, block);
  }

  /** A file with no key left in it gives way to one that says so: its number is never used again. */
  #remove(number: number): void {
    this.#blocks.delete(number);
    closeSync(openSync(join(this.#folder, goneName(number)), 'w', 0o600));
    for (const kek of this.#wrapping.keys()) {
      const path = join(this.#folder, blockName(number, kek));
      if (!existsSync(path)) continue;
      const handle = openSync(path, 'r+');
      unlinkSync(path);
      wipe(handle, BLOCK_KEYS * KEY_BYTES + NONCE_BYTES + TAG_BYTES);
    }
    syncFolder(this.#folder);
  }
}

/** Files of keys by the key that wraps them. */
export function wrappedBy(folder: string): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const { kek } of listBlocks(folder)) counts.set(kek, (counts.get(kek) ?? 0) + 1);
  return Object.fromEntries([...counts].toSorted(([a], [b]) => a.localeCompare(b)));
}

/**
 * Before anything is taken in: are the keys there that what is stored was encrypted with? Throws `RUNTIME_KEY_MISSING`
 * and `RUNTIME_KEY_WRONG`. Ends a wrapping that was cut short between two files. A new folder gets its first keys, so that
 * an empty one is a lost one from then on.
 */
export function proveKeys(
  file: string,
  isEncrypted: boolean,
  encryption: EncryptionOptions | undefined,
): void {
  const problem = keyProblem(file, isEncrypted, encryption);
  if (problem !== undefined) throw problem;
  if (encryption === undefined) return;
  const folder = keyFolder(file, encryption);
  const blocks = listBlocks(folder);
  for (const twice of Map.groupBy(blocks, ({ number }) => number).values())
    if (twice.some(({ kek }) => kek === encryption.current))
      for (const { number, kek } of twice)
        if (kek !== encryption.current) unlinkSync(join(folder, blockName(number, kek)));
  if (blocks.length === 0 && listGone(folder).length === 0) new DataKeys(file, encryption).allocate();
}

/** Why what is stored cannot be read with these keys; nothing where it can. Reads only. */
export function keyProblem(
  file: string,
  isEncrypted: boolean,
  encryption: EncryptionOptions | undefined,
): RuntimeError | undefined {
  const folder = keyFolder(file, encryption);
  const blocks = listBlocks(folder);
  const missing = (message: string): RuntimeError => new RuntimeError('RUNTIME_KEY_MISSING', message);
  if (encryption === undefined)
    return isEncrypted || blocks.length > 0
      ? missing(`${file} is encrypted, and no key is configured (engine.encryption)`)
      : undefined;
  const known = new Set([...blocks.map(({ number }) => number), ...listGone(folder)]);
  if (isEncrypted && (known.size === 0 || known.size <= highest(folder)))
    return missing(
      `${file} is encrypted, and key files of ${folder} are missing: ${known.size} of ${Math.max(1, highest(folder) + 1)} are there`,
    );
  for (const [kek, of] of Map.groupBy(blocks, ({ kek }) => kek)) {
    const key = encryption.keys[kek];
    if (key === undefined)
      return missing(
        `${of.length} key files of ${folder} are wrapped by ${kek}, which is not configured (engine.encryption.keys)`,
      );
    const { number } = of.at(-1)!;
    const sealed = readOrNothing(join(folder, blockName(number, kek)));
    if (sealed !== undefined && unwrapped(sealed, wrappingKey(key), number, kek) === undefined)
      return new RuntimeError(
        'RUNTIME_KEY_WRONG',
        `the key that is configured as ${kek} does not open ${join(folder, blockName(number, kek))}, which was wrapped by ${kek}`,
      );
  }
  return undefined;
}

interface Block {
  readonly number: number;
  readonly kek: string;
}

function listGone(folder: string): readonly number[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) =>
    /^\d{8}\.gone$/.test(name) ? [Number(name.slice(0, 8))] : [],
  );
}

function highest(folder: string): number {
  return [...listBlocks(folder).map(({ number }) => number), ...listGone(folder)].reduce(
    (most, number) => Math.max(most, number),
    -1,
  );
}

function listBlocks(folder: string): readonly Block[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .flatMap((name): Block[] => {
      const match = BLOCK_FILE.exec(name);
      return match === null ? [] : [{ number: Number(match[1]), kek: match[2]! }];
    })
    .toSorted((a, b) => a.number - b.number);
}

function blockName(number: number, kek: string): string {
  return `${String(number).padStart(8, '0')}.${kek}.keys`;
}

function goneName(number: number): string {
  return `${String(number).padStart(8, '0')}.gone`;
}

/** Not the configured key itself: the same key may serve something else as well. */
function wrappingKey(key: Uint8Array): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', key, '', 'tenon data keys', KEY_BYTES)));
}

function wrapped(block: Buffer, key: KeyObject, number: number, kek: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(blockName(number, kek)));
  return Buffer.concat([nonce, cipher.update(block), cipher.final(), cipher.getAuthTag()]);
}

function unwrapped(sealed: Buffer, key: KeyObject, number: number, kek: string): Buffer | undefined {
  if (sealed.length !== NONCE_BYTES + BLOCK_KEYS * KEY_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(blockName(number, kek)));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    return undefined;
  }
}

function damagedBlock(folder: string, number: number, kek: string): RuntimeError {
  return new RuntimeError(
    'RUNTIME_KEY_WRONG',
    `${join(folder, blockName(number, kek))} is damaged, or was wrapped by another key than the one configured as ${kek}`,
  );
}

function readOrNothing(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function wipe(handle: number, bytes: number): void {
  try {
    writeSync(handle, Buffer.alloc(bytes), 0, bytes, 0);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
