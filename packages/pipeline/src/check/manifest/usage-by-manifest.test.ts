import { expect, test } from 'vitest';
import { testWorkspace } from '../../test-workspace.ts';

const added = async (step: string, edits: Parameters<typeof testWorkspace>[0] = {}) => {
  const { check } = await testWorkspace(edits);
  return check.usage
    .filter((one) => one.step === step && (one.by === 'manifest' || one.isNaming))
    .map(
      ({ access, contract, target, path, call, isNaming }) =>
        `${call ?? 'step'} ${access} ${contract}.${'event' in target ? target.event : target.operation} ${isNaming ? 'named' : path}`,
    );
};

test('the header of a key goes with the step, and what a probe sends and finds beside it', async () => {
  expect(await added('charge')).toContain('step write shop.createCharge /Idempotency-Key');
  const parcel = await added('parcel');
  for (const use of [
    'probe write shop.findParcels /reference',
    'probe read shop.findParcels /items/*/reference',
    'probe read shop.findParcels /items/*/id',
    'probe write shop.findParcels /cursor',
    'probe read shop.findParcels /next',
  ])
    expect(parcel).toContain(use);
  expect(parcel, 'what is found is read as far as the answer of the step').not.toContain(
    'probe read shop.findParcels /items/*',
  );
});

test('who listens names the event', async () => {
  expect(await added('trigger')).toContain('step read shop.orderPlaced named');
  expect(await added('paid')).toContain('step read shop.orderPaid named');
});

test('a message that is sent carries its key in a header', async () => {
  const connector = `apiVersion: tenon/v1
kind: Connector
metadata: { name: news, version: 1.0.0, owner: sales }
contract: news
transport: bus
publications: { orderShipped: { idempotency: { mode: header, name: message-id } } }
`;
  expect(await added('announced', { 'connectors/news/connector.yaml': connector })).toEqual([
    'step write news.orderShipped /message-id',
  ]);
});
