import { describe, expect, test } from 'vitest';
import {
  CONNECTOR,
  CONTRACT,
  type Edits,
  PIPELINE,
  swap,
  swaps,
  testWorkspace,
} from '../../test-workspace.ts';

const CREATED =
  "'201': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Charge' } } } }\n";
const BODY = '{ type: object, required: [reason], properties: { reason: { type: string } } }';
const declares = (status: string, body = BODY): string =>
  `        '${status}': { description: no, content: { application/json: { schema: ${body} } } }\n`;
const GUARDED = 'success: ${ has(steps.charge.refused) || steps';
const BRANCHES = `  - id: outcome
    choose:
      - when: \${ has(steps.charge.refused) }
        steps:
          - { id: why, set: { reason: '\${ steps.charge.refused.body.reason }', code: '\${ steps.charge.refused.code }' } }
      - steps:
          - { id: paidFor, set: { charge: '\${ steps.charge.id }' } }
`;

/** The shop declines charges with the name `declined`, and the pipeline takes that; `pairs` change the pipeline. */
function refusing(...pairs: readonly (readonly [string, string])[]): Edits {
  return {
    [CONTRACT]: swap(CREATED, CREATED + declares('402')),
    [CONNECTOR]: swap(
      'compensation: { operation: refundCharge }',
      'compensation: { operation: refundCharge }\n    failures: [{ status: 402, class: permanent, refusal: declined }]',
    ),
    [PIPELINE]: swaps(
      ['    call: shop.createCharge\n', '    call: shop.createCharge\n    refusals: [declined]\n'],
      ['success: ${ steps', GUARDED],
      ...pairs,
    ),
  };
}

async function found(edits: Edits): Promise<readonly string[]> {
  const { diagnostics } = await testWorkspace(edits);
  return diagnostics.map(({ code, message }) => `${code} ${message}`);
}

const READ = ['metrics:\n', `metrics:\n  charges: { when: "\${ steps.charge.id != '' }" }\n`] as const;
const CHOOSE = [
  'metrics:\n',
  `metrics:\n  declined: { when: '\${ has(steps.why) }' }\n  paid: { when: '\${ has(steps.paidFor) }' }\n`,
] as const;

describe('a step that takes a refusal', () => {
  test('has a result that is read only where it is known not to be one', async () => {
    expect(await found(refusing())).toEqual([]);
    expect(await found(refusing(READ))).toEqual([
      expect.stringMatching(/^variant-not-narrowed only some variants of `steps.charge` have `id`/),
    ]);
  });

  test('has a refusal with the type of the response that the contract declares', async () => {
    const [branches] = [BRANCHES];
    const taken = refusing(['  - id: pace\n', `${branches}  - id: pace\n`], CHOOSE);
    expect(await found(taken)).toEqual([]);
    const misread = swap('body.reason', 'body.reasons');
    const pipeline = taken[PIPELINE] as (text: string) => string;
    expect(await found({ ...taken, [PIPELINE]: (text) => misread(pipeline(text)) })).toEqual([
      expect.stringMatching(/^unknown-field `steps.charge.refused.body` has no field `reasons`/),
    ]);
    const miscalled = swap(
      "code: '${ steps.charge.refused.code }'",
      'code: "${ steps.charge.refused.code == \'gone\' }"',
    );
    expect(await found({ ...taken, [PIPELINE]: (text) => miscalled(pipeline(text)) })).toEqual([
      expect.stringMatching(/^value-outside-enum /),
    ]);
  });

  test('is undone by its result alone: there the refusal needs no guard', async () => {
    const { check } = await testWorkspace(refusing());
    expect(check.plans.get('order-placed')?.steps.find(({ id }) => id === 'charge')).toMatchObject({
      refusals: ['declined'],
      compensate: { with: { object: { chargeId: { expression: 'steps.charge.id' } } } },
    });
  });

  test('brings the schema of the refusal into the plan, and of no other', async () => {
    const { check } = await testWorkspace(refusing());
    const { operations } = check.plans.get('order-placed')!;
    expect(operations['shop.createCharge']?.refusals).toEqual({
      declined: { schema: expect.objectContaining({ required: ['reason'] }) },
    });
    expect(operations['shop.createParcel']).not.toHaveProperty('refusals');
  });

  test('is told apart in what is used of the contract', async () => {
    const { check } = await testWorkspace(refusing(['  - id: pace\n', `${BRANCHES}  - id: pace\n`], CHOOSE));
    const target = { kind: 'response', operation: 'createCharge', refused: ['402'] };
    const used = check.usage.filter((one) => 'refused' in one.target);
    expect(
      used.map(({ step, path, isNaming = false, target: to }) => ({ step, path, isNaming, to })),
    ).toEqual(
      expect.arrayContaining([
        { step: 'why', path: '/reason', isNaming: false, to: target },
        { step: 'outcome', path: '', isNaming: true, to: target },
      ]),
    );
    expect(used).toHaveLength(3);
  });

  test('keeps classed data of a refusal from where it may not go, and out of what is shown', async () => {
    const CLASSES = 'contracts/shop/contract.yaml';
    const REASON = '/paths/~1charges/post/responses/402/content/application~1json/schema/properties/reason';
    const classed = { [CLASSES]: swap('classes:\n', `classes:\n  ${REASON}: personal\n`) };
    const leaking = refusing([
      "reference: '${ event.orderId }'",
      "reference: '${ has(steps.charge.refused) ? steps.charge.refused.body.reason : event.orderId }'",
    ]);
    expect(await found({ ...leaking, ...classed })).toEqual([
      expect.stringMatching(/^data-not-cleared personal data \(shop.createCharge \/reason\) goes to/),
    ]);
    const { check, diagnostics } = await testWorkspace({ ...refusing(), ...classed });
    expect(diagnostics).toEqual([]);
    expect(check.plans.get('order-placed')?.redact['steps.charge']).toContain('/refused/body/reason');
  });
});

