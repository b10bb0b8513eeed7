import { describe, expect, it } from 'vitest';
import { directional } from './direction.ts';
import { reachableDefinitions } from './walk.ts';

const account = {
  type: 'object',
  required: ['id', 'name', 'password'],
  properties: {
    id: { $ref: '#/$defs/Id' },
    name: { type: 'string' },
    password: { type: 'string', writeOnly: true },
  },
} as const;
const definitions = { Id: { type: 'string', readOnly: true } } as const;

describe('directional', () => {
  it('asks no readOnly field of a request, through references too', () => {
    expect(directional(account, 'request', definitions).schema).toMatchObject({
      required: ['name', 'password'],
    });
  });

  it('asks no writeOnly field of a response', () => {
    expect(directional(account, 'response', definitions).schema).toMatchObject({ required: ['id', 'name'] });
  });

  it('shares what it does not change', () => {
    const plain = { type: 'object', required: ['a'], properties: { a: { type: 'string' } } } as const;
    expect(directional(plain, 'request').schema).toBe(plain);
  });

  it('changes schemas nested anywhere, and leaves data alone', () => {
    const nested = {
      allOf: [account],
      default: { required: ['id'], properties: { id: { readOnly: true } } },
      properties: { required: account },
    };
    const { schema } = directional(nested as never, 'request', definitions);
    expect(schema).toMatchObject({
      allOf: [{ required: ['name', 'password'] }],
      default: { required: ['id'] },
      properties: { required: { required: ['name', 'password'] } },
    });
  });
});

describe('reachableDefinitions', () => {
  it('finds what a schema needs through others and no more', () => {
    const found = reachableDefinitions(
      { properties: { a: { $ref: '#/$defs/A' } } },
      { A: { items: { $ref: '#/$defs/B~1C' } }, 'B/C': { $ref: '#/$defs/A' }, Unused: {} },
    );
    expect(Object.keys(found).sort()).toEqual(['A', 'B/C']);
  });
});
