import { type Contract, loadContractText } from '@tenon/contract';
import {
  type CheckedExpression,
  checkCondition,
  checkExpression,
  checkInterpolation,
  type Environment,
  parseExpression,
  schemaTypes,
} from '@tenon/expression';
import { describe, expect, it } from 'vitest';
import { corpusDocuments, hasCorpora, mustHaveCorpora } from './corpus.ts';
import { type ExpressionGroup, expressionGroups } from './expressions.ts';

const policies = {
  large: { parameters: ['amount'], expression: 'amount > 100000' },
  overdue: { parameters: ['bill'], expression: 'bill.daysLate > 30' },
};

const CHECKS = { value: checkExpression, condition: checkCondition, text: checkInterpolation } as const;

const contracts = new Map<string, Promise<Contract>>();

async function environmentOf({ document, definition }: ExpressionGroup): Promise<Environment> {
  let loading = contracts.get(document);
  if (!loading) {
    const text = corpusDocuments('openapi')
      .find((one) => one.name === `openapi/${document}`)!
      .text();
    loading = loadContractText(document, document, text).then(({ value }) => value!);
    contracts.set(document, loading);
  }
  const { definitions } = await loading;
  expect(Object.hasOwn(definitions, definition)).toBe(true);
  return {
    variables: { event: schemaTypes(definitions).typeOf({ $ref: `#/$defs/${definition}` }) },
    policies,
  };
}

function check(source: string, group: ExpressionGroup, environment: Environment): CheckedExpression {
  const { ast, errors } = parseExpression(source);
  expect(errors).toEqual([]);
  return CHECKS[group.as ?? 'value'](ast, environment);
}

describe.skipIf(!hasCorpora && !mustHaveCorpora)('expressions over real documents', () => {
  describe.each(expressionGroups)('$document $definition as $as', (group) => {
    const wrong = Object.entries(group.wrong ?? {}).flatMap(([code, list]) =>
      list.map((marked) => ({ code, marked })),
    );
    it('wrong ones give their finding, at its place, and no other', async () => {
      const environment = await environmentOf(group);
      for (const { code, marked } of wrong) {
        const source = marked.replace('«', '').replace('»', '');
        const start = marked.indexOf('«');
        const expected = [{ code, start, end: marked.indexOf('»') - 1 }];
        const found = check(source, group, environment).issues.map((issue) => ({
          code: issue.code,
          start: issue.start,
          end: issue.end,
        }));
        expect(found, source).toEqual(expected);
      }
    });

    it('right ones give none', async () => {
      const environment = await environmentOf(group);
      for (const source of group.right ?? [])
        expect(
          check(source, group, environment).issues.map((issue) => `${issue.code}: ${issue.message}`),
          source,
        ).toEqual([]);
    });
  });

  it('has at least 120 wrong ones, three for each code that has any, and 60 right ones', () => {
    const byCode = new Map<string, number>();
    for (const group of expressionGroups)
      for (const [code, list] of Object.entries(group.wrong ?? {}))
        byCode.set(code, (byCode.get(code) ?? 0) + list.length);
    const total = [...byCode.values()].reduce((sum, count) => sum + count, 0);
    expect(total).toBeGreaterThanOrEqual(120);
    expect([...byCode].filter(([, count]) => count < 3)).toEqual([]);
    expect(expressionGroups.flatMap((group) => group.right ?? []).length).toBeGreaterThanOrEqual(60);
  });
});
