import type { RunDetail, Switch } from '@tenon/runtime';
import type { OperationsClient } from '../client/operations-client.ts';
import { quoted } from '../program.ts';
import { roughDuration } from '../text/rough-duration.ts';
import { unreadable } from './read-run.ts';

/** What holds a run: who has set it, since when and why, and the command that takes it away. */
export async function heldWords(
  { heldBy = [] }: Pick<RunDetail, 'heldBy'>,
  client: OperationsClient,
  nowMs: number,
): Promise<readonly string[]> {
  if (heldBy.length === 0) return [];
  const switches = (await client.get('/v1/switches').catch(unreadable))?.['switches'];
  // The shape that contracts/operations promises.
  const set = Array.isArray(switches) ? (switches as readonly Switch[]) : [];
  return heldBy.map((id) => {
    const by = set.find((one) => one.id === id);
    if (by !== undefined)
      return `${id}, set ${roughDuration(nowMs - by.sinceMs)} ago by ${by.actor}: ${by.reason}; \`tenon switches lift ${quoted(id)} --reason …\` lifts it`;
    return id.startsWith('maintenance/') ? `${id}, a window that ends by itself` : id;
  });
}
