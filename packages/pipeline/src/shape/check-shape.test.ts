import { describe, expect, test } from 'vitest';
import { readConfig } from '../load/config.ts';
import { CONFIG, PIPELINE, swap, testWorkspace } from '../test-workspace.ts';

test.each([
  [
    'input',
    PIPELINE,
    'event: shop.orderPlaced',
    'manual: {}',
    '`input` is missing: JSON Schema of the input, read as `event`',
  ],
  ['connector', CONFIG, '    connector: shop\n', '', '`connector` is missing: '],
])(
  'a missing %s is said with what it is, as it is written inside a sentence',
  async (_key, file, line, instead, said) => {
    const { diagnostics } = await testWorkspace({ [file]: swap(line, instead) });
    const found = diagnostics.find(({ code }) => code === 'missing-key');
    expect(found?.message).toContain(said);
    expect(found?.message).not.toMatch(/missing: [A-Z][a-z]|missing: [a-z][A-Z]/);
  },
);

describe('a value where a reference to a secret belongs', () => {
  const written = (members: string): string => `apiVersion: tenon/v1
kind: Workspace
engine: { type: embedded }
${members}
`;
  const literals = (members: string): readonly string[] =>
    readConfig(written(members))
      .diagnostics.filter(({ code }) => code === 'secret-literal')
      .map(({ range }) => written(members).slice(range!.start.offset, range!.end.offset));

  // By it the text is covered where it is shown, in a terminal and in the log of a build.
  test.each([
    [
      'a text for a map of them',
      'connections: { shop: { connector: shop, credentials: { key: cnry-1 } } }',
      ['cnry-1'],
    ],
    ['a text for a list', 'connections: { shop: { connector: shop, webhookSecrets: cnry-1 } }', ['cnry-1']],
    [
      'a map for a text',
      'connections: { shop: { connector: shop, webhookSecrets: [{ a: cnry-1 }] } }',
      ['cnry-1'],
    ],
    [
      'a list for a text',
      'connections: { shop: { connector: shop, credentials: { key: { token: [cnry-1, cnry-2] } } } }',
      ['cnry-1', 'cnry-2'],
    ],
    [
      'a number for a text',
      'server: { operators: [{ name: ada, role: operator, token: 87654321 }] }',
      ['87654321'],
    ],
    ['a key without its name', 'ledger: cnry-1', ['cnry-1']],
    [
      'a word that is misspelt',
      'server: { operators: [{ name: ada, role: operator, tokn: cnry-1 }] }',
      ['cnry-1'],
    ],
    [
      'a misspelt word around them',
      'connections: { shop: { connector: shop, credentals: { key: { token: cnry-1, more: env:MORE } } } }',
      ['cnry-1'],
    ],
  ])('is found in whatever shape: %s', (_what, members, values) => {
    expect(literals(members)).toEqual(values);
    const said = readConfig(written(members)).diagnostics.map(({ message, fix }) => `${message} ${fix}`);
    expect(said.filter((text) => /cnry|87654321/.test(text))).toEqual([]);
  });

  test('is none where something else is misshapen', () => {
    expect(
      literals(
        'connections: shop\nserver: { port: many, operators: [{ name: ada, role: oprator, token: env:ADA }] }',
      ),
    ).toEqual([]);
    expect(
      literals('connections: { shop: { connector: [shop], credentials: { key: { token: [env:KEY] } } } }'),
    ).toEqual([]);
  });
});

test('a text with commas where a list is wanted is shown as the list', async () => {
  const { diagnostics } = await testWorkspace({
    [PIPELINE]: swap(
      '    retry: { attempts: 3, within: 1m }',
      '    retry: { attempts: 3, within: 1m, on: "timeout, transient" }',
    ),
  });
  expect(diagnostics).toMatchObject([{ code: 'wrong-kind', fix: 'write `[timeout, transient]`' }]);
});

test('what undoes a step goes over the connection of the step, so none is given to it', async () => {
  const given = 'over: "${ connection }"';
  for (const more of [given, `guard: { read: shop.getOrder, unchanged: "\${ true }", ${given} }`]) {
    const { diagnostics } = await testWorkspace({
      [PIPELINE]: swap('compensate: { ', `compensate: { ${more}, `),
    });
    expect(diagnostics.find(({ code }) => code === 'unknown-key')).toMatchObject({
      message: '`over` is not known here',
      fix: expect.stringContaining('goes over the connection that the step went over'),
    });
  }
});

test('a comma that ends a text between braces is told', async () => {
  const { diagnostics } = await testWorkspace({
    [PIPELINE]: swap(
      '    retry: { attempts: 3',
      '    irreversible: { because: sold, and gone, forward: { task: call, owner: sales, within: 1d } }\n    retry: { attempts: 3',
    ),
  });
  expect(diagnostics.find(({ code }) => code === 'unknown-key')).toMatchObject({
    message: '`and gone` is not known here: a comma ended the text of `because`',
    fix: 'put the whole text of `because` in quotes',
  });
});
