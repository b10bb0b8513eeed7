import type { Failure, Json, JsonObject } from '@tenon/model';
import type { Cancellation, ChildEnd, ChildStart, ChildWord } from '../../engine.ts';
import { failureDetails } from '../../interpreter/effect-facts.ts';
import { spanOf } from '../../interpreter/trace-context.ts';
import { finalStates } from '../../states.ts';
import { CommitRefused } from '../commit/commit-queue.ts';
import { resumeWrites } from '../control/operations.ts';
import type { EmbeddedEngine } from '../engine.ts';
import { storedEvent } from '../file/event-value.ts';
import type { Noted } from '../file/ledger-rows.ts';
import { firstRowOf, hidesItems } from '../file/places.ts';
import type { RunRow } from '../file/run-row.ts';
import type { Write } from '../file/statements.ts';
import type { StoredRun } from '../file/stored-rows.ts';
import { UnreadableValue } from '../file/value-codec.ts';
import { draftFor } from '../intake/intake.ts';
import type { EmbeddedRun } from './run-context.ts';

/** Runs above a child, at most: what starts each other in a circle is stopped here, if no check has found it (C32). */
const HOPS_MAX = 16;

/**
 * A child and the run that started it. A row from the child's birth on, written with it and with the parent's record.
 * What ends or parks the child leaves its word in the parent's journal, under a name of the engine's own, and wakes the
 * parent, in one write; the parent takes it in when it comes to it. So neither a word nor a wake-up can be lost, and a
 * word that nobody asks for does no harm.
 */
export interface ChildLink {
  readonly parentSeq: number;
  readonly parentRunId: string;
  readonly parentPipeline: string;
  /** Pipelines of all runs above it, the nearest first. */
  readonly above: readonly string[];
  readonly parentStep: string;
  /** Journal key of the start in the parent's journal. */
  readonly key: string;
  /** The run above all: what belongs to it is kept as long as it may have to be undone. */
  readonly rootSeq: number;
  readonly hops: number;
  /** What was left of the parent's deadline, where that is less than the child's own. */
  readonly deadlineMs: number;
  /** The run that started it has ended: a word is left in vain. */
  readonly isVain: boolean;
  /** Words left so far. */
  told: number;
}

export function linkOf(engine: EmbeddedEngine, seq: number): ChildLink | undefined {
  const row = engine.read
    .of(
      'SELECT c.*, p.run_id, p.pipeline, p.state FROM children c JOIN runs p ON p.seq = c.parent_seq WHERE c.run_seq = ?',
    )
    .get(seq);
  if (row === undefined) return undefined;
  const parentSeq = Number(row['parent_seq']);
  return {
    parentSeq,
    parentRunId: String(row['run_id']),
    parentPipeline: String(row['pipeline']),
    above: pipelinesAbove(engine, seq),
    parentStep: engine.rows.place(parentSeq, String(row['parent_step'])),
    key: engine.rows.place(parentSeq, String(row['parent_key'])),
    rootSeq: Number(row['root_seq']),
    hops: Number(row['hops']),
    deadlineMs: Number(row['deadline_ms']),
    isVain: finalStates.has(String(row['state'])),
    told: Number(row['told']),
  };
}

function pipelinesAbove(engine: EmbeddedEngine, seq: number): readonly string[] {
  return engine.read
    .of(
      `WITH RECURSIVE up (seq, hop) AS (SELECT parent_seq, 1 FROM children WHERE run_seq = ?
        UNION ALL SELECT c.parent_seq, up.hop + 1 FROM children c JOIN up ON c.run_seq = up.seq)
       SELECT r.pipeline FROM up JOIN runs r ON r.seq = up.seq ORDER BY up.hop`,
    )
    .all(seq)
    .map((row) => String(row['pipeline']));
}

/** Written with a child's run: its row, and the parent's record of it. */
export function birthWrites(link: ChildLink, child: RunRow, atMs: number, value: Json): Write[] {
  return [
    [
      'putChild',
      child.seq,
      link.parentSeq,
      link.key,
      link.parentStep,
      link.rootSeq,
      link.hops,
      link.deadlineMs,
    ],
    ['putJournal', link.parentSeq, link.key, atMs, JSON.stringify(value)],
  ];
}

/**
 * Written with a child's end: the word to its parent, and the wake-up. Throws `UnreadableValue` where nobody can say what the
 * item is called that the parent waits in: it would look for the word under that name, and wait for ever.
 */
