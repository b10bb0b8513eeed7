import type { DatabaseSync } from 'node:sqlite';
import { DataKeys, type EncryptionOptions, SYSTEM_KEY } from './data-keys.ts';
import { type Names, namesOf } from './names.ts';
import { hidings, withPlacesHidden } from './places.ts';
import { type BoundValue, type Sealing, Statements, sealings, type Write } from './statements.ts';
import { ValueCodec } from './value-codec.ts';

/** Runs whose data key is remembered. */
const RUNS_MAX = 8_192;
/** Data keys destroyed, and key files wrapped anew (each is synced), before other writes get their turn. */
const SLICE_KEYS = 10_000;
const SLICE_BLOCKS = 8;

interface DataKey {
  readonly id: number;
  readonly key: Uint8Array;
}

/** Puts the data in writes into the form in which it lies in the file. Of the one writer; it alone gives out data keys. */
export class Sealer {
  readonly codec: ValueCodec;
  readonly names: Names;
  readonly #keys: DataKeys | undefined;
  readonly #db: DatabaseSync;
  readonly #statements: Statements;
  readonly #runs = new Map<number, number>();

  constructor(file: string, db: DatabaseSync, encryption: EncryptionOptions | undefined) {
    this.#keys = encryption === undefined ? undefined : new DataKeys(file, encryption);
    this.codec = new ValueCodec(this.#keys);
    this.names = namesOf(this.#keys);
    this.#db = db;
    this.#statements = new Statements(db);
  }

  get isEncrypting(): boolean {
    return this.#keys !== undefined;
  }

  /** The values of a write as they are bound. */
  bound([name, ...given]: Write): readonly BoundValue[] {
    const sealing = sealings[name];
    const hiding = hidings[name];
    const values =
      hiding !== undefined && this.names.isHidden ? withPlacesHidden(hiding, given, this.names) : given;
    if (sealing === undefined) return values;
    const bound: BoundValue[] = [...values];
    let key: DataKey | undefined;
    if (this.#keys !== undefined && (isNew(sealing) || sealing.values.some(({ at }) => values[at] !== null)))
      key = this.#keyFor(this.#keys, sealing, Number(values[0]));
    for (const { at, place } of sealing.values) {
      const value = values[at];
      if (typeof value === 'string') bound[at] = this.codec.seal(value, place(values), key);
    }
    if (isNew(sealing)) bound.push(key?.id ?? null);
    return bound;
  }

  /** The key of a run; one from before there were keys, or whose key was destroyed, is given one. */
  keyOfRun(seq: number): DataKey | undefined {
    return this.#keys && this.#keyOfRun(this.#keys, seq);
  }

  newKey(): DataKey | undefined {
    return this.#keys && made(this.#keys);
  }

  systemKey(): DataKey | undefined {
    return this.#keys && keyOfSystem(this.#keys);
  }

  /** A transaction was rolled back: what was given to runs in it was not stored. */
  forgetRuns(): void {
    this.#runs.clear();
  }

  /** Destroys the keys that are to go; gives how many are left to do. */
  shred(): number {
    if (this.#keys === undefined) return 0;
    const ids = this.#statements
      .of('SELECT data_key FROM shreds ORDER BY data_key LIMIT ?')
      .all(SLICE_KEYS)
      .map((row) => Number(row['data_key']));
    if (ids.length === 0) return 0;
    this.#keys.shred(ids);
    this.#runs.clear();
    this.#statements.of('DELETE FROM shreds WHERE data_key <= ?').run(ids.at(-1)!);
    return Number(this.#db.prepare('SELECT count(*) AS n FROM shreds').get()?.['n'] ?? 0);
  }

  /** Wraps data keys by the current key; gives how many files are left. */
  rewrap(): number {
    return this.#keys?.rewrap(SLICE_BLOCKS) ?? 0;
  }

  #keyFor(keys: DataKeys, { by }: Sealing, seq: number): DataKey {
    switch (by) {
      case 'system':
        return keyOfSystem(keys);
      case 'run':
        return this.#keyOfRun(keys, seq);
      case 'newEvent':
        return made(keys);
      case 'newRun': {
        const key = made(keys);
        this.#remember(seq, key.id);
        return key;
      }
    }
  }

  #keyOfRun(keys: DataKeys, seq: number): DataKey {
    const id = this.#runs.get(seq) ?? this.#stored(seq);
    const key = id === undefined ? 'absent' : keys.get(id);
    if (id !== undefined && typeof key !== 'string') return { id, key };
    const fresh = made(keys);
    this.#statements.of('UPDATE runs SET data_key = ? WHERE seq = ?').run(fresh.id, seq);
    this.#remember(seq, fresh.id);
    return fresh;
  }

  #stored(seq: number): number | undefined {
    const id = this.#statements.of('SELECT data_key FROM runs WHERE seq = ?').get(seq)?.['data_key'];
    if (typeof id !== 'number') return undefined;
    this.#remember(seq, id);
    return id;
  }

  #remember(seq: number, id: number): void {
    this.#runs.set(seq, id);
    if (this.#runs.size > RUNS_MAX) this.#runs.delete(this.#runs.keys().next().value!);
  }
}

function isNew({ by }: Sealing): boolean {
  return by === 'newEvent' || by === 'newRun';
}

function made(keys: DataKeys): DataKey {
  const id = keys.allocate();
  return { id, key: mustHave(keys, id) };
}

function keyOfSystem(keys: DataKeys): DataKey {
  // Made with the first block, by whoever needs a key first.
  if (keys.get(SYSTEM_KEY) === 'absent') keys.allocate();
  return { id: SYSTEM_KEY, key: mustHave(keys, SYSTEM_KEY) };
}

function mustHave(keys: DataKeys, id: number): Uint8Array {
  const key = keys.get(id);
  if (typeof key === 'string') throw new Error(`the data key ${id} was made and is ${key}`);
  return key;
}
