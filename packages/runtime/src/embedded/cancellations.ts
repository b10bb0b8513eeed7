import type {
  CancelFilter,
  CancellationReport,
  CancellationResult,
  CancelledResult,
  CancelledRun,
  Runtime,
} from '../runtime.ts';
import type { EmbeddedEngine } from './engine.ts';
import { type CancelWord, cancelRefusal, cancelRun } from './operations.ts';
import type { Queries } from './queries.ts';
import { effectsDone } from './replay-effects.ts';
import type { RunRow } from './run-row.ts';

/** Runs that are looked at, or cancelled, before others get their turn. */
const AT_ONCE = 50;
/** A dry run older than that says too little of today. */
const GOOD_FOR_MS = 24 * 3_600_000;
/** Of a run that a dry run has named: until it is `cancelled`. Kept with the sets of replays, which let out those alone that are `planned`. */
const TO_CANCEL = 'toCancel';

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
  const chosen = queries.rowsOf(asked, replayRunsMax + 1);
  if (chosen.length > replayRunsMax)
    return {
      ok: false,
      code: 'CANCEL_TOO_LARGE',
      message: `the filter names more than ${replayRunsMax} runs; cancel those of one pipeline, version or state at a time`,
    };
  const now = engine.now();
  const token = engine.newId();
  const runs = await inParts(chosen, (part) =>
    Promise.resolve(part.map((run) => shown(engine, queries, run))),
  );
  const said = { cancels: filter, actor, reason, atMs: now };
  await engine.commit([
    ['dropReplayRuns', now - GOOD_FOR_MS],
    ['putReplay', token, now, JSON.stringify(said)],
    ...chosen.map(({ seq }) => ['putReplayRun', token, seq, TO_CANCEL] as const),
  ]);
  return { ok: true, report: { token, expiresAtMs: now + GOOD_FOR_MS, runs } };
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
  const asked = queries.cancellation(token);
  if (asked === undefined)
    return {
      ok: false,
      code: 'CANCEL_UNKNOWN',
      message: `no dry run of a cancellation has given the token ${token}`,
    };
  if (asked.atMs + GOOD_FOR_MS <= engine.now())
    return {
      ok: false,
      code: 'CANCEL_EXPIRED',
      message: 'the dry run is more than a day old; make a new one',
    };
  const left = asked.runs.filter(({ isCancelled }) => !isCancelled).length;
  if (left > 0)
    await engine.commit(
      [],
      [engine.system({ kind: 'operator', details: { action: 'cancelMany', ...word, runs: left } })],
    );
  const runs = await inParts(asked.runs, (part) =>
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

async function inParts<From, To>(
  all: readonly From[],
  work: (part: readonly From[]) => Promise<readonly To[]>,
): Promise<readonly To[]> {
  const done: To[] = [];
  for (let at = 0; at < all.length; at += AT_ONCE) {
    done.push(...(await work(all.slice(at, at + AT_ONCE))));
    await new Promise((resolve) => setImmediate(resolve));
  }
  return done;
}