describe('what HTTP itself says no with', () => {
  const reading = (code: string, ...pairs: readonly (readonly [string, string])[]): Edits => ({
    [PIPELINE]: swaps(
      ['    call: shop.getOrder\n', `    call: shop.getOrder\n    refusals: [${code}]\n`],
      ["steps.order.status == 'open'", "!has(steps.order.refused) && steps.order.status == 'open'"],
      ...pairs,
    ),
  });
  const ORDER =
    "'200': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Order' } } } }\n    patch";

  test('needs no word of the connector: what is not found is a value', async () => {
    expect(await found(reading('notFound'))).toEqual([]);
    const { check } = await testWorkspace(reading('notFound'));
    expect(check.plans.get('order-placed')?.operations['shop.getOrder']?.refusals).toEqual({ notFound: {} });
  });

  test.each(['404', '4XX', 'default'])('has the body that the contract declares under %s', async (status) => {
    const { check, diagnostics } = await testWorkspace({
      ...reading('notFound'),
      [CONTRACT]: swap(ORDER, ORDER.replace('\n', `\n${declares(status)}`)),
    });
    expect(diagnostics).toEqual([]);
    expect(check.plans.get('order-placed')?.operations['shop.getOrder']?.refusals).toEqual({
      notFound: { schema: expect.objectContaining({ required: ['reason'] }) },
    });
  });

  test('has no name for what may be our own mistake: that is the connector’s to name', async () => {
    expect(await found(reading('validation'))).toEqual([
      expect.stringMatching(/^unknown-refusal `shop` gives no answer of `getOrder` the name `validation`/),
    ]);
  });
});

describe('a refusal that is looked at and not taken', () => {
  const forgotten = async (...pairs: readonly (readonly [string, string])[]) => {
    const edits = refusing(['    refusals: [declined]\n', ''], ...pairs);
    return (await testWorkspace(edits)).diagnostics.map(({ code, fix, edit }) => ({ code, fix, edit }));
  };

  test('is told with the word that takes it, and the names that there are', async () => {
    expect(await forgotten()).toEqual([
      {
        code: 'unknown-field',
        fix: 'let the step take it: `refusals: […]` at `charge`, with those of `conflict`, `notFound`, `declined` that are to be a value',
      },
    ]);
    expect(await forgotten(['has(steps.charge.refused)', "steps.charge.refused.code == 'declined'"])).toEqual(
      [expect.objectContaining({ fix: expect.stringContaining('`refusals: […]` at `charge`') })],
    );
  });

  test('is not told so of a field of another name', async () => {
    const [other] = await forgotten(['has(steps.charge.refused)', "steps.charge.idd == 'x'"]);
    expect(other?.fix).toBe('did you mean `id`?');
  });
});

test('a refusal that is named twice is told', async () => {
  const pair = ['refusals: [declined]', 'refusals: [declined, notFound, declined]'] as const;
  expect(await found(refusing(pair))).toEqual(['value-not-allowed `steps[3].refusals` has `declined` twice']);
});
