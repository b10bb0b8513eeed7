import type { Clock, Failure } from '@tenon/model';
import type { Alarm, CheckpointFlow } from '../../api/flow.ts';
import { connectionsOf } from '../../loaded-plan.ts';
import type { EmbeddedEngine } from '../engine.ts';
import type { RunRow } from '../file/run-row.ts';
import { TERMINAL } from '../file/statements.ts';
import type { StoredRun } from '../file/stored-rows.ts';
import { diskSpaceRefusal, intakeRefusal } from '../intake/backpressure.ts';
import { deadLettersByClass, doubtsByPipeline, openByConnection } from './flow.ts';
import { answeredBy } from './standing-alarms.ts';

/** Unfinished runs of a state looked at in one round. */
const LOOKED_AT_MAX = 2_000;
/** How far past its deadline a run at work is reported: its last call may still be on the wire. */
const OVERDUE_MS = 60_000;
const UNFINISHED = ['accepted', 'running', 'waiting', 'compensating'] as const;

/**
 * Looks, every few seconds, for what nobody else would notice: a run that nothing will ever move (a claim without a
 * holder, a wait for nothing, a place behind nobody), which is reported and let go (C62); a run at work far past its
 * deadline; dead letters and effects in doubt that are too many or too old for their owner (C65); flags that have expired (C110); drills
 * that are overdue (C130); that no event is taken (for want of disk at once, since nobody may be sending); checkpoints that are not kept;
 * systems that differ; sources and connections that do not answer.
 */
