import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '@tenon/model';
import type { CheckpointFlow } from '../runtime.ts';
import { RuntimeError } from '../runtime-error.ts';
import {
  type CheckpointKey,
  type CheckpointPublicKey,
  checkpointDigest,
  isSigned,
  parseCheckpoints,
  type SetBack,
  type SignedCheckpoint,
  signCheckpoint,
  type TreeHead,
} from './checkpoint.ts';
import { isSameHash } from './merkle.ts';
import type { StoredTree } from './tiles.ts';

const FAILED = 'LEDGER_CHECKPOINT_FAILED';

/** How the ledger's state is signed and put where whoever changes the file cannot reach it. */
export interface CheckpointOptions {
  readonly key: CheckpointKey;
  /** Checkpoints are appended here, each synced before it counts. Best on another disk, or at least another owner's. */
  readonly file: string;
  /** Most time between a new entry and a checkpoint over it (ms). Default 60,000. */
  readonly everyMs?: number;
  /** Most rows without a checkpoint. Default 10,000. */
  readonly everyRows?: number;
  /** Hands a checkpoint to a witness outside; rejects when it did not take it. Tried again with the next one. */
  readonly publish?: (note: string) => Promise<void>;
  /** The file is behind its checkpoints, and a person says that this is right (a restored backup), and why. */
  readonly setBack?: string;
  /** Told of a checkpoint that could not be kept; must not throw. */
  readonly onProblem: (message: string, code: typeof FAILED) => void;
}

/** Where a set-back that somebody accepted stands until it is signed: in the file itself, so it makes nothing startable. */
export interface KeptSetBack {
  /** Accepted in an earlier process, which could not sign it. */
  readonly earlier: SetBack | undefined;
  /** Resolves once it is on disk; `undefined`: it is signed. */
  keep(setBack: SetBack | undefined): Promise<void>;
}

/** Which checkpoint the witness has, over restarts: one that it does not have is sent again. */
export interface KeptWitnessed {
  /** Of the last checkpoint that it took. */
  readonly atMs: number | undefined;
  keep(atMs: number): Promise<void>;
}

const EVERY_MS = 60_000;
const EVERY_ROWS = 10_000;

/** Signs the ledger's state on a schedule: after so many rows, so much time, and at the end. */
export class CheckpointKeeper {
  readonly #options: CheckpointOptions;
  readonly #clock: Clock;
  readonly #head: () => Promise<TreeHead>;
  #last: SignedCheckpoint | undefined;
  #setBack: SetBack | undefined;
  readonly #kept: KeptSetBack | undefined;
  #isKept: boolean;
  #rows = 0;
  #isUnpublished: boolean;
  readonly #witnessed: KeptWitnessed | undefined;
  #witnessedAtMs: number | undefined;
  #failure: CheckpointFlow['failure'];
  #cancelTimer: (() => void) | undefined;
  #working: Promise<void> | undefined;
  #isClosed = false;

