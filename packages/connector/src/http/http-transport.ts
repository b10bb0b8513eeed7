import type { Hash } from 'node:crypto';
import type { Failure, JsonObject } from '@tenon/model';
import { compileValidator, type JsonSchema, type SchemaIssue, type Validator } from '@tenon/schema';
import { Agent } from 'undici';
import { AuthenticationError } from '../auth/authentication-error.ts';
import { type Authentication, Authenticator } from '../auth/authenticator.ts';
import { isCertificateRefusal, type TlsIdentity } from '../auth/tls-identity.ts';
import { TokenError } from '../auth/token-client.ts';
import type { ConnectorFailureCode } from '../failure-codes.ts';
import type { HttpBinding, OperationPlan } from '../operation-plan.ts';
import {
  type AnswerClassifier,
  type CallRequest,
  type CallResult,
  calledOff,
  type Transport,
  type TransportContext,
} from '../transport.ts';
import { buildRequest, type DraftRequest, isDraft, wireRequest } from './build-request.ts';
import { classify } from './classify.ts';
import { Deadline } from './deadline.ts';
import { type Exchange, exchange, type Streaming, type WireRequest } from './exchange.ts';
import { refusedFailure, requestFailure } from './failures.ts';
import { HostGuard } from './host-guard.ts';
import { mediaMatches } from './media-type.ts';
import { BodyError, digestOfBody } from './outgoing-body.ts';
import { declaredResponse, decodeBody, errorBody } from './read-response.ts';
import { encodeStrict } from './serialise.ts';
import { type BodyToSend, isStreamable, receivedJson, STREAM_DEFAULTS } from './streams.ts';

export interface HttpTransportOptions {
  /** Largest body taken, before and after decompression. Default 16 MiB. */
  readonly responseBytesMax?: number;
  /** Connections to one origin at most; calls beyond wait their turn. Default 64. */
  readonly connectionsMax?: number;
  /** Time to make a connection. Default 5 s. */
  readonly connectTimeoutMs?: number;
  /** What the connector's own code makes of answers. */
  readonly classify?: AnswerClassifier | undefined;
}

export interface HttpTransport extends Transport {
  /**
   * The headers by which a call of this operation is proven, for whoever makes it by other means; absent where each request is proven by itself (a
   * signature, a client certificate) or elsewhere than in a header.
   */
  proofOf(
    operation: OperationPlan,
  ): Promise<{ readonly headers?: Readonly<Record<string, string>> } | { readonly failure: Failure }>;
}

/** Largest body that is taken whole, into memory and as the result of a step. */
export const WHOLE_BODY_BYTES_MAX = 16 * 1024 * 1024;
const DEFAULTS = {
  responseBytesMax: WHOLE_BODY_BYTES_MAX,
  connectionsMax: 64,
  connectTimeoutMs: 5_000,
} as const;
/** Time and bytes for a token request, which is shared by its callers and bound to none of their deadlines. */
const TOKEN_TIMEOUT_MS = 10_000;
const TOKEN_BYTES_MAX = 256 * 1024;

/**
 * The HTTP transport on undici, for one connection: pooled per origin, host-checked by name and by address, bound to a
 * deadline, one attempt a call. Requests are held against the contract before a byte is sent, answers when they come.
 */
