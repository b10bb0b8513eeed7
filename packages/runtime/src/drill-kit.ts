/** What a drill is made of: the runtime as it is, over a clock, a disk and peers that somebody else holds in hand. */
export { inlineCommitter } from './embedded/commit/inline-committer.ts';
export { openRuntimeWith } from './embedded/open-runtime.ts';
export { allSteps, connectionsOf, type LoadedPlan, loadPlan, stepIdOf } from './loaded-plan.ts';
export { emptyFile, memoryFolder } from './testing/empty-file.ts';
