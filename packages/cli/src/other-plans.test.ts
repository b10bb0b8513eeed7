import { expect, it } from 'vitest';
import { tellOtherPlans } from './other-plans.ts';

const other = {
  pipeline: 'orders',
  version: 2,
  planHash: 'sha256:b',
  runs: 5,
  states: { waiting: 4, failed: 1 },
};
const told = async (...others: Parameters<typeof tellOtherPlans>[0][]): Promise<unknown[]> => {
  const lines: unknown[] = [];
  for (const one of others) await tellOtherPlans(one, (line) => lines.push(line));
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
