import type { MessageOperation } from '@tenon/contract';
import { planAdapterOperation } from '@tenon/pipeline';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contractFiles } from '../contract-files.ts';
import { definitionsOfAnyShape } from '../testing/definitions-of-any-shape.ts';
import { messageContract } from '../testing/message-contract.ts';
import { strictErrors } from '../testing/strict-errors.ts';

const USE = `
import { createLights, type Transport } from './generated/lights/index.js';
import type { Events, Operations } from './generated/lights/types.js';
declare const transport: Transport;

export async function use(): Promise<void> {
  const lights = createLights(transport);
  await lights.turnOn({ body: [[{ level: 1 }]] });
  // @ts-expect-error not a level
  await lights.turnOn({ body: { level: '1' } });
  await lights.put({ body: { size: 1, label: 'x' } });
  await lights.put({ body: null });
  // @ts-expect-error neither a bag nor a text
  await lights.put({ body: 1 });
  const sent = await lights.put({ body: 'x' });
  if (sent.ok) { const nothing: null = sent.body; void nothing; }
  const measured: Events['measured'] = { lumens: 1 };
  const command: Operations['turnOn']['input']['body'] = { level: 2 };
  void [measured, command];
}
`;

test('messages are typed as their contract says, and no name of theirs takes one of ours', async () => {
  const files = await contractFiles(planAdapterOperation, { contract: messageContract() });
  const declarations = files.filter(({ path }) => path.endsWith('.d.ts'));
  expect(await strictErrors([...declarations, { path: 'use.ts', text: USE }])).toEqual([]);
});

test('whatever the schemas, the types compile', { timeout: 120_000 }, async () => {
  const samples = fc.sample(definitionsOfAnyShape(), { seed: 20261121, numRuns: 12 });
  const files = await Promise.all(
    samples.map(async (definitions, index) => {
      const contract = { ...messageContract(), name: `sample-${index}`, definitions };
      const operations = Object.keys(definitions).map((name, at) => {
        const [, like] = [...contract.operations.values()];
        // The second operation of the fixture is one over a channel.
        const operation = { ...(like as MessageOperation), id: `send${at}` };
        const payload = { $ref: `#/$defs/${encodeURIComponent(name.replace('/', '~1'))}` };
        return { ...operation, messages: [{ ...operation.messages[0]!, payload }] };
      });
      const made = await contractFiles(planAdapterOperation, {
        contract: {
          ...contract,
          operations: new Map(operations.map((operation) => [operation.id, operation])),
        },
      });
      return made.filter(({ path }) => path.endsWith('.d.ts'));
    }),
  );
  const errors = await strictErrors(files.flat());
  const first = /sample-(\d+)/.exec(errors[0] ?? '')?.[1];
  expect(errors.slice(0, 3), first && JSON.stringify(samples[Number(first)], null, 1)).toEqual([]);
});
