import type {
  ConnectorManifest,
  Effect,
  HttpBinding,
  InputField,
  MessageBinding,
  OperationManifest,
  OperationPlan,
} from '@tenon/connector';
import type {
  Contract,
  HttpOperation,
  MessageOperation,
  Operation,
  Parameter,
  Response,
} from '@tenon/contract';
import {
  type Direction,
  directional,
  type JsonSchema,
  reachableDefinitions,
  type SchemaObject,
} from '@tenon/schema';
import { headersSchema } from './plan-headers.ts';
import { type PlannedBody, plannedBody } from './plan-parts.ts';

/**
 * Joins one operation of a contract with what the manifest says of it; `undefined` when the contract has no such operation.
 * `definitions`: those of the contract, for who plans without bundling them.
 */
export function planOperation(
  contract: Contract,
  manifest: ConnectorManifest,
  operation: string,
  definitions: Contract['definitions'] = contract.definitions,
): OperationPlan | undefined {
  const source = contract.operations.get(operation);
  if (!source) return undefined;
  const declared = declaredOperation(manifest, operation, source);
  const parameters = inputFields(source, declared);
  const body = bodyOf(source, definitions);
  return {
    name: `${manifest.name}.${operation}`,
    connector: manifest.name,
    operation,
    contract: contractOf(contract),
    transport: manifest.transport,
    effect: declared.effect,
    idempotency: declared.idempotency,
    scopes: declared.scopes,
    timeoutMs: declared.timeoutMs ?? manifest.defaults.timeoutMs,
    ...(declared.stream && { stream: declared.stream }),
    failures: [...declared.failures, ...manifest.defaults.failures],
    auth: manifest.auth,
    egress: manifest.egress,
    ...(declared.pagination && { pagination: declared.pagination }),
    ...(declared.concurrency !== undefined && { concurrency: declared.concurrency }),
    input: bundled(
      contract,
      inputSchema(source, parameters, body, headersOf(source, declared, definitions)),
      'request',
    ),
    result: bundled(contract, resultSchema(source), 'response'),
    ...(source.kind === 'http'
      ? {
          http: {
            ...httpBinding(contract, source, parameters),
            ...(body?.parts && { parts: body.parts }),
            ...(declared.message?.envelope && { envelope: declared.message.envelope }),
          },
        }
      : { message: { ...messageBinding(source, parameters), ...declared.message } }),
  };
}

/** A contract as plans name it. Its digest is reckoned when it is asked for: a check that plans nothing never does. */
export function contractOf(contract: Contract): OperationPlan['contract'] {
  return {
    name: contract.name,
    version: contract.version,
    get digest() {
      return contract.digest;
    },
  };
}

/** Methods that change nothing (RFC 9110 §9.2.1). */
const READING: ReadonlySet<string> = new Set(['get', 'head', 'options', 'query']);
const EFFECTS: Readonly<Record<string, Effect>> = {
  post: 'create',
  put: 'update',
  patch: 'update',
  delete: 'delete',
};

/** The effect that an operation most likely has, by its method alone. */
export function effectByMethod(operation: Operation): Effect {
  if (operation.kind === 'message') return 'send';
  return READING.has(operation.method) ? 'read' : (EFFECTS[operation.method] ?? 'update');
}

/** What the manifest says, or the most careful reading of the contract where it says nothing. */
export function declaredOperation(
  manifest: ConnectorManifest,
  name: string,
  operation: Operation,
): OperationManifest {
  const declared = Object.hasOwn(manifest.operations, name) ? manifest.operations[name] : undefined;
  if (declared) return declared;
  const effect = effectByMethod(operation);
  return { effect, scopes: [], idempotency: { mode: effect === 'read' ? 'natural' : 'none' }, failures: [] };
}

interface Field {
  readonly field: InputField;
  readonly parameter: Parameter;
}

/**
 * A parameter keeps its name as key unless the body or an earlier parameter has it. Headers that carry the idempotency key
 * and the version are the transport's.
 */
function inputFields(operation: Operation, declared: OperationManifest): readonly Field[] {
  const taken = new Set(operation.kind === 'message' ? ['body', 'headers'] : ['body']);
  const keyHeader =
    declared.idempotency.mode === 'header' ? declared.idempotency.name.toLowerCase() : undefined;
  const versionHeader =
    declared.concurrency === 'etag' && declared.effect !== 'read' ? 'if-match' : undefined;
  return operation.parameters.flatMap((parameter): Field[] => {
    const header = parameter.in === 'header' ? parameter.name.toLowerCase() : undefined;
    if (header !== undefined && (header === keyHeader || header === versionHeader)) return [];
    const key = taken.has(parameter.name) ? `${parameter.in}.${parameter.name}` : parameter.name;
    taken.add(key);
    const { name, required, style, explode, allowReserved, mediaType } = parameter;
    return [
      {
        parameter,
        field: {
          key,
          name,
          in: parameter.in,
          required,
          style,
          explode,
          allowReserved,
          ...(mediaType !== undefined && { mediaType }),
        },
      },
    ];
  });
}

