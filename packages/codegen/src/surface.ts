import {
  type ConnectorManifest,
  type HttpBinding,
  isStreamable,
  type OperationPlan,
  refusalsOf,
} from '@tenon/connector';
import type { Contract, EventDefinition, Named, Operation } from '@tenon/contract';
import { isObject } from '@tenon/model';
import {
  definitionName,
  directional,
  isSchemaObject,
  type JsonSchema,
  type SchemaObject,
  subschemas,
} from '@tenon/schema';
import { fileNames, identifierNames, pascalCase } from './names.ts';

/**
 * What all emitters look at: a contract's operations and events by the direction their values travel, with the names
 * they get in code. A definition reads as it is *received*; where sending differs (`readOnly`, `writeOnly`) there is a
 * second one, `<name>.request`, and what is sent refers to that.
 */
export interface Surface {
  readonly contract: Contract;
  readonly definitions: Readonly<Record<string, JsonSchema>>;
  readonly operations: readonly SurfaceOperation[];
  readonly events: readonly SurfaceEvent[];
}

export interface SurfaceOperation {
  readonly operation: Operation;
  /** Name of its function: `createInvoice`. */
  readonly identifier: string;
  /** Name of its types' stem: `CreateInvoice`. */
  readonly typeName: string;
  /** Name of its file, without folder and ending. */
  readonly file: string;
  /** Without `$defs`: its references name `Surface.definitions`. */
  readonly plan: OperationPlan;
  readonly input: JsonSchema;
  readonly inputRequired: boolean;
  /** Which of its bodies are bytes, and the name of the function that streams them; absent: none. */
  readonly stream?: { readonly identifier: string; readonly sends: boolean; readonly receives: boolean };
  /** What each status of success answers with; `default` where the contract declares no such status. Refusals are failures. */
  readonly results: readonly SurfaceResult[];
  /** Failures that have a name and, by it, a body. */
  readonly refusals: readonly SurfaceRefusal[];
}

export interface SurfaceRefusal {
  readonly code: string;
  /** Absent: more than are written out. */
  readonly statuses?: readonly number[];
  /** Absent: nothing is known of its body, and it is not read. */
  readonly schema?: JsonSchema;
}

export interface SurfaceResult {
  /** `200`, `2XX`, `default`. */
  readonly status: string;
  readonly schema: JsonSchema;
}

export interface SurfaceEvent {
  readonly event: EventDefinition;
  readonly identifier: string;
  readonly typeName: string;
  readonly payload: JsonSchema;
}

export type OperationPlanner = (
  contract: Contract,
  manifest: ConnectorManifest,
  operation: string,
  /** Those of the contract, where `contract` comes without. */
  definitions: Contract['definitions'],
) => OperationPlan | undefined;

export function surfaceOf(
  contract: Contract,
  manifest: ConnectorManifest,
  planner: OperationPlanner,
  /** What of the contract it is to have; left out: all. */
  wanted?: Named,
): Surface {
  const definitions = directedDefinitions(contract);
  const flags = flaggedDefinitions(contract.definitions);
  // Planned without definitions: in a large contract the closure of one operation is most of the document, and all
  // operations share one file of definitions instead.
  const bare: Contract = Object.create(contract, { definitions: { value: {} } });
  const identifiers = identifierNames([`create${pascalCase(contract.name)}`]);
  const files = fileNames();
  const operations: SurfaceOperation[] = [];
  for (const operation of contract.operations.values()) {
    // Of all, so that an operation keeps its name whatever else is wanted.
    const [identifier, file] = [identifiers.make(operation.id), files.make(operation.id)];
    if (wanted && !wanted.operations.has(operation.id)) continue;
    const plan = planner(bare, manifest, operation.id, contract.definitions);
    if (plan === undefined) continue;
    const directed = directedPlan(plan, flags, definitions.request);
    operations.push({
      operation,
      identifier,
      typeName: identifier.charAt(0).toUpperCase() + identifier.slice(1),
      file,
      plan: directed,
      input: directed.input,
      inputRequired: isSchemaObject(directed.input) && (directed.input.required ?? []).length > 0,
      results: resultsOf(directed),
      refusals: refusalsIn(directed),
    });
  }
  // After all operations, so that no operation loses its name to one of these.
  for (const [index, entry] of operations.entries()) {
    const { sends, receives } = bytesOf(entry.plan);
    if (sends || receives)
      operations[index] = {
        ...entry,
        stream: { identifier: identifiers.make(`${entry.identifier}Stream`), sends, receives },
      };
  }
  const eventNames = identifierNames();
  const events = [...contract.events.values()].flatMap((event) => {
    const identifier = eventNames.make(event.id);
    if (wanted && !wanted.events.has(event.id)) return [];
    const payload = directional(event.message.payload, 'response', flags).schema;
    return { event, identifier, typeName: identifier.charAt(0).toUpperCase() + identifier.slice(1), payload };
  });
  const sent = reachableFrom(
    operations.map(({ input }) => input),
    definitions.all,
  );
  const aliases = new Set(definitions.request.values());
  const seen =
    wanted &&
    reachableFrom(
      [...operations.flatMap(({ plan }) => receivedBy(plan)), ...events.map(({ payload }) => payload)],
      definitions.all,
    );
  const used = Object.entries(definitions.all).filter(
    ([name]) => sent.has(name) || (!aliases.has(name) && (seen?.has(name) ?? true)),
  );
  return { contract, definitions: Object.fromEntries(used), operations, events };
}

