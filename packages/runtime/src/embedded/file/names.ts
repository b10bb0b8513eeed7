import { hash, hkdfSync } from 'node:crypto';
import { RuntimeError } from '../../runtime-error.ts';
import { type DataKeys, SYSTEM_KEY } from './data-keys.ts';
import type { Statements } from './statements.ts';

/** `version`: of an entity, in entries only. */
export type NameKind = 'key' | 'order' | 'delivery' | 'item' | 'version';

/** Of a digest, in base64url: 128 bits. */
const DIGEST_CHARS = 22;
const DIGEST = /^~[A-Za-z0-9_-]{22}$/;

/**
 * How business keys, order keys and delivery ids stand in the columns by which they are looked for: as they are or, in an
 * encrypted file, as `~` and a digest that nobody can make who lacks the file's keys. The names themselves are then sealed with
 * their run (`withNames`), so they go with its data; what was done under a name can still be found by who knows it.
 *
 * The digest is SHA-256 over a secret and the name, cut to half: what is cut off keeps anybody from making the digest of a longer name
 * out of that of a shorter one, and an HMAC would take four times as long. Not over pipeline or source: runs are found by key
 * over all pipelines, and a released delivery is compared with its first over two sources.
 */
export class Names {
  readonly #makeSecret: () => string | undefined;
  #secret: string | undefined | null = null;
  /**
   * Of the process that runs the file: some names still stand in it as they came, so each is looked for in both forms, and in one
   * statement: between two, it may change from one into the other.
   */
  isMixed = false;

  /** Without a secret names stay as they are. It is asked for when it is first needed, and may throw. */
  constructor(makeSecret: () => string | undefined) {
    this.#makeSecret = makeSecret;
  }

  get isHidden(): boolean {
    return this.#theSecret() !== undefined;
  }

  /** As it is stored. */
  stored(kind: NameKind, name: string): string {
    const secret = this.#theSecret();
    return secret === undefined ? name : digest(secret, kind, name);
  }

  /** As it may stand in the file: for questions that are not asked on the way of each run. */
  forms(kind: NameKind, name: string): readonly [string] | readonly [string, string] {
    const stored = this.stored(kind, name);
    return stored === name ? [name] : [stored, name];
  }

  /** What tells this secret from any other. */
  proof(): string {
    return this.stored('key', PROVED);
  }

  #theSecret(): string | undefined {
    if (this.#secret === null) this.#secret = this.#makeSecret();
    return this.#secret;
  }
}

/** Of the process that runs a file, whose keys were proved before: rather none at all than one in clear. */
export function namesOf(keys: DataKeys | undefined): Names {
  return new Names(() => {
    if (keys === undefined) return undefined;
    const secret = secretOf(keys);
    if (secret === undefined) throw new RuntimeError('RUNTIME_KEY_MISSING', 'the first key file is missing');
    return secret;
  });
}

/** Of whoever reads a file, with its keys or without. */
export function readersNames(read: Statements, keys: DataKeys | undefined): Names {
  return new Names(() => {
    const secret = keys && secretOf(keys);
    const stored = storedNames(read);
    if (stored === undefined) return secret;
    if (secret !== undefined) {
      if (stored.proof === proofOf(secret)) return secret;
      throw new RuntimeError(
        'RUNTIME_KEY_WRONG',
        'the key files beside the database are those of another: nothing is found by a key or a delivery id with them',
      );
    }
    throw new RuntimeError(
      'STORED_VALUE_LOCKED',
      'the file is encrypted, so keys and delivery ids stand in it as digests; nothing is found by one of them without the keys of the file',
    );
  });
}

/** ` = ?`, or for two forms ` IN (?, ?)`. */
export function isOneOf(forms: readonly string[]): string {
  return forms.length === 1 ? ' = ?' : ' IN (?, ?)';
}

/** Made from the key of the system, which is never destroyed, is wrapped anew with the others, and is missed at the start. */
function secretOf(keys: DataKeys): string | undefined {
  const system = keys.get(SYSTEM_KEY);
  if (typeof system === 'string') return undefined;
  return Buffer.from(hkdfSync('sha256', system, '', 'tenon names', 32)).toString('base64url');
}

/** No key is called so. */
const PROVED = '\0proof';

function proofOf(secret: string): string {
  return digest(secret, 'key', PROVED);
}

function digest(secret: string, kind: NameKind, name: string): string {
  return `~${hash('sha256', `${secret}${kind}\0${name}`, 'base64url').slice(0, DIGEST_CHARS)}`;
}

export function isDigest(stored: string): boolean {
  return DIGEST.test(stored);
}

/** What a run and the event that it began with are called. */
export interface RunNames {
  readonly key: string;
  readonly orderKey: string | null;
  readonly delivery: string;
}

/** A run's salt and names in one value: they go together, and to seal a value more would cost more than all the digests. */
export function withNames(salt: string | null, { key, orderKey, delivery }: RunNames): string {
  return `${salt ?? ''}${JSON.stringify([key, orderKey, delivery])}`;
}

/** What `withNames` has made, or a salt by itself, which never has a bracket in it. */
export function saltAndNames(text: string): { readonly salt: string | null; readonly names?: RunNames } {
  const at = text.indexOf('[');
  if (at === -1) return { salt: text };
  // Written by `withNames` alone, and sealed.
  const [key, orderKey, delivery] = JSON.parse(text.slice(at)) as [string, string | null, string];
  return { salt: at === 0 ? null : text.slice(0, at), names: { key, orderKey, delivery } };
}

/** How far names that were there before have come; in the settings of the file, so that a restart goes on. */
export interface NamesProgress {
  /** Of the secret that names were digested with. */
  readonly proof: string;
  /** Runs that have not ended and have an order key: the index of the state that is at its turn, and the run looked at last. */
  readonly lanes: readonly [state: number, seq: number] | 'done';
  readonly runs: number;
  readonly events: number;
  readonly lastRun: number;
  readonly lastEvent: number;
  readonly isDone: boolean;
}

export function storedNames(read: Statements): NamesProgress | undefined {
  const row = read.of(`SELECT value FROM settings WHERE name = 'names'`).get();
  // Written by `keepNames` alone.
  return row && (JSON.parse(String(row['value'])) as NamesProgress);
}

export function keepNames(read: Statements, progress: NamesProgress): void {
  read
    .of(
      `INSERT INTO settings (name, value) VALUES ('names', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    )
    .run(JSON.stringify(progress));
}
