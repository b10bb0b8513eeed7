import type { Contract, HttpOperation, MediaType } from '@tenon/contract';
import {
  type Direction,
  directional,
  isSchemaObject,
  type JsonSchema,
  type SchemaIssue,
  type SchemaObject,
  settle,
  validatorFor,
} from '@tenon/schema';

/** A contract's schemas as they hold in one direction, with their validators compiled once. */
export interface SchemaSide {
  readonly definitions: Readonly<Record<string, JsonSchema>>;
  /** The directed form of a schema that stands in the contract; any other comes back as it is. */
  of(schema: JsonSchema): JsonSchema;
  /** What is wrong with a value under a directed schema. */
  issues(schema: JsonSchema, value: unknown): readonly SchemaIssue[];
  /** The schema made flat: references followed, `allOf` joined, the first fitting branch of each choice taken. */
  flat(schema: JsonSchema): SchemaObject;
}

export interface ContractSchemas {
  readonly request: SchemaSide;
  readonly response: SchemaSide;
}

export function contractSchemas(contract: Contract): ContractSchemas {
  const operations = [...contract.operations.values()].filter((operation) => operation.kind === 'http');
  return {
    request: side(contract, 'request', operations.flatMap(requestSchemas)),
    response: side(contract, 'response', operations.flatMap(responseSchemas)),
  };
}

function requestSchemas(operation: HttpOperation): JsonSchema[] {
  const content = operation.body?.content ?? [];
  const headers = content.flatMap(({ encoding = {} }) =>
    Object.values(encoding).flatMap((property) => property.headers.map((header) => header.schema)),
  );
  return [
    ...operation.parameters.map((parameter) => parameter.schema),
    ...contentSchemas(content),
    ...headers,
  ];
}

function responseSchemas(operation: HttpOperation): JsonSchema[] {
  return operation.responses.flatMap((response) => [
    ...response.headers.map((header) => header.schema),
    ...contentSchemas(response.content),
  ]);
}

function contentSchemas(content: readonly MediaType[]): JsonSchema[] {
  return content.map((media) => media.schema).filter((schema) => schema !== undefined);
}

function side(contract: Contract, direction: Direction, schemas: readonly JsonSchema[]): SchemaSide {
  // One pass over everything: a pass for each schema would walk all definitions each time.
  const directed = directional({ anyOf: schemas }, direction, contract.definitions);
  const rewritten = isSchemaObject(directed.schema) ? (directed.schema.anyOf ?? []) : [];
  const known = new Map(schemas.map((schema, index) => [schema, rewritten[index] ?? schema]));
  const { definitions } = directed;
  const flats = new Map<JsonSchema, SchemaObject>();
  return {
    definitions,
    of: (schema) => known.get(schema) ?? schema,
    issues: (schema, value) => validatorFor(schema, definitions)(value),
    flat: (schema) => {
      let flat = flats.get(schema);
      if (flat === undefined) {
        flat = flatten(schema, definitions);
        flats.set(schema, flat);
      }
      return flat;
    },
  };
}

function flatten(schema: JsonSchema, definitions: SchemaSide['definitions']): SchemaObject {
  const settled = settle(schema, { definitions, pick: firstObject, takeThen: () => true });
  return settled.schema === false ? {} : settled.schema;

  function firstObject(branches: readonly JsonSchema[]): JsonSchema {
    const isNull = (branch: JsonSchema) => isSchemaObject(branch) && branch.type === 'null';
    const isScalar = (branch: JsonSchema) =>
      isSchemaObject(branch) && typeof branch.type === 'string' && !['object', 'array'].includes(branch.type);
    return (
      branches.find((branch) => !isNull(branch) && !isScalar(branch)) ??
      branches.find((branch) => !isNull(branch)) ??
      true
    );
  }
}
