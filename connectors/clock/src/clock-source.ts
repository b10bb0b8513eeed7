import { type Source, type SourceContext, sourceLoop } from '@tenon/connector';
import { scheduleOf } from '@tenon/connector/schedule';
import { sleep } from '@tenon/model';

/** Looked at again at the latest: the machine's clock may have been set, or have stood still. */
const LOOK_MS = 60_000;

/**
 * Delivers each moment of a schedule once. How far it has come is stored with the moment itself, so a crash neither loses nor
 * repeats one: after it, what was due meanwhile falls under the schedule's `missed`. At the very first it begins now, and keeps that
 * before it says that it is consuming: the first moment may come while no process is there.
 */
export function clockSource(context: SourceContext): Source {
  const { plan, clock, random } = context;
  const loop = sourceLoop(context, session, (error) =>
    error instanceof Error ? `the schedule cannot be read: ${error.message}` : 'the schedule cannot be read',
  );
  return { canReject: false, stop: () => loop.stop() };

  async function session(signal: AbortSignal, consuming: () => void): Promise<void> {
    if (!plan.schedule) throw new Error('it has none');
    const { zone, jitterMs } = plan.schedule;
    const schedule = scheduleOf(plan.schedule);
    const stored = context.cursor();
    let positionMs = stored === undefined ? clock.now() : Date.parse(stored);
    if (stored === undefined && !(await kept(positionMs))) return;
    consuming();
    while (!signal.aborted) {
      const nowMs = clock.now();
      // It was ahead, and was set right: what it told too early comes once more, under an id that is known.
      if (positionMs > nowMs + LOOK_MS) {
        positionMs = nowMs;
        if (!(await kept(positionMs))) return;
      }
      const moments = schedule.due(positionMs, nowMs);
      for (const { atMs, isLate } of moments) {
        await sleep(clock, jitterMs * random.next(), signal);
        if (signal.aborted || (await context.deliver(incoming(atMs, zone, isLate))) !== 'accepted') return;
        positionMs = atMs;
      }
      // What was left out on purpose is not looked at again.
      if (moments.length === 0) positionMs = Math.max(positionMs, nowMs - LOOK_MS);
      const next = schedule.next(positionMs) ?? Number.POSITIVE_INFINITY;
      await sleep(clock, Math.min(LOOK_MS, Math.max(1, next - clock.now())), signal);
    }
  }

  async function kept(positionMs: number): Promise<boolean> {
    return (await context.keepCursor?.(new Date(positionMs).toISOString())) ?? true;
  }
}

function incoming(atMs: number, zone: string, isLate: boolean) {
  const at = new Date(atMs).toISOString();
  // Swedish dates are those of ISO 8601.
  const local = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
  const [date, time] = local.format(atMs).split(' ');
  return {
    id: at,
    cursor: at,
    body: Buffer.from(JSON.stringify({ at, date, time, zone, late: isLate })),
    contentType: 'application/json',
    headers: {},
    redelivered: false,
  };
}
