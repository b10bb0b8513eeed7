export { inlineCommitter } from '../embedded/commit/inline-committer.ts';
export { openRuntimeWith } from '../embedded/open-runtime.ts';
export { type Bench, FakeTarget, failure, openBench } from './bench.ts';
export { type CountingServer, countingServer } from './counting-server.ts';
export { ENTRIES_PER_ROW, fillLedger } from './fill-ledger.ts';
export { type KillReport, killUnderLoad } from './kill-harness.ts';
export { plainTransport } from './plain-transport.ts';
export { call, childPlan, literal, planFor, probe, retry, run, step, undoable } from './plan.ts';
export { type Simulation, simulate } from './simulation/simulate.ts';
