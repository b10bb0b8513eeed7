import { describe, expect, test } from 'vitest';
import type { PlanStep } from '../../plan.ts';
import { PIPELINE, swaps, testWorkspace } from '../../test-workspace.ts';

const read = (id: string, more = '') =>
  `{ id: ${id}, call: shop.findParcels, with: { reference: '\${ event.orderId }' }${more} }`;
const check = (condition: string) =>
  `{ id: judged, check: { that: [{ condition: "\${ ${condition} }", message: no }], otherwise: quarantine } }`;
const charge = `{ id: early, call: shop.createCharge, with: { body: { order: '\${ event.orderId }', amount: '\${ event.total }', currency: EUR } }, compensate: { call: shop.refundCharge, with: { chargeId: '\${ steps.early.id }' } } }`;
const mark = '{ id: mark, set: { is: open } }';
const asked = `{ id: asked, approve: { by: finance, within: 4h, onExpiry: reject, show: { found: '\${ size(steps.a.items) }' } } }`;
const pause = '{ id: pause, wait: { for: 1m } }';
const way = (id: string, ...steps: string[]) =>
  `{ id: ${id}, choose: [{ when: "\${ event.total > 5 }", steps: [${steps.join(', ')}] }] }`;
const both = (left: string[], ...right: string[]) =>
  `{ id: both, parallel: { left: [${left.join(', ')}], right: [${right.join(', ')}] } }`;
const list = (more: string, ...steps: string[]) =>
  `{ id: lines, forEach: { in: "\${ [1, 2] }", as: line, key: "x\${ line }", max: 4${more}, steps: [${steps.join(', ')}] } }`;

/** What the check `judged` makes again, once these steps stand in the pipeline. */
async function madeAgain(...steps: string[]): Promise<readonly string[] | undefined> {
  const text = steps.map((step) => `  - ${step}\n`).join('');
  const { check, diagnostics } = await testWorkspace({
    [PIPELINE]: swaps(
      ['  - id: approval\n', `${text}  - id: approval\n`],
      ['deadline: 15m', 'deadline: 1h'],
      ['slo: { objective: 0.99, within: 5m }', 'slo: { objective: 0.99, within: 1h }'],
    ),
  });
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  expect(errors.map(({ message }) => message)).toEqual([]);
  const judged = stepsOf(check.plans.get('order-placed')!.steps).find(({ id }) => id === 'judged');
  if (judged?.kind !== 'check') throw new Error('the plan has no such check');
  return judged.again;
}

function stepsOf(steps: readonly PlanStep[]): readonly PlanStep[] {
  return steps.flatMap((step) => {
    if (step.kind === 'forEach') return [step, ...stepsOf(step.steps)];
    if (step.kind !== 'choose' && step.kind !== 'parallel') return [step];
    return [step, ...step.branches.flatMap((branch) => stepsOf(branch.steps))];
  });
}

const any = (id: string) => `size(steps.${id}.items) > 0`;

describe('where new and old answers would be judged together, nothing is made again:', () => {
  const given = ', result: "${ steps.b.items }"';

  test('a read, and a list that has read', async () => {
    const lines = list(given, read('b'));
    expect(await madeAgain(lines, read('a'), check(`${any('a')} && size(steps.lines) > 0`))).toBeUndefined();
    expect(await madeAgain(read('a'), lines, check(`${any('a')} && size(steps.lines) > 0`))).toBeUndefined();
    expect(await madeAgain(read('a'), lines, check(any('a'))), 'which it does not look at').toEqual(['a']);
  });

  test('a read, and a branch or strand that has read', async () => {
    const looks = check(`${any('a')} && has(steps.b)`);
    expect(await madeAgain(way('way', read('b')), read('a'), looks)).toBeUndefined();
    expect(await madeAgain(both([read('b')], mark), read('a'), looks)).toBeUndefined();
    expect(await madeAgain(way('way', mark), read('a'), check(`${any('a')} && has(steps.mark)`))).toEqual([
      'a',
    ]);
  });

  test('a read, and what was set of all there was', async () => {
    const all = '{ id: all, set: "${ size(steps) }" }';
    expect(await madeAgain(read('a'), all, check(`${any('a')} && steps.all > 0`))).toBeUndefined();
    expect(await madeAgain(read('a'), all, check(any('a')))).toEqual(['a', 'all']);
  });

  test('a read, and the word of a person who was shown another', async () => {
    const looks = check(`${any('b')} && steps.asked.decision == 'approved'`);
    expect(await madeAgain(read('a'), asked, read('b'), looks)).toBeUndefined();
    expect(await madeAgain(read('a'), asked, read('b'), check(any('b')))).toEqual(['b']);
  });
});

describe('beside a check may be done what its reads do not know of:', () => {
  const judge = [read('a'), pause, check(any('a'))];

  test('in another branch', async () => {
    expect(await madeAgain(both(judge, charge))).toBeUndefined();
    expect(await madeAgain(both([way('one', ...judge)], way('other', charge)))).toBeUndefined();
    expect(await madeAgain(both([list('', ...judge)], charge))).toBeUndefined();
    expect(await madeAgain(both(judge, read('b'), mark)), 'nothing is').toEqual(['a']);
    expect(await madeAgain(way('way', ...judge, charge)), 'nor in a branch of a choice').toEqual(['a']);
  });

  test('for another item', async () => {
    expect(await madeAgain(list(', concurrency: 2', ...judge, charge))).toBeUndefined();
    expect(await madeAgain(list(', onItemFailure: collect', ...judge, charge))).toBeUndefined();
    expect(await madeAgain(list('', ...judge, charge)), 'one by one').toEqual(['a']);
    expect(await madeAgain(list(', concurrency: 2', ...judge)), 'nothing is').toEqual(['a']);
  });
});
