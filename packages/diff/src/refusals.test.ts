import { type ContractUsage, loadContractText } from '@tenon/contract';
import { expect, it } from 'vitest';
import { diffContracts } from './index.ts';

/** A charge, and what declines one; each answer has a member `reason`. */
async function contract(charge: object, declined: object) {
  const answer = (reason: object) => ({
    description: 'an answer',
    content: {
      'application/json': { schema: { type: 'object', required: ['reason'], properties: { reason } } },
    },
  });
  const document = {
    openapi: '3.1.0',
    info: { title: 'Shop', version: '1.0.0' },
    paths: {
      '/charges': {
        post: { operationId: 'charge', responses: { '201': answer(charge), '402': answer(declined) } },
      },
    },
  };
  const { value } = await loadContractText('shop', 'openapi.json', JSON.stringify(document));
  return value!;
}

const at = {
  file: 'p.yaml',
  range: { start: { line: 3, column: 1, offset: 9 }, end: { line: 3, column: 9, offset: 17 } },
};
const read = (step: string, path: string, more: Partial<ContractUsage> = {}): ContractUsage => ({
  pipeline: 'ship',
  step,
  contract: 'shop',
  target: { kind: 'response', operation: 'charge', refused: ['402'] },
  access: 'read',
  path,
  expression: path,
  at,
  owner: 'team',
  ...more,
});

async function hit(before: readonly ContractUsage[], base: [object, object], revision: [object, object]) {
  const { findings } = await diffContracts(await contract(...base), await contract(...revision), {
    usage: { before, after: [] },
  });
  return findings.flatMap(({ rule, usage: used }) => used.map(({ step }) => `${rule} ${step}`));
}

const [text, number] = [{ type: 'string' }, { type: 'integer' }];

it('a refusal that changes hits who takes it as a value and reads of it, and nobody else', async () => {
  const usage = [
    read('told', '/reason'),
    read('asked', '', { isNaming: true }),
    read('other', '/reason', { target: { kind: 'response', operation: 'charge', refused: ['409'] } }),
  ];
  expect(await hit(usage, [text, text], [text, number])).toEqual(['type-changed told']);
});

it('an answer of success that changes is no matter to who reads the refusal alone', async () => {
  expect(await hit([read('told', '/reason')], [text, text], [number, text])).toEqual([]);
});
