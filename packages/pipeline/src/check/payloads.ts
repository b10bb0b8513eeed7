import type { Operation } from '@tenon/contract';
import type { JsonSchema } from '@tenon/schema';

/** The result's schema as the contract holds it, whose nodes still know where they came from. */
export function resultSource(operation: Operation): JsonSchema {
  if (operation.kind === 'message')
    return oneOf((operation.reply?.messages ?? []).map((message) => message.payload));
  return oneOf(
    operation.responses
      .filter(({ status }) => status.startsWith('2') || status === 'default')
      .flatMap(({ content }) => content.map(({ schema }): JsonSchema => schema ?? true)),
  );
}

/** The input's schema in the same way: parameters by name, the body under `body`. */
export function inputSource(operation: Operation): JsonSchema {
  const properties: Record<string, JsonSchema> = {};
  for (const { name, schema } of operation.parameters) properties[name] ??= schema;
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
