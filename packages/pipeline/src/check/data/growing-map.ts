/** A map that is computed when it is asked; it is gone through rarely, so that costs more. */
abstract class LazyMap<V> implements ReadonlyMap<string, V> {
  abstract get(key: string): V | undefined;
  protected abstract candidates(): Iterable<string>;

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  get size(): number {
    return this.#all().size;
  }

  keys(): MapIterator<string> {
    return this.#all().keys();
  }

  values(): MapIterator<V> {
    return this.#all().values();
  }

  entries(): MapIterator<[string, V]> {
    return this.#all().entries();
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries();
  }

  forEach(each: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [key, value] of this.#all()) each(value, key, this);
  }

  #all(): Map<string, V> {
    const all = new Map<string, V>();
    for (const key of this.candidates()) {
      const value = this.get(key);
      if (value !== undefined) all.set(key, value);
    }
    return all;
  }
}

/**
 * What was added to a map up to some moment. Views of one growing map share it, so that to keep how it was costs
 * nothing: a copy for each of 200 steps would be most of their check.
 */
export class MapUntil<V> extends LazyMap<V> {
  readonly #all: ReadonlyMap<string, { readonly at: number; readonly value: V }>;
  readonly #until: number;

  constructor(all: ReadonlyMap<string, { readonly at: number; readonly value: V }>, until: number) {
    super();
    this.#all = all;
    this.#until = until;
  }

  get(key: string): V | undefined {
    const entry = this.#all.get(key);
    return entry && entry.at < this.#until ? entry.value : undefined;
  }

  protected candidates(): Iterable<string> {
    return this.#all.keys();
  }
}

/** The keys of a map, or a set of them. */
type Names = Pick<ReadonlySet<string>, 'has'>;

/** A map laid over another: what it has comes first, and what it `hides` is in neither. */
export class MapOver<V> extends LazyMap<V> {
  readonly #top: ReadonlyMap<string, V>;
  readonly #base: ReadonlyMap<string, V>;
  readonly #hides: Names | undefined;

  constructor(top: ReadonlyMap<string, V>, base: ReadonlyMap<string, V>, hides?: Names) {
    super();
    this.#top = top;
    this.#base = base;
    this.#hides = hides;
  }

  get(key: string): V | undefined {
    return this.#hides?.has(key) ? undefined : (this.#top.get(key) ?? this.#base.get(key));
  }

  protected candidates(): Iterable<string> {
    return new Set([...this.#base.keys(), ...this.#top.keys()]);
  }
}
