import { expect, test } from 'vitest';
import { CONFIG, CONNECTOR, CONTRACT, swap, testWorkspace } from '../../test-workspace.ts';

/** What is said of a connector that authenticates so, where the contract has these schemes. */
async function said(auth: string, schemes: string) {
  const { diagnostics } = await testWorkspace({
    [CONTRACT]: swap('key: { type: http, scheme: bearer }', schemes),
    [CONNECTOR]: swap('{ id: key, type: bearer }', `{ id: key, ${auth} }`),
    [CONFIG]: swap('key: { token: env:SHOP_KEY }', 'key: { value: env:SHOP_KEY }'),
  });
  return diagnostics
    .filter(({ code }) => code === 'manifest-auth-unlike-contract')
    .map(({ message, fix }) => `${message}; ${fix}`);
}

const KEY = 'key: { type: apiKey, in: header, name: X-Api-Key }';

test('a key in another header than the contract looks for is told, with the one that is near', async () => {
  expect(await said('type: apiKey, in: header, name: X-Api-Kee', KEY)).toEqual([
    '`key` goes into header `X-Api-Kee`, and contract `shop` looks for header `X-Api-Key`; did you mean `X-Api-Key`?',
  ]);
});

test.each([
  ['a key in the query', 'type: apiKey, in: query, name: X-Api-Key'],
  ['a token', 'type: bearer'],
])('%s is, where the contract looks for a header', async (_what, auth) => {
  expect(await said(auth, KEY)).toHaveLength(1);
});

test.each([
  ['the header in another case', 'type: apiKey, in: header, name: x-api-key', KEY],
  ['one of two schemes', 'type: bearer', `${KEY}\n    token: { type: oauth2, flows: {} }`],
  [
    'the header of a bearer token, as a key',
    'type: apiKey, in: header, name: authorization, prefix: "Token "',
    'key: { type: http, scheme: bearer }',
  ],
  [
    'a bearer token, where the contract has a key in its header',
    'type: bearer',
    'key: { type: apiKey, in: header, name: Authorization }',
  ],
  [
    'a signature, which contracts seldom describe',
    "type: hmac, sign: '${ body }', headers: { X-Sign: '${ signature }' }",
    KEY,
  ],
  ['anything, where a scheme is not known here', 'type: bearer', 'key: { type: mutualTLS }'],
])('%s is not', async (_what, auth, schemes) => {
  expect(await said(auth, schemes)).toEqual([]);
});
