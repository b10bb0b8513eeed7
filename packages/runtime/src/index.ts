export { openLedger } from './embedded/open-ledger.ts';
export { openRuntime } from './embedded/open-runtime.ts';
export type * from './engine.ts';
export { type RuntimeCode, runtimeRules } from './rules.ts';
export type * from './runtime.ts';
export { RuntimeError } from './runtime-error.ts';
export { mayMove, runStates, terminalStates, transitions } from './states.ts';