/** Schemas of all that an operation may be answered with. */
function receivedBy({ result, http, refusals = {} }: OperationPlan): readonly JsonSchema[] {
  const others = [...(http?.responses ?? []), ...Object.values(refusals)];
  return [result, ...others.flatMap(({ schema }) => (schema === undefined ? [] : [schema]))];
}

function bytesOf({ http, transport }: OperationPlan): {
  readonly sends: boolean;
  readonly receives: boolean;
} {
  if (http === undefined || transport !== 'http') return { sends: false, receives: false };
  return {
    sends: http.envelope === undefined && http.bodyTypes.some(isStreamable),
    receives: successesOf(http).some(({ mediaType }) => mediaType !== undefined && isStreamable(mediaType)),
  };
}

/** `default` stands for errors wherever a success is declared. */
function isSuccess(status: string): boolean {
  return /^2(\d\d|XX)$/i.test(status);
}

/** The status as it is a key of `results`: `200`, `"2XX"`. */
export function statusKey(status: string): string {
  return /^[1-9]\d*$/.test(status) ? status : JSON.stringify(status);
}

interface DirectedDefinitions {
  readonly all: Record<string, JsonSchema>;
  /** Definition → its name in requests, where that is another. */
  readonly request: ReadonlyMap<string, string>;
}

function directedDefinitions(contract: Contract): DirectedDefinitions {
  const received = directional(true, 'response', contract.definitions).definitions;
  const sent = directional(true, 'request', contract.definitions).definitions;
  const differing = definitionsThatReach(
    contract.definitions,
    Object.keys(contract.definitions).filter((name) => sent[name] !== received[name]),
  );
  const request = new Map<string, string>();
  for (const name of Object.keys(contract.definitions)) {
    if (!differing.has(name)) continue;
    let alias = `${name}.request`;
    while (Object.hasOwn(contract.definitions, alias)) alias += '_';
    request.set(name, alias);
  }
  const all = new Map(Object.entries(received));
  for (const [name, alias] of request) all.set(alias, withReferences(sent[name]!, request));
  return { all: Object.fromEntries(all), request };
}

/**
 * The definitions that are `readOnly` or `writeOnly` as a whole, as nothing but that: all that `directional` needs to
 * know of definitions to direct one schema. (Given all, it would direct all again, for each of a thousand operations.)
 */
function flaggedDefinitions(definitions: Readonly<Record<string, JsonSchema>>): Record<string, JsonSchema> {
  const flagged: [string, JsonSchema][] = [];
  for (const [name, definition] of Object.entries(definitions)) {
    const seen = new Set([name]);
    let here: JsonSchema | undefined = definition;
    let { readOnly, writeOnly }: SchemaObject = {};
    while (isSchemaObject(here)) {
      readOnly ||= here.readOnly === true;
      writeOnly ||= here.writeOnly === true;
      const next = definitionName(here);
      if (next === undefined || seen.has(next)) break;
      seen.add(next);
      here = definitions[next];
    }
    if (readOnly || writeOnly)
      flagged.push([name, { readOnly: readOnly === true, writeOnly: writeOnly === true }]);
  }
  return Object.fromEntries(flagged);
}

/** Names of all definitions that the schemas need, directly or through others. */
function reachableFrom(
  schemas: readonly JsonSchema[],
  definitions: Readonly<Record<string, JsonSchema>>,
): ReadonlySet<string> {
  const found = new Set<string>();
  const queue = [...schemas];
  for (let here = queue.pop(); here !== undefined; here = queue.pop()) {
    for (const name of referencesOf(here)) {
      if (found.has(name) || !Object.hasOwn(definitions, name)) continue;
      found.add(name);
      queue.push(definitions[name]!);
    }
  }
  return found;
}

/** `targets`, and every definition that refers to one of them, directly or through others. */
function definitionsThatReach(
  definitions: Readonly<Record<string, JsonSchema>>,
  targets: readonly string[],
): ReadonlySet<string> {
  const found = new Set(targets);
  if (found.size === 0) return found;
  const users = new Map<string, string[]>();
  for (const [name, definition] of Object.entries(definitions)) {
    for (const used of referencesOf(definition)) {
      const list = users.get(used);
      if (list) list.push(name);
      else users.set(used, [name]);
    }
  }
  const queue = [...found];
  for (let here = queue.pop(); here !== undefined; here = queue.pop()) {
    for (const user of users.get(here) ?? []) {
      if (found.has(user)) continue;
      found.add(user);
      queue.push(user);
    }
  }
  return found;
}

