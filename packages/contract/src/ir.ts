import type { Location } from '@tenon/model';
import type { JsonSchema } from '@tenon/schema';

/**
 * The one representation of a contract, whatever document it came from. Every schema speaks JSON Schema 2020-12 and
 * refers to others only as `#/$defs/<name>` into `definitions`. Read-only: parts are shared (a component used a thousand
 * times is one object), and freezing the 400,000 nodes of a large document would cost more than reading it.
 */
export interface Contract {
  /** Name in the workspace: the folder under `contracts/`. */
  readonly name: string;
  readonly format: 'openapi' | 'asyncapi';
  /** Version of the format, as written: `3.0.3`, `3.1.0`, `2.6.0`. */
  readonly formatVersion: string;
  /** `info.title` and `info.version` of the document. */
  readonly title: string;
  readonly version: string;
  /** Where `info.version` is written; absent where it is not. */
  readonly versionAt?: Location | undefined;
  /** SHA-256 over the documents as read (after the overlay), canonical: formatting does not change it. */
  readonly digest: string;
  readonly servers: readonly Server[];
  /** Operations by id, in document order. */
  readonly operations: ReadonlyMap<string, Operation>;
  /** Events by id: what this system tells us (webhooks, callbacks with an id, messages that it sends). */
  readonly events: ReadonlyMap<string, EventDefinition>;
  readonly definitions: Readonly<Record<string, JsonSchema>>;
  readonly securitySchemes: ReadonlyMap<string, SecurityScheme>;
  /** What `contract.yaml` says; absent for a document loaded alone. */
  readonly policy?: ContractPolicy;
  /** All files read, relative to the workspace root, the entry document first. */
  readonly files: readonly string[];
  /** Where a node of this representation (operation, event, parameter, schema …) came from. */
  locate(node: object): Location | undefined;
  /** Pointer of a node into its source document: `{ file, pointer }`. */
  originOf(node: object): Origin | undefined;
}

/** `pointer` is a JSON Pointer into the document `file`, before normalisation. */
export interface Origin {
  readonly file: string;
  readonly pointer: string;
}

export interface Server {
  readonly url: string;
  /** `https`, `amqp`, `smtp` … */
  readonly protocol: string;
  readonly description?: string;
}

interface OperationCommon {
  /** `operationId`, or one derived from method and path (`getUsersById`) where the document has none. */
  readonly id: string;
  readonly derivedId: boolean;
  readonly summary?: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly deprecated: boolean;
  /** RFC 3339 date from `x-sunset`, where given. */
  readonly sunset?: string;
  /** Alternatives (any one is enough); within one, all schemes with the scopes they need. `[]`: none needed. */
  readonly security: readonly SecurityRequirement[];
  /** `x-` members of the operation. */
  readonly extensions: Readonly<Record<string, unknown>>;
}

export interface HttpOperation extends OperationCommon {
  readonly kind: 'http';
  /** Lower case. */
  readonly method: string;
  /** Path template as written: `/users/{id}`. */
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly body?: RequestBody;
  /** In document order. */
  readonly responses: readonly Response[];
  readonly servers: readonly Server[];
}

/** An operation over a channel: we publish (`send`), maybe awaiting a reply. */
export interface MessageOperation extends OperationCommon {
  readonly kind: 'message';
  readonly channel: string;
  /** Channel address with `{parameters}`; absent where unknown until run time. */
  readonly address?: string;
  readonly parameters: readonly Parameter[];
  /** One of these is sent. */
  readonly messages: readonly Message[];
  readonly reply?: { readonly address?: string; readonly messages: readonly Message[] };
  readonly bindings: Readonly<Record<string, unknown>>;
}

export type Operation = HttpOperation | MessageOperation;

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header' | 'cookie' | 'querystring' | 'channel';
  readonly required: boolean;
  readonly deprecated: boolean;
  /** RFC 3339 date from `x-sunset`, where given. */
  readonly sunset?: string;
  readonly description?: string;
  /** Serialisation, defaults filled in (OpenAPI 3.1 §4.8.12): `simple`, `form`, `deepObject` … */
  readonly style: string;
  readonly explode: boolean;
  readonly allowReserved: boolean;
  readonly schema: JsonSchema;
  /** Set when the parameter is described by `content` instead of `schema`. */
  readonly mediaType?: string;
}

