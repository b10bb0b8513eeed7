import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Write, writes } from '../file/statements.ts';
import { decodeBatch, encodeBatch } from './batch-message.ts';

test('a batch comes out of the message as it went in', () => {
  const name = fc.constantFrom(...(Object.keys(writes) as (keyof typeof writes)[]));
  const value = fc.oneof(fc.constant(null), fc.double({ noNaN: true }), fc.string());
  const write = fc.tuple(name, fc.array(value, { maxLength: 4 })).map(([n, values]): Write => [n, ...values]);
  fc.assert(
    fc.property(fc.array(fc.array(write, { maxLength: 4 }), { maxLength: 4 }), (groups) => {
      expect(decodeBatch(structuredClone(encodeBatch(groups)))).toEqual(groups);
    }),
  );
});
