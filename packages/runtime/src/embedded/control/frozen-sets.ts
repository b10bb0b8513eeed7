import { formatDuration, isObject, type Json, type JsonObject } from '@tenon/model';
import type { RuntimeCode } from '../../rules.ts';
import type { ActionResult, ReplayStatus } from '../../runtime.ts';
import type { EmbeddedEngine } from '../engine.ts';
import type { RunRow } from '../file/run-row.ts';
import type { Write } from '../file/statements.ts';
import type { StoredRows } from '../file/stored-rows.ts';
import { type ReplayedRow, standingOf } from '../replay/replay-standing.ts';

/** What a dry run showed can be done for so long: an older one says too little of today. */
const GOOD_FOR_MS = 24 * 3_600_000;

/** No longer than what it was asked for is kept: a filter may name somebody. */
function goodForMs({ keepPayloadsMs }: EmbeddedEngine): number {
  return Math.min(GOOD_FOR_MS, keepPayloadsMs);
}
/** Of a run that the dry run of a cancellation has named, until it is `cancelled`. */
const TO_CANCEL = 'toCancel';

/**
 * What a dry run froze, and the token by which exactly that is done, until it is too old. Replays and cancellations freeze runs, which lie
 * in the same tables (`FrozenRuns`); a repair freezes what mends the differences of a report (`reconcile/repairs.ts`).
 */
export interface FrozenSet {
  readonly token: string;
  readonly atMs: number;
  readonly expiresAtMs: number;
  /** Those that are older, and were not applied, are let go as this one is written. */
  readonly outdatedMs: number;
}

export function freeze(engine: EmbeddedEngine): FrozenSet {
  const atMs = engine.now();
  return {
    token: engine.newId(),
    atMs,
    expiresAtMs: atMs + goodForMs(engine),
    outdatedMs: atMs - goodForMs(engine),
  };
}

type Refusal = ActionResult & { readonly ok: false };

/** What a token stands for; or why that cannot be done: no dry run has given it, or one that is too old. */
export function stillGood<Asked extends Pick<FrozenSet, 'atMs'>>(
  engine: EmbeddedEngine,
  asked: Asked | undefined,
  unknown: { readonly code: RuntimeCode; readonly message: string },
  expired: RuntimeCode,
): Asked | Refusal {
  if (asked === undefined) return { ok: false, ...unknown };
  const goodMs = goodForMs(engine);
  if (asked.atMs + goodMs > engine.now()) return asked;
  const age =
    goodMs === GOOD_FOR_MS
      ? 'a day old'
      : `${formatDuration(goodMs)} old, and what it was asked for is kept no longer`;
  return { ok: false, code: expired, message: `the dry run is more than ${age}; make a new one` };
}

/** Two people at one token: the later one is told who was first. `look`: what says how far it is. */
export function appliedAlready(applied: ReplayStatus['applied'], look: string): Refusal {
  const by =
    applied === undefined
      ? 'before'
      : `by ${applied.actor} at ${new Date(applied.atMs).toISOString()}: ${applied.reason}`;
  return {
    ok: false,
    code: 'REPLAY_APPLIED_ALREADY' satisfies RuntimeCode,
    message: `this dry run was applied ${by} (\`${look}\` says how far it is)`,
  };
}

/** What somebody asked for, as it is stored. That of a cancellation has its filter in `cancels`, so that neither is taken for the other. */
type Asked = { readonly actor: string; readonly reason: string } & (
  | { readonly filter: object }
  | { readonly cancels: object }
);

/** Writes of a dry run that freezes runs. Of a cancellation none has a state of a replay's, which would let it out. */
export function frozenWrites(
  { token, atMs, outdatedMs }: FrozenSet,
  asked: Asked,
  runs: readonly (readonly [run: RunRow, became: 'planned' | 'refused' | typeof TO_CANCEL])[],
): Write[] {
  return [
    ['dropReplayRuns', outdatedMs],
    ['putReplay', token, atMs, JSON.stringify({ ...asked, atMs })],
    ...runs.map(([{ seq }, became]): Write => ['putReplayRun', token, seq, became]),
  ];
}

/** Runs that dry runs froze, and what became of them. */
export class FrozenRuns {
  readonly #stored: StoredRows;

  constructor(stored: StoredRows) {
    this.#stored = stored;
  }

  /** What became of a replay, or `undefined` for a token that no dry run of one has given. */
  replay(token: string): ReplayStatus | undefined {
    const asked = this.#value('replays', token);
    if (asked === undefined || isOfCancellation(asked)) return undefined;
    const applied = this.#value('replay_starts', token);
    const runs = this.#stored.read.rows<ReplayedRow>(
      `SELECT r.run_id, r.pipeline, r.state, p.state AS became FROM replay_runs p JOIN runs r ON r.seq = p.run_seq
       WHERE p.token = ? ORDER BY p.run_seq`,
      token,
    );
    return {
      token,
      // Written by `Replays.plan` and `Replays.apply`, as these are.
      ...(asked as unknown as Pick<ReplayStatus, 'filter' | 'actor' | 'reason' | 'atMs'>),
      // As above: `Replays.apply` wrote it.
      ...(applied !== undefined && { applied: applied as unknown as NonNullable<ReplayStatus['applied']> }),
      ...standingOf(runs),
    };
  }

  /** How a replay that was applied lets its runs out. */
  start(token: string): NonNullable<ReplayStatus['applied']> {
    // As above.
    return this.#value('replay_starts', token) as unknown as NonNullable<ReplayStatus['applied']>;
  }

  /** What a dry run of a cancellation has named, in its order, or `undefined` for a token that none has given. */
  cancellation(token: string):
    | {
        readonly atMs: number;
        readonly runs: readonly { readonly runId: string; readonly isCancelled: boolean }[];
      }
    | undefined {
    const asked = this.#value('replays', token);
    if (asked === undefined || !isOfCancellation(asked)) return undefined;
    const runs = this.#stored.read.rows<{ run_id: string; became: string }>(
      `SELECT r.run_id, p.state AS became FROM replay_runs p JOIN runs r ON r.seq = p.run_seq
       WHERE p.token = ? ORDER BY p.run_seq DESC`,
      token,
    );
    return {
      atMs: Number(asked['atMs']),
      runs: runs.map(({ run_id: runId, became }) => ({ runId, isCancelled: became === 'cancelled' })),
    };
  }

  #value(table: 'replays' | 'replay_starts', token: string): Json | undefined {
    const [row] = this.#stored.read.rows<{ value: unknown }>(
      `SELECT value FROM ${table} WHERE token = ?`,
      token,
    );
    return row && this.#stored.codec.json(row.value, `${table}/${token}`);
  }
}

/** Both kinds of dry runs have their tokens in one table. */
function isOfCancellation(asked: Json): asked is JsonObject {
  return isObject(asked) && 'cancels' in asked;
}
