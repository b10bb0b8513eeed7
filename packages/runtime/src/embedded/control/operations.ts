import type { Failure, Json, JsonObject } from '@tenon/model';
import { compileValidator } from '@tenon/schema';
import type { Cancellation, Fact } from '../../engine.ts';
import type { DoneWord } from '../../interpreter/by-hand.ts';
import { saltedDigest } from '../../interpreter/salted-digest.ts';
import type { Verdict } from '../../interpreter/settle.ts';
import { type Decision, decisionJson, givenKey, judgeDecision } from '../../interpreter/several-approvals.ts';
import { allSteps, stepIdOf } from '../../loaded-plan.ts';
import type { RuntimeCode } from '../../rules.ts';
import type { ActionResult, Runtime } from '../../runtime.ts';
import { finalStates } from '../../states.ts';
import { CommitRefused } from '../commit/commit-queue.ts';
import type { EmbeddedEngine } from '../engine.ts';
import type { OpeningRow, RunRow } from '../file/run-row.ts';
import type { Write } from '../file/statements.ts';
import type { UnreadableValue } from '../file/value-codec.ts';
import { lastWord } from '../reads/last-word.ts';
import { parkedEffect } from '../reads/parked-effects.ts';
import type { Queries } from '../reads/queries.ts';
import { BROKEN } from '../work/activations.ts';
import { closed, type Ending, endAsItStands, notUndone } from './end-as-it-stands.ts';

type Operations = Pick<
  Runtime,
  'decide' | 'settle' | 'closeFix' | 'resume' | 'markDone' | 'markUndone' | 'cancel' | 'closeRun'
>;

/** What people do to runs. Each is one write: the value that the run waits for, the entry that says who and why. */
export function operations(engine: EmbeddedEngine, queries: Queries): Operations {
  return {
    decide: (runId, stepId, decision, actor, reason, teams) =>
      act(engine, queries, runId, (run) =>
        decide(engine, queries, run, stepId, { decision, actor, reason }, teams),
      ),

    settle: (runId, stepId, verdict, actor, reason, result) =>
      act(engine, queries, runId, async (run) => {
        const opening = openingOf(queries, run, 'doubt', stepId);
        if (opening === undefined)
          return tooLate(queries, run, stepId, 'DOUBT_NOT_OPEN', noDoubt(queries, run, stepId));
        if (verdict === 'redo' && result !== undefined)
          return refused('DOUBT_VERDICT_CONTRADICTED', twoWords(stepId));
        // A result beside `compensate` says that it happened, and is what its undoing reads.
        const isRead = verdict === 'confirm' || result !== undefined;
        const misfit = isRead ? resultMisfit(queries, run, stepId, result ?? null) : undefined;
        if (misfit !== undefined) return refused('DOUBT_RESULT_INVALID', misfit);
        const value: Verdict = { verdict, actor, reason, ...(result !== undefined && { result }) };
        const told = await signal(engine, run, opening, { ...value }, [
          {
            kind: 'operator',
            step: stepId,
            details: { action: 'settle', verdict, actor, reason, hasResult: result !== undefined },
          },
        ]);
        return withBefore(queries, run, stepId, told);
      }),

    closeFix: (runId, stepId, actor, reason) =>
      act(engine, queries, runId, async (run) => {
        const opening = openingOf(queries, run, 'forwardFix', stepId);
        if (opening === undefined) return refused('FIX_NOT_OPEN', `nothing is owed for ${stepId}`);
        return write(
          engine,
          run,
          [['closeOpening', run.seq, opening.key]],
          [{ kind: 'operator', step: stepId, details: { action: 'closeFix', actor, reason } }],
        );
      }),

    resume: (runId, actor, reason) =>
      act(engine, queries, runId, (run) => resume(engine, queries, run, actor, reason)),

    markDone: (runId, stepId, actor, reason, result) =>
      act(engine, queries, runId, async (run) => {
        if (run.state === 'inDoubt') return refused('RUN_IN_DOUBT', atDoubt(run));
        const found = parkedEffect(queries, run, stepId);
        if ('why' in found) return tooLate(queries, run, stepId, 'RUN_NOT_AT_EFFECT', found.why);
        const misfit = resultMisfit(queries, run, stepId, result ?? null);
        if (misfit !== undefined) return refused('DONE_RESULT_INVALID', misfit);
        const more = { step: stepId, ...(result !== undefined && { result }) };
        const word: DoneWord = { verdict: 'done', actor, reason, ...more };
        const { writes, facts } = resumeWrites(run, found.letter, word, engine.now());
        // A cancellation that is on its way to the disk, or was just told to the run, has been heeded without what was done.
        const guarded: Write[] = [['unlessCancelled', run.seq], ...writes];
        const told = await write(engine, run, guarded, facts, 'RUN_RESUMED_ALREADY');
        return !told.ok && told.code === 'RUN_RESUMED_ALREADY' && isCancelled(engine, run)
          ? refused('RUN_CANCELLED_ALREADY', doneTooLate)
          : withBefore(queries, run, stepId, told);
      }),

    markUndone: (runId, stepId, actor, reason) =>
      act(engine, queries, runId, async (run) => {
        const opening = openingOf(queries, run, 'deadLetter', stepId);
        if (run.state !== 'failed' || opening === undefined || !isOfUndoing(opening)) {
          const why = `the run is not parked at ${stepId}: it is ${run.state}`;
          return tooLate(queries, run, stepId, 'RUN_NOT_AT_UNDOING', why);
        }
        if (opening.key.startsWith(BROKEN)) return refused('RUN_NOT_AT_UNDOING', stoppedAt(stepId));
        const word = { verdict: 'undone', actor, reason } as const;
        const { writes, facts } = resumeWrites(run, opening, word, engine.now());
        return withBefore(
          queries,
          run,
          stepId,
          await write(engine, run, writes, facts, 'RUN_RESUMED_ALREADY'),
        );
      }),

    cancel: (runId, actor, reason) =>
      act(engine, queries, runId, (run) => cancelRun(engine, queries, run, { actor, reason })),

    closeRun: (runId, actor, reason) =>
      act(engine, queries, runId, (run) => closeRun(engine, queries, run, { actor, reason })),
  };
}

