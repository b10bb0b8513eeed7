import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileExpression } from '../compile.ts';
import { parseExpression } from '../parser.ts';
import { schemaTypes } from '../types/from-schema.ts';
import type { Type } from '../types/type.ts';
import { itemAt, membersOf, presentOf } from '../types/type.ts';
import { assignmentIssues } from './assign.ts';
import { checkExpression } from './check.ts';
import { lookup } from './lookup.ts';
import {
  anEvent,
  anEventSchema,
  aSchemaLike,
  aTypedExpression,
  definitions,
  fits,
} from './soundness.testing.ts';

/** Failures that no contract tells of: they come from what text says and how large numbers are. */
const ALLOWED: ReadonlySet<string> = new Set([
  'EXPRESSION_ARGUMENT_INVALID',
  'EXPRESSION_NUMBER_OUT_OF_RANGE',
  'EXPRESSION_DIVISION_BY_ZERO',
  'EXPRESSION_BUDGET_EXCEEDED',
  'EXPRESSION_KEY_DUPLICATE',
]);

describe('an expression without issues', () => {
  it('never fails on data that fits the contract, and gives what its type says', () => {
    let evaluated = 0;
    fc.assert(
      fc.property(
        anEventSchema().chain((schema) =>
          fc.tuple(fc.constant(schema), fc.array(aTypedExpression(schema), { minLength: 8, maxLength: 8 })),
        ),
        fc.nat(),
        ([schema, sources], seed) => {
          const event = schemaTypes(definitions).typeOf(schema);
          for (const source of sources) {
            const { ast, errors } = parseExpression(source);
            expect(errors).toEqual([]);
            const { type, issues } = checkExpression(ast, { variables: { event } });
            if (issues.some((issue) => issue.code !== 'always-true' && issue.code !== 'always-false'))
              continue;
            const compiled = compileExpression(source);
            for (const data of fc.sample(anEvent(schema), { numRuns: 8, seed })) {
              const result = compiled.evaluate({ event: data as never });
              evaluated += 1;
              const context = () =>
                `${source}\n${JSON.stringify(schema)}\n${JSON.stringify(data)}\n${JSON.stringify(result)}`;
              if (!result.ok) {
                const isAbsent =
                  type.kind === 'optional' &&
                  result.error.code === 'EXPRESSION_FIELD_ABSENT' &&
                  result.error.message.startsWith('the expression');
                if (!isAbsent && !ALLOWED.has(result.error.code)) throw new Error(context());
              } else if (!isOf(result.value, type)) throw new Error(`not of its type: ${context()}`);
            }
          }
        },
      ),
      { numRuns: Number(process.env['TENON_FUZZ_RUNS'] ?? 400), endOnFailure: true },
    );
    expect(evaluated).toBeGreaterThan(1_000);
    if (process.env['TENON_FUZZ_RUNS'] !== undefined)
      console.log(`${evaluated} evaluations of expressions without issues`);
  }, 600_000);
});

describe('a type that can be assigned', () => {
  it('holds only values that the receiver takes', () => {
    let compared = 0;
    fc.assert(
      fc.property(
        anEventSchema().chain((source) => fc.tuple(fc.constant(source), aSchemaLike(source))),
        fc.nat(),
        ([source, target], seed) => {
          const { typeOf } = schemaTypes(definitions);
          if (assignmentIssues(typeOf(source), typeOf(target)).length > 0) return;
          for (const data of fc.sample(anEvent(source), { numRuns: 8, seed })) {
            compared += 1;
            if (!fits(target, data))
              throw new Error([source, target, data].map((part) => JSON.stringify(part)).join('\n'));
          }
        },
      ),
      { numRuns: 5 * Number(process.env['TENON_FUZZ_RUNS'] ?? 400), endOnFailure: true },
    );
    expect(compared).toBeGreaterThan(1_000);
  }, 600_000);
});

function isOf(value: unknown, type: Type): boolean {
  const members = membersOf(presentOf(type));
  return members.some((member) => {
    switch (member.kind) {
      case 'any':
        return true;
      case 'null':
        return value === null;
      case 'boolean':
      case 'string':
        return (
          typeof value === member.kind &&
          (member.values === undefined || (member.values as unknown[]).includes(value))
        );
      case 'number':
        if (typeof value !== 'number' || (member.values && !member.values.includes(value))) return false;
        return !member.isInteger || Number.isInteger(value);
      case 'timestamp':
      case 'duration':
        return typeof value === 'string';
      case 'list':
        return (
          Array.isArray(value) &&
          value.length >= member.itemsMin &&
          value.every((item, index) => isOf(item, itemAt(member, index)))
        );
      case 'object':
        if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
        return (
          [...member.fields].every(([name, field]) => !field.required || Object.hasOwn(value, name)) &&
          Object.entries(value).every(([name, inner]) => {
            const read = lookup(member, name).type;
            return read === undefined || isOf(inner, read);
          })
        );
      default:
        return false;
    }
  });
}
