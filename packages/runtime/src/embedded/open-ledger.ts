import { exportLedger } from '../ledger/export-ledger.ts';
import { verifyLedger } from '../ledger/verify-ledger.ts';
import type { LedgerReader } from '../runtime.ts';
import { checkFile } from './check-file.ts';
import { DataKeys, type EncryptionOptions } from './data-keys.ts';
import { openReader } from './database.ts';
import { readersNames } from './names.ts';
import { protectionOf } from './protection.ts';
import { Queries } from './queries.ts';
import { secretUsers } from './secret-book.ts';
import { Statements } from './statements.ts';
import { StoredRows } from './stored-rows.ts';
import { ValueCodec } from './value-codec.ts';

/**
 * Reads a runtime's file beside the process that runs it, or when none does. Throws `RUNTIME_FILE_UNREADABLE`. Without
 * the keys of an encrypted file its data is not shown; the ledger, which holds none, is as always.
 */
export function openLedger(file: string, encryption?: EncryptionOptions): LedgerReader {
  const db = openReader(file);
  const read = new Statements(db);
  const keys = encryption && new DataKeys(file, encryption);
  const codec = new ValueCodec(keys);
  const queries = new Queries(read, new StoredRows(read, codec, readersNames(read, keys)));
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
    secretUsers: () => secretUsers(read),
    protection: () => protectionOf(file, read, encryption),
    check: () => checkFile(db, codec),
    verify: (options) => verifyLedger(db, options),
    exporting: () => exportLedger(db),
    close: () => db.close(),
  };
}
