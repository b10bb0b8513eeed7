import type { Operation } from '@tenon/contract';
import type { JsonSchema } from '@tenon/schema';

const results = new WeakMap<Operation, JsonSchema>();
const inputs = new WeakMap<Operation, JsonSchema>();
const refusals = new WeakMap<Operation, Map<string, JsonSchema>>();

/**
 * The result's schema as the contract holds it, whose nodes still know where they came from. The same object each
 * time, so that what is found of it is found once.
 */
export function resultSource(operation: Operation): JsonSchema {
  return once(results, operation, makeResult);
}

/** What may stand in the body of the responses that the contract writes so, in the same way. */
export function refusalSource(operation: Operation, responses: readonly string[]): JsonSchema {
  const made = refusals.get(operation) ?? new Map<string, JsonSchema>();
  refusals.set(operation, made);
  const key = responses.join(' ');
  const schema = made.get(key) ?? makeRefusal(operation, responses);
  made.set(key, schema);
  return schema;
}

/** The input's schema in the same way: parameters by name, the body under `body`. */
export function inputSource(operation: Operation): JsonSchema {
  return once(inputs, operation, makeInput);
}

function once(
  known: WeakMap<Operation, JsonSchema>,
  operation: Operation,
  make: (operation: Operation) => JsonSchema,
): JsonSchema {
  const made = known.get(operation) ?? make(operation);
  known.set(operation, made);
  return made;
}

function makeResult(operation: Operation): JsonSchema {
  if (operation.kind === 'message')
    return oneOf((operation.reply?.messages ?? []).map((message) => message.payload));
  return oneOf(
    operation.responses
      .filter(({ status }) => status.startsWith('2') || status === 'default')
      .flatMap(({ content }) => content.map(({ schema }): JsonSchema => schema ?? true)),
  );
}

function makeRefusal(operation: Operation, statuses: readonly string[]): JsonSchema {
  if (operation.kind === 'message') return true;
  return oneOf(
    operation.responses
      .filter(({ status }) => statuses.includes(status))
      .flatMap(({ content }) => content.map(({ schema }): JsonSchema => schema ?? true)),
  );
}

function makeInput(operation: Operation): JsonSchema {
  const properties: Record<string, JsonSchema> = {};
  for (const { name, schema } of operation.parameters) properties[name] ??= schema;
  if (operation.kind === 'message') {
    const headers = operation.messages
      .map(({ headers }): JsonSchema | undefined => headers)
      .filter((one) => one !== undefined);
    if (headers.length > 0) properties['headers'] = oneOf(headers);
  }
  const body = bodySource(operation);
  if (body !== undefined) properties['body'] = body;
  return { type: 'object', properties };
}

function bodySource(operation: Operation): JsonSchema | undefined {
  if (operation.kind === 'message') return oneOf(operation.messages.map(({ payload }) => payload));
  return operation.body && oneOf(operation.body.content.map(({ schema }): JsonSchema => schema ?? true));
}

function oneOf(schemas: readonly JsonSchema[]): JsonSchema {
  return schemas.length === 1 ? schemas[0]! : { anyOf: schemas };
}
