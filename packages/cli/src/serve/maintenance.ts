import type { WorkspaceConnection } from '@tenon/pipeline';
import { Cron } from 'croner';

type Windows = NonNullable<WorkspaceConnection['maintenance']>;

/** A window whose schedule or zone cannot be read, in one sentence. */
export class MaintenanceError extends Error {}

/**
 * Until when a connection is closed by one of its declared windows (C59), or `undefined`. The answer is kept until it
 * changes: it is asked for before each call.
 */
export function maintenanceOf(connection: string, windows: Windows): (nowMs: number) => number | undefined {
  const planned = windows.map(({ schedule, zone, forMs }) => ({
    forMs,
    cron: cronOf(connection, schedule, zone),
  }));
  let kept:
    | { readonly fromMs: number; readonly toMs: number; readonly until: number | undefined }
    | undefined;
  return (nowMs) => {
    if (kept === undefined || nowMs < kept.fromMs || nowMs >= kept.toMs) kept = lookUp(nowMs);
    return kept.until;
  };

  function lookUp(nowMs: number): NonNullable<typeof kept> {
    let until: number | undefined;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { cron, forMs } of planned) {
      // The first that begins later than one length ago is the one that is open now, if any is.
      const begins = cron.nextRun(new Date(nowMs - forMs))?.getTime();
      if (begins === undefined) continue;
      if (begins <= nowMs) until = Math.max(until ?? 0, begins + forMs);
      nextMs = Math.min(nextMs, cron.nextRun(new Date(nowMs))?.getTime() ?? Number.POSITIVE_INFINITY);
    }
    return { fromMs: nowMs, toMs: Math.min(until ?? Number.POSITIVE_INFINITY, nextMs), until };
  }
}

function cronOf(connection: string, schedule: string, zone: string): Cron {
  try {
    const cron = new Cron(schedule, { timezone: zone, paused: true });
    cron.nextRun();
    return cron;
  } catch {
    throw new MaintenanceError(
      `connection ${connection}: the maintenance schedule "${schedule}" in zone ${zone} cannot be read; a schedule is five fields as of cron, such as "0 2 * * SUN", a zone a name such as Europe/Berlin`,
    );
  }
}