export function keepWatch(engine: EmbeddedEngine, clock: Clock): { stop(): void } {
  const cursors = new Map<string, number>();
  /** Runs that looked stuck in the last round: only those that still do are let go. */
  let suspects = new Map<number, number>();
  const overdue = new Set<number>();
  /** No event was taken in the last round. */
  let wasClosed = false;
  const { watchEveryMs } = engine.limits;
  let cancel = clock.setTimer(watchEveryMs, round);
  const low = diskSpaceRefusal(engine);
  // A disk that fails stops the runtime elsewhere, and says so there.
  if (low !== undefined)
    void engine.dispatcher.busy(() => engine.alarms.stand([closedBy(low)])).catch(() => {});
  return { stop: () => cancel() };

  function round(): void {
    cancel = clock.setTimer(watchEveryMs, round);
    if (engine.isStopping || engine.isBroken) return;
    void engine.dispatcher.busy(async () => {
      const now = engine.now();
      // A disk that fails stops the runtime elsewhere, and says so there.
      await Promise.all([letGoOfStuck(now), reportOverdue(now), raiseAlarms(now)]).catch(() => {});
    });
  }

  async function letGoOfStuck(now: number): Promise<void> {
    const found = new Map<number, number>();
    for (const { row, why } of stuckRuns()) {
      if (suspects.get(row.seq) !== row.updated_at) {
        found.set(row.seq, row.updated_at);
        continue;
      }
      await engine.commit(
        [['unstick', row.seq, now]],
        [engine.noted(row, [{ kind: 'stuck', details: { why, state: row.state, owner: row.owner } }])],
      );
      engine.dispatcher.touch(row.pipeline, now);
    }
    suspects = found;
  }

  function stuckRuns(): readonly { readonly row: RunRow; readonly why: string }[] {
    return UNFINISHED.flatMap((state) => {
      const after = cursors.get(state) ?? 0;
      const rows = engine.read
        .of(
          `SELECT * FROM runs WHERE state = ? AND state <> 'succeeded' AND seq > ? AND due_at IS NULL ORDER BY seq LIMIT ?`,
        )
        // Rows of `runs`.
        .all(state, after, LOOKED_AT_MAX)
        .map((row) => engine.rows.shownRun(row as unknown as StoredRun));
      const suspected = rows.some(({ seq }) => suspects.has(seq));
      const last = rows.at(-1)?.seq ?? 0;
      // Suspects are looked at once more before the next ones.
      const found = rows.flatMap((row) => {
        const why = engine.activeRun(row.seq) === undefined ? whyStuck(row) : undefined;
        return why === undefined ? [] : [{ row, why }];
      });
      if (found.length === 0 || suspected) cursors.set(state, rows.length < LOOKED_AT_MAX ? 0 : last);
      return found;
    });
  }

  function whyStuck(row: RunRow): string | undefined {
    if (row.held !== null) return undefined;
    if (row.claimed !== 0) return 'claimed, and nobody is at it';
    if (row.behind === 1) {
      const before = engine.read
        .of(
          `SELECT 1 FROM runs WHERE pipeline = ? AND order_key = ? AND order_key IS NOT NULL AND seq < ? AND state NOT IN (${TERMINAL}) LIMIT 1`,
        )
        .get(row.pipeline, row.stored_order_key, row.seq);
      return before === undefined ? 'behind a run that is no more' : undefined;
    }
    const opening = engine.read.of('SELECT 1 FROM openings WHERE run_seq = ? LIMIT 1').get(row.seq);
    return opening === undefined ? 'waits for nothing' : undefined;
  }

  async function reportOverdue(now: number): Promise<void> {
    for (const { row, deadlineAtMs } of engine.atWork()) {
      if (now < deadlineAtMs + OVERDUE_MS || overdue.has(row.seq)) continue;
      if (overdue.size > LOOKED_AT_MAX) overdue.clear();
      overdue.add(row.seq);
      const details = { why: 'at work past its deadline', overdueMs: now - deadlineAtMs, owner: row.owner };
      await engine.commit([], [engine.noted(row, [{ kind: 'stuck', details }])]);
    }
  }

  async function raiseAlarms(now: number): Promise<void> {
    const { alarms, checkpoints, reconciliations } = engine;
    await engine.drills.tend();
    await alarms.stand([
      ...deadLetterAlarms(now),
      ...doubtAlarms(now),
      ...flagAlarms(now),
      ...engine.drills.alarms(),
      ...intakeAlarm(),
      ...(reconciliations?.alarms() ?? []),
      ...outsideAlarms(),
    ]);
    if (checkpoints !== undefined) await checkpointAlarm(checkpoints.flow());
    await alarms.sweep();
  }

  function deadLetterAlarms(now: number): readonly Alarm[] {
    const letters = Map.groupBy(
      deadLettersByClass(engine.read),
      ({ pipeline, queue }) => `${pipeline} ${queue}`,
    );
    return [...letters.values()].flatMap((group) => {
      const { pipeline, queue } = group[0]!;
      const depth = group.reduce((sum, { count }) => sum + count, 0);
      const oldestMs = Math.min(...group.map((each) => each.oldestMs));
      const alarms = alarmForOwner(
        {
          alarm: 'deadLetters',
          message: `dead letters of ${pipeline} in the queue ${queue}: ${depth}, the oldest since ${moment(oldestMs)}`,
          next: `tenon dead-letters groups --pipeline ${pipeline} --queue ${queue}`,
          pipeline,
          queue,
        },
        { depth, oldestMs, now },
      );
      return alarms.map((alarm) =>
        withConnections(alarm, openByConnection(engine.read, 'deadLetter', pipeline, queue)),
      );
    });
  }

  function doubtAlarms(now: number): readonly Alarm[] {
    return doubtsByPipeline(engine.read).flatMap(({ pipeline, count, oldestMs }) => {
      const alarms = alarmForOwner(
        {
          alarm: 'inDoubt',
          message: `effects of ${pipeline} in doubt: ${count}, the oldest since ${moment(oldestMs)}`,
          next: 'tenon in-doubt',
          pipeline,
        },
        { depth: count, oldestMs, now },
      );
      return alarms.map((alarm) => withConnections(alarm, openByConnection(engine.read, 'doubt', pipeline)));
    });
  }

  function flagAlarms(now: number): readonly Alarm[] {
    return engine.board.expired(now).map(({ id, pipeline, actor, expiresAtMs }) => ({
      alarm: 'flagExpired',
      message: `${id} has expired at ${moment(expiresAtMs)} and stays in force until somebody lifts or renews it`,
      next: 'tenon switches',
      flag: id,
      pipeline,
      expiresAtMs,
      setBy: actor,
      owner: actor,
      ...answeredBy(engine.plans.last(pipeline).owner),
    }));
  }

  function outsideAlarms(): readonly Alarm[] {
    const troubles = engine.outside();
    if (troubles.length === 0) return [];
    const plans = engine.inForce.all();
    return troubles.map(({ events, ...trouble }) => {
      const kept =
        events === undefined
          ? plans.find((plan) => connectionsOf(plan).has(trouble.connection))
          : plans.find((plan) => events.some((event) => Object.hasOwn(plan.events, event)));
      return { ...trouble, ...answeredBy(engine.owner ?? kept?.owner) };
    });
  }

  /** What lasts from one round to the next: a disk that is busy for a second is no alarm. */
  function intakeAlarm(): readonly Alarm[] {
    const refusal = intakeRefusal(engine);
    const hasLasted = wasClosed || refusal?.code === 'RUNTIME_DISK_LOW';
    wasClosed = refusal !== undefined;
    return refusal !== undefined && hasLasted ? [closedBy(refusal)] : [];
  }

  function closedBy({ code, message }: Failure): Alarm {
    return {
      alarm: 'intakeClosed',
      message: `no event is taken, senders are answered 503: ${message}`,
      next: 'tenon doctor',
      code,
      ...answeredBy(engine.owner),
    };
  }

  /** Not of the first: the next may be taken. A process has to find anew that they are not, so it stands until it would have. */
  async function checkpointAlarm({ failure, everyMs }: CheckpointFlow): Promise<void> {
    if (failure === undefined || failure.times < 2) return;
    const alarm: Alarm = {
      alarm: 'checkpointFailed',
      message: `${failure.message} (${failure.times} times in a row)`,
      next: 'tenon explain LEDGER_CHECKPOINT_FAILED',
      ...answeredBy(engine.owner),
    };
    await engine.alarms.stand([alarm], 3 * everyMs);
  }

  /** Of what waits for the owner of a pipeline, where there is too much of it or the oldest waits for too long. */
  function alarmForOwner(
    what: Pick<Alarm, 'alarm' | 'message' | 'next' | 'queue'> & { readonly pipeline: string },
    { depth, oldestMs, now }: { readonly depth: number; readonly oldestMs: number; readonly now: number },
  ): readonly Alarm[] {
    // Of a pipeline that was retired as well: what it has left behind is still owed.
    const { owner } = engine.plans.last(what.pipeline);
    const depthMax = engine.limits.deadLettersAlarm;
    const ageMs = now - oldestMs;
    const crossed = [
      ...(depth >= depthMax ? (['depth'] as const) : []),
      ...(ageMs >= owner.respondMs ? (['age'] as const) : []),
    ];
    if (crossed.length === 0) return [];
    const { triage } = owner.roles ?? {};
    return [
      {
        ...what,
        crossed,
        depth,
        depthMax,
        ageMs,
        ageMaxMs: owner.respondMs,
        ...answeredBy(owner),
        ...(triage !== undefined && { triage }),
      },
    ];
  }
}

/** Whoever is woken sees at once whether it is one account. */
function withConnections(alarm: Alarm, connections: Readonly<Record<string, number>>): Alarm {
  const named = Object.entries(connections);
  if (named.length === 0) return alarm;
  const words = named.map(([connection, count]) => `${count} over ${connection}`).join(', ');
  return { ...alarm, message: `${alarm.message}; of events ${words}`, connections };
}

function moment(ms: number): string {
  return new Date(ms).toISOString();
}
