import { describe, expect, it } from 'vitest';
import { derivedOperationId } from './derived-id.ts';
import type { HttpOperation } from './ir.ts';
import { contractOf, openapi } from './load.testing.ts';
import { loadContractText } from './load.ts';

const DOCUMENT = openapi(`
servers: [{ url: https://api.example }]
security: [{ key: [] }]
paths:
  /users/{id}:
    servers: [{ url: /v2 }]
    parameters:
      - { name: id, in: path, required: true, schema: { type: string } }
      - { name: trace, in: header, schema: { type: string } }
    get:
      parameters:
        - { name: trace, in: header, required: true, schema: { type: integer } }
        - { name: filter, in: query, content: { application/json: { schema: { type: object } } } }
        - { name: tags, in: query, style: pipeDelimited, explode: false, schema: { type: array } }
      responses:
        default: { description: other }
        '200':
          description: fine
          headers: { ETag: { required: true, schema: { type: string } }, Content-Type: { schema: { type: string } } }
          content: { Application/JSON: { schema: { $ref: '#/components/schemas/User' }, examples: { one: { value: { id: a } } } } }
    post:
      operationId: touchUser
      deprecated: true
      x-sunset: '2027-03-31'
      x-tenon-note: kept
      security: []
      requestBody: { $ref: '#/components/requestBodies/Touch' }
      responses: { 2XX: { $ref: '#/components/responses/Done' } }
      callbacks:
        touched:
          '{$request.body#/url}':
            post: { requestBody: { content: { application/json: { schema: { type: boolean } } } }, responses: { default: { description: ok } } }
webhooks:
  userCreated:
    post:
      summary: A user was created
      parameters: [{ name: X-Id, in: header, required: true, schema: { type: string } }]
      requestBody: { content: { text/plain: {}, application/json: { schema: { $ref: '#/components/schemas/User' }, example: { id: a } } } }
      responses: { default: { description: ok } }
components:
  securitySchemes: { key: { type: apiKey, name: X-Key, in: header } }
  requestBodies: { Touch: { required: true, content: { application/json: { schema: { type: 'null' } } } } }
  responses: { Done: { description: done } }
  schemas: { User: { type: object, properties: { id: { type: string } } } }
`);

