import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isOlder } from './entity-version.ts';

test.each([
  [1, 2, true],
  [2, 2, false],
  ['9', '10', true],
  ['2026-01-01T00:00:00Z', '2026-01-01T00:00:00.000001Z', true],
  ['2026-01-01T01:00:00+01:00', '2026-01-01T00:00:00Z', false],
  ['2026-01-01T00:59:00+01:00', '2026-01-01T00:00:00Z', true],
  ['01J0', '01J1', true],
  // What cannot be compared is not older: nothing is left out on a guess.
  [1, '2', false],
  ['7', '2026-01-01T00:00:00Z', false],
])('%s is older than %s: %s', (one, other, older) => {
  expect(isOlder(one, other)).toBe(older);
});

test('never both ways', () => {
  const version = fc.oneof(fc.integer(), fc.string({ minLength: 1 }), fc.bigInt({ min: 0n }).map(String));
  fc.assert(fc.property(version, version, (a, b) => !(isOlder(a, b) && isOlder(b, a)) && !isOlder(a, a)));
});