async function decide(
  engine: EmbeddedEngine,
  queries: Queries,
  run: RunRow,
  stepId: string,
  word: Decision,
  teams: readonly string[] | undefined,
): Promise<ActionResult> {
  const opening = openingOf(queries, run, 'approval', stepId);
  if (opening === undefined)
    return tooLate(queries, run, stepId, 'APPROVAL_NOT_PENDING', noApproval(queries, run, stepId));
  if (opening.expires_at !== null && opening.expires_at <= engine.now())
    return refused('APPROVAL_EXPIRED', 'the time to decide is over');
  const by = opening.owner;
  const { decision, actor, reason } = word;
  if (teams !== undefined && !teams.includes(by))
    return refused(
      'APPROVAL_TEAM_REFUSED',
      `${stepId} is asked of ${by}, and ${actor} decides for ${teams.join(', ') || 'no team'}`,
    );
  const unread = isApart(queries, run, stepId) ? queries.unreadOf(run) : undefined;
  if (unread !== undefined) return refused(unread.code, unread.message);

  const asked = queries.askedOf(opening);
  const judged = judgeDecision(asked, stepId, word);
  const tally = decision === 'approve' &&
    asked.count > 1 && { given: asked.given.length + 1, of: asked.count };
  const facts: Fact[] = [
    { kind: 'approval', step: stepId, details: { decision, actor, reason, by, ...tally } },
  ];
  switch (judged.as) {
    case 'refused':
      return refused(judged.code, judged.message);
    case 'decided':
      return withBefore(
        queries,
        run,
        stepId,
        await signal(engine, run, opening, decisionJson(judged.value), facts),
      );
    case 'counted': {
      const row = givenKey(opening.key, judged.nth);
      const told = await write(
        engine,
        run,
        [
          // Whatever ended it while this was on its way: a rejection, the end of its time, a cancellation.
          ['unlessRecorded', run.seq, opening.key],
          ['unlessCancelled', run.seq],
          ['putJournal', run.seq, row, engine.now(), JSON.stringify({ value: word })],
        ],
        facts,
        'DECISION_MADE_ALREADY',
      );
      // Asked anew: somebody has approved at the same moment, or it is another's to decide by now.
      return !told.ok && told.code === 'DECISION_MADE_ALREADY' && hasMoved(queries, run, opening, judged.nth)
        ? decide(engine, queries, run, stepId, word, teams)
        : withBefore(queries, run, stepId, told);
    }
  }
}

