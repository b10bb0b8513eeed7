import type { LiveDrillRequest } from '../../api/drills.ts';
import type { LedgerEntry } from '../../runtime.ts';
import { type Switch, tagOf } from '../../switches.ts';
import type { EmbeddedEngine } from '../engine.ts';
import { TERMINAL } from '../file/statements.ts';
import { inParts } from '../next-turn.ts';
import { entriesSince, lastSequence } from './entries-since.ts';
import { judgeHeld, LATE_AFTER_MS } from './judge-held.ts';
import { bringIn, type Judged, type LiveDrill, refusedWords } from './live-drill.ts';

type Request = Extract<LiveDrillRequest, { readonly kind: 'killSwitch' }>;

const HOLD_MS = 10_000;
const SETTLE_MS = 60_000;
/** Runs followed until they have gone on; more are counted. */
const FOLLOWED_MAX = 10_000;
const LOOKED_AT_ONCE = 200;
const LOOK_EVERY_MS = 250;
/** Attempts that a finding names. */
const NAMED_MAX = 3;

/** Why it cannot be held now: a switch of somebody else would be replaced by it, or lifted with it; or its event starts nothing. */
export function whyNoKillSwitchDrill(
  { board, inForce }: EmbeddedEngine,
  { pipeline, trial }: Request,
): string | undefined {
  const [there] = board.keepersOf(pipeline, '', null, true);
  if (there !== undefined)
    return `${there} is in force, and what it holds the drill would not hold: lift it first`;
  const trigger = inForce.begins.get(pipeline)?.plan.trigger;
  return trial === undefined || trigger === undefined || 'event' in trigger
    ? undefined
    : `no event starts ${pipeline}, so it can be given none: start it by hand while the drill holds it`;
}

/**
 * Throws the kill switch of a pipeline, holds it, lifts it, and sees that what had waited goes on. What was let through, and what came in
 * meanwhile, is read from the ledger.
 */
export async function drillKillSwitch(drill: LiveDrill, request: Request): Promise<Judged> {
  const { engine, say } = drill;
  const { pipeline, holdMs = HOLD_MS, settleMs = SETTLE_MS, trial } = request;
  // Thrown while the drill was entered in the ledger: nothing is awaited between this look and the switch.
  const inTheWay = whyNoKillSwitchDrill(engine, request);
  if (inTheWay !== undefined) return { verdict: 'inconclusive', findings: [inTheWay], figures: {} };
  const before = lastSequence(engine);
  say('throws the switch');
  const [thrown] = await engine.switches.set(
    { kind: 'kill', scope: { pipeline }, sparesCompensation: false },
    drill.actor,
    drill.reason,
    drill.id,
  );
  const refused = trial && refusedWords(await bringIn(drill, pipeline, trial, 'held'));
  say(`holds ${pipeline}`);
  await drill.pause(holdMs);
  const waiting = waitingRuns(engine, pipeline, thrown);
  const liftedAtMs = engine.now();
  const isStill = engine.board.get(thrown.id)?.revision === thrown.revision;
  const sequence = lastSequence(engine);
  say('lifts the switch');
  if (isStill) await engine.switches.lift(thrown.id, drill.actor, `drill ${drill.id} is over`);
  say('waits until what was held has gone on');
  const left = await goneOn(drill, waiting.runs, { sequence, tag: tagOf(thrown) }, settleMs);
  const settledMs = engine.now() - liftedAtMs;
  const entries: LedgerEntry[] = [];
  for await (const entry of entriesSince(engine, pipeline, before)) entries.push(entry);
  const { attempts, lastAttemptAfterMs, late, takenIn } = judgeHeld(entries, {
    thrownAtMs: thrown.sinceMs,
    liftedAtMs,
  });
  const lost = takenIn.filter((runId) => !isStored(engine, runId));
  const stuck =
    left.length > 0
      ? [
          `${left.length} of ${waiting.runs.length} runs have not gone on within ${settleMs / 1_000} s: ${named(left)}`,
        ]
      : [];
  const isKept = isKeptByOthers(engine, pipeline);
  const findings = [
    ...(late.length > 0 ? [lateWords(late)] : []),
    ...(lost.length > 0 ? [`${lost.length} runs that were taken in meanwhile are gone`] : []),
    ...(isKept ? [] : stuck),
  ];
  const figures = {
    heldMs: liftedAtMs - thrown.sinceMs,
    attempts,
    lastAttemptAfterMs,
    late: late.length,
    waited: waiting.count,
    takenIn: takenIn.length,
    settledMs,
  };
  const unclear = [
    ...(refused === undefined ? [] : [refused]),
    ...(isStill ? [] : ['somebody replaced or lifted the switch of the drill while it was held']),
    ...(isKept ? stuck : []),
    ...(waiting.count === 0
      ? [`nothing of ${pipeline} was there to be held: give it an event (--event), or hold it for longer`]
      : []),
  ];
  const verdict = findings.length > 0 ? 'failed' : unclear.length > 0 ? 'inconclusive' : 'passed';
  return { verdict, findings: [...findings, ...unclear], figures };
}