export function httpTransport(context: TransportContext, options: HttpTransportOptions = {}): HttpTransport {
  const limits = { ...DEFAULTS, ...options };
  const baseUrl = parseBaseUrl(context.connection.baseUrl);
  if (baseUrl === undefined)
    return unusable(`the base URL of connection ${context.connection.name} is no HTTP URL`);
  const guards = new Map<string, HostGuard>();
  const tokenGuards = new Map<string, HostGuard>();
  const agents = new Map<string, Agent>();
  const authenticators = new Map<string, Authenticator>();
  const identities = new Map<string, string>();

  return {
    call,
    proofOf,
    close: async () => {
      await Promise.all([...agents.values()].map((agent) => agent.close()));
    },
  };

  async function call(request: CallRequest): Promise<CallResult> {
    const { operation } = request;
    const http = operation.http;
    if (http === undefined)
      return failed(requestFailure('HTTP_OPERATION_UNBOUND', `${operation.name} is not an HTTP operation`));
    const issue =
      request.send === undefined
        ? validatorOf(operation, operation.input)(request.input)[0]
        : issueBesideStream(operation, request.input);
    if (issue !== undefined) return failed(invalidRequest(operation, issue));
    if (request.receive !== undefined && !http.responses.some(isStreamedAnswer))
      return failed(
        requestFailure('HTTP_BODY_UNSTREAMABLE', `no answer of ${operation.name} can be streamed`),
      );
    const draft = buildRequest(baseUrl!, request, http);
    if (!isDraft(draft)) return failed(draft);
    const refusal = guardOf(operation).refusal(draft.url);
    if (refusal !== undefined)
      return failed(refusedFailure('permission', 'HTTP_HOST_FORBIDDEN', `${operation.name}: ${refusal}`));

    const deadline = deadlineOf(request);
    try {
      if (deadline.expired) return failed(deadline.failure(operation, NOT_STARTED));
      return await deadline.race(attempt(request, http, draft, deadline), () =>
        failed(deadline.failure(operation, NOT_STARTED)),
      );
    } finally {
      deadline.cancel();
    }
  }

  /** One attempt; a 401 means that it was not carried out, so one more follows once the credential has been renewed. */
  async function attempt(
    request: CallRequest,
    http: HttpBinding,
    draft: DraftRequest,
    deadline: Deadline,
  ): Promise<CallResult> {
    const first = await once(request, http, draft, deadline);
    if (first.renew === undefined || deadline.expired) return first.result;
    deadline.leaveExchange();
    // A renewal that fails leaves the refusal standing, which says more than the renewal's own failure.
    const isRenewed = await first.renew().catch(() => false);
    if (!isRenewed || deadline.expired) return first.result;
    const { result } = await once(request, http, draft, deadline);
    // A body that cannot be had again: what the other side said to the first stands.
    return !result.ok &&
      result.failure.code === 'HTTP_BODY_SOURCE_FAILED' &&
      result.failure.delivery === 'notSent'
      ? first.result
      : result;
  }

  async function once(
    request: CallRequest,
    http: HttpBinding,
    draft: DraftRequest,
    deadline: Deadline,
  ): Promise<{ readonly result: CallResult; readonly renew?: Authentication['renew'] }> {
    const { operation } = request;
    let authentication: Authentication;
    try {
      authentication = await authenticatorOf(operation).authenticate(
        operation.auth,
        operation.scopes,
        request.origin,
      );
    } catch (error) {
      return { result: failed(authFailure(operation, error)) };
    }
    if (deadline.expired) return { result: failed(deadline.failure(operation, NOT_STARTED)) };
    // Fetching the credential may have taken seconds.
    if (request.isCalledOff?.() === true) return { result: calledOff };
    let wire = wireRequest(withCredentials(draft, authentication));
    const { send, receive } = request;
    const stream = operation.stream ?? STREAM_DEFAULTS;
    try {
      const signature = await authentication.sign(
        send === undefined
          ? wire
          : { ...wire, digest: (hash: Hash) => digestOfBody(send, hash, stream.bytesMax, deadline.signal) },
      );
      wire = { ...wire, headers: { ...wire.headers, ...signature } };
    } catch (error) {
      return {
        result: failed(error instanceof BodyError ? unsent(operation, error) : authFailure(operation, error)),
      };
    }
    const agent = agentOf(operation, authentication.tls);
    if (deadline.expired) return { result: failed(deadline.failure(operation, NOT_STARTED)) };
    let streaming: Streaming | undefined;
    if (send !== undefined || receive !== undefined) {
      try {
        streaming = {
          limits: stream,
          clock: context.clock,
          receive,
          send: send && { source: opened(send), bytes: send.bytes },
          isForReceiver: (status, headers) => isForReceiver(operation, http, status, headers),
        };
      } catch (error) {
        return { result: failed(unsent(operation, error)) };
      }
    }
    deadline.enterExchange();
    const outcome = await exchange(agent, wire, deadline.signal, limits.responseBytesMax, streaming);
    if (outcome.kind === 'broken') {
      const isShown = authentication.tls !== undefined && outcome.cause === 'connection';
      if (!isShown || !isCertificateRefusal(outcome.code)) {
        // Some hang up over a certificate without a word: the next call then shows the one that is current.
        if (isShown) authentication.forget();
        return { result: failed(deadline.failure(operation, outcome)) };
      }
      return { result: failed(certificateRefused(operation)), renew: authentication.renew };
    }
    if (outcome.kind === 'received') {
      const { status, headers } = outcome;
      return { result: { ok: true, status, headers, body: receivedJson(outcome.body) } };
    }
    if (outcome.kind === 'unreceived') return { result: failed(unreceived(operation, outcome.status)) };
    return judge(operation, http, outcome, authentication, receive !== undefined);
  }

  /** A success by every rule, in a media type that the contract declares as bytes: nothing about it is left to be judged. */
  function isForReceiver(
    operation: OperationPlan,
    http: HttpBinding,
    status: number,
    headers: Readonly<Record<string, string>>,
  ): boolean {
    if (status < 200 || status >= 300) return false;
    const type = headers['content-type'];
    const declared = declaredResponse(http, status, type)?.mediaType;
    const isDeclared =
      declared === undefined ||
      (isStreamable(declared) &&
        (type === undefined || /^application\/octet-stream/i.test(declared) || mediaMatches(declared, type)));
    return (
      isDeclared &&
      classify(operation, { status, headers, body: null }, context.clock, options.classify) === undefined
    );
  }

  function judge(
    operation: OperationPlan,
    http: HttpBinding,
    answer: Extract<Exchange, { kind: 'answered' | 'unreadable' }>,
    authentication: Authentication,
    isStreamed: boolean,
  ): { readonly result: CallResult; readonly renew?: Authentication['renew'] } {
    const { status, headers } = answer;
    const declared = declaredResponse(http, status, headers['content-type']);
    const succeeded = status >= 200 && status < 300;
    if (answer.kind === 'unreadable' && succeeded)
      return { result: failed(violated(operation, status, UNREADABLE[answer.reason])) };
    const bytes = answer.kind === 'answered' ? answer.body : new Uint8Array();
    const decoded = succeeded ? decodeBody(bytes, headers, declared?.mediaType) : undefined;
    const body = decoded?.ok === true ? decoded.body : errorBody(bytes, headers);

    const verdict = classify(operation, { status, headers, body }, context.clock, options.classify);
    if (verdict !== undefined)
      return {
        result: failed(verdict.failure),
        ...(verdict.action === 'refreshOnce' && { renew: authentication.renew }),
      };
    // A success that is a value by the contract (an accepted export, say) is judged as any is: nothing of it was handed over.
    if (isStreamed && !isValue(declared?.mediaType, headers['content-type']))
      return {
        result: failed(
          violated(operation, status, {
            code: 'HTTP_RESPONSE_MALFORMED',
            says: 'it is of another media type than the contract says',
          }),
        ),
      };
    if (decoded?.ok === false)
      return {
        result: failed(
          violated(operation, status, { code: 'HTTP_RESPONSE_MALFORMED', says: decoded.reason }),
        ),
      };
    const issue = validatorOf(
      operation,
      declared === undefined ? operation.result : (declared.schema ?? true),
    )(body)[0];
    if (issue !== undefined)
      return {
        result: failed({
          ...violated(operation, status, {
            code: 'HTTP_RESPONSE_INVALID',
            says: `${place(issue)} ${issue.message}`,
          }),
          pointer: issue.pointer,
        }),
      };
    return { result: { ok: true, status, body, headers } };
  }

  function deadlineOf(request: CallRequest): Deadline {
    const own = context.clock.now() + request.operation.timeoutMs;
    return new Deadline(context.clock, Math.min(own, request.deadlineAt ?? own), request.signal);
  }

  function egressKey(operation: OperationPlan): string {
    return operation.egress.join(' ');
  }

  function guardOf(operation: OperationPlan): HostGuard {
    return kept(guards, egressKey(operation), () => new HostGuard(baseUrl!, operation.egress));
  }

  /** A host that the connection names for its tokens may be asked for these, and for nothing else. */
  function tokenGuardOf(operation: OperationPlan): HostGuard {
    const own = Object.values(context.connection.tokenUrls ?? {}).flatMap(
      (url) => URL.parse(url)?.host ?? [],
    );
    if (own.length === 0) return guardOf(operation);
    return kept(
      tokenGuards,
      egressKey(operation),
      () => new HostGuard(baseUrl!, [...operation.egress, ...own]),
    );
  }

  /** One for each set of hosts and client certificate; one whose certificate has been replaced ends when it is idle. */
  function agentOf(operation: OperationPlan, tls?: TlsIdentity): Agent {
    const hosts = egressKey(operation);
    const before = identities.get(hosts);
    if (tls !== undefined && before !== tls.digest) {
      identities.set(hosts, tls.digest);
      const old = `${hosts} ${before}`;
      void agents.get(old)?.close();
      agents.delete(old);
    }
    return kept(agents, tls === undefined ? hosts : `${hosts} ${tls.digest}`, () => {
      const { lookup } = guardOf(operation);
      return new Agent({
        allowH2: false,
        connections: limits.connectionsMax,
        connect: {
          timeout: limits.connectTimeoutMs,
          lookup,
          ...(tls && { secureContext: tls.context }),
        },
        headersTimeout: 0,
        bodyTimeout: 0,
      });
    });
  }

  async function proofOf(operation: OperationPlan): ReturnType<HttpTransport['proofOf']> {
    try {
      const { credentials } = await authenticatorOf(operation).authenticate(operation.auth, operation.scopes);
      const isWhole =
        !operation.auth.some(
          ({ id, type }) => PER_REQUEST.has(type) && context.connection.credentials[id] !== undefined,
        ) && credentials.every(({ place }) => place === 'header');
      if (!isWhole) return {};
      return {
        headers: Object.fromEntries(credentials.map(({ name, value }) => [name.toLowerCase(), value])),
      };
    } catch (error) {
      return { failure: authFailure(operation, error) };
    }
  }

  function authenticatorOf(operation: OperationPlan): Authenticator {
    return kept(
      authenticators,
      egressKey(operation),
      () =>
        new Authenticator({
          connection: context.connection,
          secrets: context.secrets,
          clock: context.clock,
          baseUrl: baseUrl!,
          tokens: context.tokens,
          onSecretUse: context.onSecretUse,
          send: (url, { tls, ...init }) => sendTokenRequest(operation, { url, ...init }, tls),
        }),
    );
  }

  async function sendTokenRequest(
    operation: OperationPlan,
    wire: WireRequest,
    tls: TlsIdentity | undefined,
  ): Promise<Response> {
    const refusal = tokenGuardOf(operation).refusal(wire.url);
    if (refusal !== undefined)
      throw new TokenError('refused', `the token endpoint is out of bounds: ${refusal}`);
    const deadline = new Deadline(context.clock, context.clock.now() + TOKEN_TIMEOUT_MS, undefined);
    try {
      const outcome = await exchange(agentOf(operation, tls), wire, deadline.signal, TOKEN_BYTES_MAX);
      if (outcome.kind === 'broken')
        throw new TokenError('unavailable', `the token endpoint could not be reached (${outcome.code})`);
      if (outcome.kind !== 'answered')
        throw new TokenError('refused', 'the token endpoint’s answer cannot be read');
      const body = new Uint8Array(outcome.body);
      return new Response(outcome.status === 204 ? null : body, {
        status: outcome.status,
        headers: withoutEncoding(outcome.headers),
      });
    } finally {
      deadline.cancel();
    }
  }
}

