import type { Failure, Json, JsonObject } from '@tenon/model';
import { LISTED, type Listed, wholeListing } from '../../interpreter/listing.ts';
import type { RunState, StepRecord } from '../../runtime.ts';
import type { RunRow } from '../file/run-row.ts';
import type { StepRows } from './step-rows.ts';

type NeverSent = 'held' | 'postponed' | 'stopped';

interface AttemptValue {
  readonly outcome: 'succeeded' | 'page' | 'refused' | 'retryable' | 'failed' | 'unknown' | NeverSent;
  readonly value?: Json;
  readonly failure?: Failure;
  /** Of an answer that says no, which the step takes as a value where nothing happened. */
  readonly refused?: Json;
}

interface Attempts {
  /** Rows, with those of what was never sent, which was no attempt. */
  readonly count: number;
  readonly attempts: number;
  /** What came of the last that was made. */
  readonly last: AttemptValue | undefined;
  readonly begun: boolean;
}

export function attemptsOf(id: string, rows: StepRows): Attempts {
  const outcomes: AttemptValue[] = [];
  for (let n = 1; rows.has(`${id}#${n}`); n++) outcomes.push(JSON.parse(rows.get(`${id}#${n}`)!));
  const begun = rows.has(`${id}#${outcomes.length + 1}!`);
  const made = outcomes.filter(({ outcome }) => !NEVER_SENT.has(outcome));
  return { count: outcomes.length, attempts: made.length + (begun ? 1 : 0), last: made.at(-1), begun };
}

const NEVER_SENT: ReadonlySet<string> = new Set(['held', 'postponed', 'stopped'] satisfies NeverSent[]);

/** What came of all pages of a listing, where attempt `n`, the last, ended it. `itemsPointer`: where the list is in an answer. */
export function listedBy(
  id: string,
  n: number,
  rows: StepRows,
  itemsPointer: string,
): AttemptValue | undefined {
  const row = rows.get(`${id}#${n}${LISTED}`);
  if (row === undefined) return undefined;
  const listed: Listed = JSON.parse(row);
  if (listed.outcome !== 'succeeded') return listed;
  const bodyOf = (attempt: number): Json => JSON.parse(rows.get(`${id}#${attempt}`)!).value;
  return { outcome: 'succeeded', value: wholeListing(listed, itemsPointer, bodyOf) };
}

/** The result that a probe found or a person confirmed for attempt `n`. */
export function settledBy(id: string, n: number, rows: StepRows): Json | undefined {
  for (let k = 1; rows.has(`${id}#${n}?${k}`); k++) {
    const probed: JsonObject = JSON.parse(rows.get(`${id}#${n}?${k}`)!);
    if (probed['found'] === 'yes') return probed['value'];
  }
  const verdict = rows.get(`${id}#${n}~`);
  if (verdict === undefined) return undefined;
  const { value }: { readonly value: JsonObject } = JSON.parse(verdict);
  // Given up, with a result: it happened, and is among what is undone.
  if (value['verdict'] === 'compensate') return value['result'];
  return value['verdict'] === 'confirm' ? (value['result'] ?? null) : undefined;
}

/**
 * What attempt `n`, the last, was refused with, where the step takes that as a value: as it was answered, or once its probe found nothing. That may
 * be one that was to be tried again, and was settled since the run was to stop. Of a write of a version a probe that finds nothing proves nothing.
 */
export function refusedBy(
  id: string,
  n: number,
  last: AttemptValue | undefined,
  rows: StepRows,
  isOfVersion: boolean,
): Json | undefined {
  if (last?.outcome === 'refused') return last.refused;
  if (last?.refused === undefined || isOfVersion) return undefined;
  let probed: JsonObject = {};
  for (let k = 1; rows.has(`${id}#${n}?${k}`); k++) probed = JSON.parse(rows.get(`${id}#${n}?${k}`)!);
  return probed['found'] === 'no' && probed['nextAtMs'] === undefined ? last.refused : undefined;
}

/** A person has given the run up in whose attempt `n` nobody knows what became of the effect: that stays so. */
export function isGivenUp(id: string, n: number, rows: StepRows): boolean {
  const { value }: { readonly value?: JsonObject } = JSON.parse(rows.get(`${id}#${n}~`) ?? '{}');
  return value?.['verdict'] === 'compensate' && value['result'] === undefined;
}

export function isSucceeded(rows: StepRows, id: string): boolean {
  for (let n = 1; rows.has(`${id}#${n}`); n++) {
    const { outcome }: AttemptValue = JSON.parse(rows.get(`${id}#${n}`)!);
    if (outcome === 'succeeded' || settledBy(id, n, rows) !== undefined) return true;
  }
  return false;
}

export function stateOf(
  run: RunRow,
  isHere: boolean,
  last: AttemptValue | undefined,
  begun: boolean,
  atIt: ReadonlySet<RunState>,
): StepRecord['state'] {
  if (isHere && run.state === 'inDoubt') return 'inDoubt';
  if (begun) return 'running';
  if (last?.outcome === 'failed') return 'failed';
  if (isHere && run.state === 'waiting') return 'waiting';
  return atIt.has(run.state) ? 'running' : last?.outcome === 'unknown' ? 'inDoubt' : 'failed';
}

/** States in which a run is at its steps; and at undoing them, which is done for failed items of a list while it goes on. */
export const AT_STEPS: ReadonlySet<RunState> = new Set<RunState>(['running']);
export const AT_UNDOING: ReadonlySet<RunState> = new Set<RunState>(['running', 'compensating']);
