import type {
  CallOrigin,
  Clock,
  Failure,
  FailureClass,
  Json,
  JsonObject,
  Random,
  SecretReference,
  SecretStore,
} from '@tenon/model';
import type { TokenVault } from './auth/token-vault.ts';
import { connectorApi } from './connector-api.ts';
import type { Grants } from './grants.ts';
import type { BodyReceiver, BodyToSend } from './http/streams.ts';
import type { OperationPlan } from './operation-plan.ts';
import type { OnSecretUse } from './secrets/secret-store.ts';
import type { Source, SourceContext } from './source.ts';
import type { WebhookScheme } from './webhook/schemes.ts';

/** A connector configured for one account. From `tenon.config.yaml`. */
export interface ConnectionConfig {
  readonly name: string;
  readonly connector: string;
  /** Empty where the workspace gives none, because nothing is called over it: a call is refused. */
  readonly baseUrl: string;
  /** By auth scheme id; fields by scheme type: `value` (apiKey), `token` (bearer), `username` and `password` (basic), see `credentialFields` for oauth2. */
  readonly credentials: Readonly<Record<string, Readonly<Record<string, SecretReference>>>>;
  /** By id of an oauth2 scheme: where its tokens come from in place of the manifest's `tokenUrl`. Only tokens are asked for there. */
  readonly tokenUrls?: Readonly<Record<string, string>>;
  /** Secrets that webhooks of this connection are signed with; all are tried, so that one can be rotated. */
  readonly webhookSecrets: readonly SecretReference[];
  /** The manifest's identity whose scopes the credentials hold; absent: not said. */
  readonly identity?: string;
  /** What each pipeline may do over it; absent: nothing. */
  readonly grants?: Grants;
}

export interface CallRequest {
  readonly operation: OperationPlan;
  readonly input: JsonObject;
  /** Sent as the operation's idempotency mode says; the same on every attempt and replay. */
  readonly idempotencyKey?: string;
  /** ETag of the version that the write is based on: sent as If-Match, so that it is refused when that is not current. */
  readonly ifMatch?: string;
  /** Stop by then (epoch ms), whatever the operation's own timeout. */
  readonly deadlineAt?: number;
  readonly signal?: AbortSignal;
  /** It was attempted before: counts against the retry budget of its connection. */
  readonly isRetry?: boolean;
  /**
   * Asked last, after any waiting and right before bytes go out: `true` gives the call up unsent (`calledOff`). This is
   * how a kill switch, or a window that closes, reaches a call that stands in a line.
   */
  readonly isCalledOff?: () => boolean;
  /**
   * It is made by a run that keeps to another plan than is deployed, as that plan says (C120), or it fetches what such a run waits for: it was
   * granted when that plan was deployed, and what is granted now is not looked at.
   */
  readonly isGrantedBefore?: true;
  /** In place of `input.body`: a body of bytes that is streamed. HTTP only. */
  readonly send?: BodyToSend;
  /** Takes the body of an answer of success, which is streamed; the result's `body` is then a `ReceivedBody`. HTTP only. */
  readonly receive?: BodyReceiver;
  /** On whose behalf: goes with each use of a secret into the audit, and never onto the wire. */
  readonly origin?: CallOrigin;
  /** W3C Trace Context, passed on. */
  readonly traceparent?: string;
  /** Passed on as `x-correlation-id`. */
  readonly correlationId?: string;
}

export type CallResult =
  | {
      readonly ok: true;
      readonly status: number;
      readonly body: Json;
      /** Lower-case names. */
      readonly headers: Readonly<Record<string, string>>;
    }
  | {
      readonly ok: false;
      readonly failure: Failure;
      /** `isCalledOff` said so: nothing was sent, and it was no attempt. */
      readonly calledOff?: true;
      /** The connection cannot take it now (breaker, quota, line, retry budget): nothing was sent, and it was no attempt. */
      readonly postponed?: true;
      /** The answer, where it is one of the refusals that `operation.refusals` names: it fits its schema. */
      readonly refused?: Refused;
    };

/** An answer that says no, as a step takes it: by its name, never by what else stands in it. */
export interface Refused {
  readonly code: string;
  readonly status: number;
  readonly body: Json;
}

export function failedCall(failure: Failure): CallResult {
  return { ok: false, failure };
}

/** What a call that was called off gives. */
export const calledOff: CallResult = {
  ok: false,
  calledOff: true,
  failure: {
    class: 'transient',
    code: 'CONNECTION_CALL_HELD',
    message: 'a switch or a closed window holds this call; nothing was sent',
    delivery: 'notSent',
  },
};

/**
 * Carries out operations over one connection. A failed call is a value, never a rejection; a transport makes one
 * attempt (plus one credential refresh where a rule says so) and leaves retrying to its caller.
 */
export interface Transport {
  call(request: CallRequest): Promise<CallResult>;
  close(): Promise<void>;
  /** JSON of what must outlive a restart (an open breaker, a spent quota), for `restore` before the first call. */
  snapshot?(): unknown;
  restore?(snapshot: unknown): void;
}

export interface TransportContext {
  readonly connection: ConnectionConfig;
  readonly secrets: SecretStore;
  readonly clock: Clock;
  readonly random: Random;
  /** Keeps rotated refresh tokens; needed by connections whose tokens are single-use. */
  readonly tokens?: TokenVault;
  /** Told when a call uses a secret that is held already; `secrets` tells of those that it reads. Must not throw. */
  readonly onSecretUse?: OnSecretUse;
}

/** What a connector's own code exports as `default`: the hooks for what its manifest cannot say. All are optional. */
export interface ConnectorModule {
  /** The interface that it was written against; `defineConnector` fills it in. See `connectorApi`. */
  readonly api?: number;
  /** Ways to carry calls that are not HTTP, by the name that the manifest gives to `transport`. */
  readonly transports?: Readonly<Record<string, (context: TransportContext) => Transport>>;
  /** By the same names: what takes messages in over such a transport. */
  readonly sources?: Readonly<Record<string, (context: SourceContext) => Source>>;
  /** Webhook signatures in a form of the sender's own, by the name that the manifest gives to `verify` (`own-…`). */
  readonly webhookSchemes?: Readonly<Record<string, WebhookScheme>>;
  /**
   * What the code carries out, where that is not whatever the contract has: each operation, and the places of its input that are read, as JSON
   * Pointers (`/body/orderId`). Held against manifest and contract before anything is opened. Absent: nothing is known.
   */
  readonly operations?: Readonly<Record<string, { readonly reads: readonly string[] }>>;
  /**
   * What an answer means, where rules over status, headers and body cannot tell. Asked after the manifest's rules and
   * before the built-in table; `undefined` leaves it to the table. Must not throw, and is not asked about a lost answer.
   */
  readonly classify?: AnswerClassifier;
}

/** Class of a failed answer; for a 2xx it turns what looks like success into that failure. */
export type AnswerClassifier = (answer: {
  readonly operation: string;
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Json;
}) => FailureClass | undefined;

/** Keeps a connector module's shape checked where it is written: `export default defineConnector({ transports: { smtp } })`. */
export function defineConnector(module: Omit<ConnectorModule, 'api'>): ConnectorModule {
  return { api: connectorApi.current, ...module };
}
