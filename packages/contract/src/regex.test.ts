import { expect, it } from 'vitest';
import { unicodePattern } from './regex.ts';

it.each([
  ['^[a-z]+$', '^[a-z]+$'],
  ['^[\\w-.]+$', '^[\\w\\-.]+$'],
  ['^\\d{4}\\-\\d{2}$', '^\\d{4}-\\d{2}$'],
  ['a{', 'a\\{'],
  ['{id}', '\\{id\\}'],
  ['x{2,3}', 'x{2,3}'],
  ['\\Aab\\z', '^ab$'],
  ['/^ab$/', '/^ab$/'],
  ["[\\'\\_]", "['_]"],
  ['(?i)a(', undefined],
  ['[', undefined],
])('%s becomes %s', (pattern, expected) => expect(unicodePattern(pattern)).toBe(expected));
