import { compileValidator, type SchemaObject } from '@tenon/schema';
import { expect, test } from 'vitest';
import type { BenchOperation } from './bench.ts';
import { exampleInput } from './example-input.ts';
import type { Subject } from './subject.ts';

const schema: SchemaObject = {
  type: 'object',
  properties: {
    body: {
      type: 'object',
      properties: {
        level: { type: 'integer', maximum: 3 },
        day: { type: 'string', format: 'date' },
        at: { type: 'string', format: 'date-time' },
        code: { type: 'string', pattern: '^[A-Z]{2}[0-9]{2}$' },
        kind: { enum: ['reminder'] },
        name: { type: 'string' },
      },
    },
  },
};
const body = {
  level: 3,
  day: '2026-12-31',
  at: '2026-12-31T10:00:00Z',
  code: 'AB12',
  kind: 'reminder',
  name: 'Ada',
};

/** Of an operation whose input the fixtures give: the parts that are looked at. */
const subject = { fixtures: { inputs: { remind: { body } } } } as unknown as Subject;
const operation = { name: 'remind', plan: { input: schema } } as unknown as BenchOperation;

test('the n-th input of an operation is another thing in whatever the contract lets differ', () => {
  expect(exampleInput(subject, operation, 0)).toEqual({ body });
  expect(exampleInput(subject, operation, 2)).toEqual({
    body: {
      level: 1,
      day: '2027-01-02',
      at: '2027-01-02T10:00:00Z',
      code: 'AB14',
      kind: 'reminder',
      name: 'Ada-2',
    },
  });
  expect(compileValidator(schema)(exampleInput(subject, operation, 2))).toEqual([]);
});
