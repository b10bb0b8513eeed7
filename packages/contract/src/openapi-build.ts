import type { Json } from '@tenon/model';
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
} from './build.ts';
import { derivedOperationId, freeId, pascal } from './derived-id.ts';
import type {
  EventDefinition,
  Header,
  HttpOperation,
  MediaType,
  Message,
  Parameter,
  PropertyEncoding,
  RequestBody,
  Response,
  SecurityRequirement,
  Server,
} from './ir.ts';
import { extensionsOf, type Part } from './part.ts';
import { statusMeant } from './status.ts';

const HTTP_METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace', 'query'] as const;

/** Builds the representation of an OpenAPI 3.x document. Tolerant: what is malformed is left out, the checks report it. */
export function buildOpenApi(context: BuildContext): Built {
  const builder = new OpenApiBuilder(context);
  return {
    servers: builder.servers(context.root),
    operations: builder.operations(),
    events: builder.events(),
    securitySchemes: readSecuritySchemes(context),
  };
}

/** One operation of a path item. */
export interface MethodPart {
  /** Lower case. */
  readonly method: string;
  readonly part: Part;
}

/** The operations of a path item, its `additionalOperations` (3.2) too. */
export function* methodsOf(item: Part): Generator<MethodPart> {
  for (const [key, part] of item.entries()) {
    if ((HTTP_METHODS as readonly string[]).includes(key) && part.object) yield { method: key, part };
    if (key !== 'additionalOperations') continue;
    for (const [method, extra] of part.entries())
      if (extra.object) yield { method: method.toLowerCase(), part: extra };
  }
}

/** A path item and, where it is a reference with siblings, what it refers to: both count, the item itself first. */
export function pathItemParts(context: Pick<BuildContext, 'sources'>, item: Part): Part[] {
  if (item.text('$ref') === undefined) return [item];
  const target = context.sources.follow(item);
  return 'failure' in target ? [item] : [item, target];
}

class OpenApiBuilder {
  readonly #context: BuildContext;
  readonly #callbacks: { readonly operationId: string; readonly part: Part }[] = [];
  /** Shared components are built once: the same parameter of a thousand operations is one object. */
  readonly #parameters = new Map<unknown, Parameter | undefined>();
  readonly #responses = new Map<unknown, Omit<Response, 'status'>>();
  readonly #bodies = new Map<unknown, RequestBody>();
  readonly #headers = new Map<unknown, Omit<Header, 'name'>>();

  constructor(context: BuildContext) {
    this.#context = context;
  }

  servers(part: Part): Server[] {
    const found: Server[] = [];
    for (const server of part.get('servers')?.items() ?? []) {
      const url = server.text('url');
      if (url === undefined) continue;
      found.push(
        from(this.#context, server, { url, protocol: protocolOf(url), ...present(server, ['description']) }),
      );
    }
    return found;
  }

  operations(): Map<string, HttpOperation> {
    const found = new Map<string, HttpOperation>();
    for (const [path, item] of this.#context.root.get('paths')?.entries() ?? []) {
      if (path.startsWith('x-')) continue;
      for (const holder of pathItemParts(this.#context, item))
        for (const { method, part } of methodsOf(holder)) {
          const operation = this.#operation(method, path, part, holder, found);
          if (!found.has(operation.id)) found.set(operation.id, operation);
        }
    }
    return found;
  }

  #operation(
    method: string,
    path: string,
    part: Part,
    item: Part,
    taken: ReadonlyMap<string, HttpOperation>,
  ): HttpOperation {
    const given = part.text('operationId');
    const id = freeId(given ?? derivedOperationId(method, path), taken);
    const body = part.get('requestBody');
    const servers = this.servers(part);
    const itemServers = servers.length > 0 ? servers : this.servers(item);
    const requestBody = body && this.#body(body);
    const callbacks = part.get('callbacks');
    if (callbacks) this.#callbacks.push({ operationId: id, part: callbacks });
    return from(this.#context, part, {
      kind: 'http',
      id,
      derivedId: given === undefined,
      ...present(part, ['summary', 'description']),
      tags: tagNames(part.get('tags')),
      deprecated: part.flag('deprecated'),
      ...sunsetOf(part),
      security: this.#security(part),
      extensions: extensionsOf(part),
      method,
      path,
      parameters: this.#withTemplate(path, part, this.#parametersOf(item, part)),
      ...(requestBody && { body: requestBody }),
      responses: this.#responsesOf(part),
      servers: itemServers.length > 0 ? itemServers : this.#rootServers(),
    } satisfies HttpOperation);
  }

  #rootServersKnown: Server[] | undefined;
  #rootServers(): Server[] {
    this.#rootServersKnown ??= this.servers(this.#context.root);
    return this.#rootServersKnown;
  }