const PER_REQUEST: ReadonlySet<string> = new Set(['hmac', 'awsSigV4', 'mtls']);

/** The body of a token answer has been decompressed; `Response` must not believe otherwise. */
function withoutEncoding(headers: Readonly<Record<string, string>>): Record<string, string> {
  const { 'content-encoding': _encoding, 'content-length': _length, ...rest } = headers;
  return rest;
}

function isValue(declared: string | undefined, type: string | undefined): boolean {
  return declared !== undefined && !isStreamable(declared) && mediaMatches(declared, type);
}

function isStreamedAnswer({ status, mediaType }: HttpBinding['responses'][number]): boolean {
  return /^(?:2|default$)/i.test(status) && mediaType !== undefined && isStreamable(mediaType);
}

/** The input without its body, which is streamed beside it. */
function issueBesideStream(operation: OperationPlan, input: JsonObject): SchemaIssue | undefined {
  if (input['body'] !== undefined)
    return { pointer: '/body', keyword: 'false', message: 'is given twice: as a value and as a stream' };
  return validatorOf(operation, schemaBesideStream(operation))({ ...input, body: null })[0];
}

const besideStream = new WeakMap<OperationPlan, JsonSchema>();

function schemaBesideStream(operation: OperationPlan): JsonSchema {
  const { input } = operation;
  return kept(besideStream, operation, () =>
    typeof input === 'object' ? { ...input, properties: { ...input.properties, body: true } } : input,
  );
}

