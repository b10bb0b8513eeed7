import type { DrillVerdict, TrialEvent } from '../../api/drills.ts';
import type { AcceptResult } from '../../runtime.ts';
import type { EmbeddedEngine } from '../engine.ts';
import { acceptOwn } from '../intake/accept.ts';

/** What a live drill is given while it is held. */
export interface LiveDrill {
  readonly id: string;
  readonly actor: string;
  readonly reason: string;
  readonly engine: EmbeddedEngine;
  /** Somebody stops it, or the process ends. */
  readonly signal: AbortSignal;
  /** Resolves after so long, or when it is to end. */
  readonly pause: (ms: number) => Promise<void>;
  /** Says what it is at. */
  readonly say: (phase: string) => void;
}

/** What it comes to. */
export interface Judged {
  readonly verdict: DrillVerdict;
  readonly findings: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
}

/** Brings in the event of a drill, as one that the pipeline starts with. */
export function bringIn(
  { id, actor, engine }: LiveDrill,
  pipeline: string,
  trial: TrialEvent,
  as: string,
): Promise<AcceptResult> {
  const trigger = engine.inForce.begins.get(pipeline)?.plan.trigger;
  if (trigger === undefined || !('event' in trigger))
    throw new Error(`${pipeline} is not in force any more, or no event starts it`);
  const { payload, headers } = trial;
  return acceptOwn(engine, {
    event: trigger.event,
    payload,
    ...(headers !== undefined && { headers }),
    deliveryId: `drill:${id}/${as}`,
    source: trialSource(trial, actor),
  });
}

/** Where the event of a drill comes from: a person gives it, who so is the requester of what it starts, also where it is said to come over a connection. */
export function trialSource({ connection }: TrialEvent, actor: string): string {
  return `${connection === undefined ? '' : `${connection}/`}manual:${actor}`;
}

/** What was refused of it, in words; `undefined` where it was taken. */
export function refusedWords(taken: AcceptResult): string | undefined {
  return taken.ok ? undefined : `the event of the drill was refused: ${taken.failure.code}`;
}