  #rootSecurityKnown: SecurityRequirement[] | undefined;
  #security(part: Part): SecurityRequirement[] {
    const own = part.get('security');
    if (own) return securityOf(own);
    this.#rootSecurityKnown ??= securityOf(this.#context.root.get('security'));
    return this.#rootSecurityKnown;
  }

  /** Those of the path item, each replaced by one of the operation with the same name and place. */
  #parametersOf(item: Part, operation: Part): Parameter[] {
    const found = new Map<string, Parameter>();
    for (const holder of [item, operation])
      for (const part of holder.get('parameters')?.items() ?? []) {
        const parameter = this.#parameter(part);
        if (parameter) found.set(`${parameter.in} ${parameter.name}`, parameter);
      }
    return [...found.values()];
  }

  /** A parameter of the template that is not declared is a text: the operation can be called all the same. */
  #withTemplate(path: string, part: Part, declared: readonly Parameter[]): Parameter[] {
    const found = [...declared];
    for (const [, name] of path.matchAll(/\{([^}]+)\}/g)) {
      if (found.some((parameter) => parameter.in === 'path' && parameter.name === name)) continue;
      found.push(
        from(this.#context, part, {
          name: name!,
          in: 'path',
          required: true,
          deprecated: false,
          style: 'simple',
          explode: false,
          allowReserved: false,
          schema: { type: 'string' },
        }),
      );
    }
    return found;
  }

  #parameter(reference: Part): Parameter | undefined {
    const part = follow(this.#context, reference);
    if (!part?.object) return undefined;
    return memo(this.#parameters, part.value, () => this.#buildParameter(part));
  }

  #buildParameter(part: Part): Parameter | undefined {
    const name = part.text('name');
    const where = part.text('in');
    if (name === undefined || !isParameterPlace(where)) return undefined;
    if (where === 'header' && NEGOTIATED_HEADERS.has(name.toLowerCase())) return undefined;
    const content = firstEntry(part.get('content'));
    const style = part.text('style') ?? DEFAULT_STYLES[where];
    const explode = part.get('explode')?.value;
    return from(this.#context, part, {
      name,
      in: where,
      required: where === 'path' || part.flag('required'),
      deprecated: part.flag('deprecated'),
      ...sunsetOf(part),
      ...present(part, ['description']),
      style,
      explode: typeof explode === 'boolean' ? explode : style === 'form' || style === 'cookie',
      allowReserved: part.flag('allowReserved'),
      schema: this.#withExamples(content ? content[1] : part),
      ...(content && { mediaType: content[0] }),
    } satisfies Parameter);
  }

  /** The schema of a parameter, or of its content; examples beside it stand in place of its own (OpenAPI 3.1 §4.8.12). */
  #withExamples(holder: Part): JsonSchema {
    const schemaPart = holder.get('schema');
    const schema = this.#schema(schemaPart);
    // Whatever a document holds is JSON.
    const own = Object.values(this.#examples(holder)) as Json[];
    if (own.length === 0 || schema === false) return schema;
    const examples = from(this.#context, holder.get('examples') ?? holder.get('example') ?? holder, own);
    return from(this.#context, schemaPart ?? holder, { ...(schema === true ? {} : schema), examples });
  }

  #body(reference: Part): RequestBody | undefined {
    const part = follow(this.#context, reference);
    if (!part?.object) return undefined;
    return memo(this.#bodies, part.value, () =>
      from(this.#context, part, {
        required: part.flag('required'),
        ...present(part, ['description']),
        content: this.#content(part),
      } satisfies RequestBody),
    );
  }

  #responsesOf(operation: Part): Response[] {
    const found: Response[] = [];
    const statuses = new Set<string>();
    for (const [key, reference] of operation.get('responses')?.entries() ?? []) {
      const status = statusMeant(key);
      if (key.startsWith('x-') || status === undefined || statuses.has(status)) continue;
      const part = follow(this.#context, reference);
      if (!part?.object) continue;
      statuses.add(status);
      const shared = memo(this.#responses, part.value, () => ({
        ...present(part, ['description']),
        headers: this.#headersOf(part),
        content: this.#content(part),
      }));
      found.push(from(this.#context, part, { status, ...shared }));
    }
    return found;
  }

  #headersOf(holder: Part): Header[] {
    const found: Header[] = [];
    for (const [name, reference] of holder.get('headers')?.entries() ?? []) {
      const part = follow(this.#context, reference);
      // OpenAPI: a `Content-Type` header here is ignored, for `content` says it.
      if (!part?.object || name.toLowerCase() === 'content-type') continue;
      const shared = memo(this.#headers, part.value, () => ({
        required: part.flag('required'),
        deprecated: part.flag('deprecated'),
        schema: this.#schema(firstEntry(part.get('content'))?.[1].get('schema') ?? part.get('schema')),
      }));
      found.push(from(this.#context, part, { name, ...shared }));
    }
    return found;
  }

  #content(holder: Part): MediaType[] {
    const found: MediaType[] = [];
    for (const [type, reference] of holder.get('content')?.entries() ?? []) {
      const part = follow(this.#context, reference);
      if (!part?.object) continue;
      // 3.2: `itemSchema` describes each item of a stream.
      const schema = part.get('schema') ?? part.get('itemSchema');
      const encoding = part.get('encoding');
      found.push(
        from(this.#context, part, {
          type: mediaTypeText(type),
          ...(schema && { schema: this.#schema(schema) }),
          examples: this.#examples(part),
          ...(encoding?.object && { encoding: this.#encoding(encoding, mediaTypeText(type)) }),
        }),
      );
    }
    return found;
  }

  /** By property. OpenAPI 3.0 gives styles a meaning in forms alone. */
  #encoding(holder: Part, type: string): Record<string, PropertyEncoding> {
    const hasStyles =
      type.startsWith('application/x-www-form-urlencoded') ||
      !/^3\.0\b/.test(this.#context.root.text('openapi') ?? '');
    const found: [string, PropertyEncoding][] = [];
    for (const [name, part] of holder.entries()) {
      if (!part.object) continue;
      const { explode, allowReserved } = part.object;
      found.push([
        name,
        {
          ...present(part, ['contentType']),
          headers: this.#headersOf(part),
          ...(hasStyles && {
            ...present(part, ['style']),
            ...(typeof explode === 'boolean' && { explode }),
            ...(typeof allowReserved === 'boolean' && { allowReserved }),
          }),
        },
      ]);
    }
    return Object.fromEntries(found);
  }

  #examples(part: Part): Record<string, unknown> {
    const found: [string, unknown][] = [];
    const example = part.get('example');
    if (example) found.push(['default', example.value]);
    for (const [name, reference] of part.get('examples')?.entries() ?? []) {
      const target = follow(this.#context, reference);
      const value = target?.get('value') ?? target?.get('dataValue');
      if (value) found.push([name, value.value]);
    }
    return Object.fromEntries(found);
  }

  #schema(part: Part | undefined): JsonSchema {
    return part ? this.#context.schemas.read(part) : true;
  }

  /** Webhooks by their key, callbacks by theirs. To be called after `operations`, which finds the callbacks. */
  events(): Map<string, EventDefinition> {
    const found = new Map<string, EventDefinition>();
    for (const key of ['webhooks', 'x-webhooks'])
      for (const [id, item] of this.#context.root.get(key)?.entries() ?? []) this.#eventsOf(id, item, found);
    for (const { operationId, part } of this.#callbacks)
      for (const [name, reference] of part.entries()) {
        const callback = follow(this.#context, reference);
        const id = found.has(name) ? `${operationId}${pascal(name)}` : name;
        for (const [expression, item] of callback?.entries() ?? [])
          if (!expression.startsWith('x-')) this.#eventsOf(id, item, found, expression);
      }
    return found;
  }

  #eventsOf(id: string, item: Part, found: Map<string, EventDefinition>, address?: string): void {
    const operations = pathItemParts(this.#context, item).flatMap((holder) =>
      [...methodsOf(holder)].map((method) => ({ ...method, holder })),
    );
    for (const [index, { method, part, holder }] of operations.entries()) {
      const eventId = freeId(index === 0 ? id : `${id}${pascal(method)}`, found);
      const { contentType, content } = this.#eventContent(part);
      const headers = this.#eventHeaders(holder, part);
      const message: Message = from(this.#context, content ?? part, {
        name: eventId,
        contentType,
        payload: this.#schema(content?.get('schema')),
        ...(headers !== undefined && { headers }),
        examples: content
          ? Object.entries(this.#examples(content)).map(([name, payload]) => ({ name, payload }))
          : [],
        bindings: {},
      });
      found.set(
        eventId,
        from(this.#context, part, {
          id: eventId,
          source: 'webhook',
          ...present(part, ['summary', 'description']),
          deprecated: part.flag('deprecated'),
          ...(address !== undefined && { address }),
          message,
          answers: this.#responsesOf(part),
          extensions: extensionsOf(part),
        } satisfies EventDefinition),
      );
    }
  }

  /** The JSON body where there is one, else the first. */
  #eventContent(operation: Part): { readonly contentType: string; readonly content: Part | undefined } {
    const body = follow(this.#context, operation.get('requestBody'));
    const entries = [...(body?.get('content')?.entries() ?? [])];
    const chosen = entries.find(([type]) => /[/+]json\b/i.test(type)) ?? entries[0];
    if (!chosen) return { contentType: 'application/json', content: undefined };
    return { contentType: mediaTypeText(chosen[0]), content: follow(this.#context, chosen[1]) };
  }

  #eventHeaders(item: Part, operation: Part): JsonSchema | undefined {
    const headers = this.#parametersOf(item, operation).filter((parameter) => parameter.in === 'header');
    if (headers.length === 0) return undefined;
    const required = headers.filter((header) => header.required).map((header) => header.name);
    return {
      type: 'object',
      properties: Object.fromEntries(headers.map((header) => [header.name, header.schema])),
      ...(required.length > 0 && { required }),
    };
  }
}

/** OpenAPI, Parameter Object: a definition of these "SHALL be ignored"; media types and security say them. */
const NEGOTIATED_HEADERS: ReadonlySet<string> = new Set(['accept', 'content-type', 'authorization']);

/** OpenAPI 3.1 §4.8.12.2. */
const DEFAULT_STYLES = {
  path: 'simple',
  query: 'form',
  header: 'simple',
  cookie: 'form',
  querystring: 'form',
} as const;

function isParameterPlace(where: string | undefined): where is keyof typeof DEFAULT_STYLES {
  return where !== undefined && Object.hasOwn(DEFAULT_STYLES, where);
}

function memo<T>(known: Map<unknown, T>, key: unknown, build: () => T): T {
  if (known.has(key)) return known.get(key)!;
  const built = build();
  known.set(key, built);
  return built;
}

function firstEntry(part: Part | undefined): [string, Part] | undefined {
  for (const entry of part?.entries() ?? []) return entry;
  return undefined;
}

/** Type and subtype in lower case; parameters (a boundary) keep theirs. */
export function mediaTypeText(type: string): string {
  const [essence = '', ...parameters] = type.split(';');
  return [essence.trim().toLowerCase(), ...parameters.map((parameter) => parameter.trim())].join('; ');
}

/** A relative URL is one of the place the document was fetched from: HTTP. */
function protocolOf(url: string): string {
  return /^([a-z][a-z\d+.-]*):/i.exec(url)?.[1]?.toLowerCase() ?? 'https';
}

export function sunsetOf(part: Part): { readonly sunset?: string } {
  const sunset = part.text('x-sunset');
  return sunset === undefined ? {} : { sunset };
}
