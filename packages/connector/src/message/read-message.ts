import { atPointer, type Failure, type Json, type JsonObject } from '@tenon/model';
import { parseExactJson } from '../exact-json.ts';
import type { IncomingMessage } from '../source.ts';
import type { SourceEvent, SourcePlan } from '../source-plan.ts';
import {
  binaryCloudEvent,
  type CloudEvent,
  cloudEventIdentity,
  STRUCTURED_TYPE,
  structuredCloudEvent,
} from './cloud-event.ts';
import { readHeaders } from './message-headers.ts';

export type ReadMessage =
  | ({
      readonly as: 'event';
      /** Events with the same one are stored in the order in which they came. */
      readonly orderKey?: string;
    } & Read)
  /** It is known to its contract, and no pipeline listens to it: it is let go on purpose. */
  | ({ readonly as: 'unheard' } & Read)
  /** It cannot be what its contract describes. `payload` holds what came, whole. */
  | ({ readonly as: 'invalid'; readonly failure: Failure } & Read);

interface Read {
  readonly event: SourceEvent;
  readonly payload: Json;
  /** Those that the contract declares; absent: it declares none. */
  readonly headers?: JsonObject;
  /** Absent: neither broker nor sender gave one. */
  readonly deliveryId?: string;
  readonly traceparent?: string;
}

/** What a message says, by its contract; pure. Whether the payload fits its schema is the runtime's to see. */
export function readMessage(plan: SourcePlan, message: IncomingMessage): ReadMessage {
  const body = decode(plan, message);
  const traceparent = message.headers['traceparent'] ?? body.cloudEvent?.traceparent;
  const read = (event: SourceEvent): Read => {
    const deliveryId = deliveryIdOf(event, message, body);
    return {
      event,
      payload: body.payload,
      ...(event.headers && { headers: readHeaders(event.headers, message.headers, message.contentType) }),
      ...(deliveryId !== undefined && { deliveryId }),
      ...(traceparent !== undefined && { traceparent }),
    };
  };
  const event = eventOf(plan, message, body);
  const owner = event ?? plan.events.find(({ isHeard }) => isHeard) ?? plan.events[0]!;
  if (body.failure !== undefined) return { as: 'invalid', failure: body.failure, ...read(owner) };
  if (event === undefined) return { as: 'invalid', failure: unknownType(plan), ...read(owner) };
  if (!event.isHeard) return { as: 'unheard', ...read(event) };
  const orderKey = orderKeyOf(event, body);
  return { as: 'event', ...read(event), ...(orderKey !== undefined && { orderKey }) };
}

interface Body {
  readonly payload: Json;
  readonly cloudEvent?: CloudEvent;
  readonly failure?: Failure;
}

function decode(plan: SourcePlan, message: IncomingMessage): Body {
  const type = mediaType(message.contentType ?? plan.events[0]?.contentType);
  if (message.problem !== undefined) return unreadable(type, message.body, message.problem);
  // Where the contract describes the whole envelope, pipelines see the whole envelope.
  const isUnwrapped = !plan.events.some(({ contentType }) => mediaType(contentType) === STRUCTURED_TYPE);
  const binary = binaryCloudEvent(message.headers, message.contentType);
  const parsed = parse(type, message.body);
  if (parsed.failure !== undefined || binary !== undefined)
    return { ...parsed, ...(binary && { cloudEvent: binary }) };
  const structured = type === STRUCTURED_TYPE ? structuredCloudEvent(parsed.payload) : undefined;
  if (structured === undefined) return parsed;
  const { event: cloudEvent, data, base64 } = structured;
  if (!isUnwrapped) return { ...parsed, cloudEvent };
  if (base64 !== undefined)
    return { cloudEvent, ...parse(mediaType(cloudEvent.dataContentType), Buffer.from(base64, 'base64')) };
  // The data of a JSON event is JSON; an event without any has none.
  return { cloudEvent, payload: (data ?? null) as Json };
}

function parse(type: string, body: Uint8Array): Body {
  if (type.startsWith('text/')) {
    try {
      return { payload: utf8.decode(body) };
    } catch {
      return unreadable(type, body, 'it is not UTF-8');
    }
  }
  if (type !== '' && !/^application\/(.+\+)?json$/.test(type))
    return unreadable(type, body, 'its content type is neither JSON nor text');
  try {
    return { payload: parseExactJson(body) };
  } catch {
    return unreadable(type, body, 'it is not JSON in UTF-8');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** What cannot be read is kept as it came: a person, or a mended contract, may still make sense of it. */
function unreadable(type: string, body: Uint8Array, because: string): Body {
  return {
    payload: { contentType: type, base64: Buffer.from(body).toString('base64') },
    failure: invalid('MESSAGE_UNREADABLE', `the message cannot be read: ${because}`),
  };
}

function eventOf(plan: SourcePlan, message: IncomingMessage, body: Body): SourceEvent | undefined {
  return plan.events.find(({ type }) => type === undefined || valueAt(type.at, message, body) === type.is);
}

/** An empty one is none: all that have it would be taken for one delivery. */
function deliveryIdOf(event: SourceEvent, message: IncomingMessage, body: Body): string | undefined {
  if (event.id !== 'message') return textOf(valueAt(event.id, message, body));
  return body.cloudEvent === undefined ? textOf(message.id) : cloudEventIdentity(body.cloudEvent);
}

function orderKeyOf(event: SourceEvent, body: Body): string | undefined {
  if (event.orderBy === undefined) return body.cloudEvent?.partitionKey;
  // What has no key keeps its order among its like.
  return textOf(atPointer(body.payload, event.orderBy)) ?? '';
}

/** `header:<name>`, `cloudevent:type` or a JSON Pointer into the payload. */
function valueAt(place: string, message: IncomingMessage, body: Body): string | undefined {
  if (place.startsWith('/')) return textOf(atPointer(body.payload, place));
  if (place === 'cloudevent:type') return body.cloudEvent?.type;
  return message.headers[place.slice('header:'.length).toLowerCase()];
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' && value.isWellFormed() ? value : undefined;
}

function unknownType(plan: SourcePlan): Failure {
  const known = plan.events.map(({ type }) => type?.is).filter((one) => one !== undefined);
  return invalid(
    'MESSAGE_TYPE_UNKNOWN',
    `the message is of none of the types that the contract has at ${plan.from}: ${known.join(', ')}`,
  );
}

function invalid(code: 'MESSAGE_UNREADABLE' | 'MESSAGE_TYPE_UNKNOWN', message: string): Failure {
  return { class: 'contract', code, message, delivery: 'notSent' };
}

function mediaType(contentType: string | undefined): string {
  return (contentType ?? '').split(';')[0]!.trim().toLowerCase();
}
