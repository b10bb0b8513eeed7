import type { Json } from '@tenon/model';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readHeaders, sentHeaders } from './message-headers.ts';

it('reads what is declared, by any case, as the value that the text stands for, and nothing else', () => {
  const declared = {
    'X-Tenant': ['string'],
    retries: ['integer'],
    share: ['number'],
    test: ['boolean', 'null'],
    tags: ['array'],
    'Content-Type': ['string'],
    absent: ['string'],
  };
  const given = {
    'x-tenant': '7',
    retries: '3',
    share: '0.5',
    test: 'true',
    tags: '["a"]',
    authorization: 'Bearer hush',
  };
  expect(readHeaders(declared, given, 'application/json')).toEqual({
    'X-Tenant': '7',
    retries: 3,
    share: 0.5,
    test: true,
    tags: ['a'],
    'Content-Type': 'application/json',
  });
  // What stands for none of its types stays a text, which the schema refuses.
  expect(readHeaders(declared, { retries: '3.5', share: 'x', test: 'yes', tags: '[' })).toEqual({
    retries: '3.5',
    share: 'x',
    test: 'yes',
    tags: '[',
  });
  expect(readHeaders({ retries: ['integer'] }, { retries: '12345678901234567890' })).toEqual({
    retries: '12345678901234567890',
  });
  expect(readHeaders({ ['__proto__']: ['string'], constructor: ['string'] }, {})).toEqual({});
});

it('sends what reads back equal', () => {
  const value = fc.oneof(
    fc
      .string({ unit: 'grapheme' })
      .filter((text) => sentHeaders({ x: text }) !== undefined)
      .map((given) => ({ given, type: 'string' })),
    fc.integer({ min: -999_999_999, max: 999_999_999 }).map((given) => ({ given, type: 'integer' })),
    fc.boolean().map((given) => ({ given, type: 'boolean' })),
    fc.array(fc.integer()).map((given) => ({ given, type: 'array' })),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[a-z][A-Za-z0-9-]{0,10}$/), value), (given) => {
      const names = Object.keys(given);
      fc.pre(new Set(names.map((name) => name.toLowerCase())).size === names.length);
      const values = Object.fromEntries(
        Object.entries(given).map(([name, one]): [string, Json] => [name, one.given]),
      );
      const types = Object.fromEntries(Object.entries(given).map(([name, { type }]) => [name, [type]]));
      expect(readHeaders(types, sentHeaders(values)!)).toEqual(values);
    }),
  );
});

it('sends nothing where a header would end its line, or has a name that is none', () => {
  for (const headers of [{ a: 'x\r\ny: 1' }, { a: '\0' }, { 'a b': 'x' }, { 'a:': 'x' }, { '': 'x' }])
    expect(sentHeaders(headers)).toBeUndefined();
  expect(sentHeaders({ a: null, b: 'tab\there' })).toEqual({ b: 'tab\there' });
});
