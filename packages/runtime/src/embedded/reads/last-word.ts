import { entriesOf, subjectOf } from '../file/ledger-rows.ts';
import type { RunRow } from '../file/run-row.ts';
import type { Queries } from './queries.ts';
import { stepRecords } from './step-records.ts';

/** What a person said last of the run, in words; of a step, where one is named of which somebody said something. */
export function lastWord(queries: Queries, run: RunRow, stepId?: string): string | undefined {
  const at = stepId?.replace(/^compensate:/, '');
  const records = at === undefined ? [] : stepRecords(queries.planOf(run), run, queries.journalOf(run.seq));
  const words = records.flatMap(({ id, said = [], byHand }) =>
    id !== at && id !== `compensate:${at}` ? [] : [...said, ...(byHand ? [{ ...byHand, word: 'done' }] : [])],
  );
  const last =
    words.toSorted((a, b) => a.atMs - b.atMs).at(-1) ?? wordOnRun(queries, run, stepId === undefined);
  return (
    last && `${last.actor} ${WORDS[last.word] ?? `said ${last.word}`} at ${clock(last.atMs)}: ${last.reason}`
  );
}

/** Unless it is `ofAnyStep`, of the run as a whole alone: what was said of another step is no answer to who names this one. */
function wordOnRun({ stored: { read } }: Queries, run: RunRow, ofAnyStep: boolean) {
  return read
    .rows<{ seq: number; facts: string }>(
      `SELECT seq, facts FROM ledger WHERE run_seq = ? AND (facts LIKE '%"kind":"operator"%' OR facts LIKE '%"kind":"approval"%')
       ORDER BY seq DESC LIMIT 5`,
      run.seq,
    )
    .flatMap((row) => entriesOf(subjectOf(run), row.seq, row.facts).toReversed())
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