/** Are several to approve it, or not everybody? By its plan, which can be read where what is open cannot. */
function isApart(queries: Queries, run: RunRow, stepId: string): boolean {
  const planned = allSteps(queries.planOf(run).steps).find(({ id }) => id === stepIdOf(stepId));
  return planned?.kind === 'approve' && (planned.count !== undefined || planned.except !== undefined);
}

function hasMoved(queries: Queries, run: RunRow, { step, key }: OpeningRow, nth: number): boolean {
  const now = openingOf(queries, run, 'approval', step);
  return now === undefined || now.key !== key || queries.askedOf(now).given.length >= nth;
}

/** The word that it waits for is given with it: who resumes it at this moment is told that somebody was faster, or told this one so. */
async function closeRun(
  engine: EmbeddedEngine,
  queries: Queries,
  run: RunRow,
  by: Cancellation,
): Promise<ActionResult> {
  const opening = openingOf(queries, run, 'deadLetter');
  if (run.state !== 'failed' || opening === undefined)
    return tooLate(queries, run, undefined, 'RUN_NOT_PARKED', notParked(run));
  if (isCancelled(engine, run)) return refused('RUN_CANCELLED_ALREADY', CANCELLED);
  if (isOfUndoing(opening) || isToBeUndone(engine, run))
    return refused('RUN_COMPENSATING', 'the run is being undone: what is left would be undone by nobody');
  // What is damaged is empty here.
  const { failure }: { readonly failure?: Failure } = JSON.parse(opening.detail);
  const at = failure === undefined ? opening.step : `${opening.step}: ${failure.message}`;
  const told = await endedAsItStands(engine, run, closed(at), by, [
    // Whoever cancels it at this moment is told that it is undone.
    ['unlessCancelled', run.seq],
    ['putJournal', run.seq, opening.key, engine.now(), JSON.stringify({ value: { ...by } })],
  ]);
  return !told.ok && told.code === 'RUN_RESUMED_ALREADY' && isCancelled(engine, run)
    ? refused('RUN_CANCELLED_ALREADY', CANCELLED)
    : withBefore(queries, run, undefined, told);
}

function notParked({ state, step }: RunRow): string {
  return state === 'inDoubt'
    ? `the run is in doubt at ${step}: say what became of that (\`tenon in-doubt settle\`)`
    : `the run is ${state}, not parked`;
}

/** A person's word that a run is to end. */
export interface CancelWord extends Cancellation {
  /** Of the dry run that named it with others: with it goes into the ledger, and is struck off in the same write. */
  readonly token?: string;
}

export async function cancelRun(
  engine: EmbeddedEngine,
  queries: Queries,
  run: RunRow,
  by: CancelWord,
): Promise<ActionResult> {
  const way = wayToCancel(engine, queries, run);
  if ('refusal' in way) return way.refusal;
  const also = struckOff(run, by);
  if ('unread' in way) {
    const why = `nobody can read what it did: ${way.unread.message}`;
    return endedAsItStands(engine, run, notUndone(queries, run, why, engine.now()), by, also);
  }
  if ('broken' in way) return cancelBroken(engine, queries, run, way.broken, by, also);
  const { actor, reason } = by;
  const writes = [...cancelWrites(run, actor, reason, engine.now()), ...also];
  const facts: Fact[] = [{ kind: 'operator', details: { action: 'cancel', ...by } }];
  return engine.cancel(run.seq, { actor, reason }, () =>
    write(engine, run, writes, facts, 'RUN_CANCELLED_ALREADY'),
  );
}

/** Why a run cannot be cancelled as it stands now. */
export function cancelRefusal(engine: EmbeddedEngine, queries: Queries, run: RunRow): Refusal | undefined {
  const way = wayToCancel(engine, queries, run);
  return 'refusal' in way ? way.refusal : undefined;
}

type WayToCancel =
  | { readonly refusal: Refusal }
  /** It cannot be executed again. */
  | { readonly unread: UnreadableValue }
  /** What it is parked at, in being undone. */
  | { readonly broken: OpeningRow }
  | { readonly isTold: true };

