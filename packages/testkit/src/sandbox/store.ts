import type { JsonObject } from '@tenon/model';
import type { Collection } from './resources.ts';

/** One thing in the sandbox. */
export interface Row {
  /** As it stands in paths. */
  readonly id: string;
  /** Values of the path parameters above its collection. */
  readonly scope: readonly string[];
  readonly value: JsonObject;
  /** Counts its changes from 1: its entity tag. */
  readonly version: number;
  /** A singleton that was deleted: it must not be made up anew by the next read. */
  readonly isGone?: boolean;
}

/** All rows of all collections, in order of creation. In memory; a restart starts anew. */
export class Store {
  readonly #collections = new Map<string, { readonly collection: Collection; rows: Row[]; serial: number }>();

  list(collection: Collection, scope: readonly string[]): readonly Row[] {
    return this.#of(collection).rows.filter((row) => isWithin(row, scope));
  }

  find(collection: Collection, scope: readonly string[], id: string): Row | undefined {
    return this.#of(collection).rows.find((row) => row.id === id && isWithin(row, scope));
  }

  /** The next number of a collection, from 1; never given twice, also not after a deletion. */
  nextSerial(collection: Collection): number {
    const held = this.#of(collection);
    held.serial += 1;
    return held.serial;
  }

  put(collection: Collection, row: Row): void {
    const held = this.#of(collection);
    const index = held.rows.findIndex(({ id, scope }) => id === row.id && isSame(scope, row.scope));
    held.rows = index === -1 ? [...held.rows, row] : held.rows.with(index, row);
  }

  remove(collection: Collection, row: Row): void {
    const held = this.#of(collection);
    held.rows = held.rows.filter((other) => other !== row);
  }

  /** What puts the rows back as they are now; numbers given out since are not given again. */
  mark(): () => void {
    const kept = new Map([...this.#collections].map(([key, { rows }]) => [key, rows]));
    return () => {
      for (const [key, held] of this.#collections) held.rows = kept.get(key) ?? [];
    };
  }

  /** Values by collection name, as plain data. Collections never touched are left out. */
  snapshot(): Record<string, readonly JsonObject[]> {
    const held = [...this.#collections.values()].sort((a, b) =>
      a.collection.name < b.collection.name ? -1 : 1,
    );
    return Object.fromEntries(
      held.map(({ collection, rows }) => [
        collection.name,
        rows.filter((row) => row.isGone !== true).map((row) => row.value),
      ]),
    );
  }

  /** The things as they are now, by collection name and id, whatever is done to them later: rows are replaced, never changed. */
  now(): (name: string, id: string) => JsonObject | undefined {
    const held = [...this.#collections.values()].map(({ collection, rows }) => ({
      name: collection.name,
      rows,
    }));
    return (name, id) => {
      for (const one of held) {
        if (one.name !== name) continue;
        const row = one.rows.find((candidate) => candidate.id === id && candidate.isGone !== true);
        if (row !== undefined) return row.value;
      }
      return undefined;
    };
  }

  clear(): void {
    this.#collections.clear();
  }

  #of(collection: Collection): { rows: Row[]; serial: number } {
    let held = this.#collections.get(collection.key);
    if (held === undefined) {
      held = { collection, rows: [], serial: 0 };
      this.#collections.set(collection.key, held);
    }
    return held;
  }
}

function isWithin(row: Row, scope: readonly string[]): boolean {
  return scope.length === 0 || isSame(row.scope, scope);
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((part, index) => part === b[index]);
}