export function wordWrites(link: ChildLink, childSeq: number, now: number, end: ChildEnd): Write[] {
  if (!canBeTold(link))
    throw new UnreadableValue('STORED_VALUE_DAMAGED', `journal/${link.parentSeq}/${firstRowOf(link.key)}`, {
      ofRun: () => link.parentRunId,
    });
  const nth = link.told++;
  return [
    ['putJournal', link.parentSeq, wordKey(link.key, nth), now, JSON.stringify(end)],
    ['countWord', childSeq, link.told],
    ['wakeParent', link.parentSeq, now],
  ];
}

export function canBeTold({ key, isVain }: ChildLink): boolean {
  return isVain || !hidesItems(key);
}

/** Where a child's word stands in its parent's journal; not one of the rows that the parent itself counts. */
export function wordKey(child: string, nth: number): string {
  return `#child/${child}/${nth}`;
}

/** When the step that a child belongs to must have ended. */
interface Bounded {
  readonly deadlineAtMs: number;
}

/** Starts a child; gives what was recorded, or why it cannot be. */
export async function startChild(
  engine: EmbeddedEngine,
  parent: EmbeddedRun,
  key: string,
  child: ChildStart & Bounded,
  /** Members of the record besides. */
  more: { readonly nth?: number; readonly workedMs: number },
  noted: (runId: string, hops: number) => Noted,
): Promise<{ readonly recorded: Json } | { readonly failure: Failure }> {
  const { row, link: above } = parent;
  const hops = (above?.hops ?? 0) + 1;
  if (hops > HOPS_MAX) return { failure: tooFar(hops) };
  const loaded = engine.plans.known(child.plan);
  if (loaded === undefined) return { failure: absent(child.plan) };
  const refusal = loaded.inputRefusal(child.input);
  if (refusal !== undefined) return { failure: refusal };
  const deliveryId = `${row.run_id}/${key}`;
  const draft = draftFor(loaded, { input: child.input, event: child.input }, deliveryId);
  // Without a condition there is always one.
  if (draft === undefined) throw new Error(`${loaded.plan.pipeline} has a condition on its input`);
  const now = engine.now();
  const link: ChildLink = {
    parentSeq: row.seq,
    parentRunId: row.run_id,
    parentPipeline: row.pipeline,
    above: [row.pipeline, ...(above?.above ?? [])],
    parentStep: child.step,
    key,
    rootSeq: above?.rootSeq ?? row.seq,
    hops,
    deadlineMs: Math.max(1, Math.min(loaded.plan.limits.deadlineMs, child.deadlineAtMs - now)),
    isVain: false,
    told: 0,
  };
  let recorded: Json | undefined;
  const { runs } = await engine.admission.admit(
    {
      event: `run:${loaded.plan.pipeline}`,
      payload: storedEvent({ payload: child.input }),
      deliveryId,
      source: `pipeline:${row.pipeline}`,
      traceparent: spanOf(row.traceparent, child.step),
      correlationId: row.correlation_id,
    },
    [
      {
        ...draft,
        child: {
          link,
          born: (run) => {
            recorded = { runId: run.run_id, child: key, ...more };
            return {
              writes: birthWrites(link, run, engine.passed(), recorded),
              noted: noted(run.run_id, hops),
            };
          },
        },
      },
    ],
  );
  if (recorded !== undefined) return { recorded };
  const [earlier] = runs;
  if (earlier === undefined) throw new Error(`${deliveryId} was delivered before, and started nothing`);
  return { failure: keyTaken(loaded.plan.pipeline, earlier) };
}

/** Record of a word to a child. */
export interface Told extends JsonObject {
  /** How often the child had been parked by then. */
  readonly parked: number;
}

/** How often a word is said anew because the child was parked, or has ended, while it was on its way. */
const SAID_ANEW_MAX = 8;

/**
 * Stores a word to a child together with its record, in whatever state it is; what the word does not fit, it leaves. What the child said
 * before it counts as that, by the order of the file: what is on its way to it when the child is looked at is seen in another look.
 */
export async function tellChild(
  engine: EmbeddedEngine,
  parent: EmbeddedRun,
  word: ChildWord & Bounded,
  recorded: (told: Told) => Write,
  noted: Noted,
): Promise<Told> {
  for (let anew = 0; ; anew++) {
    const heard = childNow(engine, word.runId);
    const unless: Write[] =
      word.say === 'resume' && anew < SAID_ANEW_MAX ? [['stillTold', heard.seq, heard.told]] : [];
    try {
      return await say(engine, parent, word, heard, unless, recorded, noted);
    } catch (error) {
      if (!(error instanceof CommitRefused) || childNow(engine, word.runId).told === heard.told) throw error;
    }
  }
}

