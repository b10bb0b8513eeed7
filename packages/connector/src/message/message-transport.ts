import { createHash } from 'node:crypto';
import {
  atPointer,
  type Delivery,
  type Failure,
  type FailureClass,
  type Json,
  type JsonObject,
  newId,
  type Secret,
} from '@tenon/model';
import { compileValidator, type JsonSchema, type Validator } from '@tenon/schema';
import type { ConnectorFailureCode } from '../failure-codes.ts';
import type { MessageBinding, OperationPlan } from '../operation-plan.ts';
import { shownCode } from '../shown-code.ts';
import {
  type CallRequest,
  type CallResult,
  calledOff,
  failedCall,
  type Transport,
  type TransportContext,
} from '../transport.ts';
import { binaryHeaders, type CloudEvent, STRUCTURED_TYPE, structuredBody } from './cloud-event.ts';
import { sentHeaders } from './message-headers.ts';

/** A message ready for the wire. */
export interface OutgoingMessage {
  readonly operation: OperationPlan;
  readonly binding: MessageBinding;
  /** The channel's address with its parameters filled in. */
  readonly address: string;
  /** As its contract writes it, for what is said of it: what fills a parameter may be of somebody. */
  readonly shownAddress: string;
  readonly body: Uint8Array;
  readonly contentType: string;
  /** Lower-case names; trace context and correlation among them. */
  readonly headers: Readonly<Record<string, string>>;
  /** Made of the idempotency key: the same on every attempt and replay. */
  readonly id: string;
  /** Messages with the same one keep their order, where the broker can. */
  readonly orderKey?: string;
  readonly sentAtMs: number;
  /** The whole input of the call. */
  readonly input: JsonObject;
}

export interface Publishing {
  readonly signal: AbortSignal;
  /**
   * To be called right before the message can reach the broker: from then on no answer means `lost`. Throws where it may
   * not be sent any more: the call has been given up as not sent, or a switch that was set meanwhile holds it.
   */
  sending(): void;
}

/** Sends one message. Resolves with the broker's answer once the message is safe there; rejects with `MessageRefused` or whatever broke. */
export interface Publisher {
  publish(message: OutgoingMessage, publishing: Publishing): Promise<Json>;
  close(): Promise<void>;
}

/** The broker has answered, and its answer is no; or it is known that nothing was sent. */
export class MessageRefused extends Error {
  readonly failureClass: FailureClass;
  readonly delivery: Exclude<Delivery, 'lost'>;
  readonly status: number | undefined;

  /** `message` is ours: no text of the broker, which may quote what it was sent. */
  constructor(
    failureClass: FailureClass,
    message: string,
    delivery: Exclude<Delivery, 'lost'> = 'answered',
    status?: number,
  ) {
    super(message);
    this.failureClass = failureClass;
    this.delivery = delivery;
    this.status = status;
  }
}

/** The other side does not take the login: it would not at the next attempt either, so a call is not repeated and a person is told. */
export function loginRefused(side: string, code?: string | number): MessageRefused {
  const which = code === undefined ? '' : ` (${code})`;
  return new MessageRefused('auth', `${side} refused the login${which}; nothing was sent`, 'notSent');
}

export interface MessageTransportOptions {
  /** What one parameter of an address may be. Default: no blank, wildcard or separator of any broker. */
  readonly parameter?: RegExp;
}

