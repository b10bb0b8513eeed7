import { expect, test } from 'vitest';
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
