import { isObject } from '@tenon/model';
import type { JsonSchema } from '@tenon/schema';
import {
  type BuildContext,
  type Built,
  follow,
  from,
  present,
  readSecuritySchemes,
  securityOf,
  tagNames,
  textItems,
} from './build.ts';
import { freeId, pascal } from './derived-id.ts';
import type {
  EventDefinition,
  Message,
  MessageOperation,
  Operation,
  Parameter,
  SecurityRequirement,
  Server,
} from './ir.ts';
import { mediaTypeText, sunsetOf } from './openapi-build.ts';
import { extensionsOf, type Part } from './part.ts';
import { isJsonSchemaFormat } from './schema-reader.ts';

/**
 * Builds the representation of an AsyncAPI document, which describes the *other* system (the vendor's).
 *
 * AsyncAPI 3 speaks from that system's side: what it `send`s reaches us, an event; what it `receive`s we may send, an
 * operation. AsyncAPI 2 speaks from the side of its clients: to what says `subscribe` a client may subscribe, an event;
 * to what says `publish` a client may publish, an operation.
 */
export function buildAsyncApi(context: BuildContext): Built {
  const builder = new AsyncApiBuilder(context);
  const isVersion2 = context.root.text('asyncapi')?.startsWith('2.') === true;
  if (isVersion2) builder.readVersion2();
  else builder.readVersion3();
  return {
    servers: builder.servers(),
    operations: builder.operations,
    events: builder.events,
    securitySchemes: readSecuritySchemes(context),
  };
}

/** A message under the name that its channel gives it. */
interface NamedMessage {
  readonly key: string;
  readonly part: Part;
}

interface Exchange {
  /** Ours to send, or sent to us. */
  readonly direction: 'operation' | 'event';
  readonly id: string;
  readonly derivedId: boolean;
  readonly part: Part;
  readonly channel: string;
  readonly channelPart: Part | undefined;
  readonly address: string | undefined;
  readonly messages: readonly NamedMessage[];
  readonly security: readonly SecurityRequirement[];
  readonly reply?: MessageOperation['reply'];
}

class AsyncApiBuilder {
  readonly operations = new Map<string, Operation>();
  readonly events = new Map<string, EventDefinition>();
  readonly #context: BuildContext;
  readonly #messages = new Map<unknown, Message>();
  readonly #defaultContentType: string;

  constructor(context: BuildContext) {
    this.#context = context;
    this.#defaultContentType = context.root.text('defaultContentType') ?? 'application/json';
  }

