import type { Contract, HttpOperation } from '@tenon/contract';
import { digestOf } from '@tenon/model';
import type { JsonSchema } from '@tenon/schema';

export interface ContractParts {
  readonly name?: string;
  readonly definitions?: Readonly<Record<string, JsonSchema>>;
  readonly operations?: readonly (Partial<HttpOperation> & { readonly id: string })[];
}

/** A contract made in code, for tests of one thing. An operation is `GET /<id>` with an empty answer unless it says otherwise. */
export function contractOf(parts: ContractParts): Contract {
  const operations = (parts.operations ?? []).map(
    (operation): HttpOperation => ({
      kind: 'http',
      derivedId: false,
      tags: [],
      deprecated: false,
      security: [],
      extensions: {},
      method: 'get',
      path: `/${operation.id}`,
      parameters: [],
      responses: [{ status: '204', headers: [], content: [] }],
      servers: [],
      ...operation,
    }),
  );
  return {
    name: parts.name ?? 'example',
    format: 'openapi',
    formatVersion: '3.1.0',
    title: 'Example',
    version: '1.0.0',
    digest: digestOf(parts),
    servers: [],
    operations: new Map(operations.map((operation) => [operation.id, operation])),
    events: new Map(),
    definitions: parts.definitions ?? {},
    securitySchemes: new Map(),
    files: ['contracts/example/openapi.yaml'],
    locate: () => undefined,
    originOf: () => undefined,
  };
}

/** An answer of status 200 with this body. */
export function answers(schema: JsonSchema): Pick<HttpOperation, 'responses'> {
  return {
    responses: [
      { status: '200', headers: [], content: [{ type: 'application/json', schema, examples: {} }] },
    ],
  };
}
