import { expect, test } from 'vitest';
import { testWorkspace } from './test-workspace.ts';

test('a sound workspace has no findings and gives one plan', async () => {
  const { diagnostics, check } = await testWorkspace();
  expect(diagnostics.map((one) => `${one.code} ${one.file}:${one.range?.start.line} ${one.message}`)).toEqual(
    [],
  );
  expect([...check.plans.keys()]).toEqual(['order-placed']);
});
