import type { FailureClass, JsonObject } from '@tenon/model';
import type { AssertionAlgorithm } from './auth/signing-key.ts';
import type { StreamLimits } from './http/streams.ts';

/**
 * `connector.yaml`, parsed: durations in milliseconds, defaults filled in, expressions kept as text (`when` and `found`
 * without their `${ }`). JSON-safe. Made by `loadManifest`.
 */
export interface ConnectorManifest {
  readonly name: string;
  readonly version: string;
  readonly owner: string;
  /** Name of the contract it speaks. */
  readonly contract: string;
  /** `http`, or a transport that the connector's own code provides (`smtp`). */
  readonly transport: string;
  readonly auth: readonly AuthScheme[];
  /** Identity → scopes it is granted. */
  readonly identities: Readonly<Record<string, readonly string[]>>;
  /** Hosts the connector may talk to, besides the connection's own base URL host. */
  readonly egress: readonly string[];
  readonly defaults: OperationDefaults;
  readonly operations: Readonly<Record<string, OperationManifest>>;
  readonly webhooks: Readonly<Record<string, WebhookManifest>>;
  /** Events of the contract that are fetched, or handed over by a broker. */
  readonly sources: Readonly<Record<string, SourceManifest>>;
  /** Events of the contract that are sent over each connection when a pipeline emits them. */
  readonly publications: Readonly<Record<string, PublicationManifest>>;
  /** A read that tells whether the system is there, with the input it needs; `false` where there is none. */
  readonly health?: HealthManifest | false;
  /** Where the vendor lets it be tried; `false` where there is no such place. */
  readonly sandbox?: { readonly server: string; readonly synthetic: boolean } | false;
}

export type AuthScheme =
  | {
      readonly id: string;
      readonly type: 'apiKey';
      readonly in: 'header' | 'query' | 'cookie';
      readonly name: string;
      readonly prefix?: string;
    }
  | { readonly id: string; readonly type: 'bearer' }
  | { readonly id: string; readonly type: 'basic' }
  | {
      readonly id: string;
      readonly type: 'oauth2';
      /**
       * `refreshToken`: a person has consented once, and the connection holds the refresh token that came of it.
       * `jwtBearer`: a signed assertion is exchanged for a token (RFC 7523), as for service accounts.
       * `tokenExchange`: a token of somebody else's (a workload's, a person's) is exchanged for one of the service (RFC 8693).
       */
      readonly flow: 'clientCredentials' | 'refreshToken' | 'jwtBearer' | 'tokenExchange';
      /** Of refresh tokens. Default `singleUse`: each use gives a new one, which is saved before anything else. */
      readonly rotation?: 'singleUse' | 'reusable';
      /** Relative to the connection's base URL, or absolute (its host must be in `egress`). */
      readonly tokenUrl: string;
      /**
       * How the client says who it is. Default `basic` (RFC 6749 §2.3.1); `none` for `jwtBearer`. `mtls`: by the client
       * certificate of an `mtls` scheme beside it (RFC 8705).
       */
      readonly clientAuth: 'basic' | 'body' | 'privateKeyJwt' | 'mtls' | 'none';
      /** Of assertions. Default `RS256`. */
      readonly algorithm?: AssertionAlgorithm;
      /** Of assertions, default the token URL; in an exchange, the service that the token is for. */
      readonly audience?: string;
      /** In an exchange: URI of what the token is for. */
      readonly resource?: string;
      /** In an exchange: what is given and what is asked for (RFC 8693 §3). */
      readonly subjectTokenType?: string;
      readonly actorTokenType?: string;
      readonly requestedTokenType?: string;
      readonly maxTtlMs?: number;
    }
  /** A client certificate, shown in the TLS handshake. */
  | { readonly id: string; readonly type: 'mtls' }
  /** Requests signed by AWS Signature Version 4. */
  | {
      readonly id: string;
      readonly type: 'awsSigV4';
      readonly service: string;
      /** Absent: the connection gives it. */
      readonly region?: string;
    }
  /** Requests signed with a shared secret, in a form of the service's own. */
  | {
      readonly id: string;
      readonly type: 'hmac';
      readonly algorithm: 'sha256' | 'sha384' | 'sha512';
      /** Of `signature` and `bodyDigest`. Default `hex`. */
      readonly encoding: 'hex' | 'base64' | 'base64url';
      /** How the secret's text holds the key. Default `utf8`: it is the key. */
      readonly secretEncoding: 'utf8' | 'hex' | 'base64';
      /** Form of `timestamp`. Default `unixSeconds`. */
      readonly timestamp: 'unixSeconds' | 'unixMilliseconds' | 'rfc3339' | 'httpDate';
      /** The text that is signed; a template over the request. */
      readonly sign: string;
      /** Headers put on the request; templates that know `signature` too. */
      readonly headers: Readonly<Record<string, string>>;
    };

