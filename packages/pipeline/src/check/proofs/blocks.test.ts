import { describe, expect, test } from 'vitest';
import { PIPELINE, swap, swaps, testWorkspace } from '../../test-workspace.ts';

const before = (steps: string) => ['  - id: approval\n', `${steps}  - id: approval\n`] as const;

/** The codes found, each with the text it stands at; that nothing reads what these fragments make is not their point. */
async function found(...pairs: readonly (readonly [string, string])[]): Promise<readonly string[]> {
  const { diagnostics, workspace } = await testWorkspace({ [PIPELINE]: swaps(...pairs) });
  const text = workspace.pipelineFiles.get(PIPELINE)!;
  return diagnostics
    .filter(({ code }) => code !== 'step-unused')
    .map(({ code, range }) => `${code} ${text.slice(range!.start.offset, range!.end.offset)}`);
}

const lines = (parts: string, steps: string) => `  - id: lines
    forEach:
      in: \${ steps.order.lines }
      as: line
      key: \${ line.sku }
      max: 4
      concurrency: 2
${parts}      steps:
${steps}`;
const book = (to: string, more = '') => `        - id: booked
          call: shop.createParcel
          with: { body: { reference: '\${ line.sku }', to: '${to}' } }
${more === '' ? "          compensate: { call: shop.cancelParcel, with: { parcelId: '${ steps.booked.id }' } }\n" : more}`;

describe('forEach', () => {
  test('an item has the type of the list’s items, and outcomes the type of `result`', async () => {
    expect(await found(before(lines('', book('${ line.skew }'))))).toEqual(['unknown-field skew']);
    const list = `${lines('', book('x'))}      result: \${ steps.booked.id }\n`;
    const read = (text: string) =>
      found(before(list), ["to: '${ event.customer.name }'", `to: "\${ ${text} }"`]);
    const good = "one.outcome == 'succeeded'";
    expect(await read(`steps.lines.filter(one, ${good}).map(one, one.result).join()`)).toEqual([]);
    expect(await read('steps.lines[0].result')).not.toEqual([]);
    expect(await read(`steps.lines.filter(one, one.outcome == 'done').map(one, one.key).join()`)).not.toEqual(
      [],
    );
  });

  test('none at a time is told once, and not as time without end', async () => {
    const list = lines('', book('x')).replace('concurrency: 2', 'concurrency: 0').replace('max: 4', 'max: 1');
    expect(await found(before(list))).toEqual(['value-not-allowed 0']);
  });

  test('what its check says of an item is known in its steps', async () => {
    const check = `      check: { that: [{ condition: "\${ line.quantity > 0 && event.?express.hasValue() }", message: none }], otherwise: split }\n`;
    const steps = `        - { id: seen, set: '\${ event.express }' }\n`;
    expect(await found(before(lines('', steps)))).not.toEqual([]);
    expect(await found(before(lines(check, steps)))).toEqual([]);
  });

  test('classed data of an item is followed, from its contract and through a value made here', async () => {
    const people = `  - { id: people, set: [{ sku: a, mail: '\${ event.customer.email }' }] }\n`;
    const list = lines('', book('${ line.mail }')).replace('steps.order.lines', 'steps.people');
    expect(await found(before(people + list))).toEqual(['data-not-cleared line.mail']);
    const key = list
      .replace('key: ${ line.sku }', 'key: ${ line.mail }')
      .replace("to: '${ line.mail }'", 'to: x');
    expect(await found(before(people + key))).toContain('classed-data-in-key line.mail');
  });

  test('a refusal of a later item comes after what an earlier one cannot take back, unless the others go on', async () => {
    const gone =
      '          irreversible: { because: it is gone, forward: { task: call them, owner: sales, within: 1d } }\n';
    const consent = `        - id: consent
          approve: { by: finance, within: 1h, onExpiry: reject, show: { sku: '\${ line.sku }' } }
`;
    const steps = consent + book('x', gone);
    expect(await found(before(lines('', steps)))).toContain('irreversible-before-decision consent');
    const after = await found(before(lines('      onItemFailure: collect\n', steps)));
    expect(after.filter((one) => one.endsWith('consent'))).toEqual([]);
  });

  test('the worst case is that of all its items, so many at a time', async () => {
    const many = lines('', book('x')).replace('max: 4', 'max: 400');
    expect(await found(before(many))).toContain('deadline-too-short 15m');
    const { diagnostics } = await testWorkspace({ [PIPELINE]: swap(...before(many)) });
    const late = diagnostics.find(({ code }) => code === 'deadline-too-short');
    expect(late?.related.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^up to \S+: \d+ rounds of a list \(`max` by `concurrency`\), in each .* attempts/,
      ),
    ]);
  });

  test('is unused where nothing reads its outcomes and its steps do nothing else', async () => {
    const unused = async (...pairs: readonly (readonly [string, string])[]) => {
      const { diagnostics } = await testWorkspace({ [PIPELINE]: swaps(...pairs) });
      return diagnostics.filter(({ code }) => code === 'step-unused').map(({ message }) => message);
    };
    const steps = "        - { id: twice, set: '${ line.quantity * 2 }' }\n";
    const list = `${lines('', steps)}      result: \${ steps.twice }\n`;
    expect(await unused(before(list))).toEqual(['`lines` only makes values of a list, and nothing reads it']);
    expect(
      await unused(before(list), ["value: '${ event.total }'", "value: '${ size(steps.lines) }'"]),
    ).toEqual([]);
    expect(await unused(before(lines('', book('x'))))).toEqual([]);
  });

  test('is compiled into the plan', async () => {
    const { check } = await testWorkspace({ [PIPELINE]: swap(...before(lines('', book('x')))) });
    expect(check.plans.get('order-placed')!.steps.find(({ id }) => id === 'lines')).toMatchObject({
      kind: 'forEach',
      in: 'steps.order.lines',
      as: 'line',
      key: { expression: 'line.sku' },
      max: 4,
      concurrency: 2,
      onItemFailure: 'stop',
      steps: [{ id: 'booked', kind: 'call', operation: 'shop.createParcel' }],
    });
  });
});

