import type { Json } from '@tenon/model';
import type { JsonSchema } from '@tenon/schema';
import type { StreamLimits } from './http/streams.ts';
import type {
  AuthScheme,
  Concurrency,
  Effect,
  EnvelopeManifest,
  FailureRule,
  Idempotency,
  PaginationManifest,
} from './manifest.ts';

/**
 * All that a transport needs to carry out one operation: contract and manifest joined. JSON, self-contained, part of
 * a plan. Built by `planOperation` of the pipeline package; executed by a transport.
 *
 * The input of a call is one object: each parameter under `InputField.key`, the body under `body`. The result of a
 * call is the body of its successful response, decoded (`null` where there is none).
 */
export interface OperationPlan {
  /** `billing.createInvoice`: by the connector in a plan, by the connection (as a step's `call` names it) for a transport. */
  readonly name: string;
  readonly connector: string;
  readonly operation: string;
  readonly contract: { readonly name: string; readonly version: string; readonly digest: string };
  readonly transport: string;
  readonly effect: Effect;
  readonly idempotency: Idempotency;
  readonly scopes: readonly string[];
  readonly timeoutMs: number;
  /** Bounds of bodies that are streamed; absent: the transport's own. */
  readonly stream?: StreamLimits;
  readonly failures: readonly FailureRule[];
  /** By name, answers of refusal that a step takes as a value, with the schema of their body; without one the body is not read. */
  readonly refusals?: Readonly<Record<string, { readonly schema?: JsonSchema }>>;
  readonly auth: readonly AuthScheme[];
  /** Hosts allowed besides the connection's own. */
  readonly egress: readonly string[];
  /** The region that personal data which it is sent must stay in: set in plans, from the contract's `residency`. */
  readonly region?: string;
  readonly pagination?: PaginationManifest;
  readonly concurrency?: Concurrency;
  /** Schema of the whole input object; `$defs` inside. */
  readonly input: JsonSchema;
  /** Schema of the result; `$defs` inside. `true` where the contract says nothing. */
  readonly result: JsonSchema;
  readonly http?: HttpBinding;
  readonly message?: MessageBinding;
}

export interface HttpBinding {
  /** Upper case. */
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly InputField[];
  /** Media types the body may be sent as, best first; empty: no body. */
  readonly bodyTypes: readonly string[];
  readonly bodyRequired: boolean;
  /** Properties of a form or multipart body that travel in a way of their own; of the first of `bodyTypes`. */
  readonly parts?: Readonly<Record<string, PartBinding>>;
  /** The body is sent as the data of a CloudEvent. */
  readonly envelope?: EnvelopeManifest;
  readonly responses: readonly {
    readonly status: string;
    readonly mediaType?: string;
    readonly schema?: JsonSchema;
  }[];
}

/** How one property of a body in parts is sent. Absent members: by its value. */
export interface PartBinding {
  /** Media types that it may have, ranges too; the first that is none is sent where the value does not say. */
  readonly types?: readonly string[];
  /** Bytes, as base64 text or as `{ content, filename, contentType, headers }`; of a list, each item. */
  readonly bytes?: true;
  /** The value stands in `content`, beside its `headers`. */
  readonly wrapped?: true;
  /** `fixed` is sent where the value gives none. */
  readonly headers?: readonly { readonly name: string; readonly explode?: boolean; readonly fixed?: Json }[];
  /** Serialised by a style, as a parameter of the query would be. */
  readonly style?: string;
  readonly explode?: boolean;
  readonly allowReserved?: boolean;
}

export interface MessageBinding {
  readonly channel: string;
  readonly address?: string;
  readonly parameters: readonly InputField[];
  readonly contentType: string;
  readonly bindings: Readonly<Record<string, unknown>>;
  /** JSON Pointer into the body: messages with the same value there keep their order, where the broker can. */
  readonly orderBy?: string;
  /** Sent as a CloudEvent. */
  readonly envelope?: EnvelopeManifest;
}

export interface InputField {
  /** Key in the input object: the parameter's name, or `<in>.<name>` where the name is taken by `body` or another parameter. */
  readonly key: string;
  readonly name: string;
  readonly in: 'path' | 'query' | 'header' | 'cookie' | 'querystring' | 'channel';
  readonly required: boolean;
  readonly style: string;
  readonly explode: boolean;
  readonly allowReserved: boolean;
  /** Serialised as this media type instead of by style. */
  readonly mediaType?: string;
}