describe('an OpenAPI document', () => {
  it('gives each operation what it takes and answers', async () => {
    const contract = await contractOf({ 'a.yaml': DOCUMENT });
    expect([...contract.operations.keys()]).toEqual(['getUsersById', 'touchUser']);
    const get = contract.operations.get('getUsersById') as HttpOperation;
    expect(get).toMatchObject({
      kind: 'http',
      method: 'get',
      derivedId: true,
      security: [{ key: [] }],
      servers: [{ url: '/v2', protocol: 'https' }],
    });
    expect(
      get.parameters.map(({ name, required, style, explode }) => [name, required, style, explode]),
    ).toEqual([
      ['id', true, 'simple', false],
      ['trace', true, 'simple', false],
      ['filter', false, 'form', true],
      ['tags', false, 'pipeDelimited', false],
    ]);
    expect(get.parameters[2]).toMatchObject({ mediaType: 'application/json', schema: { type: 'object' } });
    const ok = get.responses.find(({ status }) => status === '200')!;
    expect(ok.headers).toMatchObject([{ name: 'ETag', required: true }]);
    expect(ok.content).toEqual([
      { type: 'application/json', schema: { $ref: '#/$defs/User' }, examples: { one: { id: 'a' } } },
    ]);
  });

  it('takes the examples of a parameter for those of its schema', async () => {
    const parameters = [
      '{ name: id, in: path, required: true, example: prc_1, schema: { type: string, example: no } }',
      '{ name: of, in: query, examples: { one: { value: a }, two: { value: b } }, schema: { $ref: "#/components/schemas/Id" } }',
      '{ name: by, in: query, content: { application/json: { example: [1], schema: { type: array } } } }',
      '{ name: bad, in: query, example: 7, schema: { type: string } }',
    ];
    const { value, diagnostics } = await loadContractText(
      'a',
      'a.yaml',
      openapi(
        `paths: { '/u/{id}': { get: { operationId: get, responses: { '200': { description: a } }, parameters: [${parameters.join(', ')}] } } }\ncomponents: { schemas: { Id: { type: string } } }`,
      ),
    );
    const get = value!.operations.get('get') as HttpOperation;
    expect(get.parameters.map(({ schema }) => schema)).toEqual([
      { type: 'string', examples: ['prc_1'] },
      { $ref: '#/$defs/Id', examples: ['a', 'b'] },
      { type: 'array', examples: [[1]] },
      { type: 'string', examples: [7] },
    ]);
    expect(diagnostics.map(({ code, range }) => `${code} ${range?.start.line}`)).toEqual([
      'contract-example-invalid 3',
    ]);
  });

  it('keeps what is said of an operation besides', async () => {
    const touch = (await contractOf({ 'a.yaml': DOCUMENT })).operations.get('touchUser') as HttpOperation;
    expect(touch).toMatchObject({
      deprecated: true,
      sunset: '2027-03-31',
      security: [],
      extensions: { 'x-sunset': '2027-03-31', 'x-tenon-note': 'kept' },
      body: { required: true },
      responses: [{ status: '2XX', description: 'done' }],
    });
  });

  it('makes events of webhooks and callbacks', async () => {
    const { events } = await contractOf({ 'a.yaml': DOCUMENT });
    expect(events.get('userCreated')).toMatchObject({
      source: 'webhook',
      summary: 'A user was created',
      message: {
        contentType: 'application/json',
        payload: { $ref: '#/$defs/User' },
        headers: { type: 'object', properties: { 'X-Id': { type: 'string' } }, required: ['X-Id'] },
        examples: [{ name: 'default', payload: { id: 'a' } }],
      },
    });
    expect(events.get('touched')).toMatchObject({
      address: '{$request.body#/url}',
      message: { payload: { type: 'boolean' } },
    });
  });

  it('reads what 3.2 adds', async () => {
    const { operations } = await contractOf({
      'a.yaml': openapi(
        'paths:\n  /q:\n    query: { responses: { default: { description: a } }, parameters: [{ name: all, in: querystring, content: { application/json: {} } }] }\n    additionalOperations: { PURGE: { responses: { default: { description: a } } } }',
        '3.2.0',
      ),
    });
    expect([...operations.keys()]).toEqual(['queryQ', 'purgeQ']);
    expect(operations.get('queryQ')).toMatchObject({ method: 'query', parameters: [{ in: 'querystring' }] });
  });

  it('reads GitHub-style webhooks of 3.0', async () => {
    const { events } = await contractOf({
      'a.yaml': openapi(
        'paths: {}\nx-webhooks: { push: { post: { responses: { default: { description: a } } } } }',
        '3.0.3',
      ),
    });
    expect([...events.keys()]).toEqual(['push']);
  });

  it('tells operations of one derived id apart', async () => {
    const { operations } = await contractOf({
      'a.yaml': openapi(
        'paths:\n  /a-b: { get: { responses: { default: { description: a } } } }\n  /a_b: { get: { responses: { default: { description: a } } } }',
      ),
    });
    expect([...operations.keys()]).toEqual(['getAB', 'getAB_2']);
  });
});

describe('derivedOperationId', () => {
  it.each([
    ['GET', '/users/{id}', 'getUsersById'],
    ['post', '/', 'postRoot'],
    ['delete', '/v1/user-groups/{group_id}/members', 'deleteV1UserGroupsByGroupIdMembers'],
    ['get', '/files/{name}.{ext}', 'getFilesByNameByExt'],
  ])('%s %s is %s', (method, path, id) => expect(derivedOperationId(method, path)).toBe(id));
});

it('leaves out header parameters that media types and security say already', async () => {
  const contract = await contractOf({
    'openapi.yaml': openapi(`
paths:
  /users:
    get:
      operationId: listUsers
      parameters:
        - { name: Accept, in: header, required: true, schema: { type: string } }
        - { name: content-type, in: header, required: true, schema: { type: string } }
        - { name: Authorization, in: header, required: true, schema: { type: string } }
        - { name: accept, in: query, schema: { type: string } }
        - { name: X-Trace, in: header, schema: { type: string } }
      responses: { '204': { description: none } }
`),
  });
  const operation = contract.operations.get('listUsers') as HttpOperation;
  expect(operation.parameters.map((parameter) => parameter.name)).toEqual(['accept', 'X-Trace']);
});
