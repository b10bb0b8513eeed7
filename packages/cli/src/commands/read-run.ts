import { sleep } from '@tenon/model';
import type { RunDetail } from '@tenon/runtime';
import { type OperationsClient, OperationsError } from '../client/operations-client.ts';
import type { Io } from '../io.ts';

export async function readRun(client: OperationsClient, runId: string): Promise<RunDetail> {
  const run = await client.get(runPath(runId)).catch((error: unknown) => {
    // What is told of a run that is not there says so by this code.
    if (error instanceof OperationsError && error.code === 'HTTP_RESOURCE_UNKNOWN')
      throw new OperationsError(error.message, error.exitCode, 'RUN_NOT_FOUND');
    throw error;
  });
  // The shape that contracts/operations promises; a test of the server holds its routes to that contract.
  return run as unknown as RunDetail;
}

export function runPath(runId: string): string {
  return `/v1/runs/${encodeURIComponent(runId)}`;
}

/** What is said of a run does without it. */
export function unreadable(error: unknown): undefined {
  if (!(error instanceof OperationsError)) throw error;
}

/** How long a run is looked at that was told something: what fails mostly does so at once, and whoever told it is still there. */
const LOOKED_AT_MS = 3_000;
const LOOK_MS = 200;

/** The run as it is once it does not go on by itself, or after a while. */
export async function lookedAt(
  read: () => Promise<RunDetail>,
  isUnderWay: (run: RunDetail) => boolean,
  { clock }: Io,
): Promise<RunDetail> {
  const untilMs = clock.steady() + LOOKED_AT_MS;
  for (;;) {
    const run = await read();
    const isHeld = run.heldBy !== undefined && run.heldBy.length > 0;
    if (!isUnderWay(run) || isHeld || clock.steady() >= untilMs) return run;
    await sleep(clock, LOOK_MS);
  }
}