/** Its own error may hold a path or a name, so none of it goes into the failure. */
function opened(send: BodyToSend): AsyncIterable<Uint8Array> {
  try {
    return send.open();
  } catch {
    throw new BodyError('source');
  }
}

function unsent({ name }: OperationPlan, error: unknown): Failure {
  return error instanceof BodyError && error.fault === 'tooLarge'
    ? requestFailure('HTTP_REQUEST_TOO_LARGE', `${name}: the body is larger than is sent`)
    : refusedFailure(
        'permanent',
        'HTTP_BODY_SOURCE_FAILED',
        `${name}: the source of the body failed; nothing was sent`,
      );
}

function unreceived({ name }: OperationPlan, status: number): Failure {
  return {
    class: 'permanent',
    code: 'HTTP_RECEIVER_FAILED' satisfies ConnectorFailureCode,
    message: `${name} answered ${status}, and what takes its body failed or ended before it`,
    delivery: 'answered',
    status,
  };
}

const NOT_STARTED = { kind: 'broken', started: false, cause: 'aborted', code: 'ABORTED' } as const;

function withCredentials(draft: DraftRequest, { credentials }: Authentication): DraftRequest {
  const headers = { ...draft.headers };
  const cookies = [...draft.cookies];
  let { url } = draft;
  for (const { place, name, value } of credentials) {
    if (place === 'header') headers[name.toLowerCase()] = value;
    else if (place === 'cookie') cookies.push(`${encodeStrict(name)}=${encodeStrict(value)}`);
    else {
      url = new URL(url);
      url.search += `${url.search === '' ? '?' : '&'}${encodeStrict(name)}=${encodeStrict(value)}`;
    }
  }
  return { ...draft, url, headers, cookies };
}

