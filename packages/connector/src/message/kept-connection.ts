import { type Clock, sleep } from '@tenon/model';

/**
 * One connection, opened when first asked for and again after it was lost. Callers that come while it is being opened
 * share the attempt; one that failed is forgotten, so the next caller tries anew.
 */
export interface KeptConnection<T> {
  get(): Promise<T>;
  /** To be called when `connection` has ended: it is handed out no more. */
  lost(connection: T): void;
  close(): Promise<void>;
}

/** A server that does not answer a goodbye is left without one. */
const GOODBYE_MS = 2_000;

/** Closes, and waits for it no longer than is polite. Never rejects. */
export async function goodbye(clock: Clock, close: () => Promise<unknown>): Promise<void> {
  const waited = new AbortController();
  await Promise.race([
    close().then(
      () => {},
      // It had ended already, which is what was wanted.
      () => {},
    ),
    sleep(clock, GOODBYE_MS, waited.signal),
  ]);
  waited.abort();
}

export function keptConnection<T>(
  clock: Clock,
  open: () => Promise<T>,
  close: (connection: T) => Promise<void>,
): KeptConnection<T> {
  let current: Promise<T> | undefined;
  let isClosed = false;
  return {
    get: () => {
      if (isClosed) return Promise.reject(new Error('closed'));
      if (current === undefined) {
        const opening = open();
        current = opening;
        opening.catch(() => {
          if (current === opening) current = undefined;
        });
      }
      return current;
    },
    lost: (connection) => {
      const known = current;
      void known?.then(
        (held) => {
          if (held === connection && current === known) current = undefined;
        },
        () => {},
      );
    },
    close: async () => {
      isClosed = true;
      const known = current;
      current = undefined;
      const connection = await known?.catch(() => undefined);
      if (connection !== undefined) await goodbye(clock, () => close(connection));
    },
  };
}
