import { planAdapterOperation } from '@tenon/pipeline';
import { expect, test } from 'vitest';
import { contractFiles } from '../contract-files.ts';
import { everything, everythingUsed } from '../testing/everything.ts';
import { withStableNames } from './stable-names.ts';

test('what is in a text, and a member of a name that is declared, stays', () => {
  const code =
    'const schema0 = {"a":"schema0"};\nconst func1 = equal;\nfunction validate2(data){ return func1(data.schema0, schema0.validate2, "validate2 \\" func1"); }\nexport const a = validate2;';
  expect(withStableNames(code, new Map([['validate2', 'Order/lines']]))).toMatch(
    /^const (schema_\w{8}) = \{"a":"schema0"\};\nconst (func_\w{8}) = equal;\nfunction validate_Order_lines\(data\)\{ return \2\(data\.schema0, \1\.validate2, "validate2 \\" func1"\); \}\nexport const a = validate_Order_lines;$/,
  );
});

test('a validator more takes no line from the others, and nothing is numbered', async () => {
  const linesOf = async (operations: readonly string[]): Promise<readonly string[]> => {
    const usage = everythingUsed.filter(
      ({ target }) => target.kind !== 'event' && operations.includes(target.operation),
    );
    const files = await contractFiles(planAdapterOperation, { contract: everything(), usage });
    return files.find(({ path }) => path.endsWith('validators.js'))!.text.split('\n');
  };
  const named = [
    ...new Set(everythingUsed.flatMap(({ target }) => (target.kind === 'event' ? [] : [target.operation]))),
  ];
  expect(named.length).toBeGreaterThan(1);
  const all = await linesOf(named);
  expect(all.join('\n')).not.toMatch(/\b(?:validate|schema|func|formats|pattern|wrapper|runtime)\d+\b/);
  for (const one of named) {
    const few = await linesOf([one]);
    expect(few.length).toBeLessThan(all.length);
    expect(few.filter((line) => !all.includes(line))).toEqual([]);
  }
});
