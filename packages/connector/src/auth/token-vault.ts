import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isObject, sha256 } from '@tenon/model';
import { shownCode } from '../shown-code.ts';

/**
 * Refresh tokens that a server rotated: what the connection's secret reference held is then spent, and only this holds
 * the living one. Values are JSON texts; they are secrets.
 */
export interface TokenVault {
  /** `undefined` where nothing was saved under the key. Rejects with `TokenLockedError` where it cannot be opened, or is no whole token. */
  load(key: string): Promise<string | undefined>;
  /** Resolves when it is on disk: only then may the access token that came with it be used. */
  save(key: string, value: string): Promise<void>;
}

/** Keys that seal what is kept, each by a name of its own that stands beside what it sealed. */
export interface TokenSeal {
  /** Name of the key that seals what is new. */
  readonly current: string;
  /** `name`: of the file. What is sealed for one is not opened for another. */
  seal(bytes: Uint8Array, name: string): Uint8Array;
  open(by: string, sealed: Uint8Array, name: string): Uint8Array | TokenLock;
}

/** Why what is sealed cannot be opened. */
export interface TokenLock {
  readonly code: string;
  readonly message: string;
}

export interface FileTokenVaultOptions {
  /** Absent: tokens lie in clear. */
  readonly seal?: TokenSeal | undefined;
  /** Why the seal that there should be cannot be had: nothing is opened then, nor spent. */
  readonly refusal?: TokenLock | undefined;
}

export interface FileTokenVault extends TokenVault {
  /**
   * What cannot be opened, by the names of its files. Rejects with `TokenLockedError` where that is what was saved under one
   * of `needed`. Reads only.
   */
  prove(needed: readonly string[]): Promise<readonly TokenLock[]>;
  /** Seals by the current key what lies in clear, or was sealed by another. Leaves what cannot be opened; does nothing without a seal. */
  sealAll(): Promise<void>;
  /** Tokens that lie in clear, and that a key other than the current one has sealed and can be opened. */
  unsealed(): Promise<{ readonly clear: number; readonly older: number }>;
}

/** What is kept cannot be opened; it is there all the same, and nothing may be taken in its place. */
export class TokenLockedError extends Error {
  readonly code: string;
  constructor({ code, message }: TokenLock) {
    super(message);
    this.name = 'TokenLockedError';
    this.code = code;
  }
}

/**
 * One file for each key below `folder`, readable by its owner alone, replaced whole and synced. Processes that share it
 * see each other's tokens; which of two that save under one key at the same time is kept is not said.
 *
 * With a seal a file is `{"sealedBy":"k1","sealed":"…"}`; one of an earlier version, or from before there was a seal, is the value itself,
 * is read as that, and is sealed when it is saved next or by `sealAll`.
 */