function wayToCancel(engine: EmbeddedEngine, queries: Queries, run: RunRow): WayToCancel {
  if (run.state === 'inDoubt')
    return { refusal: refused('RUN_IN_DOUBT', 'settle the effect in doubt first') };
  if (finalStates.has(run.state)) return { refusal: refused('RUN_ENDED', `the run has ended: ${run.state}`) };
  // What is at work was read when it began.
  const unread = engine.activeRun(run.seq) === undefined ? queries.unreadOf(run) : undefined;
  if (unread !== undefined && run.state !== 'compensating')
    // Read again once its key is back, it can be undone.
    return unread.code === 'STORED_VALUE_LOCKED'
      ? { refusal: refused('STORED_VALUE_LOCKED', unread.message) }
      : { unread };
  const openings = queries.openingsOf(run.seq);
  const broken = run.state === 'failed' ? openings.find(({ key }) => key.startsWith(BROKEN)) : undefined;
  if (broken !== undefined && isToBeUndone(engine, run)) return { broken };
  const undoing = openings.filter(isOfUndoing);
  const isParked = run.state === 'failed' && undoing.some((one) => phaseOf(one) === 'compensating');
  if (isParked && isCancelled(engine, run)) return { refusal: refused('RUN_CANCELLED_ALREADY', CANCELLED) };
  if (run.state === 'compensating' || isParked || (run.state === 'waiting' && undoing.length > 0))
    return { refusal: refused('RUN_COMPENSATING', 'the run is being undone already') };
  return { isTold: true };
}

/** Of those that a dry run named it is one that is done. */
function struckOff({ seq }: RunRow, { token }: CancelWord): readonly Write[] {
  return token === undefined ? [] : [['setReplayRun', token, seq, 'cancelled']];
}

/** It was to be undone, and what stopped it has stopped it in that: to say so once more cannot undo it, and it is not to be parked for ever. */
function cancelBroken(
  engine: EmbeddedEngine,
  queries: Queries,
  run: RunRow,
  { key, detail }: OpeningRow,
  by: CancelWord,
  also: readonly Write[],
): Promise<ActionResult> {
  // As `parkBroken` has stored it.
  const { failure } = JSON.parse(detail) as { readonly failure: Failure };
  // The word that it waits for: who resumes it at this moment is told that somebody was faster, or told this one so.
  const word: Write = ['putJournal', run.seq, key, engine.now(), JSON.stringify({ value: { ...by } })];
  const ending = notUndone(queries, run, `it stops in that: ${failure.message}`, engine.now());
  return endedAsItStands(engine, run, ending, by, [word, ...also]);
}

async function endedAsItStands(
  engine: EmbeddedEngine,
  run: RunRow,
  ending: Ending,
  by: CancelWord,
  first: readonly Write[] = [],
): Promise<ActionResult> {
  const { writes, facts, told } = endAsItStands(engine, run, ending, by);
  const done = await write(engine, run, [...first, ...writes], facts, 'RUN_RESUMED_ALREADY');
  if (!done.ok) return done;
  if (run.state === 'accepted') engine.counts.addBacklog(run.pipeline, -1);
  told();
  return done;
}

/** What whoever comes too late is told besides: what a person said before, by whom, when and why. */
function tooLate(
  queries: Queries,
  run: RunRow,
  stepId: string | undefined,
  code: RuntimeCode,
  why: string,
): ActionResult {
  const before = lastWord(queries, run, stepId);
  return before === undefined
    ? refused(code, why)
    : { ok: false, code, message: `${why}; ${before}`, before };
}

/** The same of a word that another was faster with. */
function withBefore(
  queries: Queries,
  run: RunRow,
  stepId: string | undefined,
  told: ActionResult,
): ActionResult {
  if (told.ok || !OVERTAKEN.has(told.code)) return told;
  const before = lastWord(queries, run, stepId);
  return before === undefined ? told : { ...told, message: `${told.message}; ${before}`, before };
}

const OVERTAKEN: ReadonlySet<string> = new Set([
  'RUN_RESUMED_ALREADY',
  'DECISION_MADE_ALREADY',
] satisfies RuntimeCode[]);

function noApproval(queries: Queries, run: RunRow, stepId: string): string {
  const open = stepsOpen(queries, run, 'approval');
  return `${stepId} waits for no approval${open === '' ? `: the run is ${run.state}` : `, but ${open}`}`;
}

/** What is in doubt there, and how that is settled. */
function noDoubt(queries: Queries, run: RunRow, stepId: string): string {
  const open = stepsOpen(queries, run, 'doubt');
  return open === ''
    ? `${stepId} is not in doubt, and nothing of the run is: it is ${run.state}`
    : `${stepId} is not in doubt, but ${open}: \`tenon in-doubt settle ${run.run_id} '<step>' --verdict … --reason …\``;
}

/** Steps named at most of those that wait for a person. */
const OPEN_NAMED_MAX = 5;

