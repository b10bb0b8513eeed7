import type { JsonObject } from '@tenon/model';
import { GIVEN } from '../../interpreter/several-approvals.ts';
import type { PersonsWord, StepRecord } from '../../runtime.ts';
import { listOf, SAID, type StepRows } from '../work/step-rows.ts';
import type { PlacedStep } from './placed-steps.ts';

export function withWords(record: StepRecord, said: readonly PersonsWord[]): StepRecord {
  return said.length === 0 ? record : { ...record, said: said.toSorted((a, b) => a.atMs - b.atMs) };
}

/** Verdicts on the attempts of a call, and what was decided on an approval. */
export function wordsOn({ step, key: id }: PlacedStep, rows: StepRows): readonly PersonsWord[] {
  if (step.kind !== 'call' && step.kind !== 'approve') return [];
  const ends = step.kind === 'call' ? VERDICT : DECISION;
  return rows.inList(listOf(id)).flatMap((key) => {
    const own = key.startsWith(GIVEN) ? key.slice(GIVEN.length) : key;
    return own.startsWith(`${id}#`) && ends.test(own.slice(id.length)) ? wordAt(key, rows) : [];
  });
}

const VERDICT = /^#\d+~$/;
/** That of whoever stands in, and each of several, too. */
const DECISION = /^#\d+(?:\+|\/\d+)?$/;

export function wordsOnUndoing({ step, place }: PlacedStep, rows: StepRows): readonly PersonsWord[] {
  if (step.kind !== 'call') return [];
  return rows
    .undoingsOf(place)
    .flatMap((key) => (SAID.test(key) ? wordAt(key, rows) : []))
    .map((word) => ({ ...word, isOfUndoing: true }));
}

/** Nothing where nobody said anything: it expired, or was ended; nor of a word to try again. */
function wordAt(key: string, rows: StepRows): readonly PersonsWord[] {
  const { value }: { readonly value?: JsonObject | null } = JSON.parse(rows.get(key)!);
  const word = WORDS.find((one) => one === (value?.['verdict'] ?? value?.['decision']));
  if (word === undefined) return [];
  return [{ word, actor: String(value?.['actor']), reason: String(value?.['reason']), atMs: rows.atOf(key) }];
}

const WORDS: readonly PersonsWord['word'][] = [
  'confirm',
  'redo',
  'compensate',
  'approve',
  'reject',
  'undone',
];
