const WAIT_MS = 10_000;

/** Lets others have their turn until it is so; throws after ten seconds. */
export async function until(isSo: () => boolean): Promise<void> {
  for (const endAtMs = performance.now() + WAIT_MS; performance.now() < endAtMs; ) {
    if (isSo()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('it did not come to pass');
}
