import { type Failure, type JsonObject, sha256 } from '@tenon/model';
import type {
  DeadLetter,
  DeadLetterFilter,
  DeadLetterGroup,
  ForwardFix,
  InDoubtEntry,
  PendingApproval,
} from '../../runtime.ts';
import { redacted } from '../file/redact.ts';
import type { OpeningRow } from '../file/run-row.ts';
import type { StoredRows, StoredRun } from '../file/stored-rows.ts';
import type { UnreadableValue } from '../file/value-codec.ts';
import { unreadFailure } from '../intake/intake.ts';
import { AskedApprovals, shownAsked } from './asked-approval.ts';

/** Rows in one answer, whatever is asked for. */
const LIMIT_MAX = 10_000;
const DEAD_LETTERS_DEFAULT = 1_000;
/** Openings read at a time. */
const OPENINGS_SLICE = 500;

/** What stands open until somebody closes it: approvals, doubts, dead letters, and work that is owed. */
export class OpenWork {
  readonly #stored: StoredRows;

  /** What of the data shown at a step of a plan is not for everybody. */
  readonly #hiddenFromOthers: (planHash: string, step: string) => readonly string[];

  constructor(stored: StoredRows, hiddenFromOthers: (planHash: string, step: string) => readonly string[]) {
    this.#stored = stored;
    this.#hiddenFromOthers = hiddenFromOthers;
  }

  /** `sees`: may whoever asks see what the approvers of a team are shown? What is classed of it, nobody else does. */
  approvals(sees: (team: string) => boolean = () => true): readonly PendingApproval[] {
    const asked = new AskedApprovals(this.#stored);
    return this.#opened('approval').map(({ opening, run, detail }) => ({
      runId: run.run_id,
      pipeline: run.pipeline,
      version: run.version,
      stepId: opening.step,
      by: opening.owner,
      sinceMs: opening.since,
      expiresAtMs: opening.expires_at ?? 0,
      show: sees(opening.owner)
        ? (detail['show'] ?? null)
        : redacted(detail['show'] ?? null, this.#hiddenFromOthers(run.plan_hash, opening.step)),
      ...shownAsked(asked.of(opening)),
      key: run.key,
      ...this.#over(run),
    }));
  }

  inDoubt(): readonly InDoubtEntry[] {
    return this.#opened('doubt').map(({ opening, run, detail, unread }) => ({
      runId: run.run_id,
      pipeline: run.pipeline,
      key: run.key,
      ...this.#over(run),
      stepId: opening.step,
      operation: unread === undefined ? String(detail['operation']) : 'cannot be read',
      ...(typeof detail['idempotencyKey'] === 'string' && { idempotencyKey: detail['idempotencyKey'] }),
      sinceMs: opening.since,
      owner: opening.owner,
      // Put there by the interpreter, as an object.
      evidence: unread === undefined ? (detail['evidence'] as JsonObject) : { ...unreadFailure(unread) },
    }));
  }

  forwardFixes(): readonly ForwardFix[] {
    return this.#opened('forwardFix').map(({ opening, run, detail, unread }) => ({
      runId: run.run_id,
      pipeline: run.pipeline,
      key: run.key,
      ...this.#over(run),
      stepId: opening.step,
      task: unread === undefined ? String(detail['task']) : 'find out what is owed: it cannot be read',
      because: unread === undefined ? String(detail['because']) : unread.message,
      owner: opening.owner,
      sinceMs: opening.since,
      dueAtMs: unread === undefined ? Number(detail['dueAtMs']) : opening.since,
      runState: run.state,
    }));
  }

  deadLetters(filter: DeadLetterFilter = {}): readonly DeadLetter[] {
    const limit = Math.min(filter.limit ?? DEAD_LETTERS_DEFAULT, LIMIT_MAX);
    return first(limit, this.#deadLetters(filter));
  }

  /** Dead letters of one cause, counted; the largest group first. */
  deadLetterGroups(filter: DeadLetterFilter = {}): readonly DeadLetterGroup[] {
    const groups = new Map<string, DeadLetterGroup>();
    // Oldest first: what a group says of its cause is of the newest.
    for (const letter of this.#deadLetters(filter)) {
      const { fingerprint, pipeline, queue, step, failure, owner, sinceMs } = letter;
      const before = groups.get(fingerprint);
      groups.set(fingerprint, {
        fingerprint,
        pipeline,
        queue,
        step: stepOfAnyItem(step),
        failure,
        owner,
        count: (before?.count ?? 0) + 1,
        resumable: (before?.resumable ?? 0) + (letter.settled === 'compensated' ? 0 : 1),
        oldestMs: before?.oldestMs ?? sinceMs,
        newestMs: sinceMs,
      });
    }
    return [...groups.values()].toSorted(
      (a, b) => b.count - a.count || a.fingerprint.localeCompare(b.fingerprint),
    );
  }

  /** Those that a filter names, oldest first, read as they are asked for. */
  *#deadLetters(filter: DeadLetterFilter): Generator<DeadLetter, void> {
    for (const { opening, run, detail, unread } of this.#openings('deadLetter')) {
      const letter =
        // The interpreter's `deadLetter` puts these members there.
        unread === undefined ? (detail as unknown as LetterDetail) : unreadLetter(opening, unread);
      const fingerprint = fingerprintOf(run.pipeline, opening.step, letter.failure);
      if (filter.pipeline !== undefined && filter.pipeline !== run.pipeline) continue;
      if (filter.connection !== undefined && filter.connection !== this.#over(run).connection) continue;
      if (filter.queue !== undefined && filter.queue !== letter.queue) continue;
      if (filter.fingerprint !== undefined && filter.fingerprint !== fingerprint) continue;
      if (filter.failureClass !== undefined && filter.failureClass !== letter.failure.class) continue;
      yield {
        runId: run.run_id,
        fingerprint,
        pipeline: run.pipeline,
        queue: letter.queue,
        key: run.key,
        ...(run.order_key !== null && { orderKey: run.order_key }),
        ...this.#over(run),
        eventId: run.delivery ?? run.delivery_id,
        step: opening.step,
        failure: letter.failure,
        ...(letter.lastCheckpoint !== undefined && { lastCheckpoint: letter.lastCheckpoint }),
        ...(letter.idempotencyKey !== undefined && { idempotencyKey: letter.idempotencyKey }),
        ...(letter.context !== undefined && { context: letter.context }),
        attempts: letter.attempts,
        correlationId: run.correlation_id,
        owner: opening.owner,
        sinceMs: opening.since,
        settled: letter.settled,
      };
    }
  }

  #over(run: StoredRun): { readonly connection?: string } {
    const connection = this.#stored.connectionOf(run);
    return connection === undefined ? {} : { connection };
  }

  #opened(kind: OpeningRow['kind']): Opened[] {
    return first(LIMIT_MAX, this.#openings(kind));
  }

  /** What is open of a kind, oldest first, in slices by the index: however much there is, little of it is held. */
  *#openings(kind: OpeningRow['kind']): Generator<Opened, void> {
    for (let last: Pick<OpeningRow, 'since' | 'run_seq' | 'key'> = { since: -1, run_seq: -1, key: '' }; ; ) {
      const rows = this.#stored.read.rows<OpeningRow>(
        'SELECT * FROM openings WHERE kind = ? AND (since, run_seq, key) > (?, ?, ?) ORDER BY since, run_seq, key LIMIT ?',
        kind,
        last.since,
        last.run_seq,
        last.key,
        OPENINGS_SLICE,
      );
      for (const opening of rows) {
        last = opening;
        const run = this.#stored.read.rows<Opened['run']>(
          'SELECT r.*, e.delivery_id AS delivery_id FROM runs r JOIN events e ON e.seq = r.event_seq WHERE r.seq = ?',
          opening.run_seq,
        )[0];
        if (run === undefined) continue;
        const shown = this.#stored.shownOpening(opening);
        yield {
          opening: shown,
          run: this.#stored.named(run),
          detail: JSON.parse(shown.detail),
          unread: this.#stored.unreadOpening(opening),
        };
      }
      if (rows.length < OPENINGS_SLICE) return;
    }
  }
}

