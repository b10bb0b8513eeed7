import type { Json } from '@tenon/model';
import { type AcceptedRun, type AcceptResult, lostChild, type RunDetail, type Runtime } from '@tenon/runtime';

/** Who is answered: the sender of an event is told how its runs stand, an operator also what they gave. */
export type Audience = 'sender' | 'operator';

type Accepted = Extract<AcceptResult, { ok: true }>;

/** What the sender of an event is answered: where it has started nothing, also why, as far as that is known at once. */
export function deliveryAnswer(
  accepted: Accepted,
  event: string,
  runtime: Pick<Runtime, 'run' | 'hearers'>,
): object {
  const answer = acceptAnswer(accepted, runtime, 'sender');
  const { duplicateDelivery, runs, flaggedOff = [], older = [] } = accepted;
  if (duplicateDelivery || runs.length > 0) return answer;
  const { starts, waits, isAwaited } = runtime.hearers(event);
  // What is left of them was left out by its condition: nothing else keeps a run from being started.
  const leftOut = starts.filter((pipeline) => !flaggedOff.includes(pipeline) && !older.includes(pipeline));
  return { ...answer, unstarted: { leftOut, waits, isAwaited } };
}

/** What whoever sent an event, or began a run, is answered. */
export function acceptAnswer(
  { duplicateDelivery, payloadDiffers, runs, flaggedOff, older }: Accepted,
  runtime: Pick<Runtime, 'run'>,
  audience: Audience,
): object {
  const by = duplicateDelivery ? 'delivery' : 'businessKey';
  return {
    duplicateDelivery,
    ...(payloadDiffers && { payloadDiffers }),
    runs: runs.map((run) => acceptedRun(run, by, runtime, audience)),
    ...(flaggedOff && { flaggedOff }),
    ...(older && { older }),
  };
}

/** How it was known that a run is there already. */
type KnownBy = 'delivery' | 'businessKey';

/**
 * A run as whoever started it is answered: no business key, which may be personal. A duplicate is answered with what
 * became of the first, from what is stored: nothing is called for it (C42). Of a dead run it says how it goes on.
 */
function acceptedRun(
  { runId, pipeline, started, state, payloadDiffers }: AcceptedRun,
  by: KnownBy,
  runtime: Pick<Runtime, 'run'>,
  audience: Audience,
): object {
  const answer = { runId, pipeline, started, state };
  const first = started ? undefined : runtime.run(runId);
  if (first === undefined) return answer;
  const duplicate = duplicateOf(first, by, audience);
  return { ...answer, duplicate: { ...duplicate, ...(payloadDiffers && { payloadDiffers }) } };
}

function duplicateOf(first: RunDetail, by: KnownBy, audience: Audience): object {
  const { state, acceptedAtMs, updatedAtMs, failure } = first;
  const next = nextOf(first);
  return {
    by,
    acceptedAtMs,
    updatedAtMs,
    isEnded: ENDED.has(state),
    ...(audience === 'operator' && { results: resultsOf(first) }),
    ...(failure !== undefined && {
      failure: {
        class: failure.class,
        code: failure.code,
        ...(audience === 'operator' && { step: failure.step, message: failure.message }),
      },
    }),
    ...(next !== undefined && { next }),
  };
}

const ENDED: ReadonlySet<RunDetail['state']> = new Set(['succeeded', 'compensated', 'cancelled', 'failed']);

/** What steps gave, redacted as runs are wherever they are shown. */
function resultsOf({ steps }: RunDetail): Readonly<Record<string, Json>> {
  return Object.fromEntries(steps.flatMap(({ id, result }) => (result === undefined ? [] : [[id, result]])));
}

/** How a run that a repeat does not move goes on, if it can. */
function nextOf(first: RunDetail): object | undefined {
  const { runId, state } = first;
  switch (state) {
    case 'failed': {
      const lost = lostChild(first);
      if (lost !== undefined)
        return {
          what: `the first run is parked and can only fail again, as a run that it started is ${lost.state}; a person cancels it, and only an event with another business key starts a new one`,
          path: `/v1/runs/${runId}/cancel`,
          command: `tenon runs cancel ${runId} --reason <why>`,
        };
      if (first.failure?.step.startsWith('compensate:'))
        return {
          what: `the first run is parked at undoing what it did; the event is not carried out again, a person resumes the undoing, or undoes by hand what it is parked at (tenon runs undone ${runId})`,
          path: `/v1/runs/${runId}/resume`,
          command: `tenon dead-letters resume ${runId} --reason <why>`,
        };
      // Not at which step: an item's name may be of somebody.
      const byHand = first.canBeDone && `does by hand what it is parked at (tenon runs done ${runId}), or `;
      return {
        what: `the first run is parked; the event is not carried out again, a person ${byHand ?? ''}resumes that run`,
        path: `/v1/runs/${runId}/resume`,
        command: `tenon dead-letters resume ${runId} --reason <why>`,
      };
    }
    case 'inDoubt':
      return {
        what: 'an effect of the first run is in doubt; a person says what became of it',
        path: '/v1/in-doubt',
        command: 'tenon in-doubt',
      };
    case 'compensated':
    case 'cancelled':
      return {
        what: `the first run is ${state} and stays so; only an event with another business key starts a new one`,
      };
    default:
      return undefined;
  }
}
