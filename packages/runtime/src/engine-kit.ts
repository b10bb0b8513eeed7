// What an adapter of the engine port is built from: the port, the interpreter that runs over it, and intake's decisions.

export { connectionOf, emittedBy } from './embedded/intake/event-connection.ts';
export { type Draft, draftFor, draftsFor } from './embedded/intake/intake.ts';
export type * from './engine.ts';
export { Suspension } from './engine.ts';
export { failureDetails } from './interpreter/effect-facts.ts';
export { interpret } from './interpreter/interpret.ts';
export {
  type ApartDetail,
  type Decision,
  decisionJson,
  givenKey,
  givenTo,
  judgeDecision,
} from './interpreter/several-approvals.ts';
export { traceIdOf, traceparentFor } from './interpreter/trace-context.ts';
export type { Caller } from './interpreter/tries.ts';
export { type LoadedPlan, loadPlan } from './loaded-plan.ts';
export { type InnermostBound, StepBounds } from './step-bounds.ts';
export { idOfTag, SwitchBoard, switchId, tagOf } from './switches.ts';