interface Opened {
  readonly opening: OpeningRow;
  readonly run: StoredRun & { readonly delivery_id: string; readonly delivery?: string | undefined };
  readonly detail: JsonObject;
  /** Why `detail` is empty. */
  readonly unread: UnreadableValue | undefined;
}

type LetterDetail = Pick<
  DeadLetter,
  'queue' | 'settled' | 'failure' | 'attempts' | 'lastCheckpoint' | 'idempotencyKey' | 'context'
>;

/** One whose detail cannot be read is listed all the same, or it would hide all others: by what stands beside it. */
function unreadLetter({ letter_queue: queue }: OpeningRow, unread: UnreadableValue): LetterDetail {
  return {
    // Written as one of these.
    queue: (queue ?? 'repair') as LetterDetail['queue'],
    settled: 'held',
    failure: unreadFailure(unread),
    attempts: 0,
  };
}

function first<T>(count: number, items: Iterable<T>): T[] {
  const found: T[] = [];
  for (const item of items) {
    if (found.length >= count) break;
    found.push(item);
  }
  return found;
}

/** The same cause at the same step: what differs from run to run (keys, values, times) is left out. */
function fingerprintOf(pipeline: string, step: string, failure: Failure): string {
  const { class: failureClass, code, status, pointer } = failure;
  const cause = [
    pipeline,
    stepOfAnyItem(step),
    failureClass,
    code,
    status ?? null,
    pointer?.replaceAll(/\/\d+(?=\/|$)/g, '/*') ?? null,
  ];
  return sha256(JSON.stringify(cause)).slice('sha256:'.length, 'sha256:'.length + 12);
}

/** `lines[].book` for `lines[7].book`. */
function stepOfAnyItem(step: string): string {
  return step.replaceAll(/\[[^\]]*\]/g, '[]');
}
