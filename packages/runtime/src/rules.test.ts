import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { problemRules } from './problem-rules.ts';
import { closeCases, runtimeCases } from './rules.cases.ts';
import { runtimeRules } from './rules.ts';
import { type Bench, openBench } from './testing/bench.ts';

let bench: Bench | undefined;
afterEach(() => bench?.close());
afterAll(closeCases);

describe('each code of the runtime', () => {
  for (const [code, { fires, silent }] of Object.entries(runtimeCases)) {
    const open = async (...plans: Parameters<typeof openBench>): Promise<Bench> => {
      bench = await openBench(...plans);
      return bench;
    };
    test(`${code} comes up where it should`, async () => {
      expect(await fires(open)).toContain(code);
    });
    test(`${code} does not come up where it should not`, async () => {
      expect(await silent(open)).not.toContain(code);
    });
  }
});

test('no other code is given', () => {
  const folder = import.meta.dirname;
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.includes('testing/') && !/\.(test|cases)\.ts$/.test(file),
  );
  const given = files.flatMap((file) =>
    [...readFileSync(join(folder, file), 'utf8').matchAll(/'([A-Z]+(?:_[A-Z]+)+)'/g)].map(
      ([, code]) => code!,
    ),
  );
  // Others are the words that triggers of the database abort with; the first comes from `expression` as well.
  const others = [
    'EXPRESSION_TYPE_MISMATCH',
    'RUN_TRANSITION_ILLEGAL',
    'LEDGER_APPEND_ONLY',
    'REPORT_ENDED',
    'REPAIR_APPLIED',
    'TERMINAL_STATES',
  ];
  expect(new Set(given.filter((code) => !others.includes(code)))).toEqual(
    new Set(Object.keys({ ...runtimeRules, ...problemRules })),
  );
});