function stepsOpen(queries: Queries, run: RunRow, kind: OpeningRow['kind']): string {
  const steps = queries.openingsOf(run.seq).flatMap((one) => (one.kind === kind ? one.step : []));
  const more = steps.length - OPEN_NAMED_MAX;
  return `${steps.slice(0, OPEN_NAMED_MAX).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function stoppedAt(stepId: string): string {
  return `what stopped the run at ${stepId} is no answer of the target: mend that and resume the run, which is parked there where it cannot be undone`;
}

function twoWords(stepId: string): string {
  return `\`redo\` says that ${stepId} did not happen, and a result that it did: \`confirm\` takes the result and sends nothing, \`redo\` without one sends it again`;
}

/** The step is named apart from the command: an item's key comes from outside, and may end the quotes of whoever copies it. */
function atDoubt({ run_id: runId, step }: RunRow): string {
  return `the run is in doubt at ${step}: say what became of that first (\`tenon in-doubt settle ${runId} '<step>' --verdict … --reason …\`); \`confirm\` says that it happened`;
}

const CANCELLED = 'the run was cancelled before';
const doneTooLate = `${CANCELLED}, and what was done by hand is not undone with it: take that back in the other system`;

const refusalWords: Readonly<Partial<Record<RuntimeCode, string>>> = {
  RUN_CANCELLED_ALREADY: CANCELLED,
  RUN_RESUMED_ALREADY:
    'someone else was faster: `tenon runs show` says by what word it goes on; resumed, it sends again what it was parked at',
};

function isCancelled(engine: EmbeddedEngine, { seq }: RunRow): boolean {
  return engine.read.of("SELECT 1 FROM journal WHERE run_seq = ? AND key = '#cancel'").get(seq) !== undefined;
}

/** Is being undone what stops it? Somebody has cancelled it, it has failed and is undone, or the run above it is. */
function isToBeUndone(engine: EmbeddedEngine, { seq }: RunRow): boolean {
  const sql =
    "SELECT 1 FROM journal WHERE run_seq = ? AND key IN ('#cancel', '#takenBack', '/compensating') LIMIT 1";
  return engine.read.of(sql).get(seq) !== undefined;
}

/** What ends a run by a person's word: stored once, as the word can be given once. */
export function cancelWrites({ seq, step }: RunRow, actor: string, reason: string, now: number): Write[] {
  return [
    ['putJournal', seq, '#cancel', now, JSON.stringify({ actor, reason })],
    ['closeWaits', seq],
    ['closeSteps', seq, step ?? ''],
    ['wake', seq, now],
  ];
}

/** Why later steps could not go on with `result` as that of the effect, or `undefined`. Nobody reads what a compensation gave. */
function resultMisfit(queries: Queries, run: RunRow, stepId: string, result: Json): string | undefined {
  if (stepId.startsWith('compensate:')) return undefined;
  const plan = queries.planOf(run);
  const step = allSteps(plan.steps).find(({ id }) => id === stepIdOf(stepId));
  const operation = step?.kind === 'call' ? plan.operations[step.operation] : undefined;
  if (operation === undefined) return undefined;
  const [first] = compileValidator(operation.result)(result);
  if (first === undefined) return undefined;
  return `${first.pointer || 'the result'} of ${stepId} ${first.message}; give what ${operation.name} answered with --result`;
}

/** What is stored together with an operation, or not at all. */
export interface Also {
  readonly writes: readonly Write[];
  readonly facts: readonly Fact[];
}

export async function resume(
  engine: EmbeddedEngine,
  queries: Queries,
  run: RunRow,
  actor: string,
  reason: string,
  also: Also = { writes: [], facts: [] },
): Promise<ActionResult> {
  if (run.state === 'compensated')
    return refused('RUN_COMPENSATED', 'its effects are undone: only a new event can do them again');
  const opening = openingOf(queries, run, 'deadLetter');
  if (run.state !== 'failed' || opening === undefined)
    return tooLate(queries, run, undefined, 'RUN_NOT_RESUMABLE', notFailed(run));
  const word = { verdict: 'resume', actor, reason } as const;
  const { writes, facts } = resumeWrites(run, opening, word, engine.now());
  const told = await write(
    engine,
    run,
    [...writes, ...also.writes],
    [...also.facts, ...facts],
    'RUN_RESUMED_ALREADY',
  );
  return withBefore(queries, run, undefined, told);
}

