export type { Check } from './conformance/check.ts';
export {
  type CheckOutcome,
  type ConformanceOptions,
  type ConformanceReport,
  type ConformanceTarget,
  conformanceChecks,
  runConformance,
} from './conformance/conformance.ts';
export { loadSubject, type SubjectSource } from './conformance/load-subject.ts';
export { FIXTURES_FILE, type FixtureNames, readFixtures } from './conformance/read-fixtures.ts';
export { type Fixtures, NO_FIXTURES, type Previous, type Subject } from './conformance/subject.ts';
export { versionProblem } from './conformance/version-step.ts';
export { type ConnectorPlans, connectorPlans } from './connector-plans.ts';
export { type KafkaServer, type KafkaServerOptions, kafkaServer } from './kafka/kafka-server.ts';
export type { MailFault, MailFaultRule, MailStage } from './mail/mail-faults.ts';
export {
  type MailSandbox,
  type MailSandboxOptions,
  type ReceivedMail,
  startMailSandbox,
} from './mail/mail-sandbox.ts';
export { TOKEN_OPERATION } from './sandbox/engine.ts';
export type {
  Fault,
  FaultHandle,
  FaultRule,
  Faults,
} from './sandbox/faults.ts';
export type { AppliedEffect, SeenRequest } from './sandbox/journal.ts';
export { type Rows, readRows } from './sandbox/rows.ts';
export { type SampledRequest, type SampleRequestOptions, sampleRequest } from './sandbox/sample-request.ts';
export { type Sandbox, type SandboxOptions, startSandbox } from './sandbox/sandbox.ts';
export type { OAuthOptions } from './sandbox/security.ts';
export { UNSAID_FIX, type Unsaid } from './sandbox/unsaid.ts';
export { type Delivered, type DeliverOptions, deliver } from './scenario/deliver.ts';
export {
  type ActualState,
  compareState,
  type ExpectedState,
  expectState,
  type StateDifference,
  type StateReport,
} from './scenario/expect-state.ts';
export {
  type SandboxConfig,
  type SandboxesConfig,
  type ServedSandbox,
  type ServedSandboxes,
  serveSandboxes,
} from './serve.ts';
export { type FaultyHop, faultyHop, missingService, type WireTap } from './services.ts';
