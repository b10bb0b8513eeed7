export { backupTo } from './embedded/file/backup.ts';
export { type ByteSeal, byteSeal, type SealProblem } from './embedded/file/byte-seal.ts';
export { type ComparedCopy, compareCopy } from './embedded/file/compare-copy.ts';
export { type EncryptionOptions, keyFolder, wrappedBy } from './embedded/file/data-keys.ts';
export { diskRefusal } from './embedded/file/disk-space.ts';
export { holderOf } from './embedded/file/lock.ts';
export { openLedger } from './embedded/file/open-ledger.ts';
export { writeFileAnew } from './embedded/file/written-anew.ts';
export { openRuntime } from './embedded/open-runtime.ts';
export type * from './engine.ts';
export {
  type CheckpointKey,
  type CheckpointPublicKey,
  checkpointKey,
  newCheckpointKey,
  parseVerifier,
  verifierText,
} from './ledger/checkpoint.ts';
export type { CheckpointOptions } from './ledger/checkpoint-keeper.ts';
export type { ExportedRow, InclusionProof, LedgerExport } from './ledger/export-ledger.ts';
export {
  type LedgerFinding,
  type LedgerReport,
  type VerifyOptions,
  verifyExport,
} from './ledger/verify-ledger.ts';
export { callsOf } from './loaded-plan.ts';
export { lostChild } from './lost-child.ts';
export { type ProblemCode, problemRules } from './problem-rules.ts';
export { type RuntimeCode, runtimeRules } from './rules.ts';
export type * from './runtime.ts';
export { RuntimeError } from './runtime-error.ts';
export { SecretAudit, type SecretUser } from './secret-audit.ts';
export { mayMove, runStates, terminalStates, transitions } from './states.ts';
export type {
  FlagSwitch,
  KillScope,
  KillSwitch,
  PauseSwitch,
  Purpose,
  RollbackSwitch,
  ScaleSwitch,
  Switch,
  SwitchRequest,
} from './switches.ts';
