import type { LiveDrillRequest } from '../../api/drills.ts';
import type { AcceptResult } from '../../runtime.ts';
import type { FlagSwitch } from '../../switches.ts';
import type { EmbeddedEngine } from '../engine.ts';
import { type Draft, draftFor, seenOf } from '../intake/intake.ts';
import { trace } from '../reads/trace.ts';
import { bringIn, type Judged, type LiveDrill, refusedWords, trialSource } from './live-drill.ts';

type Request = Extract<LiveDrillRequest, { readonly kind: 'flag' }>;

/** It is lifted in a moment; where the process dies in it, by the next one. */
const EXPIRES_AFTER_MS = 3_600_000;

/** Why it cannot be held now. */
export function whyNoFlagDrill(engine: EmbeddedEngine, request: Request, actor: string): string | undefined {
  const { pipeline } = request;
  const inForce = flagInForce(engine, request);
  if (inForce !== undefined) return inForce;
  const draft = draftOf(engine, request, actor);
  if (typeof draft === 'string') return draft;
  const known = engine.rows.names.forms('key', draft.key);
  const isKnown = known.some(
    (key) =>
      engine.read.of('SELECT 1 FROM keys WHERE pipeline = ? AND key = ?').get(pipeline, key) !== undefined,
  );
  return isKnown
    ? 'its business key is known already, so the event would start nothing: give it one of its own'
    : undefined;
}

function flagInForce({ board }: EmbeddedEngine, { pipeline }: Request): string | undefined {
  const flag = board.get(`flag/${pipeline}`);
  return flag && `${flag.id} is in force, and the drill would replace it: lift it first`;
}

/**
 * Puts the pipeline behind a flag that is off for the key of one event and on for all others, brings that event in, takes the flag away, and brings it
 * in once more: the first must start nothing, and the second must start one run.
 */
export async function drillFlag(drill: LiveDrill, request: Request): Promise<Judged> {
  const { engine, actor, reason, id, say } = drill;
  const { pipeline, trial } = request;
  const draft = draftOf(engine, request, actor);
  if (typeof draft === 'string')
    // What of it may be shown to whoever asks need not stand in the ledger.
    return { verdict: 'inconclusive', findings: ['the event starts nothing any more'], figures: {} };
  // Set while the drill was entered in the ledger: nothing is awaited between this look and the flag.
  const inForce = flagInForce(engine, request);
  if (inForce !== undefined) return { verdict: 'inconclusive', findings: [inForce], figures: {} };
  say('puts the flag up');
  const [made] = await engine.switches.set(
    {
      kind: 'flag',
      pipeline,
      keys: [],
      exceptKeys: [draft.key],
      events: [],
      share: 1,
      expiresAtMs: engine.now() + EXPIRES_AFTER_MS,
    },
    actor,
    reason,
    id,
  );
  const off = await bringIn(drill, pipeline, trial, 'off');
  const isStill = engine.board.get(made.id)?.revision === made.revision;
  say('takes the flag away');
  if (isStill) await engine.switches.lift(made.id, actor, `drill ${id} is over`);
  const on = await bringIn(drill, pipeline, trial, 'on');
  const kept = keptOut(engine, made);
  const refused = refusedWords(off) ?? refusedWords(on);
  const started = { off: startedBy(off, pipeline), on: startedBy(on, pipeline) };
  const findings = [
    ...(started.off > 0 ? ['the event started a run while the flag was off for it'] : []),
    ...(refused === undefined && started.off === 0 && kept.own === 0
      ? ['the ledger has no entry that the flag kept the event out']
      : []),
    ...(refused === undefined && started.on !== 1
      ? [`with the flag gone the event started ${started.on} runs, and not one`]
      : []),
    ...(kept.others > 0
      ? [`${kept.others} other events were kept out, for which the flag was on: have them sent again`]
      : []),
  ];
  const unclear = [
    ...(refused === undefined ? [] : [refused]),
    ...(isStill ? [] : ['somebody replaced or lifted the flag of the drill meanwhile']),
  ];
  return {
    verdict: unclear.length > 0 ? 'inconclusive' : findings.length > 0 ? 'failed' : 'passed',
    findings: [...unclear, ...findings],
    figures: {
      keptOut: kept.own,
      othersKeptOut: kept.others,
      startedOff: started.off,
      startedOn: started.on,
    },
  };
}

/** What the event would start, or why it would start nothing. */
function draftOf(engine: EmbeddedEngine, { pipeline, trial }: Request, actor: string): Draft | string {
  const loaded = engine.inForce.begins.get(pipeline);
  if (loaded === undefined || !('event' in loaded.plan.trigger)) return `no event starts ${pipeline}`;
  const { event, where } = loaded.plan.trigger;
  const { payload, headers } = trial;
  const unfit = loaded.refusal(event, payload, headers);
  if (unfit !== undefined) return `${unfit.code}: ${unfit.message}`;
  const seen = seenOf({ payload, source: trialSource(trial, actor), ...(headers && { headers }) });
  const draft = draftFor(loaded, seen, 'of a drill', where);
  if (draft === undefined) return `the condition of ${pipeline} leaves the event out`;
  return draft.failure === undefined ? draft : `${draft.failure.code}: ${draft.failure.message}`;
}

function startedBy(taken: AcceptResult, pipeline: string): number {
  return taken.ok ? taken.runs.filter((run) => run.pipeline === pipeline && run.started).length : 0;
}

/** Events that this setting of the flag kept from a run, by the ledger: that of the drill, and others. */
function keptOut(
  engine: EmbeddedEngine,
  { id, drill, revision }: Pick<FlagSwitch, 'id' | 'drill' | 'revision'>,
): { readonly own: number; readonly others: number } {
  const deliveries = new Set(engine.rows.names.forms('delivery', `drill:${drill}/off`));
  const kept = trace(engine.rows, { system: true }).filter(
    ({ kind, details }) =>
      kind === 'flaggedOff' && details['flag'] === id && details['revision'] === revision,
  );
  const own = kept.filter(({ details }) => deliveries.has(String(details['deliveryId']))).length;
  return { own, others: kept.length - own };
}
