import { expect, test } from 'vitest';
import { CONFIG, swap, testWorkspace } from '../test-workspace.ts';

test.each([
  ['baseUrl', '    baseUrl: env:SHOP_URL\n', '`baseUrl` is missing: URL of the account, or `env:NAME`'],
  ['connector', '    connector: shop\n', '`connector` is missing: '],
])('a missing %s is said with what it is, as it is written inside a sentence', async (_key, line, said) => {
  const { diagnostics } = await testWorkspace({ [CONFIG]: swap(line, '') });
  const found = diagnostics.find(({ code }) => code === 'missing-key');
  expect(found?.message).toContain(said);
  expect(found?.message).not.toMatch(/missing: [A-Z][a-z]|missing: [a-z][A-Z]/);
});
