import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { webhookRefusals } from '@tenon/connector';
import { expect, it } from 'vitest';
import { allRules } from './rules.ts';

const packages = join(import.meta.dirname, '../..');
// Names of environment variables that a workspace made here or there would have.
const OTHERS = new Set(['WEBHOOK_SECRET', 'WEBHOOK_UNKNOWN']);

it('explains every code that a delivery of a webhook is answered or logged with', () => {
  const files = globSync('*/src/**/*.ts', { cwd: packages }).filter(
    (file) => !/\.(test|testing|cases)\.ts$/.test(file),
  );
  const said = files.flatMap((file) =>
    [...readFileSync(join(packages, file), 'utf8').matchAll(/\b(WEBHOOK_[A-Z_]+)\b/g)].map(
      ([, code]) => code!,
    ),
  );
  const given = new Set([...said, ...Object.keys(webhookRefusals)].filter((code) => !OTHERS.has(code)));
  expect([...given].filter((code) => !Object.hasOwn(allRules, code))).toEqual([]);
  expect(given.size).toBeGreaterThan(10);
});