export function fileTokenVault(
  folder: string,
  { seal, refusal }: FileTokenVaultOptions = {},
): FileTokenVault {
  /** One after the other, so that what is sealed anew takes the place of nothing newer. */
  let writing: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(write: () => Promise<T>): Promise<T> => {
    const turn = writing.then(write, write);
    writing = turn.catch(() => {});
    return turn;
  };
  return {
    load,
    save: (key, value) => inTurn(() => put(nameOf(key), value)),
    prove,
    unsealed,
    sealAll: () => inTurn(sealEach),
  };

  async function load(key: string): Promise<string | undefined> {
    // What it gives is spent at once, and its successor could not be kept.
    if (refusal) throw new TokenLockedError(refusal);
    const name = nameOf(key);
    const text = await wholeText(join(folder, name));
    return text === undefined ? undefined : opened(text, name);
  }

  async function prove(needed: readonly string[]): Promise<readonly TokenLock[]> {
    const others: TokenLock[] = [];
    for (const name of await names()) {
      const lock = await lockOf(name);
      if (lock === undefined) continue;
      if (needed.some((key) => nameOf(key) === name)) throw lock;
      others.push({ code: lock.code, message: lock.message });
    }
    return others;
  }

  async function sealEach(): Promise<void> {
    if (seal === undefined) return;
    for (const name of await names()) {
      const text = await wholeOrLocked(name);
      if (typeof text !== 'string' || sealedOf(text)?.sealedBy === seal.current) continue;
      const value = valueOrLocked(text, name);
      if (typeof value === 'string') await put(name, value, text);
    }
    // Of a process that ended before it was whole: nothing was told of it, and a part of a token may stand in it.
    for (const name of await readdir(folder).catch(noFolder))
      if (DRAFT.test(name)) await wiped(join(folder, name));
  }

  async function unsealed(): Promise<{ readonly clear: number; readonly older: number }> {
    const counts = { clear: 0, older: 0 };
    for (const name of await names()) {
      const text = await wholeOrLocked(name);
      if (typeof text !== 'string') continue;
      const by = sealedOf(text)?.sealedBy;
      if (by === undefined) counts.clear++;
      else if (by !== seal?.current && typeof valueOrLocked(text, name) === 'string') counts.older++;
    }
    return counts;
  }

  async function lockOf(name: string): Promise<TokenLockedError | undefined> {
    const text = await wholeOrLocked(name);
    const value = typeof text === 'string' ? valueOrLocked(text, name) : text;
    return typeof value === 'string' ? undefined : value;
  }

  function wholeOrLocked(name: string): Promise<string | TokenLockedError | undefined> {
    return wholeText(join(folder, name)).catch(locked);
  }

  function valueOrLocked(text: string, name: string): string | TokenLockedError {
    try {
      return opened(text, name);
    } catch (error) {
      return locked(error);
    }
  }

  function opened(text: string, name: string): string {
    const kept = sealedOf(text);
    if (kept === undefined) return text;
    const { sealedBy, sealed } = kept;
    const what = `the refresh token in ${join(folder, name)} was sealed by the key ${sealedBy}`;
    if (refusal) throw new TokenLockedError({ ...refusal, message: `${what}: ${refusal.message}` });
    if (seal === undefined)
      throw new TokenLockedError({
        code: 'RUNTIME_KEY_MISSING',
        message: `${what}, and no key is configured`,
      });
    const bytes = seal.open(sealedBy, Buffer.from(sealed, 'base64'), name);
    if ('code' in bytes) throw new TokenLockedError({ ...bytes, message: `${what}: ${bytes.message}` });
    return Buffer.from(bytes).toString();
  }

  /** `over`: the text that it is to take the place of; where another one lies there by then, that one stays. */
  async function put(name: string, value: string, over?: string): Promise<void> {
    if (refusal) throw new TokenLockedError(refusal);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const file = join(folder, name);
    const text =
      seal === undefined
        ? value
        : JSON.stringify({
            sealedBy: seal.current,
            sealed: Buffer.from(seal.seal(Buffer.from(value), name)).toString('base64'),
          });
    for (let nth = 1; ; nth++) {
      const draft = await drafted(name, text);
      const before = seal === undefined ? undefined : await open(file, 'r+').catch(() => undefined);
      // Turns hold within this process. A token that another one saves between this look and the rename, two calls of the
      // file system, is still lost: no rename compares, and a lock in a file would outlive a process that crashed.
      if (over !== undefined && (await readText(file)) !== over) {
        await before?.close();
        await wiped(draft);
        return;
      }
      // A start of another process may take it for one that was left. That process may have saved a token since.
      if (await isMoved(draft, file, nth)) {
        await using directory = await open(folder, 'r');
        await directory.sync();
        if (before !== undefined) await overwritten(before);
        return;
      }
      await before?.close();
    }
  }

  /** Under a name of its own: another process may be saving the successor of the same token. */
  async function drafted(name: string, text: string): Promise<string> {
    const draft = join(folder, `${name}.${randomUUID()}${DRAFT_END}`);
    await using next = await open(draft, 'wx', 0o600);
    await next.writeFile(text);
    await next.sync();
    return draft;
  }

  async function names(): Promise<readonly string[]> {
    return (await readdir(folder).catch(noFolder)).filter((name) => NAME.test(name)).toSorted();
  }
}

