import { systemClock } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import { classify } from './classify.ts';
import { operationPlan } from './fault-server.testing.ts';

const answer = (status: number, body: { ok: boolean } = { ok: false }) => ({ status, headers: {}, body });

describe('a rule that asks for a renewed credential', () => {
  it.each([
    ['401', 401, 'auth'],
    ['200', 200, 'auth'],
  ] as const)('is followed where it says that nobody was let in: %s', (status, answered, failureClass) => {
    const plan = operationPlan({ failures: [{ status, class: failureClass, action: 'refreshOnce' }] });
    expect(classify(plan, answer(answered), systemClock)?.action).toBe('refreshOnce');
  });

  it.each([
    ['5xx', 500, 'transient'],
    ['502', 502, 'auth'],
    ['200', 200, 'unknown'],
  ] as const)('is not where the effect may have happened: %s as %s', (status, answered, failureClass) => {
    const plan = operationPlan({ failures: [{ status, class: failureClass, action: 'refreshOnce' }] });
    expect(classify(plan, answer(answered), systemClock)).not.toHaveProperty('action');
  });
});

describe('what a rule says of an answer', () => {
  const plan = operationPlan({
    failures: [
      {
        status: '422',
        when: "body.code == 'bad_parcel'",
        class: 'validation',
        says: 'bad_parcel: the carrier does not take it',
      },
      { status: '504', class: 'transient', says: 'their queue is full' },
    ],
  });
  const said = (status: number, body: Record<string, string>) =>
    classify(plan, { status, headers: {}, body }, systemClock)?.failure.message;

  it('is told beside the status, and nothing of the answer itself', () => {
    expect(said(422, { code: 'bad_parcel', message: 'ada@shop.example lives too far away' })).toBe(
      `${plan.name} answered 422: bad_parcel: the carrier does not take it`,
    );
    expect(said(422, { code: 'other', message: 'ada@shop.example' })).toBe(`${plan.name} answered 422`);
  });

  it('does not take the place of what is said of an effect that may have happened', () => {
    expect(said(504, {})).toBe(
      `${plan.name} answered 504: their queue is full; the gateway got no answer in time; the effect is unknown`,
    );
  });
});

describe('a redirect', () => {
  it('to the result of what was done leaves the effect unknown (RFC 9110 §15.4.4)', () => {
    expect(classify(operationPlan(), answer(303), systemClock)?.failure).toMatchObject({
      class: 'permanent',
      code: 'HTTP_REDIRECT_REFUSED',
      delivery: 'lost',
    });
  });

  it.each([307, 308])('of the same request (%i) says that it was not carried out', (status) => {
    expect(classify(operationPlan(), answer(status), systemClock)?.failure.delivery).toBe('answered');
  });
});