export interface OperationDefaults {
  /** Total time for one attempt. Default 10 s. */
  readonly timeoutMs: number;
  readonly rateLimit?: {
    readonly quota: number;
    readonly windowMs: number;
    readonly key: string;
    readonly headers: readonly string[];
  };
  readonly breaker?: {
    readonly failureRate: number;
    readonly windowMs: number;
    readonly minimum: number;
    readonly openForMs: number;
    readonly probes: number;
  };
  /** Retries that all runs may make of it together: a share of its calls in a window, or `minimum`. Absent: not bounded. */
  readonly retryBudget?: {
    readonly share: number;
    readonly windowMs: number;
    readonly minimum: number;
  };
  /** Calls in flight at most. Default 64. */
  readonly inFlightMax: number;
  /** First match wins; the operation's own rules come before these, the built-in table after. */
  readonly failures: readonly FailureRule[];
}

export interface FailureRule {
  /** `429`, `5xx`, `4xx`, `default`. */
  readonly status: string;
  /** CEL-JSON over `status`, `headers` (lower-case names) and `body`, without `${ }`. */
  readonly when?: string;
  readonly class: FailureClass;
  /** What the operator is told of such an answer; a text of the author's own, for nothing of an answer is ever told. */
  readonly says?: string;
  /** The name by which a step may take such an answer as a value; it says that nothing was done. */
  readonly refusal?: string;
  readonly action?: 'refreshOnce';
}

export type Effect = 'read' | 'create' | 'update' | 'delete' | 'send';

/**
 * How a repeat is kept from doubling an effect: `header`, the target honours a key we send; `natural`, a repeat is
 * harmless by nature (PUT of the same state); `upsert`, keyed by an id we choose; `checkFirst`, a probe before each
 * send; `none`, nothing does.
 */
export type Idempotency =
  | { readonly mode: 'header'; readonly name: string; readonly retentionMs?: number }
  | { readonly mode: 'natural' | 'upsert' | 'checkFirst' | 'none' };

/**
 * How a write is kept from overwriting a change made since the read that it is based on. `etag`: the read answers with an
 * ETag, the write sends it as If-Match. `field`: the version stands at this JSON Pointer, in the answer of the read and in
 * the body of the write. Either way a write against a version that is no longer current is refused (class `conflict`).
 */
export type Concurrency = 'etag' | { readonly field: string };

export interface OperationManifest {
  readonly effect: Effect;
  readonly scopes: readonly string[];
  readonly idempotency: Idempotency;
  /** The read that settles whether the effect happened. */
  readonly probe?: ProbeManifest;
  readonly compensation?: { readonly operation: string; readonly withinMs?: number };
  readonly pagination?: PaginationManifest;
  readonly concurrency?: Concurrency;
  /** Of operations that send a message. */
  readonly message?: MessageManifest;
  readonly timeoutMs?: number;
  /** Of operations whose bodies are bytes, when they are streamed. */
  readonly stream?: StreamLimits;
  readonly failures: readonly FailureRule[];
}

/** The read that tells whether a system is there, and its input: values that are good at any time. */
export interface HealthManifest {
  readonly operation: string;
  readonly with: JsonObject;
}

/**
 * A probe calls `operation` with `with` (expressions over `request`, the input of the doubtful call, and `key`, its
 * idempotency key) and takes `found` (an expression over `body`, `request` and `key`) as the effect: a non-null value is adopted as
 * the step's result; null proves absence. With `compares` it gives the present state instead: the effect is there when that
 * holds everything that the body of the request asks for.
 */
export interface ProbeManifest {
  readonly operation: string;
  /** As written: texts keep their `${ }`. */
  readonly with: Readonly<Record<string, unknown>>;
  readonly found: string;
  readonly compares?: true;
  /** Wait before believing in absence. Default 1 s. */
  readonly settleMs: number;
}

/**
 * `out` and `items` are JSON Pointers into the body; `items` defaults to `''`, the body itself. `stable`: what is removed while pages are
 * read moves nothing to a page that was read already. Default: true for `cursor` and `after`, false for pages that are counted.
 */
export type PaginationManifest = {
  readonly stable?: boolean;
  /** What tells an item from all others: a JSON Pointer into the item. */
  readonly id?: string;
} & PaginationKind;

