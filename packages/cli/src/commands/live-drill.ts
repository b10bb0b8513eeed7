import { parseDuration, sleep } from '@tenon/model';
import type { DrillResult, DrillUnderWay, LiveDrillRequest } from '@tenon/runtime';
import { type OperationsClient, OperationsError } from '../client/operations-client.ts';
import { type Args, UsageError } from '../command.ts';
import type { Io } from '../io.ts';

const LOOK_EVERY_MS = 250;

/**
 * Begins a drill in the Tenon that runs, and waits for its end. Interrupted, it is stopped there; ended otherwise, it comes to its end there
 * without anybody who waits for it.
 */
export async function heldDrill(
  client: OperationsClient,
  drill: LiveDrillRequest,
  reason: string,
  io: Io,
): Promise<DrillResult> {
  // First of all: whoever interrupts it while the answer is on its way means the drill as well.
  const interrupted = new AbortController();
  void io.interrupted().then(() => interrupted.abort());
  // The shape that contracts/operations promises.
  const begun = (await client.post('/v1/drills/live', { drill, reason })) as unknown as DrillUnderWay;
  const path = `/v1/drills/${begun.id}`;
  io.err(
    `drill ${begun.id} has begun; it ends by itself, and \`tenon drill stop ${begun.id}\` ends it at once\n`,
  );
  let isStopped = false;
  for (let phase = ''; ; ) {
    // As above: under way, or over.
    const at = (await client.get(path)) as unknown as DrillUnderWay | DrillResult;
    if (!('phase' in at)) return at;
    if (at.phase !== phase) io.err(`  ${at.phase}\n`);
    phase = at.phase;
    if (interrupted.signal.aborted && !isStopped) {
      io.err('interrupted: the drill is stopped, and what it has switched is lifted\n');
      await client.post(`${path}/stop`, { reason: 'the command was interrupted' }).catch(unlessOver);
      isStopped = true;
    }
    await sleep(io.clock, LOOK_EVERY_MS, isStopped ? undefined : interrupted.signal);
  }
}

/** It may have come to its end by itself meanwhile: the next look has its result. */
function unlessOver(error: unknown): void {
  if (!(error instanceof OperationsError && error.code === 'DRILL_UNKNOWN')) throw error;
}

/** A duration of an option, in milliseconds. */
export function durationOf(args: Args, option: string): number | undefined {
  const text = args.text(option);
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms === undefined)
    throw new UsageError('argument-invalid', `--${option} is a duration such as 30s or 2m`);
  return ms;
}
