import { isObject } from '@tenon/model';
import type { RunState } from '@tenon/runtime';
import { time } from '../text/utc-time.ts';

/** What came of a delivery, a line for each pipeline, from the answer that its sender got; none where that is another's. */
export function deliveredWords(body: string): readonly string[] {
  const answer = answerOf(body);
  if (answer === undefined) return [];
  const { duplicateDelivery, payloadDiffers = false, runs, flaggedOff = [], older = [], unstarted } = answer;
  const other = payloadDiffers ? [OTHER_DELIVERY] : [];
  const lines = [
    ...runs.map((run) => `${run.pipeline}: ${runWords(run)}`),
    ...flaggedOff.map((pipeline) => `${pipeline}: nothing started, a feature flag keeps the event from it`),
    ...(unstarted?.leftOut ?? []).map(
      (pipeline) => `${pipeline}: nothing started, its condition (\`where\`) leaves the event out`,
    ),
    ...older.map(
      (pipeline) => `${pipeline}: nothing started, a newer version of what the event is about came before`,
    ),
  ];
  if (unstarted !== undefined) return [...lines, ...waitWords(unstarted, lines.length > 0)];
  if (lines.length > 0) return [...lines, ...other];
  return duplicateDelivery
    ? ['a duplicate: this delivery came before, and started no run', ...other]
    : ['stored; it started no run'];
}

/** Of an event that started nothing. Whether it is the one that a run waits for is seen by that run, after the answer. */
function waitWords({ waits, isAwaited }: Unstarted, isTold: boolean): readonly string[] {
  if (isAwaited) return ['stored; some run waits for such an event, and goes on if this is the one'];
  if (waits.length > 0)
    return [`stored; it started no run. ${waits.join(', ')} can wait for such an event, and no run does now`];
  return isTold ? [] : ['stored; it started no run: no pipeline listens to it'];
}

const OTHER_DELIVERY =
  'its payload is another one than at first: what it says now was not taken, and is to be sent under a delivery id of its own';
const OTHER_EVENT = '\n  its payload is another one than that of the first: what it says now started nothing';

/** The part of the answer that is told; all of it is in contracts/operations. */
interface Accepted {
  readonly duplicateDelivery: boolean;
  readonly payloadDiffers?: boolean;
  readonly runs: readonly AcceptedRun[];
  readonly flaggedOff?: readonly string[];
  readonly older?: readonly string[];
  readonly unstarted?: Unstarted;
}

interface Unstarted {
  readonly leftOut: readonly string[];
  readonly waits: readonly string[];
  readonly isAwaited: boolean;
}

interface AcceptedRun {
  readonly runId: string;
  readonly pipeline: string;
  readonly started: boolean;
  readonly state: RunState;
  readonly duplicate?: {
    readonly by: 'delivery' | 'businessKey';
    readonly acceptedAtMs: number;
    readonly payloadDiffers?: boolean;
    readonly failure?: { readonly class: string; readonly code: string };
    readonly next?: { readonly what: string; readonly command?: string };
  };
}

function answerOf(body: string): Accepted | undefined {
  try {
    const answer: unknown = JSON.parse(body);
    // Told by its first two members: the rest is as contracts/operations promises.
    return isObject(answer) && 'duplicateDelivery' in answer && Array.isArray(answer['runs'])
      ? (answer as unknown as Accepted)
      : undefined;
  } catch {
    return undefined;
  }
}

function runWords({ runId, started, state, duplicate }: AcceptedRun): string {
  if (started) return `run ${runId} started`;
  const ended = STATE_WORDS[state];
  if (duplicate === undefined) return `a duplicate: nothing started. It has run ${runId}, which ${ended}`;
  const { by, acceptedAtMs, payloadDiffers = false, failure, next } = duplicate;
  const known = by === 'delivery' ? 'This delivery came before, and has' : 'Its business key is known from';
  const cause = failure === undefined ? '' : ` (${failure.class}, ${failure.code})`;
  const command = next?.command === undefined ? '' : `: \`${next.command}\``;
  const more = next === undefined ? '' : `\n  ${next.what}${command}`;
  return `a duplicate: nothing started. ${known} run ${runId} of ${time(acceptedAtMs)}, which ${ended}${cause}${payloadDiffers ? OTHER_EVENT : ''}${more}`;
}

const STATE_WORDS: Readonly<Record<RunState, string>> = {
  accepted: 'has not begun yet',
  running: 'is running',
  waiting: 'is waiting',
  inDoubt: 'is in doubt',
  compensating: 'is being undone',
  succeeded: 'succeeded',
  compensated: 'failed and was undone',
  failed: 'failed',
  cancelled: 'was cancelled',
};
