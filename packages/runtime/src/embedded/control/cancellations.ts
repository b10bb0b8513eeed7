import type {
  CancelFilter,
  CancellationReport,
  CancellationResult,
  CancelledResult,
  CancelledRun,
  Runtime,
} from '../../runtime.ts';
import type { EmbeddedEngine } from '../engine.ts';
import type { RunRow } from '../file/run-row.ts';
import { inParts } from '../next-turn.ts';
import type { Queries } from '../reads/queries.ts';
import { effectsDone } from '../replay/replay-effects.ts';
import { freeze, frozenWrites, stillGood } from './frozen-sets.ts';
import { type CancelWord, cancelRefusal, cancelRun } from './operations.ts';

/** Runs that are looked at, or cancelled, before others get their turn. */
const AT_ONCE = 50;

/**
 * Many runs ended by one word, as a wrong version leaves them: a dry run freezes the set and names each; applied by its token, each is
 * cancelled as by itself, in one write with its being struck off. What was not is done by applying it again: a run ends once.
 */
export function cancellations(
  engine: EmbeddedEngine,
  queries: Queries,
): Pick<Runtime, 'planCancel' | 'applyCancel'> {
  return {
    planCancel: (filter, actor, reason) =>
      engine.dispatcher.busy(() => plan(engine, queries, filter, actor, reason)),
    applyCancel: (token, actor, reason) =>
      engine.dispatcher.busy(() => apply(engine, queries, { token, actor, reason })),
  };
}

async function plan(
  engine: EmbeddedEngine,
  queries: Queries,
  filter: CancelFilter,
  actor: string,
  reason: string,
): Promise<CancellationResult> {
  const { replayRunsMax } = engine.limits;
  const asked = { ...filter, ...(filter.state === undefined && { open: true as const }) };
  const chosen = await queries.newestRows(asked, replayRunsMax + 1);
  if (chosen.length > replayRunsMax)
    return {
      ok: false,
      code: 'CANCEL_TOO_LARGE',
      message: `the filter names more than ${replayRunsMax} runs; cancel those of one pipeline, version or state at a time`,
    };
  const set = freeze(engine);
  const runs = await inParts(chosen, AT_ONCE, (part) => part.map((run) => shown(engine, queries, run)));
  await engine.commit(
    frozenWrites(
      set,
      { cancels: filter, actor, reason },
      chosen.map((run) => [run, 'toCancel']),
    ),
  );
  return { ok: true, report: { token: set.token, expiresAtMs: set.expiresAtMs, runs } };
}

function shown(engine: EmbeddedEngine, queries: Queries, run: RunRow): CancellationReport['runs'][number] {
  const refusal = cancelRefusal(engine, queries, run);
  return {
    runId: run.run_id,
    pipeline: run.pipeline,
    version: run.version,
    key: run.key,
    state: run.state,
    ...(run.step !== null && { step: run.step }),
    effectsDone: effectsDone(run, queries),
    ...(refusal && { refused: `${refusal.code}: ${refusal.message}` }),
  };
}

async function apply(
  engine: EmbeddedEngine,
  queries: Queries,
  word: CancelWord & { readonly token: string },
): Promise<CancelledResult> {
  const { token } = word;
  const asked = stillGood(
    engine,
    queries.frozen.cancellation(token),
    {
      code: 'CANCEL_UNKNOWN',
      message: `no dry run of a cancellation that is still kept has given the token ${token}`,
    },
    'CANCEL_EXPIRED',
  );
  if ('ok' in asked) return asked;
  const left = asked.runs.filter(({ isCancelled }) => !isCancelled).length;
  if (left > 0)
    await engine.commit(
      [],
      [engine.system({ kind: 'operator', details: { action: 'cancelMany', ...word, runs: left } })],
    );
  const runs = await inParts(asked.runs, AT_ONCE, (part) =>
    Promise.all(
      part.map(async ({ runId, isCancelled }): Promise<CancelledRun[]> => {
        const run = queries.rowOf(runId);
        if (run === undefined) return [];
        const one = { runId, pipeline: run.pipeline, key: run.key };
        const done = isCancelled || (await cancelRun(engine, queries, run, word));
        return [done === true || done.ok ? one : { ...one, refused: `${done.code}: ${done.message}` }];
      }),
    ),
  );
  return { ok: true, runs: runs.flat() };
}
