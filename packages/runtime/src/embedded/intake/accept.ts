import type { Failure, Json, JsonObject } from '@tenon/model';
import type { LoadedPlan } from '../../loaded-plan.ts';
import type { AcceptResult, EventHearers, IncomingEvent, Runtime } from '../../runtime.ts';
import { CommitFailed } from '../commit/commit-queue.ts';
import type { EmbeddedEngine } from '../engine.ts';
import { storedEvent } from '../file/event-value.ts';
import type { Write } from '../file/statements.ts';
import { backlogRefusal, intakeRefusal } from './backpressure.ts';
import { eventNames } from './event-names.ts';
import { draftFor, draftsFor, ownSource, wronglyNamed } from './intake.ts';

type Accepting = Pick<
  Runtime,
  | 'accept'
  | 'trigger'
  | 'misfit'
  | 'hearers'
  | 'eventNames'
  | 'awaitedEvents'
  | 'cursor'
  | 'keepCursor'
  | 'intakeRefusal'
>;

/** What whoever brings events may ask. An event is held against the plans in force (`intake.ts`), then stored with its runs (`admission.ts`). */
export function accepting(engine: EmbeddedEngine): Accepting {
  return {
    accept: (event) => accept(engine, event, ownSource),
    trigger: (pipeline, input, actor) => startManual(engine, pipeline, input, actor, engine.newId()),
    intakeRefusal: () => intakeRefusal(engine),
    misfit: (event, payload, headers) => {
      const { begins } = engine.inForce;
      const waiting = engine.inForce.waitingAlone(event);
      // By what it would be known is not asked.
      const coming = { event, payload, deliveryId: 'not stored', source: '', ...(headers && { headers }) };
      const found = draftsFor(coming, begins, 'refuse', waiting);
      return found.ok ? undefined : found.failure;
    },
    hearers: (event) => hearers(engine, event),
    eventNames: () => eventNames(engine.inForce, engine.read),
    awaitedEvents: () => engine.inForce.awaited(),
    cursor: (name) => engine.rows.cursor(name),
    keepCursor: async (name, value) => {
      try {
        await engine.commit([['putCursor', name, value, engine.now()]]);
        return true;
      } catch (error) {
        if (error instanceof CommitFailed) return false;
        throw error;
      }
    },
  };
}

/** An event that began here, which nobody outside may say of theirs. */
export function acceptOwn(engine: EmbeddedEngine, event: IncomingEvent): Promise<AcceptResult> {
  return accept(engine, event, () => undefined);
}

async function accept(
  engine: EmbeddedEngine,
  event: IncomingEvent,
  reserved: typeof ownSource,
): Promise<AcceptResult> {
  const full = intakeRefusal(engine);
  if (full !== undefined) return refused(engine, full);
  const misnamed = wronglyNamed(event) ?? reserved(event.source);
  if (misnamed !== undefined) return refused(engine, misnamed);
  const { begins } = engine.inForce;
  const found = draftsFor(event, begins, event.invalid, engine.inForce.waitingAlone(event.event));
  if (!found.ok) return refused(engine, found.failure);
  const { drafts, quarantined } = found;
  const crowded = backlogRefusal(engine, drafts);
  if (crowded !== undefined) return refused(engine, crowded);
  const { cursor } = event;
  const also: Write[] = cursor ? [['putCursor', cursor.name, cursor.value, engine.now()]] : [];
  try {
    const isHeld = drafts.some(({ failure }) => failure !== undefined);
    const payload = toStore(engine, event, isHeld);
    const admitted = await engine.admission.admit({ ...event, payload }, drafts, also);
    return quarantined === undefined ? admitted : { ...admitted, quarantined };
  } catch (error) {
    return refusedAfter(engine, error);
  }
}

/** Starts a manual pipeline under a delivery id: the same twice is one. */
export async function startManual(
  engine: EmbeddedEngine,
  pipeline: string,
  input: JsonObject,
  actor: string,
  deliveryId: string,
): Promise<AcceptResult> {
  const full = intakeRefusal(engine);
  if (full !== undefined) return refused(engine, full);
  const loaded = engine.inForce.begins.get(pipeline);
  if (loaded === undefined || !('manual' in loaded.plan.trigger))
    return {
      ok: false,
      failure: {
        class: 'validation',
        code: 'TRIGGER_NOT_MANUAL',
        message: `there is no active pipeline ${pipeline} with a manual trigger`,
        delivery: 'notSent',
      },
    };
  const refusal = loaded.inputRefusal(input);
  if (refusal !== undefined) return { ok: false, failure: refusal };
  const draft = draftFor(loaded, { input, event: input }, deliveryId);
  const drafts = draft === undefined ? [] : [draft];
  const crowded = backlogRefusal(engine, drafts);
  if (crowded !== undefined) return refused(engine, crowded);
  const payload = storedEvent({ payload: input });
  const event = { event: `manual:${pipeline}`, payload, deliveryId, source: `manual:${actor}` };
  return engine.admission.admit(event, drafts).catch((error: unknown) => refusedAfter(engine, error));
}

function hearers(engine: EmbeddedEngine, event: string): EventHearers {
  const starts = [...engine.inForce.begins.values()].filter(
    ({ plan: { trigger } }) => 'event' in trigger && trigger.event === event,
  );
  return {
    starts: starts.map(({ plan }) => plan.pipeline),
    waits: engine.inForce.waiting(event),
    isAwaited: engine.read.of('SELECT 1 FROM openings WHERE event = ? LIMIT 1').get(event) !== undefined,
  };
}

/** Of headers that nobody reads, nothing is kept. What is held is held whole: a plan that it is released to may read them. */
function toStore(engine: EmbeddedEngine, { event, payload, headers }: IncomingEvent, isHeld: boolean): Json {
  const isRead = ({ plan }: LoadedPlan): boolean => plan.events[event]?.headers !== undefined;
  return headers !== undefined && (isHeld || [...engine.inForce.begins.values()].some(isRead))
    ? storedEvent({ payload, headers })
    : storedEvent({ payload });
}

function refused(engine: EmbeddedEngine, failure: Failure): AcceptResult {
  engine.counts.refused(failure);
  return { ok: false, failure };
}

/** A disk that fails refuses the event, like any other after it: the sender is told to come again. */
function refusedAfter(engine: EmbeddedEngine, error: unknown): AcceptResult {
  const failure = error instanceof CommitFailed ? intakeRefusal(engine) : undefined;
  if (failure === undefined) throw error;
  return refused(engine, failure);
}
