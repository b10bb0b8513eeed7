const PATIENCE_MS = 30_000;
const LOOK_EVERY_MS = 20;

/** Looks until it is so; throws after thirty seconds. */
export async function until(isSo: () => boolean): Promise<void> {
  for (const untilMs = Date.now() + PATIENCE_MS; !isSo(); ) {
    if (Date.now() > untilMs) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
