import { expect, test } from 'vitest';
import { PIPELINE, testFiles, testWorkspace } from './test-workspace.ts';

const line = async (step: string) => {
  const { check } = await testWorkspace();
  return check.usage
    .filter((one) => one.step === step)
    .map((one) => `${one.access} ${one.contract} ${one.target.kind} ${one.path} ← ${one.expression}`);
};

test('reads and writes of a call, with their pointers', async () => {
  expect(await line('charge')).toEqual([
    'read shop event /orderId ← event.orderId',
    'read shop event /total ← event.total',
    'write shop request /body/order ← event.orderId',
    'write shop request /body/amount ← event.total',
    'write shop request /body/currency ← "EUR"',
    'read shop response /id ← steps.charge.id',
    'write shop request /chargeId ← steps.charge.id',
  ]);
});

test('what a policy reads of its argument is read by the step that calls it', async () => {
  expect(await line('approval')).toContain('read shop event /total ← policy.isLarge(event)');
});

test('a comparison keeps the value compared with', async () => {
  const { check } = await testWorkspace();
  expect(check.usage.find((one) => one.step === 'sound')).toMatchObject({
    path: '/status',
    comparedWith: 'open',
  });
});

test('each entry points at the text that reads or writes', async () => {
  const { check } = await testWorkspace();
  const text = testFiles[PIPELINE]!;
  for (const one of check.usage.filter(({ access }) => access === 'read')) {
    const written = text.slice(one.at.range.start.offset, one.at.range.end.offset);
    expect(one.expression).toContain(written);
  }
});
