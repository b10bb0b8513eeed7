import { type Random, seededRandom } from '@tenon/model';
import type { Slowness } from '../slow-committer.ts';
import { pick } from './plans.ts';

/** How many of the histories have batches that take time. */
const SLOW_RATE = 0.5;
/** A turn or two is what most of what happens beside a batch takes. */
const TURNS_MAX = 6;

/** What the commit of batches is like in a seed's history: `undefined` where each is written at once. From a stream of its own. */
export function slownessOf(seed: number): (Slowness & { readonly random: Random }) | undefined {
  const random = seededRandom(seed + 3_000_000);
  if (random.next() >= SLOW_RATE) return undefined;
  const pace = { groupsMin: pick(random, [1, 1, 2, 4]), toldAtOnce: pick(random, [1, 2, 32]) };
  const turnsMax = 1 + Math.floor(random.next() * TURNS_MAX);
  return { pace, random, turns: () => Math.floor(random.next() * turnsMax) };
}
