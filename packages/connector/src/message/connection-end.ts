/**
 * The end of a connection, for those who wait for something over it. `Promise.race` with a promise of the end, or a listener for each wait, would
 * keep something of every message until the connection ends, which may be in weeks.
 */
export class ConnectionEnd {
  readonly #waiting = new Set<(reason: unknown) => void>();
  #ended: { readonly reason: unknown } | undefined;

  /** Settles as `work` does; where the connection ends before, or has ended, it rejects with the reason. */
  async during<T>(work: Promise<T>): Promise<T> {
    const over = Promise.withResolvers<never>();
    const end = (reason: unknown): void => over.reject(reason);
    if (this.#ended !== undefined) end(this.#ended.reason);
    this.#waiting.add(end);
    try {
      return await Promise.race([work, over.promise]);
    } finally {
      this.#waiting.delete(end);
    }
  }

  /** It has ended; the first reason counts. */
  come(reason: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = { reason };
    for (const end of this.#waiting) end(reason);
  }
}