/**
 * A row of `runs`, with what is kept of children. A child is never removed while a run above it has not ended. Read in one statement: a
 * state and a number of words that belong together.
 */
type ChildNow = StoredRun & { readonly told: number };

function childNow(engine: EmbeddedEngine, runId: string): ChildNow {
  return (
    engine.read
      .of('SELECT r.*, c.told FROM runs r JOIN children c ON c.run_seq = r.seq WHERE r.run_id = ?')
      // Rows of `runs` have the shape of `StoredRun`, and a child's is kept while its parent speaks to it.
      .get(runId) as unknown as ChildNow
  );
}

async function say(
  engine: EmbeddedEngine,
  parent: EmbeddedRun,
  word: ChildWord & Bounded,
  stored: ChildNow,
  /** Refuses it where the child is not as it was seen. */
  unless: readonly Write[],
  recorded: (told: Told) => Write,
  noted: Noted,
): Promise<Told> {
  // All are of being parked but that of an end for good, which is the last. Not so of a child that was taken back: nobody resumes that one.
  const told: Told = { parked: Number(stored.told) - (finalStates.has(stored.state) ? 1 : 0) };
  const record = recorded(told);
  // Opened: its salt keys what its entries call things.
  const child = engine.rows.shownRun(stored);
  const by: Cancellation = { actor: `run:${parent.row.run_id}`, reason: word.reason };
  const now = engine.now();
  if (word.say === 'resume') await resumeChild(engine, word, child, by, [...unless, record], noted);
  else {
    const text = JSON.stringify(by);
    const fact = { kind: 'operator', details: { action: 'undo', ...by } } as const;
    await engine.commit(
      [
        record,
        ['cancelChild', child.seq, now, text],
        ['takeBackChild', child.seq, now, text],
        ['closeChildWaits', child.seq],
        ['closeChildLetter', child.seq],
        ['wakeChild', child.seq, now],
      ],
      [noted, engine.noted(child, [fact])],
    );
    engine.cancelActive(child.seq, by);
  }
  engine.dispatcher.touch(child.pipeline, now);
  return told;
}

async function resumeChild(
  engine: EmbeddedEngine,
  { deadlineAtMs }: Bounded,
  child: RunRow,
  { actor, reason }: Cancellation,
  record: readonly Write[],
  noted: Noted,
): Promise<void> {
  const now = engine.now();
  const letter = engine.rows.openings(child.seq).find(({ kind }) => kind === 'deadLetter');
  if (child.state === 'failed' && letter !== undefined && !letter.step.startsWith('compensate:')) {
    const { writes, facts } = resumeWrites(child, letter, { verdict: 'resume', actor, reason }, now);
    const left = Math.max(1, deadlineAtMs - now);
    try {
      await engine.commit(
        [...record, ...writes, ['boundChild', child.seq, left]],
        [noted, engine.noted(child, facts)],
      );
      return;
    } catch (error) {
      // A person was faster: then it goes on already.
      if (!(error instanceof CommitRefused)) throw error;
    }
  }
  await engine.commit(record, [noted]);
}

/** Tells an active parent what is on disk; one that is not active finds it there. */
export function passOn(engine: EmbeddedEngine, link: ChildLink, end: ChildEnd): void {
  const parent = engine.activeRun(link.parentSeq);
  parent?.hearFrom(wordKey(link.key, link.told - 1), { ...end });
  engine.dispatcher.touch(link.parentPipeline, engine.now());
}

function tooFar(hops: number): Failure {
  return {
    class: 'permanent',
    code: 'RUN_HOPS_EXCEEDED',
    message: `${hops} runs in a row have started each other; more than ${HOPS_MAX} is taken for a circle`,
    delivery: 'notSent',
  };
}

function absent(plan: string): Failure {
  return {
    class: 'contract',
    code: 'PLAN_CHILD_ABSENT',
    message: `the plan ${plan} of the pipeline to be run is not stored here: it was never activated`,
    delivery: 'notSent',
  };
}

function keyTaken(pipeline: string, { runId, state }: { runId: string; state: string }): Failure {
  return {
    class: 'duplicate',
    code: 'RUN_CHILD_KEY_TAKEN',
    message: `the business key of ${pipeline} stands for run ${runId} already, which this run did not start (${state})`,
    delivery: 'notSent',
  };
}

export function failureValue(failure: Failure): { readonly failure: JsonObject } {
  return { failure: failureDetails(failure) };
}
