/**
 * What is at hand under a key for a short while, thousands of times a second. A `Map` links each table that it has outgrown or
 * cleaned to the next one: once such a table is old, all that follow it count as reachable until the next full collection, with
 * what was in them. With runs in a plain map each collection of young objects carried 8 MB of ended runs over. So a value
 * stands behind a place of its own, which is emptied when it goes.
 */
export class Register<Key, Value> {
  readonly #places = new Map<Key, { value: Value | undefined }>();

  get(key: Key): Value | undefined {
    return this.#places.get(key)?.value;
  }

  set(key: Key, value: Value): void {
    this.#places.set(key, { value });
  }

  delete(key: Key): void {
    const place = this.#places.get(key);
    if (place === undefined) return;
    place.value = undefined;
    this.#places.delete(key);
  }

  *values(): Iterable<Value> {
    for (const { value } of this.#places.values()) if (value !== undefined) yield value;
  }
}
