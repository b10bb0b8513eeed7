import { checkpointRefusal } from '../../ledger/checkpoint-keeper.ts';
import { exportLedger } from '../../ledger/export-ledger.ts';
import { StoredTree } from '../../ledger/tiles.ts';
import { verifyLedger } from '../../ledger/verify-ledger.ts';
import type { LedgerReader } from '../../runtime.ts';
import { RuntimeError } from '../../runtime-error.ts';
import { secretUsers } from '../control/secret-book.ts';
import { runIds } from '../intake/run-ids.ts';
import { Queries } from '../reads/queries.ts';
import { checkFile } from './check-file.ts';
import { DataKeys, type EncryptionOptions, keyProblem } from './data-keys.ts';
import { behindMark, openReader } from './database.ts';
import { type Names, readersNames } from './names.ts';
import { protectionOf } from './protection.ts';
import { isMarkedEncrypted } from './seal-older.ts';
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
  const codec = new ValueCodec(keys, runIds(read));
  const names = readersNames(read, keys);
  const queries = new Queries(new StoredRows(read, codec, names));
  const locked = (): RuntimeError | undefined =>
    keyProblem(file, isMarkedEncrypted(read), encryption) ?? (keys && problemOfNames(names));
  return {
    runs: (filter) => queries.runs(filter),
    run: (runId) => queries.run(runId),
    plan: (hash) => queries.plan(hash),
    trace: (query) => queries.trace(query),
    approvals: (sees) => queries.work.approvals(sees),
    inDoubt: () => queries.work.inDoubt(),
    forwardFixes: () => queries.work.forwardFixes(),
    deadLetters: (filter) => queries.work.deadLetters(filter),
    deadLetterGroups: (filter) => queries.work.deadLetterGroups(filter),
    replayStatus: (token) => queries.frozen.replay(token),
    switches: () => queries.switches(),
    secretUsers: () => secretUsers(read),
    protection: () => protectionOf(file, read, encryption),
    // With keys that are not the file's, each sealed value would look damaged.
    check: () => checkFile(db, locked() === undefined ? codec : new ValueCodec(undefined)),
    keyProblem: locked,
    startRefusal: (checkpoints) =>
      behindMark(db, file) ?? checkpointRefusal(checkpoints, () => new StoredTree(db)),
    verify: (options) => verifyLedger(db, options),
    exporting: () => exportLedger(db),
    close: () => db.close(),
  };
}

/** Key files of another database open well, and open nothing of this one. */
function problemOfNames(names: Names): RuntimeError | undefined {
  try {
    names.proof();
    return undefined;
  } catch (error) {
    if (error instanceof RuntimeError) return error;
    throw error;
  }
}