  servers(): Server[] {
    const found: Server[] = [];
    for (const [, reference] of this.#context.root.get('servers')?.entries() ?? []) {
      const part = follow(this.#context, reference);
      if (!part) continue;
      const protocol = part.text('protocol')?.toLowerCase() ?? '';
      const host = part.text('host');
      const url =
        host === undefined ? part.text('url') : `${protocol}://${host}${part.text('pathname') ?? ''}`;
      if (url === undefined) continue;
      const full = /^[a-z][a-z\d+.-]*:\/\//i.test(url) ? url : `${protocol}://${url}`;
      found.push(from(this.#context, part, { url: full, protocol, ...present(part, ['description']) }));
    }
    return found;
  }

  readVersion3(): void {
    for (const [id, reference] of this.#context.root.get('operations')?.entries() ?? []) {
      const part = follow(this.#context, reference);
      const action = part?.text('action');
      if (!part || (action !== 'send' && action !== 'receive')) continue;
      const { name, channel } = this.#channelOf(part);
      const listed = part.get('messages');
      const messages = listed
        ? [...listed.items()].flatMap((item) => this.#named(item))
        : this.#channelMessages(channel);
      const reply = this.#reply(part.get('reply'));
      this.#add({
        direction: action === 'send' ? 'event' : 'operation',
        id,
        derivedId: false,
        part,
        channel: name,
        channelPart: channel,
        address: addressOf(channel),
        messages,
        security: this.#schemeList(part.get('security')),
        ...(reply && { reply }),
      });
    }
  }

  readVersion2(): void {
    for (const [name, reference] of this.#context.root.get('channels')?.entries() ?? []) {
      const channel = follow(this.#context, reference);
      for (const [verb, direction] of VERSION_2_VERBS) {
        const part = channel?.get(verb);
        if (!channel || !part?.object) continue;
        const given = part.text('operationId') ?? this.#traitText(part, 'operationId');
        this.#add({
          direction,
          id: given ?? `${verb}${pascal(name)}`,
          derivedId: given === undefined,
          part,
          channel: name,
          channelPart: channel,
          address: name,
          messages: this.#version2Messages(part.get('message'), name),
          security: securityOf(part.get('security')),
        });
      }
    }
  }

  #add(exchange: Exchange): void {
    if (exchange.direction === 'event') this.#addEvents(exchange);
    else this.#addOperation(exchange);
  }

  #addOperation(exchange: Exchange): void {
    const { part, channelPart, channel, address, messages, reply } = exchange;
    const id = freeId(exchange.id, this.operations);
    this.operations.set(
      id,
      from(this.#context, part, {
        kind: 'message',
        id,
        derivedId: exchange.derivedId,
        ...present(part, ['summary', 'description']),
        tags: tagNames(part.get('tags')),
        deprecated: isDeprecated(part),
        ...sunsetOf(part),
        security: exchange.security,
        extensions: extensionsOf(part),
        channel,
        ...(address !== undefined && { address }),
        parameters: this.#parameters(channelPart),
        messages: messages.map((message) => this.#message(message)),
        ...(reply && { reply }),
        bindings: mergedByProtocol(bindingsOf(channelPart), this.#merged(part, 'bindings')),
      } satisfies MessageOperation),
    );
  }

  /** One event for each message; the operation's id takes part where a message of that name is an event already. */
  #addEvents({ id, part, channel, channelPart, address, messages }: Exchange): void {
    for (const named of messages) {
      const fallback = messages.length === 1 ? id : `${id}${pascal(named.key)}`;
      const eventId = freeId(this.events.has(named.key) ? fallback : named.key, this.events);
      const target = follow(this.#context, named.part) ?? named.part;
      this.events.set(
        eventId,
        from(this.#context, named.part, {
          id: eventId,
          source: 'channel',
          ...present(part, ['summary', 'description']),
          ...present(target, ['summary', 'description']),
          deprecated: isDeprecated(part) || isDeprecated(target),
          channel,
          ...(address !== undefined && { address }),
          message: this.#message(named),
          bindings: mergedByProtocol(bindingsOf(channelPart), this.#merged(part, 'bindings')),
          extensions: { ...extensionsOf(part), ...extensionsOf(target) },
        } satisfies EventDefinition),
      );
    }
  }

  #channelOf(holder: Part): { readonly name: string; readonly channel: Part | undefined } {
    const reference = holder.get('channel');
    const ref = reference?.text('$ref');
    return { name: lastToken(ref) ?? '', channel: follow(this.#context, reference) };
  }

  #channelMessages(channel: Part | undefined): NamedMessage[] {
    return [...(channel?.get('messages')?.entries() ?? [])].map(([key, part]) => ({ key, part }));
  }

  /** A message of an operation's list is a reference into its channel, whose last word names it there. */
  #named(part: Part): NamedMessage[] {
    const key = lastToken(part.text('$ref'));
    return key === undefined ? [] : [{ key, part }];
  }