function notFailed({ state, step }: RunRow): string {
  if (state === 'inDoubt')
    return `the run is in doubt at ${step}, not failed: it goes on once that is settled (\`tenon in-doubt settle\`)`;
  // A cancellation closes the letter before the run heeds it, which it does not while its pipeline is paused.
  return state === 'failed' ? CANCELLED : `the run is ${state}, not failed`;
}

/** A person's word on a run that is parked, as it is journaled. */
type ParkedWord =
  | { readonly verdict: 'resume' | 'undone'; readonly actor: string; readonly reason: string }
  | DoneWord;

/** What lets a parked run go on: stored once, as the value that it waits for can be given once. */
export function resumeWrites(
  { seq, salt }: RunRow,
  opening: OpeningRow,
  word: ParkedWord,
  now: number,
): Also {
  const { key, step } = opening;
  const { verdict, actor, reason } = word;
  const state = phaseOf(opening);
  const isDone = verdict === 'done';
  const result = isDone && { result: saltedDigest(salt, word.result ?? null) };
  return {
    writes: [
      ['putJournal', seq, key, now, JSON.stringify({ value: word })],
      ['closeSteps', seq, step],
      ['resume', seq, state, now],
    ],
    facts: [
      {
        kind: 'operator',
        step: isDone ? word.step : step,
        details: { action: verdict, actor, reason, ...result },
      },
      { kind: 'state', step, details: { from: 'failed', to: state } },
    ],
  };
}

export function isOfUndoing({ step }: OpeningRow): boolean {
  return step.startsWith('compensate:');
}

/** A compensation that is resumed goes on undoing; where only some items were undone, the run goes on after it. */
export function phaseOf(opening: OpeningRow): 'running' | 'compensating' {
  if (!isOfUndoing(opening)) return 'running';
  const { phase }: JsonObject = JSON.parse(opening.detail);
  return phase === 'running' ? 'running' : 'compensating';
}

/** Gives a waiting run its value, closes what it waited with, and wakes it. */
async function signal(
  engine: EmbeddedEngine,
  run: RunRow,
  opening: OpeningRow,
  value: { readonly [name: string]: Json },
  facts: readonly Fact[],
): Promise<ActionResult> {
  const now = engine.now();
  const done = await write(
    engine,
    run,
    [
      ['putJournal', run.seq, opening.key, now, JSON.stringify({ value } satisfies JsonObject)],
      ['closeOpening', run.seq, opening.key],
      ['wake', run.seq, now],
    ],
    facts,
    'DECISION_MADE_ALREADY',
  );
  if (done.ok) engine.activeRun(run.seq)?.learn(opening.key, { value });
  return done;
}

async function write(
  engine: EmbeddedEngine,
  run: RunRow,
  writes: readonly Write[],
  facts: readonly Fact[],
  /** Where a value may be given once: what whoever comes second is told. */
  refusalCode?: RuntimeCode,
): Promise<ActionResult> {
  try {
    await engine.commit(writes, [engine.noted(run, facts)]);
  } catch (error) {
    if (!(error instanceof CommitRefused) || refusalCode === undefined) throw error;
    // It ended while this was on its way.
    const state = String(engine.read.of('SELECT state FROM runs WHERE seq = ?').get(run.seq)?.['state']);
    return finalStates.has(state)
      ? refused('RUN_ENDED', `the run has ended: ${state}`)
      : refused(refusalCode, refusalWords[refusalCode] ?? 'someone else was faster');
  }
  engine.dispatcher.touch(run.pipeline, engine.now());
  return { ok: true };
}

function openingOf(
  queries: Queries,
  run: RunRow,
  kind: OpeningRow['kind'],
  step?: string,
): OpeningRow | undefined {
  return queries
    .openingsOf(run.seq)
    .find((opening) => opening.kind === kind && (step === undefined || opening.step === step));
}

function act(
  engine: EmbeddedEngine,
  queries: Queries,
  runId: string,
  action: (run: RunRow) => Promise<ActionResult>,
): Promise<ActionResult> {
  return engine.dispatcher.busy(async () => {
    const run = queries.rowOf(runId);
    return run === undefined ? refused('RUN_NOT_FOUND', `there is no run ${runId}`) : action(run);
  });
}

type Refusal = ActionResult & { readonly ok: false };

function refused(code: RuntimeCode, message: string): Refusal {
  return { ok: false, code, message };
}
