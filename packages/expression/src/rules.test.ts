import { describe, expect, it } from 'vitest';
import { assignmentIssues } from './check/assign.ts';
import { checkCondition, checkExpression, checkInterpolation } from './check/check.ts';
import type { Environment } from './check/environment.ts';
import { parseExpression } from './parser.ts';
import { caseDefinitions, caseEvent, type ExpressionCase, expressionCases } from './rules.cases.ts';
import { expressionRules } from './rules.ts';
import { schemaTypes } from './types/from-schema.ts';

const { typeOf } = schemaTypes(caseDefinitions);
const environment: Environment = {
  variables: { event: typeOf(caseEvent) },
  policies: {
    large: { parameters: ['n'], expression: 'n > 1000' },
    veryLarge: { parameters: ['n'], expression: 'policy.large(n) && n > 100000' },
    circular: { parameters: ['n'], expression: 'n > 1 || policy.circle(n)' },
    circle: { parameters: ['n'], expression: 'policy.circular(n)' },
  },
};

/** Codes found, each with the text that it points at. */
function found({ source, as = 'value', target }: ExpressionCase): string[] {
  const { ast, errors } = parseExpression(source);
  expect(errors).toEqual([]);
  const check = {
    value: checkExpression,
    send: checkExpression,
    condition: checkCondition,
    text: checkInterpolation,
  }[as];
  const { type, issues } = check(ast, environment);
  const sent = as === 'send' ? assignmentIssues(type, typeOf(target)).map((issue) => issue.code) : [];
  return [...issues.map((issue) => `${issue.code} ${source.slice(issue.start, issue.end)}`), ...sent];
}

describe('each rule of expressions', () => {
  for (const [code, { fires, silent }] of Object.entries<{ fires: ExpressionCase; silent: ExpressionCase }>(
    expressionCases,
  )) {
    it(`${code} fires at its place, alone`, () => {
      expect(found(fires)).toEqual([fires.at === undefined ? code : `${code} ${fires.at}`]);
    });
    it(`${code} stays silent near by`, () => expect(found(silent)).toEqual([]));
  }
});

it('each rule shows a bad and a good example', () => {
  for (const [code, { example }] of Object.entries(expressionRules))
    expect(example.bad, code).not.toBe(example.good);
});
