import type { Hash } from 'node:crypto';
import type { Failure } from '@tenon/model';
import type { Authentication } from '../auth/authenticator.ts';
import { isCertificateRefusal } from '../auth/tls-identity.ts';
import type { HttpBinding, OperationPlan } from '../operation-plan.ts';
import {
  type AnswerClassifier,
  type CallRequest,
  type CallResult,
  calledOff,
  failedCall,
  type Transport,
  type TransportContext,
} from '../transport.ts';
import { buildRequest, type DraftRequest, isDraft, wireRequest } from './build-request.ts';
import { inputIssue } from './check-request.ts';
import { Deadline } from './deadline.ts';
import { exchange, type Streaming, type Wire } from './exchange.ts';
import {
  authFailure,
  certificateRefused,
  invalidRequest,
  refusedFailure,
  requestFailure,
  unreceived,
  unsent,
} from './failures.ts';
import { Hosts } from './hosts.ts';
import { isForReceiver, judgeAnswer } from './judge-answer.ts';
import { BodyError, digestOfBody } from './outgoing-body.ts';
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
  /** Carries the requests in place of sockets: for trials, in which nothing leaves the process. */
  readonly wire?: Wire;
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
/**
 * The HTTP transport on undici, for one connection: pooled per origin, host-checked by name and by address, bound to a
 * deadline, one attempt a call. Requests are held against the contract before a byte is sent, answers when they come.
 */
export function httpTransport(context: TransportContext, options: HttpTransportOptions = {}): HttpTransport {
  const limits = { ...DEFAULTS, ...options };
  const baseUrl = parseBaseUrl(context.connection.baseUrl);
  if (baseUrl === undefined)
    return unusable(`the base URL of connection ${context.connection.name} is no HTTP URL`);
  const hosts = new Hosts(context, baseUrl, limits);
  return { call, proofOf, close: () => hosts.close() };

  async function call(request: CallRequest): Promise<CallResult> {
    const { operation } = request;
    const http = operation.http;
    if (http === undefined)
      return failedCall(
        requestFailure('HTTP_OPERATION_UNBOUND', `${operation.name} is not an HTTP operation`),
      );
    const issue = inputIssue(request);
    if (issue !== undefined) return failedCall(invalidRequest(operation, issue));
    if (request.receive !== undefined && !http.responses.some(isStreamedAnswer))
      return failedCall(
        requestFailure('HTTP_BODY_UNSTREAMABLE', `no answer of ${operation.name} can be streamed`),
      );
    const draft = buildRequest(baseUrl!, request, http);
    if (!isDraft(draft)) return failedCall(draft);
    const refusal = hosts.guardOf(operation).refusal(draft.url);
    if (refusal !== undefined)
      return failedCall(refusedFailure('permission', 'HTTP_HOST_FORBIDDEN', `${operation.name}: ${refusal}`));

    const deadline = deadlineOf(request);
    try {
      if (deadline.expired) return failedCall(deadline.failure(operation, NOT_STARTED));
      return await deadline.race(attempt(request, http, draft, deadline), () =>
        failedCall(deadline.failure(operation, NOT_STARTED)),
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
    const judge = { operation, http, clock: context.clock, own: options.classify };
    let authentication: Authentication;
    try {
      authentication = await hosts
        .authenticatorOf(operation)
        .authenticate(operation.auth, operation.scopes, request.origin);
    } catch (error) {
      return { result: failedCall(authFailure(operation, error)) };
    }
    if (deadline.expired) return { result: failedCall(deadline.failure(operation, NOT_STARTED)) };
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
        result: failedCall(
          error instanceof BodyError ? unsent(operation, error) : authFailure(operation, error),
        ),
      };
    }
    const agent = hosts.agentOf(operation, authentication.tls);
    if (deadline.expired) return { result: failedCall(deadline.failure(operation, NOT_STARTED)) };
    let streaming: Streaming | undefined;
    if (send !== undefined || receive !== undefined) {
      try {
        streaming = {
          limits: stream,
          clock: context.clock,
          receive,
          send: send && { source: opened(send), bytes: send.bytes },
          isForReceiver: (status, headers) => isForReceiver(judge, status, headers),
        };
      } catch (error) {
        return { result: failedCall(unsent(operation, error)) };
      }
    }
    deadline.enterExchange();
    const outcome = await exchange(agent, wire, deadline.signal, limits.responseBytesMax, streaming);
    if (outcome.kind === 'broken') {
      const isShown = authentication.tls !== undefined && outcome.cause === 'connection';
      if (!isShown || !isCertificateRefusal(outcome.code)) {
        // Some hang up over a certificate without a word: the next call then shows the one that is current.
        if (isShown) authentication.forget();
        return { result: failedCall(deadline.failure(operation, outcome)) };
      }
      return { result: failedCall(certificateRefused(operation)), renew: authentication.renew };
    }
    if (outcome.kind === 'received') {
      const { status, headers } = outcome;
      return { result: { ok: true, status, headers, body: receivedJson(outcome.body) } };
    }
    if (outcome.kind === 'unreceived') return { result: failedCall(unreceived(operation, outcome.status)) };
    const { result, isToRenew } = judgeAnswer(judge, outcome, receive !== undefined);
    return { result, ...(isToRenew && { renew: authentication.renew }) };
  }

  function deadlineOf(request: CallRequest): Deadline {
    const own = context.clock.now() + request.operation.timeoutMs;
    return new Deadline(context.clock, Math.min(own, request.deadlineAt ?? own), request.signal);
  }

  async function proofOf(operation: OperationPlan): ReturnType<HttpTransport['proofOf']> {
    try {
      const { credentials } = await hosts
        .authenticatorOf(operation)
        .authenticate(operation.auth, operation.scopes);
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
}

const PER_REQUEST: ReadonlySet<string> = new Set(['hmac', 'awsSigV4', 'mtls']);

function isStreamedAnswer({ status, mediaType }: HttpBinding['responses'][number]): boolean {
  return /^(?:2|default$)/i.test(status) && mediaType !== undefined && isStreamable(mediaType);
}

/** Its own error may hold a path or a name, so none of it goes into the failure. */
function opened(send: BodyToSend): AsyncIterable<Uint8Array> {
  try {
    return send.open();
  } catch {
    throw new BodyError('source');
  }
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

/** A transport that says why it cannot work, at the first call instead of at start. */
function unusable(message: string): HttpTransport {
  const failure = refusedFailure('permanent', 'HTTP_BASE_URL_INVALID', message);
  return {
    call: async () => failedCall(failure),
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
