import type { ReconciliationReport } from '@tenon/runtime';
import type { OperationsClient } from '../client/operations-client.ts';
import type { Io } from '../io.ts';
import { time } from '../text/utc-time.ts';
import { unreadable } from './read-run.ts';

/** So many of the newest are looked at for one that has come to its end. */
const LOOKED_AT = '20';

/** Whoever reads a report, or mends what it lists, is told that the two systems have been compared since. */
export async function sayIfStale(
  { id, reconciliation, begunAtMs }: Pick<ReconciliationReport, 'id' | 'reconciliation' | 'begunAtMs'>,
  client: OperationsClient,
  io: Io,
): Promise<void> {
  const answer = await client.get('/v1/reports', { reconciliation, limit: LOOKED_AT }).catch(unreadable);
  // The shape that contracts/operations promises.
  const { reports = [] } = (answer ?? {}) as { reports?: readonly ReconciliationReport[] };
  const newer = reports.find((one) => one.state === 'complete' && one.begunAtMs > begunAtMs && one.id !== id);
  if (newer === undefined) return;
  io.err(
    `report ${id} is not the newest: ${newer.id} was begun ${time(newer.begunAtMs)}. What differs may be mended since, and numbers are those of their report alone: \`tenon reconcile show ${newer.id}\`\n`,
  );
}
