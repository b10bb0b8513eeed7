import { expect, test } from 'vitest';
import { sampleAt } from './made-events.ts';

test('what fits at a place is found in a schema that is put together of others', () => {
  const email = { const: 'ap@northwind.example' } as const;
  const order = { allOf: [{ type: 'object', properties: { email } }, { $ref: '#/$defs/Base' }] } as const;
  const schema = {
    properties: { body: { $ref: '#/$defs/Order' } },
    $defs: {
      Order: order,
      Base: { properties: { lines: { items: { properties: { day: { const: 'x' } } } } } },
    },
  } as const;
  expect(sampleAt(schema, ['body', 'email'])).toBe('ap@northwind.example');
  expect(sampleAt(schema, ['body', 'lines', '0', 'day'])).toBe('x');
  expect(sampleAt(schema, ['body', 'unsaid'])).toBeUndefined();
});
