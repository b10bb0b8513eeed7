import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { writeConnection } from './write-connection.ts';

const SHOP = {
  connector: 'shop',
  baseUrl: 'env:SHOP_URL',
  credentials: { key: { token: 'env:SHOP_TOKEN' } },
};
const BLOCK = `  shop:
    connector: shop
    baseUrl: env:SHOP_URL
    credentials:
      key:
        token: env:SHOP_TOKEN`;

describe('writeConnection', () => {
  it('leaves the address out where nothing is called', () => {
    const told = { connector: 'told', credentials: {} };
    expect(writeConnection('connections:\n', 'told', told)).toBe(
      'connections:\n  told:\n    connector: told\n    credentials: {}\n',
    );
    expect(writeConnection('connections: { a: { connector: a } }\n', 'told', told)).toBe(
      'connections: { a: { connector: a }, told: { connector: told, credentials: {} } }\n',
    );
  });

  it.each([
    [
      'behind the others, before what follows them',
      'connections:\n  a: { connector: a,  grants: { p: { operations: [ b,c ] } } } # first\n# end\nzone: [ x,y ]\n',
      'connections:\n  a: { connector: a,  grants: { p: { operations: [ b,c ] } } } # first\n' +
        BLOCK +
        '\n# end\nzone: [ x,y ]\n',
    ],
    [
      'behind a block of text',
      'connections:\n  a:\n    connector: a\n    note: |\n      x\n  # last\nzone: y\n',
      `connections:\n  a:\n    connector: a\n    note: |\n      x\n${BLOCK}\n  # last\nzone: y\n`,
    ],
    [
      'where there was none yet',
      'apiVersion: tenon/v1\n# end',
      `apiVersion: tenon/v1\n# end\nconnections:\n${BLOCK}\n`,
    ],
    [
      'under a key without a value',
      'connections: # ours\nzone: y\n',
      `connections: # ours\n${BLOCK}\nzone: y\n`,
    ],
    ['in place of an empty map', 'connections: {}   # ours\n', `connections:   # ours\n${BLOCK}\n`],
    ['in place of null', 'connections: null # ours\nzone: y\n', `connections: # ours\n${BLOCK}\nzone: y\n`],
    ['in place of ~', 'connections: ~\n', `connections:\n${BLOCK}\n`],
    ['in place of null on a line of its own', 'connections:\n  null\n', `connections:\n${BLOCK}\n`],
    ['into an empty file', '', `connections:\n${BLOCK}\n`],
    [
      'into a map of one line',
      'connections: { a: { connector: a } }\n',
      'connections: { a: { connector: a }, shop: { connector: shop, baseUrl: env:SHOP_URL, credentials: { key: { token: env:SHOP_TOKEN } } } }\n',
    ],
  ])('puts one %s, and leaves every other byte', (_where, before, after) => {
    expect(writeConnection(before, 'shop', SHOP)).toBe(after);
    expect(parse(after).connections.shop).toEqual(SHOP);
  });

  it('goes by the indentation of the others', () => {
    const before = 'connections:\n    a:\n       connector: a\n';
    expect(writeConnection(before, 'b', { ...SHOP, credentials: {} })).toBe(
      `${before}    b:\n       connector: shop\n       baseUrl: env:SHOP_URL\n       credentials: {}\n`,
    );
  });

  it('leaves one of the same name alone', () => {
    expect(writeConnection('connections: { shop: { connector: other } }', 'shop', SHOP)).toBeUndefined();
  });

  it.each(['5', '[ a ]', '""'])('leaves %s to a person, where there should be a map', (value) => {
    expect(writeConnection(`connections: ${value}\n`, 'shop', SHOP)).toBeUndefined();
  });

  it.each([
    ['{ "connections": { "a": { "connector": "a" } } }', { a: { connector: 'a' } }],
    ['{ "connections": null }', {}],
    ['{}', {}],
  ])('writes into JSON: %s', (before, there) => {
    const after = writeConnection(before, 'shop', SHOP);
    expect(parse(after!)).toEqual({ connections: { ...there, shop: SHOP } });
  });

  it('whatever the names and the spacing, the rest is read as before', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
    const spaces = fc.constantFrom('', ' ', '  # why', '\n', '\n  # more');
    fc.assert(
      fc.property(
        fc.uniqueArray(name, { minLength: 2, maxLength: 5 }),
        spaces,
        fc.boolean(),
        ([added, ...there], gap, isFlow) => {
          const one = (each: string) =>
            isFlow ? `  ${each}: { connector: ${each} }${gap}` : `  ${each}:\n    connector: ${each}${gap}`;
          const before = `# ours\nconnections:\n${there.map(one).join('\n')}\nend: [ a,b ]\n`;
          const after = writeConnection(before, added!, SHOP)!;
          const read = parse(before);
          expect(parse(after)).toEqual({ ...read, connections: { ...read.connections, [added!]: SHOP } });
          // One stretch was put in, and nothing else was touched.
          const at = [...before].findIndex((char, index) => char !== after[index]);
          expect(after.endsWith(before.slice(at))).toBe(true);
        },
      ),
    );
  });
});