  #version2Messages(part: Part | undefined, channel: string): NamedMessage[] {
    if (!part) return [];
    const oneOf = part.get('oneOf');
    if (oneOf) return [...oneOf.items()].flatMap((item) => this.#version2Messages(item, channel));
    const target = follow(this.#context, part);
    const own = target?.text('messageId') ?? target?.text('name');
    return [{ key: own ?? lastToken(part.text('$ref')) ?? pascal(channel), part }];
  }

  #reply(reference: Part | undefined): MessageOperation['reply'] | undefined {
    const part = follow(this.#context, reference);
    if (!part?.object) return undefined;
    const { channel } = this.#channelOf(part);
    const listed = part.get('messages');
    const messages = listed
      ? [...listed.items()].flatMap((item) => this.#named(item))
      : this.#channelMessages(channel);
    const address = follow(this.#context, part.get('address'))?.text('location') ?? addressOf(channel);
    return {
      ...(address !== undefined && { address }),
      messages: messages.map((message) => this.#message(message)),
    };
  }

  #message({ key, part }: NamedMessage): Message {
    const target = follow(this.#context, part) ?? part;
    const known = this.#messages.get(target.value);
    if (known && known.name === (target.text('name') ?? key)) return known;
    const payload = this.#payload(target);
    const headers = this.#first(target, 'headers');
    const correlation = follow(this.#context, this.#first(target, 'correlationId'))?.text('location');
    const contentType = this.#first(target, 'contentType')?.value;
    const built: Message = from(this.#context, target, {
      name: target.text('name') ?? key,
      contentType: mediaTypeText(typeof contentType === 'string' ? contentType : this.#defaultContentType),
      payload,
      ...(headers && { headers: this.#context.schemas.read(headers) }),
      ...(correlation !== undefined && { correlationId: correlation }),
      examples: examplesOf(target),
      bindings: this.#merged(target, 'bindings'),
    });
    this.#messages.set(target.value, built);
    return built;
  }

  /** Version 2 keeps the format beside the payload; version 3 within it, which the schema reader knows. */
  #payload(message: Part): JsonSchema {
    const payload = this.#first(message, 'payload');
    if (!payload) return true;
    const format = message.text('schemaFormat');
    if (format === undefined || isJsonSchemaFormat(format)) return this.#context.schemas.read(payload);
    return true;
  }

  #parameters(channel: Part | undefined): Parameter[] {
    const found: Parameter[] = [];
    for (const [name, reference] of channel?.get('parameters')?.entries() ?? []) {
      const part = follow(this.#context, reference);
      if (!part?.object) continue;
      found.push(
        from(this.#context, part, {
          name,
          in: 'channel',
          required: true,
          deprecated: false,
          ...present(part, ['description']),
          style: 'simple',
          explode: false,
          allowReserved: false,
          schema: this.#parameterSchema(part),
        } satisfies Parameter),
      );
    }
    return found;
  }

  /** Version 2 gives a schema; version 3 says `enum` and `default`, of text. */
  #parameterSchema(part: Part): JsonSchema {
    const schema = part.get('schema');
    if (schema) return this.#context.schemas.read(schema);
    const values = textItems(part.get('enum'));
    const fallback = part.text('default');
    return from(this.#context, part, {
      type: 'string',
      ...(values.length > 0 && { enum: values }),
      ...(fallback !== undefined && { default: fallback }),
    });
  }

  /** Version 3: each item is a scheme (or a reference to one) and an alternative. */
  #schemeList(part: Part | undefined): SecurityRequirement[] {
    const found: SecurityRequirement[] = [];
    for (const item of part?.items() ?? []) {
      const name = lastToken(item.text('$ref'));
      if (name === undefined) continue;
      const scopes = textItems(follow(this.#context, item)?.get('scopes'));
      found.push({ [name]: scopes });
    }
    return found;
  }

  /** A member of the part, else of its first trait that has it. */
  #first(part: Part, key: string): Part | undefined {
    const own = part.get(key);
    if (own) return own;
    for (const reference of part.get('traits')?.items() ?? []) {
      const given = follow(this.#context, reference)?.get(key);
      if (given) return given;
    }
    return undefined;
  }

  #traitText(part: Part, key: string): string | undefined {
    const { value } = this.#first(part, key) ?? {};
    return typeof value === 'string' ? value : undefined;
  }

  /** A map that traits add to, the part's own entries last and thus in force. */
  #merged(part: Part, key: string): Record<string, unknown> {
    const traits = [...(part.get('traits')?.items() ?? [])].flatMap(
      (item) => follow(this.#context, item) ?? [],
    );
    const maps = [...traits, part].map((holder) => follow(this.#context, holder.get(key))?.object ?? {});
    return Object.assign({}, ...maps);
  }
}

const VERSION_2_VERBS = [
  ['subscribe', 'event'],
  ['publish', 'operation'],
] as const;

function addressOf(channel: Part | undefined): string | undefined {
  return channel?.text('address');
}

function bindingsOf(part: Part | undefined): Record<string, unknown> {
  return part?.get('bindings')?.object ?? {};
}

/** What the operation says of a protocol is added to what its channel says of it. */
function mergedByProtocol(
  channel: Record<string, unknown>,
  operation: Record<string, unknown>,
): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...channel };
  for (const [protocol, binding] of Object.entries(operation)) {
    const known = merged[protocol];
    merged[protocol] = isObject(known) && isObject(binding) ? { ...known, ...binding } : binding;
  }
  return merged;
}

function lastToken(ref: string | undefined): string | undefined {
  const token = ref?.split('/').at(-1);
  return token === undefined || token === ''
    ? undefined
    : decodeURIComponent(token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function isDeprecated(part: Part): boolean {
  return part.flag('deprecated') || part.flag('x-deprecated');
}

function examplesOf(message: Part): Message['examples'] {
  const found: { name?: string; payload?: unknown; headers?: unknown }[] = [];
  for (const item of message.get('examples')?.items() ?? []) {
    if (!isObject(item.value)) continue;
    const { name, payload, headers } = item.value;
    found.push({
      ...(typeof name === 'string' && { name }),
      ...(payload !== undefined && { payload }),
      ...(headers !== undefined && { headers }),
    });
  }
  return found;
}