function authFailure(operation: OperationPlan, error: unknown): Failure {
  if (!(error instanceof AuthenticationError))
    return refusedFailure('auth', 'AUTH_FAILED', `${operation.name}: the credentials could not be made`);
  return refusedFailure(
    error.retryable ? 'transient' : 'auth',
    error.code,
    `${operation.name}: ${error.message}`,
  );
}

function certificateRefused({ name }: OperationPlan): Failure {
  return refusedFailure(
    'auth',
    'AUTH_CERTIFICATE_REFUSED',
    `${name}: the other side refused the client certificate; it took nothing`,
  );
}

function invalidRequest(operation: OperationPlan, issue: SchemaIssue): Failure {
  return requestFailure(
    'HTTP_REQUEST_INVALID',
    `${operation.name}: ${place(issue)} ${issue.message}`,
    issue.pointer,
  );
}

function place(issue: SchemaIssue): string {
  return issue.pointer === '' ? 'the whole' : issue.pointer;
}

const UNREADABLE = {
  tooLarge: { code: 'HTTP_RESPONSE_TOO_LARGE', says: 'its body is larger than is taken' },
  encoding: { code: 'HTTP_RESPONSE_MALFORMED', says: 'its content encoding cannot be taken off' },
} as const;

/** The other side answered, and not as it promised: class `contract`, never retried, no value of the answer in it (C17). */
function violated(
  operation: OperationPlan,
  status: number,
  what: { readonly code: ConnectorFailureCode; readonly says: string },
): Failure {
  return {
    class: 'contract',
    code: what.code,
    message: `${operation.name} answered ${status}, and ${what.says}`,
    delivery: 'answered',
    status,
  };
}

function failed(failure: Failure): CallResult {
  return { ok: false, failure };
}

/** A transport that says why it cannot work, at the first call instead of at start. */
function unusable(message: string): HttpTransport {
  const failure = refusedFailure('permanent', 'HTTP_BASE_URL_INVALID', message);
  return {
    call: async () => failed(failure),
    proofOf: async () => ({ failure }),
    close: async () => {},
  };
}

function parseBaseUrl(text: string): URL | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const isHttp = url.protocol === 'http:' || url.protocol === 'https:';
  // A user and password in it would be a secret written out, and would be dropped on the way.
  return isHttp && url.username === '' && url.password === '' ? url : undefined;
}

const validators = new WeakMap<object, WeakMap<object, Validator>>();
const acceptAll: Validator = () => [];

/** Compiled once for each schema of each operation plan. */
function validatorOf(operation: OperationPlan, schema: JsonSchema): Validator {
  if (schema === true) return acceptAll;
  if (schema === false) return () => [{ pointer: '', keyword: 'false', message: 'is not allowed' }];
  const ofOperation = kept(validators, operation, () => new WeakMap<object, Validator>());
  return kept(ofOperation, schema, () => compileValidator(schema, { hidesNames: true }));
}

interface Keeper<K, V> {
  get(key: K): V | undefined;
  set(key: K, value: V): unknown;
}

function kept<K, V>(keeper: Keeper<K, V>, key: K, make: () => V): V {
  const known = keeper.get(key);
  if (known !== undefined) return known;
  const made = make();
  keeper.set(key, made);
  return made;
}
