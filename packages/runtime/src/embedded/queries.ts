import { type Failure, isObject, type Json, type JsonObject, sha256 } from '@tenon/model';
import type { Plan } from '@tenon/pipeline';
import { allSteps, stepIdOf } from '../loaded-plan.ts';
import type {
  DeadLetter,
  DeadLetterFilter,
  DeadLetterGroup,
  ForwardFix,
  InDoubtEntry,
  LedgerEntry,
  PendingApproval,
  ReplayFilter,
  ReplayStatus,
  RunDetail,
  RunFilter,
  RunState,
  RunSummary,
} from '../runtime.ts';
import { finalStates, openStates } from '../states.ts';
import { idOfTag, type Switch } from '../switches.ts';
import { withAwaited } from './awaited.ts';
import { eventParts } from './event-value.ts';
import { unreadFailure } from './intake.ts';
import { entriesOf } from './ledger-rows.ts';
import { isOneOf } from './names.ts';
import { parkedEffects } from './parked-effects.ts';
import { redacted } from './redact.ts';
import { Redactions } from './redactions.ts';
import { type ReplayedRow, standingOf } from './replay-standing.ts';
import type { JournalRow, OpeningRow, RunRow } from './run-row.ts';
import { Standing } from './standing.ts';
import type { Statements } from './statements.ts';
import { stepRecords } from './step-records.ts';
import type { StoredRows, StoredRun } from './stored-rows.ts';
import { storedSwitches } from './switch-keeper.ts';
import type { UnreadableValue } from './value-codec.ts';

/** Rows given at most when a filter says nothing; and ever. */
const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 10_000;
const DEAD_LETTERS_DEFAULT = 1_000;
/** Plans kept at hand. */
const PLANS_MAX = 64;
/** Openings read at a time. */
const OPENINGS_SLICE = 500;

interface Opened {
  readonly opening: OpeningRow;
  readonly run: StoredRun & { readonly delivery_id: string; readonly delivery?: string | undefined };
  readonly detail: JsonObject;
  /** Why `detail` is empty. */
  readonly unread: UnreadableValue | undefined;
}

/** What an operator may ask, answered from the file: by the process that runs it, or by any other that may read it. */
export class Queries {
  readonly #read: Statements;
  readonly #stored: StoredRows;
  readonly #redactions: Redactions;
  /** By hash, as they never change: reading one again costs more than the rest of a run's detail. */
  readonly #plans = new Map<string, Plan>();

  constructor(read: Statements, stored: StoredRows) {
    this.#read = read;
    this.#stored = stored;
    this.#redactions = new Redactions(read);
  }

