import { describe, expect, it } from 'vitest';
import type { HttpOperation } from './ir.ts';
import { contractOf, openapi } from './load.testing.ts';

describe('references', () => {
  const files = {
    'api/openapi.yaml': openapi(
      [
        'paths:',
        '  /users/{id}:',
        '    $ref: paths/user.yaml',
        'components:',
        '  schemas:',
        '    Money: { type: string }',
        '    Account: { properties: { balance: { $ref: "../shared/money.yaml#/definitions/Money" }, parent: { $ref: "#/components/schemas/Account" } } }',
      ].join('\n'),
    ),
    'api/paths/user.yaml': [
      'parameters: [{ $ref: "../openapi.yaml#/components/parameters/none" }]',
      'get:',
      '  operationId: getUser',
      '  parameters: [{ $ref: "../../shared/parameters.yaml#/id" }]',
      '  responses: { "200": { $ref: "../../shared/responses.yaml#/user" } }',
    ]
      .join('\n')
      .replace(/^parameters.*\n/, ''),
    'shared/parameters.yaml':
      'id: { name: id, in: path, required: true, schema: { $ref: "money.yaml#/definitions/Money" } }\n',
    'shared/responses.yaml':
      'user: { description: ok, content: { application/json: { schema: { $ref: "user.json" } } } }\n',
    'shared/user.json': '{ "type": "object", "properties": { "friend": { "$ref": "#" } } }',
    'shared/money.yaml': 'definitions:\n  Money: { type: number }\n',
  };

  it('are followed through files, relative to the file they stand in', async () => {
    const contract = await contractOf(files);
    const operation = contract.operations.get('getUser') as HttpOperation;
    expect(operation.path).toBe('/users/{id}');
    expect(operation.parameters[0]?.schema).toEqual({ $ref: '#/$defs/money.Money' });
    expect(operation.responses[0]?.content[0]?.schema).toEqual({ $ref: '#/$defs/user' });
    expect(contract.definitions).toMatchObject({
      Money: { type: 'string' },
      'money.Money': { type: 'number' },
      user: { properties: { friend: { $ref: '#/$defs/user' } } },
      Account: {
        properties: { balance: { $ref: '#/$defs/money.Money' }, parent: { $ref: '#/$defs/Account' } },
      },
    });
    expect(contract.files).toEqual(
      [
        'api/openapi.yaml',
        ...[
          'api/paths/user.yaml',
          'shared/money.yaml',
          'shared/parameters.yaml',
          'shared/responses.yaml',
          'shared/user.json',
        ],
      ].sort(byFirstUse(contract.files)),
    );
  });

  it('lead each node back to its own file', async () => {
    const contract = await contractOf(files);
    const operation = contract.operations.get('getUser') as HttpOperation;
    expect(contract.originOf(operation)).toEqual({ file: 'api/paths/user.yaml', pointer: '/get' });
    expect(contract.locate(operation)).toMatchObject({
      file: 'api/paths/user.yaml',
      range: { start: { line: 2, column: 3 } },
    });
    expect(contract.originOf(operation.parameters[0]!)).toEqual({
      file: 'shared/parameters.yaml',
      pointer: '/id',
    });
    expect(contract.originOf(contract.definitions['user'] as object)).toEqual({
      file: 'shared/user.json',
      pointer: '',
    });
  });

  it('give the same names and digest on every load, whatever the formatting', async () => {
    const [first, second] = [await contractOf(files), await contractOf(files)];
    expect(Object.keys(first.definitions)).toEqual(Object.keys(second.definitions));
    expect(first.digest).toBe(second.digest);
    const spaced = {
      ...files,
      'shared/user.json': '{"properties":{"friend":{"$ref":"#"}},\n"type":"object"}',
    };
    expect((await contractOf(spaced)).digest).toBe(first.digest);
    const changed = { ...files, 'shared/user.json': '{"type":"object"}' };
    expect((await contractOf(changed)).digest).not.toBe(first.digest);
  });
});

function byFirstUse(order: readonly string[]): (a: string, b: string) => number {
  return (a, b) => order.indexOf(a) - order.indexOf(b);
}
