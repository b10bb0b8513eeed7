import type { Grants } from '@tenon/connector';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { writeGrants } from './write-grants.ts';

const CONFIG = `# ours
connections:
  shop:   # the shop
    connector: shop
    baseUrl: env:SHOP_URL
    credentials:
      key: { token: env:SHOP_KEY } # from the vault

  # what follows is the desk's
  desk: { connector: desk, baseUrl: env:DESK_URL }
`;
const grant = (...operations: string[]) => ({ operations, scopes: [], hosts: [] });
const shop = (grants: Grants) => new Map([['shop', grants]]);

describe('writeGrants', () => {
  it('puts them at the end of their connection and leaves every other byte', () => {
    const grants = { 'order-paid': { operations: ['getOrder'], scopes: ['orders:read'], hosts: [] } };
    expect(writeGrants(CONFIG, shop(grants))).toBe(
      CONFIG.replace(
        '# from the vault\n',
        '# from the vault\n    grants:\n      order-paid:\n        operations: [getOrder]\n        scopes: [orders:read]\n',
      ),
    );
  });

  it('writes into a connection of one line', () => {
    expect(writeGrants(CONFIG, new Map([['desk', { p: grant('close') }]]))).toBe(
      CONFIG.replace('env:DESK_URL }', 'env:DESK_URL, grants: { p: { operations: [close] } } }'),
    );
  });

  it('takes away what nobody needs any more, to the very text that was there before', () => {
    expect(writeGrants(writeGrants(CONFIG, shop({ p: grant('get') })), shop({}))).toBe(CONFIG);
  });

  it('changes nothing where they are right already, whatever their form', () => {
    const written = CONFIG.replace(
      '# from the vault\n',
      '# from the vault\n    grants: { p: { operations: [ get, put ] } }   # by hand\n',
    );
    expect(writeGrants(written, shop({ p: grant('get', 'put') }))).toBe(written);
  });

  it('says what it was given, whatever the names, and over whatever was there', () => {
    const name = fc.oneof(
      fc.string({ minLength: 1 }),
      fc.constantFrom('a: b', '- x', 'true', '#', "'", 'x:y'),
    );
    const names = fc.array(name, { minLength: 1, maxLength: 12 });
    const some = fc.dictionary(
      name.filter((text) => text !== '__proto__'),
      fc.record({ operations: names, scopes: names, hosts: names }),
      { minKeys: 1, maxKeys: 3, noNullPrototype: true },
    );
    fc.assert(
      fc.property(fc.constantFrom('shop', 'desk'), some, some, (connection, before, after) => {
        const once = writeGrants(CONFIG, new Map([[connection, before]]));
        const twice = writeGrants(once, new Map([[connection, after]]));
        const { grants, ...rest } = parse(twice).connections[connection];
        expect(grants).toEqual(after);
        expect(rest).toEqual(parse(CONFIG).connections[connection]);
        expect(twice).toContain('# what follows is the desk');
      }),
    );
  });
});
