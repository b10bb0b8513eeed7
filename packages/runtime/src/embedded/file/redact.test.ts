import { expect, test } from 'vitest';
import { redacted } from './redact.ts';

test('replaces what the pointers name, in items and members, and nothing else', () => {
  const value = {
    email: 'a@b.example',
    items: [
      { card: '4111', sku: 'x' },
      { card: null, sku: 'y' },
    ],
    'a/b': 1,
  };
  expect(redacted(value, ['/email', '/items/*/card', '/a~1b', '/absent/deep'])).toEqual({
    email: '[redacted]',
    items: [
      { card: '[redacted]', sku: 'x' },
      { card: null, sku: 'y' },
    ],
    'a/b': '[redacted]',
  });
  expect(redacted('whole', [''])).toBe('[redacted]');
  expect(redacted({ a: 1 }, [])).toEqual({ a: 1 });
});
