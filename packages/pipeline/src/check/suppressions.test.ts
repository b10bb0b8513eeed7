import { expect, test } from 'vitest';
import {
  CONFIG,
  CONNECTOR,
  CONTRACT,
  type Edits,
  PIPELINE,
  POLICIES,
  secondPipeline,
  swap,
  swaps,
  testWorkspace,
} from '../test-workspace.ts';

const ALLOW = '# tenon: allow compensation-deletes because a draft has no number';
/** The charge is undone by a deletion that is allowed. */
const DELETED: readonly [string, string] = [
  "compensate: { call: shop.refundCharge, with: { chargeId: '${ steps.charge.id }' } }",
  `${ALLOW}\n    compensate: { call: shop.deleteOrder, with: { orderId: '\${ event.orderId }' } }`,
];
const SECOND = 'pipelines/parcel-left.pipeline.yaml';
const STALE: readonly [string, string] = [
  'slo: {',
  '# tenon: allow slo-cannot-hold because it is fast\nslo: {',
];

async function codes(edits: Edits): Promise<readonly string[]> {
  const { diagnostics } = await testWorkspace(edits);
  return [...new Set(diagnostics.map(({ code }) => code))];
}

test.each<readonly [string, Edits]>([
  [
    'the manifest has an unknown key',
    { [CONNECTOR]: swap('defaults:', 'defalts:'), [PIPELINE]: swaps(DELETED) },
  ],
  [
    'the manifest is no YAML',
    { [CONNECTOR]: swap('operations:', 'operations: ['), [PIPELINE]: swaps(DELETED) },
  ],
  ['the contract is no YAML', { [CONTRACT]: swap('paths:', 'paths: ['), [PIPELINE]: swaps(DELETED) }],
  ['the pipeline is no YAML', { [PIPELINE]: swaps(DELETED, ['steps:', 'steps: [']) }],
  [
    'the connector is unknown',
    { [CONFIG]: swap('connector: shop', 'connector: shpo'), [PIPELINE]: swaps(DELETED) },
  ],
  ['the operation is unknown', { [PIPELINE]: swaps(DELETED, ['shop.createCharge', 'shop.createCharg']) }],
  ['another pipeline is no YAML', { [PIPELINE]: swaps(STALE), [SECOND]: secondPipeline('  - {') }],
])('an allowed finding is not called stale where %s', async (_where, edits) => {
  const found = await codes(edits);
  expect(found).not.toEqual([]);
  expect(found).not.toContain('suppression-stale');
});

test('it is where only a proof fails', async () => {
  const { diagnostics } = await testWorkspace({
    [PIPELINE]: swaps(STALE, [
      'retry: { attempts: 3, within: 1m }',
      'retry: { attempts: 3, within: 1m, on: [validation] }',
    ]),
  });
  expect(diagnostics.map(({ code }) => code).toSorted()).toEqual(['retry-cannot-help', 'suppression-stale']);
});

test.each([
  [CONTRACT, 'paths:'],
  [CONNECTOR, 'operations:'],
  [CONFIG, 'connections:'],
  [POLICIES, 'policies:'],
  ['owners.yaml', 'teams:'],
])('one in %s has no effect and says so', async (file, before) => {
  const { diagnostics } = await testWorkspace({ [file]: swap(before, `${ALLOW}\n${before}`) });
  expect(diagnostics).toMatchObject([{ code: 'document-allow-ignored', severity: 'warning', file }]);
});
