import type { JsonObject } from '@tenon/model';
import type { StepRecord, StepWait } from '../../runtime.ts';
import type { OpeningRow } from '../file/run-row.ts';
import { type AskedApprovals, shownAsked } from './asked-approval.ts';

/** Steps that wait, with what is open of them: what only time takes on has nothing open, and says itself until when. */
export function withAwaited(
  steps: readonly StepRecord[],
  openings: readonly OpeningRow[],
  asked: AskedApprovals,
): readonly StepRecord[] {
  if (openings.length === 0) return steps;
  const places = awaitedAt(openings, asked);
  return steps.map((step) => {
    const awaits = step.state === 'waiting' ? places.get(step.id) : undefined;
    return awaits === undefined ? step : { ...step, awaits };
  });
}

function awaitedAt(openings: readonly OpeningRow[], asked: AskedApprovals): ReadonlyMap<string, StepWait> {
  return new Map(
    openings.flatMap((opening): (readonly [string, StepWait])[] => {
      const awaited = awaitedOf(opening, asked);
      return awaited === undefined ? [] : [[opening.step, awaited]];
    }),
  );
}

function awaitedOf(opening: OpeningRow, asked: AskedApprovals): StepWait | undefined {
  const { kind, owner, event, expires_at: expiresAt, detail } = opening;
  const expires = expiresAt === null ? {} : { expiresAtMs: expiresAt };
  switch (kind) {
    case 'approval':
      return { for: 'approval', by: owner, ...expires, ...shownAsked(asked.of(opening)) };
    case 'event':
      return event === null ? undefined : { for: 'event', event, ...expires };
    case 'child': {
      // Put there by the interpreter's `hear`; empty where it cannot be read.
      const { runId, pipeline }: JsonObject = JSON.parse(detail);
      return typeof runId === 'string' && typeof pipeline === 'string'
        ? { for: 'run', runId, pipeline }
        : undefined;
    }
    case 'doubt':
    case 'deadLetter':
    case 'forwardFix':
      return undefined;
  }
}
