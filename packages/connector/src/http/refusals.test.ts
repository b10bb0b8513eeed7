import type { Json } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import type { OperationPlan } from '../operation-plan.ts';
import { harness, json, operationPlan } from './fault-server.testing.ts';

const schema = {
  type: 'object',
  required: ['reason'],
  properties: { reason: { enum: ['no money', 'expired'] } },
};
const failures: OperationPlan['failures'] = [
  { status: '402', class: 'permanent', refusal: 'declined', says: 'the card said no' },
  { status: '200', when: '!body.ok', class: 'conflict' },
];
const plan = operationPlan({
  failures,
  refusals: { declined: { schema }, notFound: {}, conflict: { schema: { required: ['ok'] } } },
});

async function answered(status: number, body: Json, taken = plan) {
  await using test = await harness((_seen, response) => json(response, status, body), taken);
  return await test.call({ body: {} });
}

describe('an answer that says no', () => {
  it('is a failure, and beside it the value that a step takes', async () => {
    expect(await answered(402, { reason: 'no money' })).toEqual({
      ok: false,
      failure: expect.objectContaining({ class: 'permanent', status: 402, delivery: 'answered' }),
      refused: { code: 'declined', status: 402, body: { reason: 'no money' } },
    });
  });

  it('has the name of its class where no rule names it', async () => {
    expect(await answered(404, { anything: 1 })).toMatchObject({
      refused: { code: 'notFound', status: 404, body: null },
    });
    expect(await answered(200, { ok: false })).toMatchObject({ refused: { code: 'conflict', status: 200 } });
  });

  it('is a failure alone where no step takes it', async () => {
    const { refusals: _none, ...others } = plan;
    expect(await answered(402, { reason: 'no money' }, others)).not.toHaveProperty('refused');
    expect(await answered(422, { reason: 'no money' })).not.toHaveProperty('refused');
  });

  it.each([
    ['of another form', { reason: 'asleep' }, '/reason'],
    ['of a proxy', '<html>payment required</html>', ''],
  ])('is a failure alone where its body is %s, and tells no value', async (_what, body, pointer) => {
    const result = await answered(402, body);
    expect(result).toMatchObject({
      ok: false,
      failure: {
        class: 'permanent',
        code: 'HTTP_REFUSAL_INVALID',
        status: 402,
        delivery: 'answered',
        pointer,
      },
    });
    expect(result).not.toHaveProperty('refused');
    expect(JSON.stringify(result)).not.toMatch(/asleep|payment required/);
  });

  it('is none where a gateway may stand in between', async () => {
    const lost = operationPlan({
      failures: [{ status: '504', class: 'permanent', refusal: 'declined' }],
      refusals: { declined: {} },
    });
    expect(await answered(504, {}, lost)).not.toHaveProperty('refused');
  });
});
