export { type AwsKey, type AwsRequest, signAws } from './auth/aws-signature.ts';
export { type CredentialFields, credentialFields } from './auth/credential-fields.ts';
export {
  type FileTokenVault,
  type FileTokenVaultOptions,
  fileTokenVault,
  type TokenLock,
  TokenLockedError,
  type TokenSeal,
  type TokenVault,
} from './auth/token-vault.ts';
export { connectorApi, connectorApiProblem } from './connector-api.ts';
export { parseExactJson } from './exact-json.ts';
export { type ConnectorFailureCode, connectorFailures } from './failure-codes.ts';
export { goneTransport, grantedBefore } from './granted-before.ts';
export type { Grant, Grants } from './grants.ts';
export { encodeBody } from './http/body.ts';
export {
  type HttpTransport,
  type HttpTransportOptions,
  httpTransport,
  WHOLE_BODY_BYTES_MAX,
} from './http/http-transport.ts';
export {
  inProcessWire,
  type WiredReply,
  type WiredRequest,
  type WiredServer,
} from './http/in-process-wire.ts';
export {
  type BodyReceiver,
  type BodyToSend,
  isStreamable,
  type ReceivedBody,
  STREAM_DEFAULTS,
  type StreamLimits,
} from './http/streams.ts';
export { inputAt, inputPointer, withInput } from './input-place.ts';
export { type LoadedManifest, loadManifest } from './load-manifest.ts';
export type * from './manifest.ts';
export { connectorSchema } from './manifest-schema.ts';
export { type BrokerAddress, brokerAddress } from './message/broker-address.ts';
export {
  binaryCloudEvent,
  binaryHeaders,
  type CloudEvent,
  STRUCTURED_TYPE,
  structuredBody,
  structuredCloudEvent,
} from './message/cloud-event.ts';
export { ConnectionEnd } from './message/connection-end.ts';
export { goodbye, type KeptConnection, keptConnection } from './message/kept-connection.ts';
export { readHeaders } from './message/message-headers.ts';
export {
  basicCredentials,
  CredentialsMissing,
  loginRefused,
  MessageRefused,
  messageTransport,
  type OutgoingMessage,
  type Publisher,
  type Publishing,
} from './message/message-transport.ts';
export { type ReadMessage, readMessage } from './message/read-message.ts';
export { type ModuleProblem, moduleProblem } from './module-shape.ts';
export type * from './operation-plan.ts';
export {
  type Page,
  type PagesOptions,
  pages,
  pagesLookingBack,
  pagesMayMove,
  pagesToTheEnd,
} from './pages.ts';
export { PAGING_ROLES, type PagingRole, pagingRole } from './paging-words.ts';
export { cursorText, isAfter } from './poll-cursor.ts';
export { pollInput } from './poll-input.ts';
export { pollSource } from './poll-source.ts';
export { refusalOfClass, refusalsOf } from './refusals.ts';
export type { BreakerState } from './resilience/breaker.ts';
export type { DeprecationNotice } from './resilience/deprecation.ts';
export {
  callTakesMs,
  type GuardedTransport,
  type GuardOptions,
  type GuardSnapshot,
  type GuardState,
  guardedTransport,
  STUCK_GRACE_MS,
} from './resilience/guarded-transport.ts';
export { type QuotaSharing, type QuotaStore, redisQuotaStore } from './resilience/shared-quota.ts';
export { Watchdog } from './resilience/watchdog.ts';
export { connectorRules } from './rules.ts';
export { inSandbox, sandboxTransport, withOwnTokens } from './sandbox-transport.ts';
export { secretLooking, secretName } from './secret-literal.ts';
export { awsManager, type CloudOptions, gcpManager } from './secrets/cloud-managers.ts';
export {
  type OnSecretUse,
  type SecretManager,
  type SecretStoreOptions,
  SecretUnavailableError,
  type SecretUse,
  secretStore,
} from './secrets/secret-store.ts';
export { type VaultLogin, type VaultOptions, vaultManager } from './secrets/vault-manager.ts';
export { sendsKey } from './sends-key.ts';
export { checkShape, type ShapeIssue } from './shape.ts';
export * from './source.ts';
export {
  aborted,
  answered,
  connectionProblem,
  PeerSilent,
  pauseMs,
  sourceLoop,
  UnderWay,
  watchLag,
} from './source-loop.ts';
export type * from './source-plan.ts';
export * from './transport.ts';
export type { WebhookClaim, WebhookScheme } from './webhook/schemes.ts';
export {
  type OwnSchemes,
  signWebhook,
  verifyWebhook,
  type WebhookDelivery,
  type WebhookOptions,
  type WebhookRefusal,
  type WebhookVerdict,
  webhookRefusals,
  webhookScheme,
  webhookType,
} from './webhook/webhook.ts';
export { webhookRules } from './webhook/webhook-rules.ts';
export { isZone } from './zone.ts';
