import type { DiagnosticRules } from '@tenon/model';

/**
 * Codes of what is told to `onProblem` and logged: it needs an operator, and nothing that was acknowledged is lost by it. No run and no
 * answer carries them.
 */
export const problemRules = {
  RUNTIME_WAL_STUCK: {
    severity: 'warning',
    title: 'the write-ahead log cannot be copied into the database',
    why: 'What was committed is on the disk, in `<database>-wal`, and is read from there. Until it can be copied, and nobody reads in it any more, that file grows with each commit. It is tried again for as long as it stays so, and said anew where the cause is another.',
    fix: 'See the cause in the message: the disk is full or fails, another process keeps the file open for writing, or a reader stays in it (an SQLite shell with a transaction open, a copy tool, a large backup that is still at work). Make room, or end that process; no restart is needed. Do not delete `<database>-wal`: it holds acknowledged commits.',
  },
  RUNTIME_RUNS_UNREADABLE: {
    severity: 'warning',
    title: 'runs of a pipeline cannot be read from the database',
    why: 'SQLite refused the read: the disk fails, or the file is damaged or was changed by somebody else. No run of that pipeline begins or goes on meanwhile; all stay due. It is tried again every five seconds.',
    fix: 'See the cause in the message and `tenon doctor`. Where it stays: stop Tenon, look at the disk, and where the file is damaged put the last sound backup back (`tenon backup --check` says which are).',
  },
  RUN_NOT_PARKED: {
    severity: 'warning',
    title: 'a run that an error stopped could not be parked, and has no dead letter',
    why: 'What would have parked it was refused by the database, or could not be read from it: the file is damaged, or was changed by somebody else. The run stands where it is, and is tried again when work of its pipeline comes, at the next start at the latest; the others go on. What it had acknowledged by then is stored.',
    fix: 'See the cause in the message and `tenon doctor`. Stop Tenon; where the file is damaged put the last sound backup back (`tenon backup --check` says which are). Where nothing is, the error in the message is a fault of Tenon’s own, or of a connector’s code: report it, and start again.',
  },
  PIPELINE_ROLLED_BACK: {
    severity: 'warning',
    title: 'a pipeline was rolled back, and another version of it is deployed that is not in force',
    why: 'Somebody went back to an earlier version (`tenon rollback`), which stays until it is lifted: neither a restart nor a deploy is to bring back what was wrong. It is said at each start.',
    fix: 'Where the deployed version is right, `tenon switches lift rollback/<pipeline> --reason …` puts it in force. Runs that have begun go on with the version that they began with.',
  },
  RUNTIME_REPLAY_STUCK: {
    severity: 'warning',
    title: 'runs that are to be replayed, or started by a repair, could not be looked at',
    why: 'Of one of them something is not as it must be: mostly its plan cannot be read any more. Runs of that pipeline behind it wait, since they go in order; replays of other pipelines go on. A repair stands still as a whole. It is tried again every five seconds.',
    fix: 'See the cause in the message and `tenon doctor`. Where the file is damaged, put the last sound backup back (`tenon backup --check` says which are); where nothing is, it is a fault of Tenon’s own: report the message. `tenon replay status <token>` and `tenon reconcile status <token>` say what is yet to be sent.',
  },
  LEDGER_CHECKPOINT_FAILED: {
    severity: 'warning',
    title: 'a checkpoint of the ledger could not be kept, or its witness did not take it',
    why: 'Entries are written all the same, and runs go on. Until one is kept outside of the database, what was entered since the last could be cut off, or rewritten by whoever can write the database, and `tenon audit verify` would not tell.',
    fix: 'See the cause in the message: the folder of `ledger.checkpoints.file` is full, gone or cannot be written, or the witness does not answer. Mend that; no restart is needed: the next one is over all entries, and one that a witness did not take is sent again.',
  },
} as const satisfies DiagnosticRules;

export type ProblemCode = keyof typeof problemRules;
