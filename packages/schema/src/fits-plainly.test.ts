import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fitsPlainly } from './fits-plainly.ts';
import { compileValidator } from './validate.ts';

const scalar = fc.constantFrom('a', '', 1, 1.5, 0, true, false, null);
const type = fc.constantFrom('string', 'number', 'integer', 'boolean', 'null', 'object');
const schema = fc.oneof(
  fc.record({ type: fc.oneof(type, fc.uniqueArray(type, { minLength: 1 })), description: fc.string() }),
  fc.record({ enum: fc.uniqueArray(scalar, { minLength: 3 }) }),
  fc.record({ type, const: scalar }),
  fc.record({ type, minLength: fc.nat(2), maximum: fc.nat(2) }),
);

test('what fits plainly fits by the validator too', () => {
  let plain = 0;
  fc.assert(
    fc.property(schema, scalar, (one, value) => {
      if (!fitsPlainly(one as never, value)) return;
      plain++;
      expect(compileValidator(one as never)(value)).toEqual([]);
    }),
    { numRuns: 600 },
  );
  expect(plain).toBeGreaterThan(50);
});

test('anything else is left to the validator', () => {
  expect(fitsPlainly({ type: 'string', format: 'uuid' }, 'a')).toBe(false);
  expect(fitsPlainly({ $ref: '#/$defs/A' }, 'a')).toBe(false);
  expect(fitsPlainly({ type: 'object' }, {})).toBe(false);
  expect(fitsPlainly(false, 'a')).toBe(false);
});
