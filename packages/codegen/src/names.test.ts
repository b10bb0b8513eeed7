import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fileNames, identifierNames } from './names.ts';

describe('identifiers', () => {
  test.each([
    ['repos/get', 'reposGet'],
    ['ListInvoices', 'listInvoices'],
    ['URLCheck', 'urlCheck'],
    ['GET', 'get'],
    ['1abc', '_1abc'],
    ['get_pet', 'get_pet'],
    ['größe messen', 'größeMessen'],
    ['delete', 'delete_'],
    ['then', 'then_'],
    ['__proto__', '__proto___'],
    ['***', 'operation_'],
  ])('%s becomes %s', (id, name) => expect(identifierNames().make(id)).toBe(name));

  test('ids that come out alike get different names, in order', () => {
    const names = identifierNames();
    expect(['repos/get', 'repos-get', 'reposGet', 'REPOS/get'].map(names.make)).toEqual([
      'reposGet',
      'reposGet_2',
      'reposGet_3',
      'reposGet_4',
    ]);
  });

  test('every id becomes a binding that a strict module takes, and no two the same one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.string({ unit: 'grapheme' })), { maxLength: 8 }),
        (ids) => {
          const names = identifierNames();
          const made = ids.map(names.make);
          expect(new Set(made).size).toBe(ids.length);
          for (const name of made) new Function(`"use strict"; let ${name} = 1; return ${name};`);
        },
      ),
    );
  });
});

describe('file names', () => {
  test.each([
    ['repos/get-branch', 'repos-get-branch'],
    ['ListInvoices', 'list-invoices'],
    ['../../etc/passwd', 'etc-passwd'],
    ['con', 'con_'],
    ['', 'operation'],
  ])('%s becomes %s', (id, name) => expect(fileNames().make(id)).toBe(name));

  test('stay apart where case is folded, and stay below the longest name a file may have', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 300 }), { maxLength: 8 }), (ids) => {
        const names = fileNames();
        const made = ids.map((id) => names.make(id).toLowerCase());
        expect(new Set(made).size).toBe(ids.length);
        for (const name of made) expect(name).toMatch(/^[a-z0-9_-]{1,120}$/);
      }),
    );
  });
});
