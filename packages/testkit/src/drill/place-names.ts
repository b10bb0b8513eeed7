/**
 * Places of a trial as they are told. The item of a list is known by a digest that is another one in each file; here it is known by the order in which
 * the items come up, which is the same each time.
 */
export class PlaceNames {
  readonly #items = new Map<string, number>();

  of(place: string): string {
    return place.replaceAll(/\[#([0-9a-f]+)\]/g, (_, digest: string) => {
      const known = this.#items.get(digest) ?? this.#items.size + 1;
      this.#items.set(digest, known);
      return `[#${known}]`;
    });
  }
}
