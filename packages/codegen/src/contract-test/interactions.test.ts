import type { ContractUsage } from '@tenon/contract';
import type { JsonObject } from '@tenon/model';
import { planAdapterOperation } from '@tenon/pipeline';
import { expect, test } from 'vitest';
import { contractFiles } from '../contract-files.ts';
import { answers, contractOf } from '../testing/contract-of.ts';

const contract = contractOf({
  name: 'shop',
  definitions: {
    Change: {
      type: 'object',
      required: ['state'],
      properties: {
        state: { enum: ['open', 'paid', 'closed', 'void'] },
        reason: { type: 'string' },
        until: { type: ['string', 'null'] },
        by: { type: 'object', properties: { role: { enum: ['agent', 'owner'] } } },
      },
      if: { properties: { state: { const: 'void' } } },
      // biome-ignore lint/suspicious/noThenProperty: JSON Schema calls it so.
      then: { required: ['reason'] },
    },
  },
  operations: [
    {
      id: 'changeOrder',
      method: 'post',
      path: '/orders',
      body: {
        required: true,
        content: [{ type: 'application/json', schema: { $ref: '#/$defs/Change' }, examples: {} }],
      },
      ...answers({ $ref: '#/$defs/Change' }),
    },
  ],
});

const at = {
  file: 'p.yaml',
  range: { start: { line: 1, column: 1, offset: 0 }, end: { line: 1, column: 1, offset: 0 } },
};
const written = (path: string, values?: ContractUsage['values'], pipeline = 'ship'): ContractUsage => ({
  pipeline,
  step: 'order',
  contract: 'shop',
  target: { kind: 'request', operation: 'changeOrder' },
  access: 'write',
  path,
  expression: '…',
  ...(values && { values }),
  at,
  owner: 'team',
});

test('what is read of a refusal is not asked of the answer of success', async () => {
  const refused: ContractUsage = {
    ...written('/state'),
    target: { kind: 'response', operation: 'changeOrder', refused: ['409'] },
    access: 'read',
  };
  const read = async (usage: readonly ContractUsage[]): Promise<string> => {
    const files = await contractFiles(planAdapterOperation, { contract, usage });
    return files.find(({ path }) => path.endsWith('/interactions.js'))!.text;
  };
  expect(await read([written('/state'), refused])).toContain('"reads": []');
  const taken: ContractUsage = { ...refused, target: { kind: 'response', operation: 'changeOrder' } };
  expect(await read([written('/state'), taken])).toContain('"reads": [\n      "/state"');
});

/** The body that the contract test of this usage sends. */
async function sent(usage: readonly ContractUsage[], given?: JsonObject): Promise<unknown> {
  const inputs = given && { inputs: { changeOrder: given } };
  const files = await contractFiles(planAdapterOperation, { contract, usage, ...inputs });
  const { text } = files.find(({ path }) => path.endsWith('/interactions.js'))!;
  const { interactions } = await import(`data:text/javascript,${encodeURIComponent(text)}`);
  return interactions[0].input.body;
}

test('a contract test sends what the pipeline writes, where that is known', async () => {
  expect(await sent([written('/body/state', ['closed']), written('/body/by/role', ['owner'])])).toEqual({
    state: 'closed',
    by: { role: 'owner' },
  });
});

test('of several values it sends one that is there, and of two pipelines that of the first', async () => {
  expect(
    await sent([written('/body/state', ['paid', 'closed']), written('/body/until', [null, 'x'])]),
  ).toEqual({
    state: 'paid',
    until: 'x',
  });
  const both = [written('/body/state', ['closed'], 'b'), written('/body/state', ['paid'], 'a')];
  expect(await sent(both)).toEqual({ state: 'paid' });
  expect(await sent(both.toReversed())).toEqual({ state: 'paid' });
});

test('what is not known, and what the contract does not take, is made up as before', async () => {
  const made = await sent([written('/body')]);
  expect(made).toEqual({ state: expect.stringMatching(/^(open|paid|closed)$/) });
  expect(await sent([written('/body/state')])).toEqual(made);
  expect(await sent([written('/body/state', ['gone'])])).toEqual(made);
});

test('null is sent where nothing else is written', async () => {
  expect(await sent([written('/body/until', [null])])).toMatchObject({ until: null });
});

test('what the author gives for it goes before what a pipeline writes', async () => {
  const given = { body: { state: 'paid' } };
  expect(await sent([written('/body/state', ['closed']), written('/body/until', ['x'])], given)).toEqual({
    state: 'paid',
    until: 'x',
  });
});

test('a value that does not go with what is made up beside it is not sent', async () => {
  // Void asks for a reason, which nobody writes.
  const made = await sent([written('/body/state')]);
  expect(await sent([written('/body/state', ['void'])])).toEqual(made);
  expect(await sent([written('/body/state', ['void']), written('/body/reason')])).toEqual({
    state: 'void',
    reason: 'example-reason',
  });
});
