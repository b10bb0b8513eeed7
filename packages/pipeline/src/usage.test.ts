import { expect, test } from 'vitest';
import { PIPELINE, swap, swaps, testFiles, testWorkspace } from './test-workspace.ts';

const line = async (step: string) => {
  const { check } = await testWorkspace();
  return check.usage
    .filter((one) => one.step === step && one.by === undefined)
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
  for (const one of check.usage.filter(({ access, by }) => access === 'read' && by === undefined)) {
    const written = text.slice(one.at.range.start.offset, one.at.range.end.offset);
    expect(one.expression).toContain(written);
  }
});

test('items of a list that is written as several are told apart', async () => {
  const written = async (list: string) => {
    const { check } = await testWorkspace({
      [PIPELINE]: swap('currency: EUR', `currency: EUR\n        lines: ${list}`),
    });
    return check.usage
      .filter(({ path }) => path.startsWith('/body/lines'))
      .map(({ path, place }) => [path, place]);
  };
  expect(await written('[{ sku: a, tags: [x] }, { sku: b }]')).toEqual([
    ['/body/lines/*/sku', '/body/lines/0/sku'],
    ['/body/lines/*/tags/*', '/body/lines/0/tags/*'],
    ['/body/lines/*/sku', '/body/lines/1/sku'],
  ]);
  expect(await written('[{ sku: a }]')).toEqual([['/body/lines/*/sku', undefined]]);
});

test('what undoes a step is told apart from what it does', async () => {
  const { check } = await testWorkspace();
  const written = check.usage.filter(
    ({ step, access, by }) => step === 'charge' && access === 'write' && !by,
  );
  expect(written.map(({ path, call }) => [path, call])).toEqual([
    ['/body/order', undefined],
    ['/body/amount', undefined],
    ['/body/currency', undefined],
    ['/chargeId', 'undo'],
  ]);
});

test('of a list whose length or some fields are read, the items are not read as a whole', async () => {
  const ofLines = async (...edits: (readonly [string, string])[]) => {
    const { check } = await testWorkspace({ [PIPELINE]: swaps(...edits) });
    return check.usage
      .filter(({ path, access }) => access === 'read' && path.startsWith('/lines'))
      .map(({ path, itemsUnread }) => (itemsUnread ? `${path}#` : path));
  };
  const sound = (condition: string) => ofLines(["steps.order.status == 'open'", condition]);
  expect(await sound('steps.order.lines.size() > 0')).toEqual(['/lines#']);
  expect(await sound("steps.order.lines.exists(one, one.sku == 'a')")).toEqual(['/lines#', '/lines/*/sku']);
  expect(await sound('steps.order.lines == []')).toEqual(['/lines']);
  expect(await sound("default(steps.order.lines, []).map(one, one.sku) == ['a']")).toEqual([
    '/lines#',
    '/lines/*/sku',
  ]);
  expect(
    await ofLines([
      '  - id: approval\n',
      "  - { id: each, forEach: { in: '${ default(steps.order.lines, []) }', as: line, max: 5, steps: [{ id: put, set: { is: '${ line.sku }' } }] } }\n  - id: approval\n",
    ]),
  ).toEqual(['/lines#', '/lines/*/sku']);
  expect(
    await ofLines([
      '  - id: approval\n',
      "  - { id: each, forEach: { in: '${ steps.order.lines }', as: line, max: 5, steps: [{ id: put, set: { is: '${ line.sku }' } }] } }\n  - id: approval\n",
    ]),
  ).toEqual(['/lines#', '/lines/*/sku']);
});

test('what is written keeps all that it can be, where its type says so', async () => {
  const { check } = await testWorkspace({
    [PIPELINE]: swap('currency: EUR', 'currency: ${ event.currency }'),
  });
  const written = (all: typeof check.usage) =>
    all
      .filter(({ step, access, by }) => step === 'charge' && access === 'write' && !by)
      .map(({ path, values }) => [path, values]);
  expect(written(check.usage)).toContainEqual(['/body/currency', ['EUR', 'USD']]);
  expect(written(check.usage)).toContainEqual(['/body/amount', undefined]);
  expect(written((await testWorkspace()).check.usage)).toContainEqual(['/body/currency', ['EUR']]);
});

test('a pipeline that cannot be understood uses what it names as a whole, and says that by its name', async () => {
  const named = async (edit: readonly [string, string]) => {
    const { check } = await testWorkspace({ [PIPELINE]: swap(...edit) });
    return check.usage
      .filter(({ by, step }) => by === 'name' && step === 'charge')
      .map(({ access, expression, path, at }) => `${access} ${expression} ${path}${at.range.start.line}`);
  };
  expect(await named(['shop.createCharge', 'shop.createCharg'])).toEqual([
    expect.stringMatching(/^write shop\.refundCharge \d+$/),
    expect.stringMatching(/^read shop\.refundCharge \d+$/),
  ]);
  expect(await named(['retry: { attempts: 3, within: 1m }', 'retry: { attempts: 4, within: 1m }'])).toEqual(
    [],
  );
});
