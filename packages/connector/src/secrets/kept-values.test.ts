import { expect, it } from 'vitest';
import { KeptValues } from './kept-values.ts';

it('keeps an answer for as long as it may, however the clock is set', async () => {
  let nowMs = 86_400_000;
  let asked = 0;
  const values = new KeptValues<number>({ now: () => nowMs, setTimer: () => () => {} }, 60_000);
  const get = () => values.get('a', false, async () => ++asked);
  for (const [atMs, answer] of [
    [86_400_000, 1],
    [86_459_999, 1],
    [86_460_000, 2],
    // Set back by a day: nobody knows how long ago it was asked.
    [60_000, 3],
    [119_999, 3],
    [120_000, 4],
  ] as const) {
    nowMs = atMs;
    expect([atMs, await get()]).toEqual([atMs, answer]);
  }
});
