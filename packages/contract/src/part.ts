import { isObject } from '@tenon/model';
import { childPlace, type Place } from './place.ts';

/** Members that an overlay put into a document: container → key → where the overlay has them. */
export type Grafts = ReadonlyMap<object, ReadonlyMap<string, Place>>;

/** A value of a source document together with where it stands. Reads own members only. */
export class Part {
  readonly value: unknown;
  readonly place: Place;
  /** The document that references in here are relative to; not `place.file` for what an overlay added. */
  readonly base: string;
  readonly #grafts: Grafts;

  constructor(value: unknown, place: Place, base: string, grafts: Grafts) {
    this.value = value;
    this.place = place;
    this.base = base;
    this.#grafts = grafts;
  }

  get object(): Record<string, unknown> | undefined {
    return isObject(this.value) ? this.value : undefined;
  }

  /** A member or list item, when it is there and not `undefined`. */
  get(key: string): Part | undefined {
    const { value } = this;
    if (Array.isArray(value))
      return /^(0|[1-9]\d*)$/.test(key) && Number(key) < value.length
        ? this.#child(value, key, value[Number(key)])
        : undefined;
    if (!isObject(value) || !Object.hasOwn(value, key)) return undefined;
    return this.#child(value, key, value[key]);
  }

  /** Members of an object; none for anything else. */
  *entries(): Generator<[string, Part]> {
    const { value } = this;
    if (!isObject(value)) return;
    for (const key of Object.keys(value)) yield [key, this.#child(value, key, value[key])];
  }

  /** Items of a list; none for anything else. */
  *items(): Generator<Part> {
    const { value } = this;
    if (!Array.isArray(value)) return;
    for (let i = 0; i < value.length; i++) yield this.#child(value, String(i), value[i]);
  }

  text(key: string): string | undefined {
    const value = this.object && Object.hasOwn(this.object, key) ? this.object[key] : undefined;
    return typeof value === 'string' ? value : undefined;
  }

  flag(key: string): boolean {
    return this.object !== undefined && Object.hasOwn(this.object, key) && this.object[key] === true;
  }

  #child(container: object, key: string, value: unknown): Part {
    const place = this.#grafts.get(container)?.get(key) ?? childPlace(this.place, key);
    return new Part(value, place, this.base, this.#grafts);
  }
}

/** The `x-` members of an object, as written. */
export function extensionsOf(part: Part): Readonly<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const key of Object.keys(part.object ?? {})) if (key.startsWith('x-')) found[key] = part.object![key];
  return found;
}

/** Sets a member of its own whatever its name, `__proto__` too. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  else target[key] = value;
}
