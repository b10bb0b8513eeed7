import { isObject } from '@tenon/model';

/** CloudEvents 1.0, the attributes we speak of; `data` as it stands in the message. */
export interface CloudEvent {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject?: string;
  /** RFC 3339. */
  readonly time?: string;
  readonly dataContentType?: string;
  /** Extension `partitionkey`: events with the same one keep their order. */
  readonly partitionKey?: string;
  /** Extension `traceparent`. */
  readonly traceparent?: string;
}

export const STRUCTURED_TYPE = 'application/cloudevents+json';

/** Member in JSON (and name after the prefix in headers) of each attribute. */
const ATTRIBUTES = {
  id: 'id',
  source: 'source',
  type: 'type',
  subject: 'subject',
  time: 'time',
  dataContentType: 'datacontenttype',
  partitionKey: 'partitionkey',
  traceparent: 'traceparent',
} as const satisfies Record<keyof CloudEvent, string>;

/** How bindings spell an attribute as a header: HTTP and NATS `ce-`, Kafka `ce_`, AMQP `cloudEvents:` or `cloudEvents_`. */
const PREFIXES = ['ce-', 'ce_', 'cloudevents:', 'cloudevents_'];

/** The attributes in headers (binary mode), or `undefined` where they are not those of a CloudEvent. */
export function binaryCloudEvent(
  headers: Readonly<Record<string, string>>,
  contentType: string | undefined,
): CloudEvent | undefined {
  const prefix = PREFIXES.find((one) => headers[`${one}specversion`] !== undefined);
  if (prefix === undefined || !headers[`${prefix}specversion`]!.startsWith('1.')) return undefined;
  const event = attributes((name) => decoded(headers[`${prefix}${name}`]));
  return event && contentType !== undefined ? { ...event, dataContentType: contentType } : event;
}

/** The attributes and data of a whole event in JSON (structured mode), or `undefined` where it is none. */
export function structuredCloudEvent(
  body: unknown,
): { readonly event: CloudEvent; readonly data: unknown; readonly base64?: string } | undefined {
  if (!isObject(body)) return undefined;
  const version = body['specversion'];
  if (typeof version !== 'string' || !version.startsWith('1.')) return undefined;
  const event = attributes((name) => body[name]);
  const base64 = body['data_base64'];
  return event && { event, data: body['data'], ...(typeof base64 === 'string' && { base64 }) };
}

/** An event as headers beside a body of its own. */
export function binaryHeaders(event: CloudEvent, prefix: 'ce-' | 'ce_'): Record<string, string> {
  const headers: Record<string, string> = { [`${prefix}specversion`]: '1.0' };
  for (const [key, name] of ATTRIBUTE_NAMES) {
    const value = event[key];
    // The content type is the message's own header; `traceparent` has one too.
    if (value !== undefined && key !== 'dataContentType' && key !== 'traceparent')
      headers[`${prefix}${name}`] = prefix === 'ce-' ? encoded(value) : value;
  }
  return headers;
}

/** An event as one JSON object; `data` is JSON. */
export function structuredBody(event: CloudEvent, data: unknown): Record<string, unknown> {
  const body: Record<string, unknown> = { specversion: '1.0' };
  for (const [key, name] of ATTRIBUTE_NAMES) if (event[key] !== undefined) body[name] = event[key];
  return { ...body, data };
}

/** Source and id together are what an event is told from all others by (CloudEvents 1.0 §3.1). */
export function cloudEventIdentity({ source, id }: CloudEvent): string {
  return `${source}#${id}`;
}

// Object.entries forgets which keys it was given.
const ATTRIBUTE_NAMES = Object.entries(ATTRIBUTES) as [keyof CloudEvent, string][];

function attributes(read: (name: string) => unknown): CloudEvent | undefined {
  const found: Partial<Record<keyof CloudEvent, string>> = {};
  for (const [key, name] of ATTRIBUTE_NAMES) {
    const value = read(name);
    if (typeof value === 'string' && value !== '') found[key] = value;
  }
  const { id, source, type } = found;
  return id === undefined || source === undefined || type === undefined
    ? undefined
    : { ...found, id, source, type };
}

/** HTTP headers carry attributes percent-encoded where they hold more than visible ASCII (HTTP binding §3.1.3.2). */
function encoded(text: string): string {
  return text.replace(/[^\x21-\x7e]|["%]/gu, (character) => encodeURIComponent(character));
}

function decoded(text: string | undefined): string | undefined {
  if (text === undefined || !text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that stands for itself.
    return text;
  }
}
