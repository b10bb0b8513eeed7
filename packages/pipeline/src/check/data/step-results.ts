import { ANY, listOf, literalType, objectOf, presentOf, STRING, type Type, union } from '@tenon/expression';
import { typeOfSchema } from './types.ts';

/** A run goes on only when it is approved; to ask for that again is no fault. */
export const APPROVAL: Type = typeOfSchema({
  type: 'object',
  required: ['decision', 'actor', 'reason'],
  properties: {
    decision: { enum: ['approved', 'rejected'] },
    actor: { type: 'string' },
    reason: { type: 'string' },
  },
  additionalProperties: false,
});
/** Of several persons, with each of them. */
export const APPROVAL_OF_SEVERAL: Type = typeOfSchema({
  type: 'object',
  required: ['decision', 'actor', 'reason', 'approvals'],
  properties: {
    decision: { enum: ['approved', 'rejected'] },
    actor: { type: 'string' },
    reason: { type: 'string' },
    approvals: {
      type: 'array',
      minItems: 2,
      items: {
        type: 'object',
        required: ['actor', 'reason'],
        properties: { actor: { type: 'string' }, reason: { type: 'string' } },
        additionalProperties: false,
      },
    },
  },
  additionalProperties: false,
});
export const NUMBER_OR_TEXT: Type = typeOfSchema({ type: ['string', 'number'] });
export const MOMENT: Type = typeOfSchema({
  anyOf: [{ type: 'string', format: 'date-time' }, { type: 'number' }],
});
export const NUMBER: Type = typeOfSchema({ type: 'number' });
export const NULL: Type = typeOfSchema({ type: 'null' });
export const LIST: Type = listOf(ANY);
const FAILURE = objectOf({ class: STRING, code: STRING, message: STRING });

/** Of a list: one for each item; a `result` only where it succeeded and leaves one. */
export function outcomesOf(result: Type | undefined): Type {
  const one = (outcome: string, more: Readonly<Record<string, Type>>, optional: readonly string[] = []) =>
    objectOf({ key: STRING, outcome: literalType(outcome), ...more }, optional);
  return listOf(
    union([
      result === undefined
        ? one('succeeded', {})
        : one('succeeded', { result: presentOf(result) }, result.kind === 'optional' ? ['result'] : []),
      one('failed', { failure: FAILURE }),
      one('quarantined', { failure: FAILURE }),
    ]),
  );
}
