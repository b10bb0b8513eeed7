import type { Args } from '../command.ts';
import type { Io } from '../io.ts';
import { LIMIT_MAX } from './operator-options.ts';

/** A list that is as long as it may be looks like all there is: beside it, it is said that there may be more. */
export function sayIfCut(
  listed: readonly unknown[],
  listedMax: number,
  which: 'the newest' | 'the oldest',
  args: Args,
  io: Io,
): void {
  const limit = Number(args.text('limit') ?? listedMax);
  if (listed.length < limit) return;
  const more = limit < LIMIT_MAX ? `, --limit shows more, up to ${LIMIT_MAX}` : '';
  io.err(`${which} ${listed.length}; there may be more: filters narrow it down${more}\n`);
}