function inputSchema(
  operation: Operation,
  fields: readonly Field[],
  body: PlannedBody | undefined,
  headers: SchemaObject | undefined,
): SchemaObject {
  const properties: Record<string, JsonSchema> = {};
  const required: string[] = [];
  for (const { field, parameter } of fields) {
    const { description } = parameter;
    properties[field.key] =
      description !== undefined &&
      typeof parameter.schema === 'object' &&
      parameter.schema.description === undefined
        ? { ...parameter.schema, description }
        : parameter.schema;
    if (field.required) required.push(field.key);
  }
  if (headers) {
    properties['headers'] = headers;
    if ((headers.required ?? []).length > 0) required.push('headers');
  }
  if (body) {
    properties['body'] = body.schema;
    if (operation.kind === 'message' || operation.body?.required) required.push('body');
  }
  return { type: 'object', properties, required, additionalProperties: false };
}

/** Headers of the messages that it sends, but for those that are the transport's to set. */
function headersOf(
  operation: Operation,
  declared: OperationManifest,
  definitions: Contract['definitions'],
): SchemaObject | undefined {
  if (operation.kind !== 'message') return undefined;
  const { idempotency } = declared;
  const keyHeader = idempotency.mode === 'header' ? idempotency.name.toLowerCase() : undefined;
  return headersSchema(
    operation.messages.map(({ headers }) => headers),
    definitions,
    { keyHeader },
  );
}

function bodyOf(operation: Operation, definitions: Contract['definitions']): PlannedBody | undefined {
  if (operation.kind === 'message')
    return { schema: union(operation.messages.map((message) => message.payload)) };
  if (!operation.body) return undefined;
  const [best] = bestFirst(operation.body.content);
  return best === undefined ? { schema: true } : plannedBody(best, definitions);
}

/** JSON before forms before anything else; the document's order within each. */
function bestFirst<T extends { readonly type: string }>(content: readonly T[]): readonly T[] {
  const rank = (type: string): number =>
    isJson(type)
      ? 0
      : type.startsWith('application/x-www-form-urlencoded')
        ? 1
        : type.startsWith('multipart/')
          ? 2
          : 3;
  return content.toSorted((a, b) => rank(a.type) - rank(b.type));
}

function isJson(type: string): boolean {
  return /^application\/(json|[^;]+\+json)(;|$)/.test(type);
}

function resultSchema(operation: Operation): JsonSchema {
  if (operation.kind === 'message')
    return operation.reply
      ? union(operation.reply.messages.map((message) => message.payload))
      : { type: 'null' };
  return union(successes(operation).map(responseSchema));
}

/** Responses that mean success; `default` only where the document names no other. */
function successes(operation: HttpOperation): readonly Response[] {
  const good = operation.responses.filter(({ status }) => /^2/.test(status));
  return good.length > 0 ? good : operation.responses.filter(({ status }) => status === 'default');
}

/** What may stand in the body of these responses, self-contained; `undefined` where the contract says nothing of it. */
export function responseUnion(contract: Contract, responses: readonly Response[]): JsonSchema | undefined {
  const schemas = responses.flatMap(({ content }): readonly JsonSchema[] => {
    const [best] = bestFirst(content);
    return best?.schema === undefined ? [] : [best.schema];
  });
  return schemas.length === 0 ? undefined : bundled(contract, union(schemas), 'response');
}

function responseSchema(response: Response): JsonSchema {
  const [best] = bestFirst(response.content);
  if (!best) return { type: 'null' };
  if (best.schema === undefined) return true;
  return best.schema;
}

function union(schemas: readonly JsonSchema[]): JsonSchema {
  const distinct = [...new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values()];
  if (distinct.length === 0 || distinct.includes(true)) return true;
  return distinct.length === 1 ? distinct[0]! : { anyOf: distinct };
}

/** The schema as it holds in one direction, with the definitions it needs inside. */
export function bundled(contract: Contract, schema: JsonSchema, direction: Direction): JsonSchema {
  const needed = reachableDefinitions(schema, contract.definitions);
  const directed = directional(schema, direction, needed);
  if (typeof directed.schema === 'boolean' || Object.keys(needed).length === 0) return directed.schema;
  return { ...directed.schema, $defs: directed.definitions };
}

function httpBinding(contract: Contract, operation: HttpOperation, fields: readonly Field[]): HttpBinding {
  const accepted = new Set(successes(operation));
  return {
    method: operation.method.toUpperCase(),
    path: operation.path,
    parameters: fields.map(({ field }) => field),
    bodyTypes: bestFirst(operation.body?.content ?? []).map(({ type }) => type),
    bodyRequired: operation.body?.required ?? false,
    responses: operation.responses.map((response) => {
      const [best] = bestFirst(response.content);
      // A refusal is classed by its status; only what is taken as a result is held against its schema.
      const schema = accepted.has(response) ? best?.schema : undefined;
      return {
        status: response.status,
        ...(best && { mediaType: best.type }),
        ...(schema !== undefined && { schema: bundled(contract, schema, 'response') }),
      };
    }),
  };
}

function messageBinding(operation: MessageOperation, fields: readonly Field[]): MessageBinding {
  return {
    channel: operation.channel,
    ...(operation.address !== undefined && { address: operation.address }),
    parameters: fields.map(({ field }) => field),
    contentType: operation.messages[0]?.contentType ?? 'application/json',
    bindings: operation.bindings,
  };
}