export interface RequestBody {
  readonly required: boolean;
  readonly description?: string;
  readonly content: readonly MediaType[];
}

export interface MediaType {
  /** `application/json`, lower case, parameters kept. */
  readonly type: string;
  /** Absent where the document gives none: anything goes. */
  readonly schema?: JsonSchema;
  readonly examples: Readonly<Record<string, unknown>>;
  /** OpenAPI `encoding`, by property. */
  readonly encoding?: Readonly<Record<string, PropertyEncoding>>;
}

/** What OpenAPI's `encoding` says of a property; absent members: not said, or without a meaning there. */
export interface PropertyEncoding {
  /** As written: one media type, or several with commas between. */
  readonly contentType?: string;
  readonly headers: readonly Header[];
  readonly style?: string;
  readonly explode?: boolean;
  readonly allowReserved?: boolean;
}

export interface Response {
  /** `200`, `2XX`, `default`. */
  readonly status: string;
  readonly description?: string;
  readonly headers: readonly Header[];
  readonly content: readonly MediaType[];
}

export interface Header {
  readonly name: string;
  readonly required: boolean;
  readonly deprecated: boolean;
  readonly schema: JsonSchema;
}

export interface EventDefinition {
  /** Key of the webhook, or id of the message. */
  readonly id: string;
  readonly source: 'webhook' | 'channel';
  readonly summary?: string;
  readonly description?: string;
  readonly deprecated: boolean;
  readonly channel?: string;
  readonly address?: string;
  readonly message: Message;
  /** What the receiver of a webhook or callback may answer, in document order; of those only. */
  readonly answers?: readonly Response[];
  /** Of channel and operation, merged; of channels only. */
  readonly bindings?: Readonly<Record<string, unknown>>;
  readonly extensions: Readonly<Record<string, unknown>>;
}

export interface Message {
  readonly name: string;
  readonly contentType: string;
  readonly payload: JsonSchema;
  readonly headers?: JsonSchema;
  /** Runtime expression of the correlation id, as in AsyncAPI: `$message.header#/correlationId`. */
  readonly correlationId?: string;
  readonly examples: readonly {
    readonly name?: string;
    readonly payload?: unknown;
    readonly headers?: unknown;
  }[];
  readonly bindings: Readonly<Record<string, unknown>>;
}

export type SecurityRequirement = Readonly<Record<string, readonly string[]>>;

export interface SecurityScheme {
  readonly id: string;
  readonly type: string;
  /** `basic`, `bearer` for type `http`. */
  readonly scheme?: string;
  readonly in?: string;
  readonly name?: string;
  readonly flows?: Readonly<Record<string, unknown>>;
  readonly openIdConnectUrl?: string;
}

export const dataClasses = ['personal', 'secret', 'financial'] as const;
export type DataClass = (typeof dataClasses)[number];

/** `contract.yaml`: who answers for the contract and how it may change. */
export interface ContractPolicy {
  readonly file: string;
  readonly steward: string;
  /** Where `steward` is written. */
  readonly stewardAt?: Location;
  /** JSON Pointers of schema fields that this system is the record of. */
  readonly systemOfRecord: readonly string[];
  readonly compatibility: 'none' | 'backward' | 'full';
  readonly deprecationWindowMs?: number;
  readonly provenance?: {
    readonly source: string;
    readonly version?: string;
    readonly digest?: string;
    readonly fetched?: string;
  };
  /**
   * Data class of a field by JSON Pointer into the document (`/components/schemas/Customer/properties/email`). What the document calls a
   * password (`format: password`) is a `secret` where the policy does not class it.
   */
  readonly classes: Readonly<Record<string, DataClass>>;
  readonly residency?: string;
  /** How long stored data that holds fields of a class is kept once its run has ended. */
  readonly retentionMs?: Readonly<Partial<Record<DataClass, number>>>;
  /** Which diff severities block, see the diff package. */
  readonly blocks?: readonly string[];
}