  /**
   * Compares the file with its last checkpoint first. Throws `RUNTIME_LEDGER_BEHIND` when entries that it counts are
   * gone, `RUNTIME_LEDGER_ALTERED` when they are not the same. `isBehindMark`: rows are gone that no checkpoint counted yet.
   */
  constructor(
    options: CheckpointOptions,
    clock: Clock,
    stored: StoredTree,
    head: () => Promise<TreeHead>,
    isBehindMark: boolean = false,
    kept?: KeptSetBack,
    witnessed?: KeptWitnessed,
  ) {
    this.#options = options;
    this.#kept = kept;
    this.#isKept = kept?.earlier !== undefined;
    this.#witnessed = witnessed;
    this.#witnessedAtMs = witnessed?.atMs;
    this.#clock = clock;
    this.#head = head;
    cutHalfWritten(options.file);
    const earlier = lastCheckpoints(options.file, [options.key.publicKey]);
    // From the end: a signature takes 0.1 ms to verify, and mostly the last one is all that is asked for.
    this.#last = earlier.next().value;
    const why = options.setBack;
    if (this.#last !== undefined && !isPrefix(this.#last, stored)) {
      if (why === undefined) throw refusal(options.file, this.#last, stored);
      this.#setBack = { size: lastPrefix(earlier, stored), why };
    } else if (isBehindMark && why !== undefined) this.#setBack = { size: this.#last?.size ?? 0, why };
    this.#setBack = both(kept?.earlier, this.#setBack);
    this.#isUnpublished =
      options.publish !== undefined && this.#last !== undefined && this.#last.atMs !== this.#witnessedAtMs;
    if (this.#isUnpublished) this.#arm();
    // What an earlier process stored and could not sign any more.
    if (stored.head.size > (this.#last?.size ?? 0)) this.stored(1);
  }

  /** A ledger that was set back says so before it grows: signed, or kept for who can sign it. Rejects when neither can be. */
  async ready(): Promise<void> {
    if (this.#setBack === undefined) return;
    await this.#sign();
    if (this.#setBack === undefined) return;
    await this.#kept?.keep(this.#setBack);
    this.#isKept = true;
  }

  flow(): CheckpointFlow {
    const { publish, everyMs = EVERY_MS } = this.#options;
    const witnessedAtMs = publish === undefined ? undefined : this.#witnessedAtMs;
    return {
      everyMs,
      ...(this.#last !== undefined && { keptAtMs: this.#last.atMs }),
      ...(witnessedAtMs !== undefined && { witnessedAtMs }),
      ...(this.#failure !== undefined && { failure: this.#failure }),
    };
  }

  /** So many rows of the ledger are on disk now. */
  stored(rows: number): void {
    this.#rows += rows;
    // Written by what ended too late for the last checkpoint: the next process signs it. A timer would keep this one.
    if (this.#isClosed) return;
    if (this.#rows >= (this.#options.everyRows ?? EVERY_ROWS)) void this.#sign();
    else this.#arm();
  }

  /** The last checkpoint of this process. */
  async close(): Promise<void> {
    this.#cancelTimer?.();
    await this.#working;
    await this.#sign();
    this.#isClosed = true;
    this.#cancelTimer?.();
  }

  #arm(): void {
    this.#cancelTimer ??= this.#clock.setTimer(this.#options.everyMs ?? EVERY_MS, () => {
      this.#cancelTimer = undefined;
      void this.#sign();
    });
  }

  async #sign(): Promise<void> {
    if (this.#working !== undefined) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#rows = 0;
    this.#working = this.#signOnce();
    await this.#working;
    this.#working = undefined;
    if (this.#rows > 0 || this.#isUnpublished) this.#arm();
  }

  async #signOnce(): Promise<void> {
    const { key, file, publish } = this.#options;
    try {
      const head = await this.#head();
      if (head.size !== this.#last?.size || this.#setBack !== undefined) {
        const note = signCheckpoint(
          {
            origin: key.name,
            ...head,
            atMs: this.#clock.now(),
            ...(this.#last !== undefined && { previous: checkpointDigest(this.#last.text) }),
            ...(this.#setBack !== undefined && { setBack: this.#setBack }),
          },
          key,
        );
        cutHalfWritten(file);
        append(file, note);
        this.#last = onlyNote(note);
        this.#setBack = undefined;
        this.#isUnpublished = publish !== undefined;
      }
    } catch (error) {
      this.#rows++;
      this.#failed(`no checkpoint of the ledger could be kept in ${file}: ${messageOf(error)}`);
      return;
    }
    if (this.#isKept && this.#setBack === undefined) {
      this.#isKept = false;
      // A disk that fails stops the runtime, and says so there; the next process signs it once more.
      await this.#kept?.keep(undefined).catch(() => {});
    }
    if (!this.#isUnpublished || publish === undefined || this.#last === undefined) {
      this.#failure = undefined;
      return;
    }
    try {
      const { text, signatures } = this.#last;
      await publish(`${text}\n${signatures.map(signatureLine).join('')}`);
      this.#isUnpublished = false;
    } catch (error) {
      this.#failed(`the witness did not take the ledger's checkpoint: ${messageOf(error)}`);
      return;
    }
    this.#failure = undefined;
    this.#witnessedAtMs = this.#last.atMs;
    // As above: it is sent once more.
    await this.#witnessed?.keep(this.#last.atMs).catch(() => {});
  }

  #failed(message: string): void {
    this.#failure = { message, times: (this.#failure?.times ?? 0) + 1 };
    this.#options.onProblem(message, FAILED);
  }
}

/**
 * Why no process would start on a ledger that is so far, or `undefined`: it is compared with its last checkpoint that one of the keys signed.
 * For whoever only looks, also beside the process that writes: the file is read first, then the ledger.
 */
export function checkpointRefusal(
  { file, keys }: { readonly file: string; readonly keys: readonly CheckpointPublicKey[] },
  ledger: () => StoredTree,
): RuntimeError | undefined {
  const last = lastCheckpoints(file, keys).next().value;
  if (last === undefined) return undefined;
  const stored = ledger();
  return isPrefix(last, stored) ? undefined : refusal(file, last, stored);
}

function refusal(file: string, last: SignedCheckpoint, { head }: StoredTree): RuntimeError {
  const at = new Date(last.atMs).toISOString();
  return head.size < last.size
    ? new RuntimeError(
        'RUNTIME_LEDGER_BEHIND',
        `the ledger holds ${head.size} rows; its checkpoint of ${at} in ${file} counts ${last.size}, up to entry ${last.lastSequence}`,
      )
    : new RuntimeError(
        'RUNTIME_LEDGER_ALTERED',
        `the first ${last.size} rows of the ledger are not those that were signed at ${at} (${file})`,
      );
}

/** What was accepted twice, as one: whoever did so is named. */
function both(earlier: SetBack | undefined, now: SetBack | undefined): SetBack | undefined {
  if (earlier === undefined || now === undefined) return earlier ?? now;
  return { size: Math.min(earlier.size, now.size), why: `${earlier.why}; ${now.why}` };
}

/** Does the stored tree begin with the one that was signed? */
function isPrefix({ size, root }: SignedCheckpoint, stored: StoredTree): boolean {
  return size <= stored.head.size && isSameHash(stored.rootAt(size), root);
}

/** Rows of the last of them that the stored tree begins with; 0 for none. */
function lastPrefix(earlier: Iterable<SignedCheckpoint>, stored: StoredTree): number {
  for (const each of earlier) if (isPrefix(each, stored)) return each.size;
  return 0;
}

/** Read from the end of the file: years of checkpoints must not hold up a start. */
const TAIL_BYTES = 65_536;

/** The checkpoints that these keys signed, the last one first. */
function* lastCheckpoints(
  file: string,
  keys: readonly CheckpointPublicKey[],
): Generator<SignedCheckpoint, undefined> {
  const { bytes, end } = tailOf(file);
  const notes = parseCheckpoints(bytes.subarray(0, end).toString('utf8').split('\n'));
  for (const note of [...notes].reverse())
    if (note.ok && isSigned(note.checkpoint, keys)) yield note.checkpoint;
}

/** What a crash, or a disk that was full for a while, left half written behind the last one. */
function cutHalfWritten(file: string): void {
  const { bytes, end, from } = tailOf(file);
  if (bytes.subarray(end).toString('utf8').trim() !== '') truncate(file, from + end);
}

interface Tail {
  readonly bytes: Buffer;
  /** Where they stand in the file. */
  readonly from: number;
  /** Of the last whole note among them. */
  readonly end: number;
}

function tailOf(file: string): Tail {
  if (!existsSync(file)) return { bytes: Buffer.alloc(0), from: 0, end: 0 };
  const { size } = statSync(file);
  const from = Math.max(0, size - TAIL_BYTES);
  const bytes = readRange(file, from, size - from);
  // Whole lines: a signature that was cut short ends nothing.
  const lines = bytes.subarray(0, bytes.lastIndexOf('\n') + 1);
  // A signature's line is the end of a note; the dash is three bytes.
  const signature = lines.lastIndexOf('\n— ');
  const end = signature === -1 ? 0 : lines.indexOf('\n', signature + 1) + 1;
  return { bytes, from, end };
}

function readRange(file: string, from: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const handle = openSync(file, 'r');
  try {
    readSync(handle, bytes, 0, length, from);
  } finally {
    closeSync(handle);
  }
  return bytes;
}

function truncate(file: string, length: number): void {
  const handle = openSync(file, 'r+');
  try {
    ftruncateSync(handle, length);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function append(file: string, note: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const handle = openSync(file, 'a', 0o644);
  try {
    writeSync(handle, `${note}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function onlyNote(text: string): SignedCheckpoint {
  for (const note of parseCheckpoints(text.split('\n'))) if (note.ok) return note.checkpoint;
  throw new Error('a checkpoint that was just signed cannot be read');
}

function signatureLine({ name, keyId, bytes }: SignedCheckpoint['signatures'][number]): string {
  return `— ${name} ${Buffer.concat([keyId, bytes]).toString('base64')}\n`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