  runs(filter: RunFilter = {}): readonly RunSummary[] {
    const standing = new Standing(this.#stored);
    return this.#runsBy(filter, Math.min(filter.limit ?? LIMIT_DEFAULT, LIMIT_MAX)).map((row) => {
      const named = this.#stored.named(row);
      return { ...summaryOf(named), ...standing.of(named, row.order_key) };
    });
  }

  /** The rows of those, the newest first. */
  rowsOf(filter: RunFilter, limit: number): readonly RunRow[] {
    return this.#runsBy(filter, limit).map((row) => this.#stored.shownRun(row));
  }

  #runsBy({ open, ...filter }: RunFilter, limit: number): readonly StoredRun[] {
    if (open !== true) return this.#rowsBy(filter, limit);
    // State by state, each in the order of its index: for several at once all of them would be sorted.
    const states = openStates.filter((state) => filter.state === undefined || state === filter.state);
    return states
      .flatMap((state) => this.#rowsBy({ ...filter, state }, limit))
      .toSorted((a, b) => b.seq - a.seq)
      .slice(0, limit);
  }

  #rowsBy(filter: RunFilter, limit: number): readonly StoredRun[] {
    const conditions: string[] = [];
    const values: (string | number)[] = [];
    const add = (condition: string, value: string | number | undefined): void => {
      if (value === undefined) return;
      conditions.push(condition);
      values.push(value);
    };
    // Of a pipeline with millions of runs the few in such a state are found by the state; SQLite, which counts nothing, would go by
    // the pipeline.
    const isByState = filter.key === undefined && filter.orderKey === undefined && this.#isRare(filter.state);
    add(isByState ? '+pipeline = ?' : 'pipeline = ?', filter.pipeline);
    add('state = ?', filter.state);
    for (const [kind, column, name] of [
      ['key', 'key', filter.key],
      ['order', 'order_key', filter.orderKey],
    ] as const) {
      if (name === undefined) continue;
      const forms = this.#stored.names.forms(kind, name);
      conditions.push(column + isOneOf(forms));
      values.push(...forms);
    }
    // Lets the partial index of unfinished runs be used.
    if (filter.state !== undefined && filter.state !== 'succeeded') conditions.push(`state <> 'succeeded'`);
    add('version = ?', filter.version);
    add('plan_hash = ?', filter.planHash);
    if (filter.version !== undefined || filter.planHash !== undefined) {
      // No run is older than the plan that it keeps to; a version that never was has none.
      const since = this.#firstStored(filter);
      if (since === undefined) return [];
      add('seq >= ?', this.#seqAt(since - CLOCK_SLACK_MS));
    }
    const where = conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : '';
    return this.#rows<StoredRun>(`SELECT * FROM runs ${where} ORDER BY seq DESC LIMIT ?`, ...values, limit);
  }

  /** When the first of the plans was stored that a filter names. */
  #firstStored({ pipeline, version, planHash }: RunFilter): number | undefined {
    const at = this.#rows<{ at: number | null }>(
      `SELECT min(stored_at) AS at FROM plans WHERE pipeline = coalesce(?, pipeline) AND version = coalesce(?, version) AND hash = coalesce(?, hash)`,
      pipeline ?? null,
      version ?? null,
      planHash ?? null,
    )[0]?.at;
    return at ?? undefined;
  }

  #isRare(state: RunState | undefined): boolean {
    if (state === undefined || state === 'succeeded') return false;
    const sql = `SELECT count(*) AS n FROM (SELECT 1 FROM runs WHERE state = ? AND state <> 'succeeded' LIMIT ${RARE_MAX})`;
    return Number(this.#rows<{ n: number }>(sql, state)[0]?.n) < RARE_MAX;
  }

  run(runId: string): RunDetail | undefined {
    const row = this.rowOf(runId);
    if (row === undefined) return undefined;
    const own = this.planOf(row);
    const plan = { ...own, redact: this.#redactions.of(own) };
    const journal = this.#stored.shownJournal(row.seq);
    const openings = this.openingsOf(row.seq);
    const canBeDone = parkedEffects(plan, row, openings, journal);
    const giveNothing = canBeDone.filter((place) => givesNothing(plan, place));
    const { payload: input, headers } = eventParts(this.#stored.shownPayload(row.event_seq));
    return {
      ...summaryOf(row),
      ...new Standing(this.#stored).of(row, row.stored_order_key),
      contracts: plan.contracts,
      input: redacted(input, inputPointers(plan, row)),
      ...(headers !== undefined && { headers: redactedHeaders(headers, plan, row) }),
      steps: withAwaited(stepRecords(plan, row, journal), openings),
      ...this.lettingGoOf(row),
      ...this.#family(row),
      ...(row.failure !== null && {
        failure: JSON.parse(row.failure) as Failure & { readonly step: string },
      }),
      ...(canBeDone.length > 0 && { canBeDone }),
      ...(giveNothing.length > 0 && { doneGivesNothing: giveNothing }),
      ...undoingOf(journal),
    };
  }

  /** Of a run whose data is gone: who let it go, and when; or that retention did, which leaves no entry. */
  lettingGoOf(row: RunRow): Pick<RunDetail, 'erased' | 'isPastRetention'> {
    const erased = row.salt === null ? this.#erasureOf(row) : undefined;
    if (erased !== undefined) return { erased };
    return this.#isPastRetention(row) ? { isPastRetention: true } : {};
  }

  #erasureOf({
    seq,
    run_id: runId,
    pipeline,
    correlation_id: correlationId,
  }: RunRow): RunDetail['erased'] | undefined {
    const [row] = this.#rows<{ seq: number; facts: string }>(
      `SELECT seq, facts FROM ledger WHERE run_seq = ? AND facts LIKE '%"kind":"erased"%' ORDER BY seq DESC LIMIT 1`,
      seq,
    );
    const entry =
      row &&
      entriesOf({ seq, runId, pipeline, correlationId }, row.seq, row.facts).findLast(
        ({ kind }) => kind === 'erased',
      );
    return entry && { atMs: entry.at, actor: String(entry.details['actor']) };
  }

  /** What a person said last of the run, in words; of a step, where one is named of which somebody said something. */
  lastWord(run: RunRow, stepId?: string): string | undefined {
    const at = stepId?.replace(/^compensate:/, '');
    const records = at === undefined ? [] : stepRecords(this.planOf(run), run, this.journalOf(run.seq));
    const words = records.flatMap(({ id, said = [], byHand }) =>
      id !== at && id !== `compensate:${at}`
        ? []
        : [...said, ...(byHand ? [{ ...byHand, word: 'done' }] : [])],
    );
    const last =
      words.toSorted((a, b) => a.atMs - b.atMs).at(-1) ?? this.#wordOnRun(run, stepId === undefined);
    return (
      last &&
      `${last.actor} ${WORDS[last.word] ?? `said ${last.word}`} at ${clock(last.atMs)}: ${last.reason}`
    );
  }

  /** Unless it is `ofAnyStep`, of the run as a whole alone: what was said of another step is no answer to who names this one. */
  #wordOnRun({ seq, run_id: runId, pipeline, correlation_id: correlationId }: RunRow, ofAnyStep: boolean) {
    return this.#rows<{ seq: number; facts: string }>(
      `SELECT seq, facts FROM ledger WHERE run_seq = ? AND (facts LIKE '%"kind":"operator"%' OR facts LIKE '%"kind":"approval"%')
       ORDER BY seq DESC LIMIT 5`,
      seq,
    )
      .flatMap((row) => entriesOf({ seq, runId, pipeline, correlationId }, row.seq, row.facts).toReversed())
      .flatMap(({ kind, at, details }) => {
        if (kind !== 'operator' && kind !== 'approval') return [];
        const { action, verdict, decision, actor, reason } = details;
        const word = verdict ?? decision ?? action;
        const isOfRun = word === 'resume' || word === 'cancel' || word === 'close';
        return typeof word !== 'string' || actor === undefined || !(ofAnyStep || isOfRun)
          ? []
          : [{ word, actor: String(actor), reason: String(reason), atMs: at }];
      })
      .at(0);
  }

  /**
   * Its journal is gone, and with it the payload, unless another run of the event still needs that, or the salt, unless somebody still
   * owes work on it. Looked up as it lies in the file: what cannot be read for want of a key is there all the same.
   */
  #isPastRetention({ seq, state }: RunRow): boolean {
    if (!finalStates.has(state)) return false;
    const found = this.#rows(
      `SELECT 1 FROM runs r JOIN events e ON e.seq = r.event_seq WHERE r.seq = ? AND (e.payload = 'null' OR r.salt IS NULL)
       AND NOT EXISTS (SELECT 1 FROM journal WHERE run_seq = r.seq)`,
      seq,
    );
    return found.length > 0;
  }

  #family({ seq }: RunRow): Pick<RunDetail, 'parent' | 'children'> {
    const [parent] = this.#rows<RunRow & { parent_step: string }>(
      'SELECT p.*, c.parent_step FROM children c JOIN runs p ON p.seq = c.parent_seq WHERE c.run_seq = ?',
      seq,
    );
    const children = this.childrenOf(seq).map(({ run_id: runId, pipeline, state, parent_step: step }) => ({
      runId,
      pipeline,
      step,
      state,
    }));
    return {
      ...(parent && {
        parent: {
          runId: parent.run_id,
          pipeline: parent.pipeline,
          step: this.#stored.place(parent.seq, parent.parent_step),
        },
      }),
      ...(children.length > 0 && { children }),
    };
  }

  childrenOf(runSeq: number): readonly (RunRow & { readonly parent_step: string })[] {
    return this.#rows<StoredRun & { readonly parent_step: string }>(
      'SELECT r.*, c.parent_step FROM children c JOIN runs r ON r.seq = c.run_seq WHERE c.parent_seq = ? ORDER BY r.seq',
      runSeq,
    ).map((row) => ({
      ...this.#stored.shownRun(row),
      parent_step: this.#stored.place(runSeq, row.parent_step),
    }));
  }

  trace(query: {
    readonly runId?: string;
    readonly key?: string;
    readonly correlationId?: string;
    readonly system?: true;
  }): readonly LedgerEntry[] {
    if (query.system) return this.#systemEntries();
    const { condition, values } = this.#traced(query);
    return this.#rows<
      { first: number; facts: string } & Pick<RunRow, 'seq' | 'run_id' | 'pipeline' | 'correlation_id'>
    >(
      `SELECT l.seq AS first, l.facts, r.seq, r.run_id, r.pipeline, r.correlation_id
       FROM runs r JOIN ledger l ON l.run_seq = r.seq WHERE ${condition} ORDER BY l.seq LIMIT ?`,
      ...values,
      LIMIT_MAX,
    ).flatMap((row) =>
      entriesOf(
        { seq: row.seq, runId: row.run_id, pipeline: row.pipeline, correlationId: row.correlation_id },
        row.first,
        row.facts,
      ),
    );
  }

  #traced(query: {
    readonly runId?: string;
    readonly key?: string;
    readonly correlationId?: string;
  }): Condition {
    if (query.runId !== undefined) return { condition: 'r.run_id = ?', values: [query.runId] };
    if (query.correlationId !== undefined) return ofCorrelation(query.correlationId);
    const values = this.#stored.names.forms('key', query.key ?? '');
    return { condition: `r.key${isOneOf(values)}`, values };
  }

  /** The newest of those that belong to no run, in order. */
  #systemEntries(): readonly LedgerEntry[] {
    const subject = { seq: 0, runId: '', pipeline: '', correlationId: '' };
    return this.#rows<{ seq: number; facts: string }>(
      'SELECT seq, facts FROM ledger WHERE run_seq = 0 ORDER BY seq DESC LIMIT ?',
      LIMIT_MAX,
    )
      .toReversed()
      .flatMap(({ seq, facts }) => entriesOf(subject, seq, facts));
  }

  switches(): readonly Switch[] {
    return storedSwitches(this.#stored);
  }

  /** `sees`: may whoever asks see what the approvers of a team are shown? What is classed of it, nobody else does. */
  approvals(sees: (team: string) => boolean = () => true): readonly PendingApproval[] {
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
      key: run.key,
    }));
  }

  #hiddenFromOthers(planHash: string, place: string): readonly string[] {
    const plan = this.plan(planHash);
    return plan === undefined ? [''] : (this.#redactions.of(plan)[`shown.${stepIdOf(place)}`] ?? []);
  }

  inDoubt(): readonly InDoubtEntry[] {
    return this.#opened('doubt').map(({ opening, run, detail, unread }) => ({
      runId: run.run_id,
      pipeline: run.pipeline,
      key: run.key,
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
      stepId: opening.step,
      task: unread === undefined ? String(detail['task']) : 'find out what is owed: it cannot be read',
      because: unread === undefined ? String(detail['because']) : unread.message,
      owner: opening.owner,
      sinceMs: opening.since,
      dueAtMs: unread === undefined ? Number(detail['dueAtMs']) : opening.since,
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

  /** What became of a replay, or `undefined` for a token that no dry run has given. */
  replay(token: string): ReplayStatus | undefined {
    const asked = this.#replayValue('replays', token);
    if (asked === undefined || isOfCancellation(asked)) return undefined;
    const applied = this.#replayValue('replay_starts', token);
    const runs = this.#rows<ReplayedRow>(
      `SELECT r.run_id, r.pipeline, r.state, p.state AS became FROM replay_runs p JOIN runs r ON r.seq = p.run_seq
       WHERE p.token = ? ORDER BY p.run_seq`,
      token,
    );
    return {
      token,
      // Written by `Replays.plan` and `Replays.apply`, as these are.
      ...(asked as unknown as Pick<ReplayStatus, 'filter' | 'actor' | 'reason' | 'atMs'>),
      // As above: `Replays.apply` wrote it.
      ...(applied !== undefined && { applied: applied as unknown as NonNullable<ReplayStatus['applied']> }),
      ...standingOf(runs),
    };
  }

  /** What a dry run of a cancellation has named, in its order, or `undefined` for a token that none has given. */
  cancellation(token: string):
    | {
        readonly atMs: number;
        readonly runs: readonly { readonly runId: string; readonly isCancelled: boolean }[];
      }
    | undefined {
    const asked = this.#replayValue('replays', token);
    if (asked === undefined || !isOfCancellation(asked)) return undefined;
    const runs = this.#rows<{ run_id: string; became: string }>(
      `SELECT r.run_id, p.state AS became FROM replay_runs p JOIN runs r ON r.seq = p.run_seq
       WHERE p.token = ? ORDER BY p.run_seq DESC`,
      token,
    );
    return {
      atMs: Number(asked['atMs']),
      runs: runs.map(({ run_id: runId, became }) => ({ runId, isCancelled: became === 'cancelled' })),
    };
  }

  /** How a replay that was applied lets its runs out. */
  replayStart(token: string): NonNullable<ReplayStatus['applied']> {
    // As above.
    return this.#replayValue('replay_starts', token) as unknown as NonNullable<ReplayStatus['applied']>;
  }

  #replayValue(table: 'replays' | 'replay_starts', token: string): Json | undefined {
    const row = this.#rows<{ value: unknown }>(`SELECT value FROM ${table} WHERE token = ?`, token)[0];
    return row && this.#stored.codec.json(row.value, `${table}/${token}`);
  }

  /** Runs that a filter names, the oldest first. */
  runsFor(filter: ReplayFilter, limit: number): readonly RunRow[] {
    const conditions = Object.entries(REPLAY_CONDITIONS).flatMap(
      ([name, condition]): readonly Condition[] => {
        const value = filter[name as keyof typeof REPLAY_CONDITIONS];
        return value === undefined ? [] : [{ condition, values: [value] }];
      },
    );
    for (const [kind, column, name] of [
      ['key', 'r.key', filter.key],
      ['order', 'r.order_key', filter.orderKey],
      ['delivery', 'e.delivery_id', filter.deliveryId],
    ] as const)
      if (name !== undefined) {
        const values = this.#stored.names.forms(kind, name);
        conditions.push({ condition: column + isOneOf(values), values });
      }
    if (filter.correlationId !== undefined) conditions.push(ofCorrelation(filter.correlationId));
    // Runs are numbered as they are accepted: a window of time is one of numbers, found without reading what is between.
    if (filter.fromMs !== undefined)
      conditions.push({ condition: 'r.seq >= ?', values: [this.#seqAt(filter.fromMs - CLOCK_SLACK_MS)] });
    return this.#rows<StoredRun>(
      `SELECT r.* FROM runs r JOIN events e ON e.seq = r.event_seq
       WHERE ${conditions.map(({ condition }) => condition).join(' AND ') || '1'} ORDER BY r.seq LIMIT ?`,
      ...conditions.flatMap(({ values }) => values),
      limit,
    ).map((row) => this.#stored.shownRun(row));
  }

  /** A number that no run accepted at or after `ms` is below. */
  #seqAt(ms: number): number {
    let low = 0;
    let high = Number(this.#rows<{ n: number | null }>('SELECT max(seq) AS n FROM runs')[0]?.n ?? 0);
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const row = this.#rows<{ accepted_at: number }>(
        'SELECT accepted_at FROM runs WHERE seq > ? ORDER BY seq LIMIT 1',
        middle,
      )[0];
      if (row !== undefined && row.accepted_at < ms) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  plan(hash: string): Plan | undefined {
    const known = this.#plans.get(hash);
    if (known !== undefined) return known;
    const row = this.#rows<{ plan: string }>('SELECT plan FROM plans WHERE hash = ?', hash)[0];
    if (row === undefined) return undefined;
    if (this.#plans.size >= PLANS_MAX) this.#plans.clear();
    const plan: Plan = JSON.parse(row.plan);
    this.#plans.set(hash, plan);
    return plan;
  }

  /** The plan that a run was pinned to when it was accepted, in the same commit. */
  planOf(row: RunRow): Plan {
    const plan = this.plan(row.plan_hash);
    if (plan === undefined) throw new Error(`the plan ${row.plan_hash} is not stored`);
    return plan;
  }

  rowOf(runId: string): RunRow | undefined {
    const stored = this.#rows<StoredRun>('SELECT * FROM runs WHERE run_id = ?', runId)[0];
    return stored && this.#stored.shownRun(stored);
  }

  /** Why a run cannot be executed again. */
  unreadOf(run: RunRow): UnreadableValue | undefined {
    return this.#stored.unreadOf(run);
  }

  openingsOf(runSeq: number): readonly OpeningRow[] {
    return this.#stored.shownOpenings(runSeq);
  }

  journalOf(runSeq: number): readonly JournalRow[] {
    return this.#stored.shownJournal(runSeq);
  }

  #opened(kind: OpeningRow['kind']): Opened[] {
    return first(LIMIT_MAX, this.#openings(kind));
  }

  /** What is open of a kind, oldest first, in slices by the index: however much there is, little of it is held. */
  *#openings(kind: OpeningRow['kind']): Generator<Opened, void> {
    for (let last: Pick<OpeningRow, 'since' | 'run_seq' | 'key'> = { since: -1, run_seq: -1, key: '' }; ; ) {
      const rows = this.#rows<OpeningRow>(
        'SELECT * FROM openings WHERE kind = ? AND (since, run_seq, key) > (?, ?, ?) ORDER BY since, run_seq, key LIMIT ?',
        kind,
        last.since,
        last.run_seq,
        last.key,
        OPENINGS_SLICE,
      );
      for (const opening of rows) {
        last = opening;
        const run = this.#rows<Opened['run']>(
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

  #rows<Row>(sql: string, ...values: (string | number | null)[]): Row[] {
    // The shape is the statement's, stated by the caller beside it.
    return this.#read.of(sql).all(...values) as Row[];
  }
}

/** Both kinds of dry runs have their tokens in one table. */
function isOfCancellation(asked: Json): asked is JsonObject {
  return isObject(asked) && 'cancels' in asked;
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

/** Looked through in some 25 ms, each on a page of its own, where none of them is of the pipeline that is asked for. */
const RARE_MAX = 5_000;
/** The clock of a machine may be set back: runs are looked for that much earlier than asked. */
const CLOCK_SLACK_MS = 3_600_000;

interface Condition {
  readonly condition: string;
  readonly values: readonly (string | number)[];
}

/** The first run of a chain has its own id for it, unless a trace came with the event; the index holds the others alone. */
function ofCorrelation(id: string): Condition {
  return {
    condition: `r.seq IN (SELECT seq FROM runs WHERE run_id = ? AND correlation_id = run_id
      UNION ALL SELECT seq FROM runs WHERE correlation_id = ? AND correlation_id <> run_id)`,
    values: [id, id],
  };
}

const REPLAY_CONDITIONS = {
  runId: 'r.run_id = ?',
  pipeline: 'r.pipeline = ?',
  state: 'r.state = ?',
  event: 'e.event = ?',
  fromMs: 'r.accepted_at >= ?',
  toMs: 'r.accepted_at <= ?',
} as const satisfies Partial<Record<keyof ReplayFilter, string>>;

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

function redactedHeaders(headers: JsonObject, plan: Plan, row: RunRow): Json {
  const pointers = plan.redact['headers'] ?? [];
  return redacted(headers, row.intake_failure !== null && pointers.length > 0 ? [''] : pointers);
}

/** An event that is not what its contract describes may hold classed data anywhere. */
function inputPointers(plan: Plan, row: RunRow): readonly string[] {
  const pointers = plan.redact['event'] ?? [];
  return row.intake_failure !== null && pointers.length > 0 ? [''] : pointers;
}

function summaryOf(row: StoredRun | RunRow): RunSummary {
  return {
    runId: row.run_id,
    pipeline: row.pipeline,
    version: row.version,
    planHash: row.plan_hash,
    key: row.key,
    ...(row.order_key !== null && { orderKey: row.order_key }),
    state: row.state,
    ...(row.step !== null && { step: row.step }),
    acceptedAtMs: row.accepted_at,
    updatedAtMs: row.updated_at,
    owner: row.owner,
    correlationId: row.correlation_id,
    ...(row.held !== null && { heldBy: (JSON.parse(row.held) as string[]).map(idOfTag) }),
  };
}

/** Written where its undoing began: see `compensate` and `takeBack`. */
/** Does the operation of the step answer nothing, as one with 204 alone? */
function givesNothing(plan: Plan, place: string): boolean {
  const step = allSteps(plan.steps).find(({ id }) => id === stepIdOf(place));
  const result = step?.kind === 'call' ? plan.operations[step.operation]?.result : undefined;
  return typeof result === 'object' && result.type === 'null';
}

/** What somebody did, by their word. */
const WORDS: Readonly<Record<string, string>> = {
  approve: 'approved it',
  reject: 'rejected it',
  confirm: 'said that it happened (confirm)',
  redo: 'said that it did not happen, and had it sent again (redo)',
  compensate: 'gave it up (compensate)',
  done: 'said that it was done by hand',
  undone: 'said that it was undone by hand',
  resume: 'resumed it',
  cancel: 'cancelled it',
  close: 'closed it as it stood',
  closeFix: 'said that the work owed is done',
};

function clock(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19)}Z`;
}

function undoingOf(journal: readonly JournalRow[]): Pick<RunDetail, 'undoing'> {
  const row = journal.find(({ key }) => key === '/compensating');
  const undoing: RunDetail['undoing'] | null = JSON.parse(row?.value ?? 'null');
  return undoing == null ? {} : { undoing };
}