/** Is there a switch of somebody else that keeps the pipeline's runs back now? By what is in force: what the board makes of it is what is drilled. */
function isKeptByOthers({ board }: EmbeddedEngine, pipeline: string): boolean {
  return board.keepersOf(pipeline, '', null, true).some((id) => board.get(id) !== undefined);
}

/** Runs that the switch holds, or keeps from being begun. */
function waitingRuns(
  { read }: EmbeddedEngine,
  pipeline: string,
  thrown: Switch,
): { readonly runs: readonly string[]; readonly count: number } {
  const held = read
    .of(`SELECT run_id, held FROM runs WHERE held IS NOT NULL AND pipeline = ? LIMIT ${FOLLOWED_MAX}`)
    .all(pipeline)
    .filter(({ held: tags }) => (JSON.parse(String(tags)) as readonly string[]).includes(tagOf(thrown)));
  const notBegun = read
    .of(
      `SELECT run_id FROM runs WHERE pipeline = ? AND state = 'accepted' AND due_at IS NOT NULL LIMIT ${FOLLOWED_MAX}`,
    )
    .all(pipeline);
  const runs = [...new Set([...held, ...notBegun].map((row) => String(row['run_id'])))];
  return { runs: runs.slice(0, FOLLOWED_MAX), count: runs.length };
}

/** A switch that holds nothing any more, and the last entry from before. */
interface Lifted {
  readonly sequence: number;
  readonly tag: string;
}

/** Those of the runs that have not gone on in time. */
async function goneOn(
  { engine, signal, pause }: LiveDrill,
  runs: readonly string[],
  lifted: Lifted,
  withinMs: number,
): Promise<readonly string[]> {
  const untilMs = engine.now() + withinMs;
  for (let left = runs; ; ) {
    left = await inParts(left, LOOKED_AT_ONCE, (part) =>
      part.filter((runId) => !hasGoneOn(engine, runId, lifted)),
    );
    // Of one that is stopped nobody waits for that.
    if (signal.aborted) return [];
    if (left.length === 0 || engine.now() >= untilMs) return left;
    await pause(LOOK_EVERY_MS);
  }
}

/** Something of it is in the ledger since, or it has nothing to do but to wait for something else. */
function hasGoneOn({ read }: EmbeddedEngine, runId: string, { sequence, tag }: Lifted): boolean {
  const row = read
    .of(
      `SELECT CASE WHEN r.held IS NOT NULL THEN NOT EXISTS (SELECT 1 FROM json_each(r.held) WHERE value = ?3)
         ELSE r.due_at IS NULL OR r.behind = 1 OR r.state IN (${TERMINAL})
           OR EXISTS (SELECT 1 FROM ledger l WHERE l.run_seq = r.seq AND l.seq > ?2) END AS gone FROM runs r WHERE r.run_id = ?1`,
    )
    .get(runId, sequence, tag);
  return row?.['gone'] === 1;
}

function isStored({ read }: EmbeddedEngine, runId: string): boolean {
  return read.of('SELECT 1 FROM runs WHERE run_id = ?').get(runId) !== undefined;
}

function lateWords(
  late: readonly { readonly runId: string; readonly step: string; readonly afterMs: number }[],
): string {
  const shown = late
    .slice(0, NAMED_MAX)
    .map(({ runId, step, afterMs }) => `${step} of run ${runId} after ${afterMs / 1_000} s`);
  return `${late.length} attempts began more than ${LATE_AFTER_MS / 1_000} s after the switch was thrown: ${shown.join(', ')}`;
}

function named(runs: readonly string[]): string {
  return runs.slice(0, NAMED_MAX).join(', ') + (runs.length > NAMED_MAX ? ', …' : '');
}
