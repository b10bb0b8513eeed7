import { readFileSync } from 'node:fs';
import type { Json } from '@tenon/model';
import { openLedger } from '../../embedded/file/open-ledger.ts';
import type { RunSummary } from '../../runtime.ts';
import { mayMove } from '../../states.ts';
import { type Bench, testKey } from '../bench.ts';
import type { History } from './history.ts';

/** The ledger: in order, complete, legal moves only, and all that was announced is there. */
export function judgeEntries(history: History): readonly string[] {
  const { bench } = history;
  const stored = [
    ...history.runs.flatMap(({ runId }) => history.trace(runId)),
    ...bench.runtime.trace({ system: true }),
  ];
  const violations: string[] = [];
  const bySequence = new Map(stored.map((entry) => [entry.sequence, entry]));
  if (bySequence.size !== stored.length) violations.push('a sequence number was given twice');
  for (const entry of bench.entries) {
    const kept = bySequence.get(entry.sequence);
    if (kept === undefined || kept.kind !== entry.kind || kept.runId !== entry.runId)
      violations.push(`entry ${entry.sequence} (${entry.kind}) was announced and is gone`);
  }
  for (const { details, kind, sequence } of stored) {
    const { from, to } = details as { from?: Json; to?: Json };
    if (kind === 'state' && typeof from === 'string' && typeof to === 'string')
      if (!mayMove(from as RunSummary['state'], to as RunSummary['state']))
        // Ledger texts of states; `mayMove` looks them up.
        violations.push(`entry ${sequence}: ${from} → ${to}`);
  }
  return violations;
}

/** Every entry is as it was written, and every row is signed once the process has stopped. */
export async function judgeLedger(bench: Bench): Promise<readonly string[]> {
  await bench.runtime.stop();
  const ledger = openLedger(bench.file);
  const lines = readFileSync(`${bench.file}.checkpoints`, 'utf8').split('\n');
  const report = ledger.verify({ checkpoints: [{ name: 'checkpoints', lines }], keys: [testKey.publicKey] });
  const ofRuns = ledger.runs({ limit: 1_000 }).flatMap(({ runId }) => ledger.trace({ runId })).length;
  // Entries of no run (a switch) stand in rows of run 0: the third number of a leaf counts them.
  const ofNone = [...ledger.exporting().rows()].map(({ leaf }) => leaf.split(/\s/, 3).map(Number));
  const counted = ofRuns + ofNone.reduce((sum, [, run, count]) => sum + (run === 0 ? count! : 0), 0);
  ledger.close();
  return [
    ...report.findings.map(({ code, message }) => `${code}: ${message}`),
    // That is so on purpose.
    ...bench.problems.filter((problem) => !problem.startsWith('PIPELINE_ROLLED_BACK')),
    ...(report.covered === report.rows ? [] : [`${report.rows - report.covered} rows are not signed`]),
    ...(counted === report.entries ? [] : [`the tree holds ${report.entries} entries, the runs ${counted}`]),
  ];
}
