import type { Bench } from './bench.ts';

const WAIT_MS = 10_000;

/** Lets others have their turn until it is so; throws after ten seconds. */
export async function until(isSo: () => boolean): Promise<void> {
  for (const endAtMs = performance.now() + WAIT_MS; performance.now() < endAtMs; ) {
    if (isSo()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('it did not come to pass');
}

/** Time goes on while calls are under way, which `pass` of a bench would wait for. */
export async function passesMeanwhile({ clock }: Pick<Bench, 'clock'>, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    clock.advance(500);
    for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}
