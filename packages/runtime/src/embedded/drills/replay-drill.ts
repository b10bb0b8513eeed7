import type { LiveDrillRequest } from '../../api/drills.ts';
import type { LedgerEntry, ReplayReport } from '../../runtime.ts';
import { inParts } from '../next-turn.ts';
import { trace } from '../reads/trace.ts';
import type { Replays } from '../replay/replays.ts';
import { entriesSince, lastSequence } from './entries-since.ts';
import type { Judged, LiveDrill } from './live-drill.ts';

type Request = Extract<LiveDrillRequest, { readonly kind: 'replay' }>;
type Replayed = ReplayReport['runs'][number];

const LOOKED_AT_ONCE = 50;
const LOOK_EVERY_MS = 250;
/** Noted rather than sent, so that it need not take long; more than that is said. */
const APPLIED_WITHIN_MS = 120_000;
const NAMED_MAX = 3;

/**
 * A dry run of the pipeline's runs in a window, held against the ledger: no effect that the ledger says has happened may be named as one to be sent.
 * With `apply` those that have ended well are replayed, which must send nothing.
 */
export async function drillReplay(drill: LiveDrill, request: Request, replays: Replays): Promise<Judged> {
  const { pipeline, fromMs, toMs, apply = false } = request;
  drill.say('makes a dry run');
  const window = { pipeline, fromMs, toMs };
  const planned = await replays.plan(window, drill.actor, drill.reason);
  if (!planned.ok)
    return { verdict: 'inconclusive', findings: [`${planned.code}: ${planned.message}`], figures: {} };
  const { runs } = planned.report;
  drill.say('holds it against the ledger');
  const again = await inParts(runs, LOOKED_AT_ONCE, (part) => part.flatMap((run) => sentAgain(drill, run)));
  const findings = again.length === 0 ? [] : [againWords(again)];
  const figures = {
    runs: runs.length,
    effectsSkipped: sum(runs, ({ effectsSkipped }) => effectsSkipped.length),
    effectsToSend: sum(runs, ({ effectsToSend }) => effectsToSend.length),
    refused: sum(runs, ({ refused }) => (refused === undefined ? 0 : 1)),
    sentAgain: again.length,
  };
  if (findings.length > 0) return { verdict: 'failed', findings, figures };
  if (!apply)
    return runs.length === 0
      ? { verdict: 'inconclusive', findings: [`no run of ${pipeline} began in that time`], figures }
      : { verdict: 'passed', findings, figures };
  const applied = await applyEnded(drill, window, replays);
  return { ...applied, figures: { ...figures, ...applied.figures } };
}

/** Replays what has ended well: each run is noted, and nothing of it is sent. */
async function applyEnded(
  drill: LiveDrill,
  window: { readonly pipeline: string; readonly fromMs: number; readonly toMs: number },
  replays: Replays,
): Promise<Judged> {
  const { engine, actor, reason } = drill;
  const planned = await replays.plan({ ...window, state: 'succeeded' }, actor, reason);
  if (!planned.ok)
    return { verdict: 'inconclusive', findings: [`${planned.code}: ${planned.message}`], figures: {} };
  const { token, runs } = planned.report;
  if (runs.length === 0)
    return {
      verdict: 'inconclusive',
      findings: [`no run of ${window.pipeline} of that time has succeeded: there was nothing to replay`],
      figures: { applied: 0 },
    };
  const before = lastSequence(engine);
  drill.say(`replays ${runs.length} runs`);
  const begun = await replays.apply(token, actor, reason, {});
  if (!begun.ok)
    return { verdict: 'inconclusive', findings: [`${begun.code}: ${begun.message}`], figures: {} };
  const untilMs = engine.now() + APPLIED_WITHIN_MS;
  const isOver = (): boolean => {
    const counts = replays.status(token)?.runs ?? {};
    return (counts.planned ?? 0) + (counts.waiting ?? 0) + (counts.sent ?? 0) === 0;
  };
  while (!isOver() && engine.now() < untilMs && !drill.signal.aborted) await drill.pause(LOOK_EVERY_MS);
  const ids = new Set(runs.map(({ runId }) => runId));
  const extra: LedgerEntry[] = [];
  for await (const entry of entriesSince(engine, window.pipeline, before))
    if (ids.has(entry.runId) && SENDS.has(entry.kind)) extra.push(entry);
  const findings = [
    ...(extra.length > 0
      ? [`${extra.length} entries of something sent by runs that had ended: ${named(extra.map(placeOf))}`]
      : []),
    ...(isOver() ? [] : [`the replay ${token} was not over within ${APPLIED_WITHIN_MS / 1_000} s`]),
  ];
  return {
    verdict: extra.length > 0 ? 'failed' : findings.length > 0 ? 'inconclusive' : 'passed',
    findings,
    figures: { applied: runs.length, extraEffects: extra.length },
  };
}

const SENDS: ReadonlySet<LedgerEntry['kind']> = new Set(['intent', 'attempt', 'outcome', 'emitted']);

/** Effects that the dry run would send, and that have happened by the ledger. */
function sentAgain({ engine }: LiveDrill, { runId, effectsToSend }: Replayed): readonly string[] {
  if (effectsToSend.length === 0) return [];
  const done = new Set(
    trace(engine.rows, { runId }).flatMap(({ kind, step, details }) =>
      kind === 'emitted' || (kind === 'outcome' && details['outcome'] === 'succeeded') ? [step] : [],
    ),
  );
  return effectsToSend.flatMap((place) => (done.has(place) ? [`${place} of run ${runId}`] : []));
}

function againWords(again: readonly string[]): string {
  return `${again.length} effects that have happened would be sent again: ${named(again)}`;
}

function placeOf({ step, runId, kind }: LedgerEntry): string {
  return `${kind} of ${step ?? 'a step'} of run ${runId}`;
}

function named(all: readonly string[]): string {
  return all.slice(0, NAMED_MAX).join(', ') + (all.length > NAMED_MAX ? ', …' : '');
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}