const PLAIN_WORD = /^[^\s*>#+/.$\0]+$/;

/**
 * A transport for operations that send a message: input held against the contract, address and body made, deadline kept,
 * the answer held against the contract, and the message's fate told apart. What is left to a connector is `Publisher`.
 *
 * `notSent` until the publisher says `sending`; from then on `lost`, unless the broker answers.
 */
export function messageTransport(
  context: TransportContext,
  publisher: Publisher,
  options: MessageTransportOptions = {},
): Transport {
  const { clock } = context;
  return { call, close: () => publisher.close() };

  async function call(request: CallRequest): Promise<CallResult> {
    const { operation } = request;
    const refuse = (
      code: ConnectorFailureCode,
      failureClass: FailureClass,
      what: string,
      more?: Partial<Failure>,
    ) =>
      failedCall({
        class: failureClass,
        code,
        message: `${operation.name}: ${what}`,
        delivery: 'notSent',
        ...more,
      });
    const binding = operation.message;
    if (binding === undefined)
      return refuse('MESSAGE_OPERATION_UNBOUND', 'permanent', 'the contract describes no channel for it');
    const issue = validatorOf(operation.input)(request.input)[0];
    if (issue !== undefined)
      return refuse(
        'MESSAGE_REQUEST_INVALID',
        'validation',
        `${issue.pointer === '' ? 'the whole' : issue.pointer} ${issue.message}`,
        { pointer: issue.pointer },
      );
    if (operation.idempotency.mode === 'header' && request.idempotencyKey === undefined)
      return refuse('MESSAGE_KEY_MISSING', 'validation', 'its only guard is its key, and none was given');
    const address = addressOf(binding, request.input, options.parameter ?? PLAIN_WORD);
    if (address === undefined)
      return refuse(
        'MESSAGE_ADDRESS_INVALID',
        'validation',
        'a parameter of its address is empty or holds what an address cannot',
      );
    const deadlineAtMs = Math.min(
      clock.now() + operation.timeoutMs,
      request.deadlineAt ?? Number.POSITIVE_INFINITY,
    );
    if (clock.now() >= deadlineAtMs || request.signal?.aborted)
      return refuse('MESSAGE_TIMEOUT', 'timeout', 'the deadline has passed; nothing was sent');

    const headers = sentHeaders(request.input['headers']);
    if (headers === undefined)
      return refuse(
        'MESSAGE_HEADER_UNSAFE',
        'validation',
        'a header holds characters that no header may hold',
        {
          pointer: '/headers',
        },
      );
    const message = outgoing(context, request, binding, address, headers);
    let isSent = false;
    const ending = new AbortController();
    const stop = (): void => ending.abort();
    const cancelTimer = clock.setTimer(Math.max(0, deadlineAtMs - clock.now()), stop);
    request.signal?.addEventListener('abort', stop, { once: true });
    try {
      const answer = await Promise.race([
        publisher.publish(message, {
          signal: ending.signal,
          sending: () => {
            if (isSent) return;
            ending.signal.throwIfAborted();
            if (request.isCalledOff?.() === true) throw new CalledOff();
            isSent = true;
          },
        }),
        aborted(ending.signal),
      ]);
      return answered(operation, answer);
    } catch (error) {
      if (error instanceof CalledOff) return calledOff;
      if (error instanceof MessageRefused)
        return refuse('MESSAGE_REFUSED', error.failureClass, error.message, {
          delivery: error.delivery,
          ...(error.status !== undefined && { status: error.status }),
        });
      const delivery: Delivery = isSent ? 'lost' : 'notSent';
      const fate = isSent ? 'the message may have arrived' : 'nothing was sent';
      if (error instanceof CredentialsMissing)
        return refuse('MESSAGE_CREDENTIALS_MISSING', 'auth', `${error.message}; nothing was sent`);
      if (ending.signal.aborted)
        return refuse('MESSAGE_TIMEOUT', 'timeout', `no answer within the deadline; ${fate}`, { delivery });
      return refuse(
        'MESSAGE_CONNECTION_FAILED',
        'transient',
        `the connection failed${codeOf(error)}; ${fate}`,
        { delivery },
      );
    } finally {
      cancelTimer();
      request.signal?.removeEventListener('abort', stop);
    }
  }
}

/** Credentials of the first scheme of that type which the connection has; `undefined` where it has none. */
export async function basicCredentials(
  context: TransportContext,
  use: string,
): Promise<{ readonly username: Secret; readonly password: Secret } | undefined> {
  const { connection, secrets } = context;
  const fields = Object.values(connection.credentials).find((one) => one['username'] !== undefined);
  if (fields === undefined) return undefined;
  const { username, password } = fields;
  if (username === undefined || password === undefined)
    throw new CredentialsMissing(`connection ${connection.name} needs username and password`);
  try {
    const purpose = { connection: connection.name, use };
    const [user, pass] = await Promise.all([
      secrets.resolve(username, purpose),
      secrets.resolve(password, purpose),
    ]);
    return { username: user, password: pass };
  } catch {
    // The store's own message is in the audit; it names the reference.
    throw new CredentialsMissing(`the credentials of connection ${connection.name} could not be read`);
  }
}

export class CredentialsMissing extends Error {}

class CalledOff extends Error {}

function outgoing(
  context: TransportContext,
  request: CallRequest,
  binding: MessageBinding,
  address: string,
  headers: Readonly<Record<string, string>>,
): OutgoingMessage {
  const { operation, input } = request;
  const data = input['body'] ?? null;
  const sentAtMs = context.clock.now();
  const id =
    request.idempotencyKey === undefined
      ? newId(context.clock, context.random)
      : messageId(request.idempotencyKey);
  const orderKey = binding.orderBy === undefined ? undefined : orderText(atPointer(data, binding.orderBy));
  const own: Record<string, string> = {
    ...headers,
    ...(request.traceparent !== undefined && { traceparent: request.traceparent }),
    ...(request.correlationId !== undefined && { 'x-correlation-id': request.correlationId }),
  };
  const message = {
    operation,
    binding,
    address,
    shownAddress: binding.address ?? binding.channel,
    id,
    sentAtMs,
    input,
    ...(orderKey !== undefined && { orderKey }),
  };
  const { envelope } = binding;
  if (envelope === undefined)
    return {
      ...message,
      headers: own,
      contentType: binding.contentType,
      body: encode(binding.contentType, data),
    };
  const event: CloudEvent = {
    id,
    source: envelope.source,
    type: envelope.type,
    time: new Date(sentAtMs).toISOString(),
    dataContentType: binding.contentType,
    ...(orderKey !== undefined && { partitionKey: orderKey }),
    ...(request.traceparent !== undefined && { traceparent: request.traceparent }),
  };
  if (envelope.mode === 'structured')
    return {
      ...message,
      headers: own,
      contentType: `${STRUCTURED_TYPE}; charset=utf-8`,
      body: encode(STRUCTURED_TYPE, structuredBody(event, data)),
    };
  return {
    ...message,
    headers: { ...own, ...binaryHeaders(event, envelope.prefix) },
    contentType: binding.contentType,
    body: encode(binding.contentType, data),
  };
}

/** Brokers bound ids and headers in length and alphabet; a key that they could not carry is sent as its digest. */
export function messageId(key: string): string {
  return /^[\x21-\x7e]{1,200}$/.test(key) ? key : createHash('sha256').update(key).digest('hex');
}

function orderText(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function encode(contentType: string, data: unknown): Uint8Array {
  return Buffer.from(
    contentType.startsWith('text/') && typeof data === 'string' ? data : JSON.stringify(data),
  );
}

/** Words of an address are plain: what a wildcard, a separator or nothing at all would mean is another place. */
function addressOf(binding: MessageBinding, input: JsonObject, allowed: RegExp): string | undefined {
  let isGood = true;
  const address = (binding.address ?? binding.channel).replace(/\{([^}]+)\}/g, (_whole, name: string) => {
    const field = binding.parameters.find((one) => one.name === name);
    const value = field && input[field.key];
    const text = typeof value === 'number' ? String(value) : value;
    if (typeof text !== 'string' || !allowed.test(text)) {
      isGood = false;
      return '';
    }
    return text;
  });
  return isGood ? address : undefined;
}

function answered(operation: OperationPlan, given: Json): CallResult {
  // A contract without a reply promises nothing of what the broker acknowledges with: a place in a log, a number.
  const answer = saysNothing(operation.result) ? null : given;
  const issue = validatorOf(operation.result)(answer)[0];
  if (issue === undefined) return { ok: true, status: 200, body: answer, headers: {} };
  return failedCall({
    class: 'contract',
    code: 'MESSAGE_ANSWER_INVALID',
    message: `${operation.name}: the answer does not fit its contract: ${issue.pointer || 'the whole'} ${issue.message}`,
    delivery: 'answered',
    status: 200,
    pointer: issue.pointer,
  });
}

function saysNothing(result: JsonSchema): boolean {
  return typeof result === 'object' && result.type === 'null';
}

const validators = new WeakMap<object, Validator>();
const anything: Validator = () => [];

function validatorOf(schema: JsonSchema): Validator {
  if (typeof schema === 'boolean') return schema ? anything : compileValidator(schema);
  let validator = validators.get(schema);
  if (validator === undefined) {
    validator = compileValidator(schema, { hidesNames: true });
    validators.set(schema, validator);
  }
  return validator;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = (): void => reject(new Error('aborted'));
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}

function codeOf(error: unknown): string {
  const code = shownCode(error);
  return code === undefined ? '' : ` (${code})`;
}