describe('parallel', () => {
  const both = (left: string, right: string) => `  - id: both
    parallel:
      left:
        - { id: leftOne, set: ${left} }
      right:
        - { id: rightOne, set: ${right} }
`;

  test('results can be read after it, and not in the branch beside', async () => {
    const use = ["to: '${ event.customer.name }'", "to: '${ steps.leftOne }'"] as const;
    expect(await found(before(both("'${ steps.order.status }'", '1')), use)).toEqual([]);
    expect(await found(before(both('a', "'${ steps.leftOne }'")))).toEqual(['step-in-other-branch leftOne']);
  });

  test('a decision does not come after what a branch beside it cannot take back', async () => {
    const steps = `  - id: both
    parallel:
      left:
        - id: sent
          call: shop.printLabel
          with: { body: { text: thanks } }
          irreversible: { because: it is gone, forward: { task: call them, owner: sales, within: 1d } }
          retry: none
      right:
        - { id: asked, approve: { by: finance, within: 1h, onExpiry: reject, show: { total: '\${ event.total }' } } }
`;
    expect(await found(before(steps))).toContain('irreversible-before-decision asked');
  });

  test('takes as long as its slowest branch', async () => {
    const one = (id: string) =>
      `[{ id: ${id}, call: shop.getOrder, with: { orderId: '\${ event.orderId }' } }]`;
    const { check, diagnostics } = await testWorkspace({
      [PIPELINE]: swap(...before(`  - { id: both, parallel: { left: ${one('a')}, right: ${one('b')} } }\n`)),
    });
    expect(diagnostics.filter(({ code }) => code !== 'step-unused')).toEqual([]);
    expect(check.plans.get('order-placed')!.steps.find(({ id }) => id === 'both')).toMatchObject({
      branches: [
        { name: 'left', steps: [{ id: 'a' }] },
        { name: 'right', steps: [{ id: 'b' }] },
      ],
    });
  });
});
