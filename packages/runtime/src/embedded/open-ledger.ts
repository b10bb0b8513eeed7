import { exportLedger } from '../ledger/export-ledger.ts';
import { verifyLedger } from '../ledger/verify-ledger.ts';
import type { LedgerReader } from '../runtime.ts';
import { checkFile } from './check-file.ts';
import { openReader } from './database.ts';
import { Queries } from './queries.ts';
import { Statements } from './statements.ts';

/** Reads a runtime's file beside the process that runs it, or when none does. Throws `RUNTIME_FILE_UNREADABLE`. */
export function openLedger(file: string): LedgerReader {
  const db = openReader(file);
  const queries = new Queries(new Statements(db));
  return {
    runs: (filter) => queries.runs(filter),
    run: (runId) => queries.run(runId),
    plan: (hash) => queries.plan(hash),
    trace: (query) => queries.trace(query),
    approvals: () => queries.approvals(),
    inDoubt: () => queries.inDoubt(),
    forwardFixes: () => queries.forwardFixes(),
    deadLetters: (filter) => queries.deadLetters(filter),
    deadLetterGroups: (filter) => queries.deadLetterGroups(filter),
    replayStatus: (token) => queries.replay(token),
    switches: () => queries.switches(),
    check: () => checkFile(db),
    verify: (options) => verifyLedger(db, options),
    exporting: () => exportLedger(db),
    close: () => db.close(),
  };
}
