import { describe, expect, test } from 'vitest';
import { codegenCases } from './rules.cases.ts';
import { codegenRules } from './rules.ts';

describe.each(Object.keys(codegenRules) as (keyof typeof codegenRules)[])('%s', (code) => {
  test('fires where it should', () => expect(codegenCases[code].fires()).toContain(code));
  test('is silent where it should be', () => expect(codegenCases[code].silent()).not.toContain(code));
});
