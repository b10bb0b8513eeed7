import { expect, test } from 'vitest';
import { CONTRACT, PIPELINE, swap, swaps, testWorkspace } from '../../test-workspace.ts';

const WHERE = 'where: ${ event.total > 0 }';
const AMOUNT = 'amount: ${ event.total }';
const TO = "to: '${ event.customer.name }'";

/** `code: text under the caret`, for a change of the pipeline. */
async function findings(...pairs: readonly (readonly [string, string])[]): Promise<readonly string[]> {
  const edit = swaps(...pairs);
  const { diagnostics, workspace } = await testWorkspace({ [PIPELINE]: edit });
  return diagnostics.map((one) => {
    const text = workspace.pipelineFiles.get(one.file ?? '') ?? '';
    return `${one.code}: ${text.slice(one.range?.start.offset, one.range?.end.offset)}`;
  });
}

test.each([
  ['an unknown name', [[WHERE, 'where: ${ evnt.total > 0 }']], ['unknown-name: evnt']],
  ['a step without its prefix', [[AMOUNT, 'amount: ${ order.total }']], ['unknown-name: order']],
  ['an unknown field', [[TO, "to: '${ event.customer.nmae }'"]], ['unknown-field: nmae']],
  [
    'an unknown function',
    [[WHERE, "where: ${ event.orderId.startWith('o') }"]],
    ['unknown-function: startWith'],
  ],
  ['an unknown policy', [['policy.isLarge(event)', 'policy.isLage(event)']], ['unknown-policy: isLage']],
  ['an enum typo', [["status == 'open'", "status == 'opened'"]], ["value-outside-enum: 'opened'"]],
  ['a number compared with text', [[WHERE, "where: ${ event.total == '3' }"]], ["comparison-of-types: '3'"]],
  [
    'a condition that is a number',
    [[WHERE, 'where: ${ event.total }']],
    ['condition-not-boolean: event.total'],
  ],
  ['text sent as an integer', [[AMOUNT, 'amount: ${ event.orderId }']], ['wrong-type: event.orderId']],
  [
    'a fraction sent as an integer',
    [[AMOUNT, 'amount: ${ event.total / 2 }']],
    ['integer-expected: event.total / 2'],
  ],
  [
    'an optional field sent where one is required',
    [[TO, "to: \"${ event.express ? 'a' : 'b' }\""]],
    ['field-may-be-absent: express'],
  ],
  ['null inside text', [[TO, "to: 'for ${ steps.order.note }'"]], ['field-may-be-absent: note']],
  [
    'a list inside text',
    [[TO, "to: 'for ${ steps.order.lines }'"]],
    ['cannot-interpolate: steps.order.lines'],
  ],
  [
    'two errors in one expression',
    [[WHERE, 'where: ${ event.totl > 0 && event.curency == "EUR" }']],
    ['unknown-field: totl', 'unknown-field: curency'],
  ],
  [
    'wrong fields after a comparison with one, there and in the steps',
    [
      [WHERE, "where: ${ event.stat == 'open' && event.curency == 'EUR' }"],
      [TO, "to: '${ event.customer.nmae }'"],
    ],
    ['unknown-field: stat', 'unknown-field: curency', 'unknown-field: nmae'],
  ],
] as const)('%s', async (_, pairs, expected) => {
  expect(await findings(...pairs)).toEqual(expected);
});

test.each([
  ['has() makes a field certain', [[TO, "to: \"${ has(event.express) && event.express ? 'a' : 'b' }\""]]],
  ['a default fills what may be absent', [[TO, 'to: "${ default(steps.order.note, \'-\') }"']]],
  [
    "the trigger's condition holds in every step",
    [
      [WHERE, 'where: ${ has(event.express) }'],
      ["to: '${ event.customer.name }'", "to: \"${ event.express ? 'a' : 'b' }\""],
      ['default(event.express, false)', 'event.express'],
    ],
  ],
  [
    'a passed check holds in later steps',
    [
      [
        'condition: "${ steps.order.status == \'open\' }"',
        'condition: "${ has(steps.order.note) && steps.order.note != null }"',
      ],
      [TO, "to: '${ steps.order.note }'"],
    ],
  ],
  [
    "a step's `when` holds in its `with`",
    [
      [
        '    call: shop.createParcel\n',
        '    when: ${ has(steps.order.note) && steps.order.note != null }\n    call: shop.createParcel\n',
      ],
      [TO, "to: '${ steps.order.note }'"],
      ["parcelId: '${ steps.parcel.id }' }\nsuccess", "parcelId: '${ steps.?parcel.?id }' }\nsuccess"],
    ],
  ],
  [
    'an absent optional leaves an optional member out',
    [[TO, 'to: a, speed: \'${ event.?express.hasValue() ? "fast" : "slow" }\'']],
  ],
] as const)('no finding: %s', async (_, pairs) => {
  expect(await findings(...(pairs as readonly (readonly [string, string])[]))).toEqual([]);
});

test('a step that may be skipped may be absent', async () => {
  expect(await findings([TO, "to: '${ steps.approval.actor }'"])).toEqual(['field-may-be-absent: approval']);
});

test('the same condition again makes the skipped step certain', async () => {
  expect(
    await findings([TO, 'to: "${ policy.isLarge(event) ? steps.approval.actor : \'nobody\' }"']),
  ).toEqual([]);
});

test('a member of a set value is known', async () => {
  expect(
    await findings([
      '      - steps:\n          - id: slow\n            set: { speed: slow }',
      "      - steps:\n          - id: slow\n            set: { speed: slow }\n          - id: slower\n            set: '${ steps.slow.sped }'",
    ]),
  ).toEqual(['unknown-field: sped']);
});

test('manual input is typed by its schema', async () => {
  const manual =
    'trigger:\n  manual: { input: { type: object, required: [orderId], properties: { orderId: { type: string } } } }';
  const { diagnostics } = await testWorkspace({
    [PIPELINE]: (text) =>
      swap('trigger:\n  event: shop.orderPlaced\n  where: ${ event.total > 0 }', manual)(text),
  });
  expect(new Set(diagnostics.map(({ code }) => code))).toContain('unknown-field');
  expect(diagnostics.map(({ message }) => message)).not.toContain('`event` has no field `orderId`');
});

test('what an expression without data gives is held against the schema, as if it were written out', async () => {
  const { diagnostics } = await testWorkspace({
    [PIPELINE]: swap(AMOUNT, 'amount: ${ 0 - 5 }'),
  });
  expect(diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([
    'request-value-invalid `body.amount` must be at least 0',
  ]);
});

test('a day is no moment to wait for', async () => {
  const { diagnostics } = await testWorkspace({
    [CONTRACT]: swap(
      '        express: { type: boolean }\n',
      '        express: { type: boolean }\n        day: { type: string, format: date }\n',
    ),
    [PIPELINE]: swap(
      '  - id: paid\n',
      "  - { id: rest, when: '${ has(event.day) }', wait: { until: '${ event.day }' } }\n  - id: paid\n",
    ),
  });
  expect(diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([
    'wrong-type a moment: the value must be a date-time; this is a date',
  ]);
});
