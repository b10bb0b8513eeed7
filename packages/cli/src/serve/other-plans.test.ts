import type { Plan, PlanStep } from '@tenon/pipeline';
import { expect, it } from 'vitest';
import { tellOtherPlans } from './other-plans.ts';

const other = {
  pipeline: 'orders',
  version: 2,
  planHash: 'sha256:b',
  runs: 5,
  states: { waiting: 4, failed: 1 },
};
type Asked = Parameters<typeof tellOtherPlans>;
const told = async (
  asked: Pick<Asked[0], 'otherPlans'> & Partial<Asked[0]>,
  connections: Asked[1] = {},
): Promise<unknown[]> => {
  const lines: unknown[] = [];
  await tellOtherPlans({ plan: () => undefined, ...asked }, connections, (line) => lines.push(line));
  return lines;
};

it('what keeps to another plan than the one in force is told, with the command that lists it', async () => {
  const active = { version: 1, planHash: 'sha256:a' };
  expect(await told({ otherPlans: async () => [{ ...other, active }] })).toEqual([
    {
      kind: 'otherPlan',
      pipeline: 'orders',
      version: 2,
      planHash: 'sha256:b',
      runs: 5,
      states: { waiting: 4, failed: 1 },
      active,
      message:
        '5 runs of orders (4 waiting, 1 failed) keep to version 2, which they began with, and events start version 1: `tenon runs ls --open --pipeline orders --version 2` lists them',
    },
  ]);
  expect(await told({ otherPlans: async () => [] })).toEqual([]);
});

it.each([
  [
    'that has the same version is named by its plan: a contract or a connector is another',
    { ...other, runs: 1, states: { running: 1 }, active: { version: 2, planHash: 'sha256:c' } },
    '1 run of orders (1 running) keeps to another plan of version 2, which it began with, as a contract or a connector has changed since: `tenon runs ls --open --pipeline orders --plan sha256:b` lists it',
  ],
  [
    'of a pipeline that is no more is told as that',
    other,
    '5 runs of orders (4 waiting, 1 failed) keep to version 2, which they began with, and no event starts that pipeline any more: `tenon runs ls --open --pipeline orders --version 2` lists them',
  ],
])('one %s', async (_, one, message) => {
  expect(await told({ otherPlans: async () => [one] })).toMatchObject([{ message }]);
});

it('that it could not be read is told, and keeps nothing from starting', async () => {
  const otherPlans = () => Promise.reject(new Error('disk I/O error'));
  expect(await told({ otherPlans })).toEqual([
    { kind: 'otherPlan', message: 'which runs keep to another plan is not known: disk I/O error' },
  ]);
});

it('what it calls and is granted to no deployed version is told, and so is a connection that is gone', async () => {
  const called = (connection: string, operation: string) =>
    // What is looked at of a step.
    ({ kind: 'call', id: operation, connection, operation: `billing.${operation}` }) as unknown as PlanStep;
  const steps = [
    called('billing', 'voidInvoice'),
    called('billing', 'getInvoice'),
    called('old', 'getInvoice'),
  ];
  // What is looked at of a plan.
  const plan = { pipeline: 'orders', operations: {}, steps } as unknown as Plan;
  const grants = { orders: { operations: ['billing.getInvoice'], scopes: [], hosts: [] } };
  const [line] = await told({ otherPlans: async () => [other], plan: () => plan }, { billing: { grants } });
  expect(line).toMatchObject({
    message: expect.stringContaining(
      'lists them; of what that version was granted it may still call billing.billing.voidInvoice, which is granted to no version that is deployed; it calls over old, which tenon.config.yaml has no more: such a call fails (CONNECTION_GONE)',
    ),
  });
});