type PaginationKind =
  | {
      readonly type: 'cursor';
      readonly in: string;
      readonly out: string;
      readonly items: string;
      /** Where the answer says whether there is more, for services whose last page has a cursor too. */
      readonly more?: string;
    }
  /** The next page begins after the last item of this one: `id` is a JSON Pointer into the item. */
  | {
      readonly type: 'after';
      readonly in: string;
      readonly id: string;
      readonly items: string;
      readonly more?: string;
    }
  | { readonly type: 'page'; readonly in: string; readonly items: string; readonly start: number }
  | { readonly type: 'offset'; readonly in: string; readonly items: string; readonly limit: string }
  | { readonly type: 'link'; readonly items: string };

export interface WebhookManifest {
  /** A scheme known here (`standard-webhooks`, `stripe`, `github`, `slack`), or one that the connector's own code provides. */
  readonly verify: string;
  /** How far a delivery's timestamp may lie from ours, either way. Default 5 min. */
  readonly toleranceMs: number;
  /** Header (lower case) or JSON Pointer (`/id`) of the delivery id. Default: the scheme's own. */
  readonly id: string;
  /** JSON Pointer of the value that orders events of one entity. */
  readonly order?: string;
  /** Where the event's type stands, when one URL receives several: JSON Pointer or header; default: the last part of the URL. */
  readonly type?: string;
  /** Deliveries are CloudEvents: the event is their data. */
  readonly envelope?: 'cloudevents';
}

export interface MessageManifest {
  /** JSON Pointer into the body: messages with the same value there keep their order, where the broker can. */
  readonly orderBy?: string;
  readonly envelope?: EnvelopeManifest;
}

/** CloudEvents 1.0: the body is the event's data. */
export interface EnvelopeManifest {
  /** `binary`: attributes in headers; `structured`: one JSON object. */
  readonly mode: 'binary' | 'structured';
  readonly type: string;
  /** URI reference of who sends it. */
  readonly source: string;
  /** Of the headers: `ce-`, or `ce_` as Kafka spells it. */
  readonly prefix: 'ce-' | 'ce_';
}

/** How an event of the contract comes to us over a connection of this connector. */
export interface SourceManifest {
  /** Queue, subject, stream, topic or table. Default: the address of the event's channel. */
  readonly from?: string;
  /** Name under which the broker remembers how far we have come. Default `tenon`. */
  readonly group: string;
  /** Messages out to us and not yet settled, at most. Default 100. */
  readonly prefetchMax: number;
  /** May the place be made where there is none? Default no: it is the broker's owner who makes it. */
  readonly create: boolean;
  /** What becomes of a message that the contract does not know. Default `quarantine`: held here, with an owner. */
  readonly invalid: 'quarantine' | 'reject';
  /** Where the delivery's own id stands: `message` (default: the broker's), `header:<name>` or a JSON Pointer. */
  readonly id: string;
  /** JSON Pointer: events with the same value there are stored in the order in which they came. */
  readonly orderBy?: string;
  /** Needed where several events come from one place. `at`: `header:<name>`, `cloudevent:type` or a JSON Pointer. */
  readonly type?: { readonly at: string; readonly is: string };
  /** How often a source that has to ask does so. Default 1 s; of polls 5 min. */
  readonly everyMs: number;
  /** Fetched by an operation of the contract, rather than handed over. */
  readonly poll?: PollManifest;
  /** Comes of time alone. */
  readonly schedule?: ScheduleManifest;
}

export interface PollManifest {
  /** A read that lists; its pagination is followed. */
  readonly operation: string;
  /** Its input, besides the cursor. */
  readonly with: Readonly<Record<string, unknown>>;
  /** JSON Pointer in an item of its id. */
  readonly key: string;
  readonly cursor: {
    /** Parameter that takes it. */
    readonly in: string;
    /** JSON Pointer in an item of what the listing goes by: a time or a number that only grows. */
    readonly from: string;
    /** Of the very first listing. */
    readonly initial?: string;
    /** Asked for again each time, for items that show up late; of times only. */
    readonly overlapMs: number;
  };
}

export interface ScheduleManifest {
  /** Five fields, or six with seconds first. */
  readonly cron: string;
  /** IANA name. */
  readonly zone: string;
  /** Of what was due while nobody was there. */
  readonly missed: 'skip' | 'once' | 'all';
  /** By how much each is put off, by chance. */
  readonly jitterMs: number;
}

/** How an event that a pipeline emits leaves over a connection of this connector. */
export interface PublicationManifest {
  /** Queue, subject, stream or topic. Default: the address of the event's channel. */
  readonly to?: string;
  readonly idempotency: Idempotency;
  readonly scopes: readonly string[];
  readonly message?: MessageManifest;
}