/** Names of the definitions that a schema refers to, itself or in its subschemas. */
export function referencesOf(schema: JsonSchema): Set<string> {
  const found = new Set<string>();
  const queue = [schema];
  for (let here = queue.pop(); here !== undefined; here = queue.pop()) {
    const name = definitionName(here);
    if (name !== undefined) found.add(name);
    for (const child of subschemas(here)) queue.push(child.schema);
  }
  return found;
}

function directedPlan(
  plan: OperationPlan,
  definitions: Readonly<Record<string, JsonSchema>>,
  request: ReadonlyMap<string, string>,
): OperationPlan {
  const input = withReferences(directional(plan.input, 'request', definitions).schema, request);
  const received = (schema: JsonSchema): JsonSchema => directional(schema, 'response', definitions).schema;
  return {
    ...plan,
    input,
    result: received(plan.result),
    ...(plan.refusals && {
      refusals: Object.fromEntries(
        Object.entries(plan.refusals).map(([code, { schema }]) => [
          code,
          schema === undefined ? {} : { schema: received(schema) },
        ]),
      ),
    }),
    ...(plan.http && {
      http: {
        ...plan.http,
        responses: plan.http.responses.map((response) =>
          response.schema === undefined ? response : { ...response, schema: received(response.schema) },
        ),
      },
    }),
  };
}

/** The schema with its references renamed; shares what needs no change. */
function withReferences(schema: JsonSchema, names: ReadonlyMap<string, string>): JsonSchema {
  if (names.size === 0 || !isSchemaObject(schema)) return schema;
  const rename = (value: unknown): unknown => {
    if (Array.isArray(value)) {
      const items = value.map(rename);
      return items.some((item, index) => item !== value[index]) ? items : value;
    }
    if (!isObject(value)) return value;
    let changed: Record<string, unknown> | undefined;
    for (const [key, member] of Object.entries(value)) {
      const next = key === '$ref' ? renamedReference(member, names) : rename(member);
      if (next !== member) {
        changed ??= { ...value };
        changed[key] = next;
      }
    }
    return changed ?? value;
  };
  // `rename` keeps the shape of what it is given.
  return rename(schema) as SchemaObject;
}

function renamedReference(reference: unknown, names: ReadonlyMap<string, string>): unknown {
  if (typeof reference !== 'string') return reference;
  const name = definitionName({ $ref: reference });
  const renamed = name === undefined ? undefined : names.get(name);
  return renamed === undefined ? reference : definitionReference(renamed);
}

/** `#/$defs/<name>`, escaped as a URI fragment that holds a JSON Pointer. */
export function definitionReference(name: string): string {
  return `#/$defs/${encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))}`;
}

function resultsOf(plan: OperationPlan): SurfaceResult[] {
  if (plan.http === undefined) return [{ status: 'default', schema: plan.result }];
  return successesOf(plan.http).map((response) => ({
    status: response.status,
    schema: bodySchema(response),
  }));
}

function refusalsIn({ refusals = {}, failures }: OperationPlan): SurfaceRefusal[] {
  const statuses = refusalsOf(failures);
  return Object.entries(refusals).map(([code, { schema }]) => {
    const numbers = (statuses.get(code) ?? []).map(Number);
    return {
      code,
      ...(numbers.length > 0 && numbers.every(Number.isInteger) && { statuses: numbers }),
      ...(schema !== undefined && { schema }),
    };
  });
}

function successesOf({ responses }: HttpBinding): HttpBinding['responses'] {
  const successes = responses.filter(({ status }) => isSuccess(status));
  return successes.length > 0 ? successes : responses.filter(({ status }) => status === 'default');
}

/** What a transport hands back for a response: JSON decoded, text as it is, bytes as base64, `null` where there is no body. */
function bodySchema(response: { readonly mediaType?: string; readonly schema?: JsonSchema }): JsonSchema {
  if (response.mediaType === undefined) return { type: 'null' };
  if (isJsonMediaType(response.mediaType) || response.mediaType.startsWith('*/*'))
    return response.schema ?? true;
  const isString =
    /^text\//i.test(response.mediaType) || (isStreamable(response.mediaType) && isText(response.schema));
  return isString ? { type: 'string' } : true;
}

/** Without a schema an answer is not held to be bytes: one that comes as JSON is read as JSON. */
function isText(schema: JsonSchema = true): boolean {
  return isSchemaObject(schema) && schema.type === 'string';
}

/** Is a body of this declared media type JSON in any case? (Of a range, that is for the answer to say.) */
export function isJsonMediaType(type: string): boolean {
  const essence = type.split(';')[0]!.trim().toLowerCase();
  return ['application/json', 'text/json'].includes(essence) || essence.endsWith('+json');
}