const NAME = /^[0-9a-f]{32}\.token$/;
const DRAFT_END = '.next';
const DRAFT = /^[0-9a-f]{32}\.token(\.[0-9a-f-]{36})?\.next$/;

function nameOf(key: string): string {
  return `${sha256(key).slice('sha256:'.length, 'sha256:'.length + 32)}.token`;
}

/** Every process wipes once, at its start. */
const MOVES_MAX = 5;

/** `false`: the draft was gone, and another may be made. */
async function isMoved(draft: string, file: string, nth: number): Promise<boolean> {
  try {
    await rename(draft, file);
    return true;
  } catch (error) {
    if (isMissing(error) && nth < MOVES_MAX) return false;
    throw error;
  }
}

/** Whoever replaces a file overwrites what lay there: one that was opened before that reads zeros, and the next is in place by then. */
const READS_MAX = 3;

/** `undefined` where there is none. Whatever else is no token in its whole: who took it for none would spend the provisioned one again. */
async function wholeText(file: string): Promise<string | undefined> {
  for (let nth = 1; ; nth++) {
    const text = await readText(file).catch((error: unknown) => {
      const code = shownCode(error);
      throw unreadable(file, `cannot be read${code === undefined ? '' : ` (${code})`}`);
    });
    if (text === undefined || isObject(jsonOf(text))) return text;
    if (nth === READS_MAX) throw unreadable(file, text === '' ? 'is empty' : 'is not whole');
  }
}

function unreadable(file: string, how: string): TokenLockedError {
  return new TokenLockedError({ code: 'AUTH_TOKEN_LOCKED', message: `the refresh token in ${file} ${how}` });
}

function locked(error: unknown): TokenLockedError {
  if (error instanceof TokenLockedError) return error;
  throw error;
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function noFolder(error: unknown): string[] {
  if (isMissing(error)) return [];
  throw error;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** Nothing where it is gone: whoever wrote it has put it in its place, and its bytes are a token that lives. */
async function wiped(draft: string): Promise<void> {
  const handle = await open(draft, 'r+').catch(nothingMissing);
  if (handle === undefined) return;
  const isOurs = await unlink(draft).then(() => true, nothingMissing);
  await (isOurs ? overwritten(handle) : handle.close());
}

function nothingMissing(error: unknown): undefined {
  if (isMissing(error)) return undefined;
  throw error;
}

/** No promise on a disk that writes elsewhere; on others nothing of what lay there in clear is left. Closes it. */
async function overwritten(handle: FileHandle): Promise<void> {
  await using file = handle;
  const { size } = await file.stat();
  await file.write(Buffer.alloc(size), 0, size, 0);
  await file.sync();
}

interface Sealed {
  readonly sealedBy: string;
  readonly sealed: string;
}

function sealedOf(text: string): Sealed | undefined {
  const value = jsonOf(text);
  if (!isObject(value)) return undefined;
  const { sealedBy, sealed } = value;
  return typeof sealedBy === 'string' && typeof sealed === 'string' ? { sealedBy, sealed } : undefined;
}

/** What the vault keeps: the living token, and which provisioned one it descends from. */
export interface KeptToken {
  readonly token: string;
  /** Digest of the token in the secret reference; another one means that an operator has provisioned anew. */
  readonly seed: string;
}

/** `undefined` where nothing is kept. Throws `TokenLockedError` where something is, and it is no token. */
export function parseKept(text: string | undefined): KeptToken | undefined {
  if (text === undefined) return undefined;
  const value = jsonOf(text);
  if (!isObject(value) || typeof value['token'] !== 'string' || typeof value['seed'] !== 'string')
    throw new TokenLockedError({
      code: 'AUTH_TOKEN_LOCKED',
      message: 'what is kept of it is no refresh token',
    });
  return { token: value['token'], seed: value['seed'] };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
