import type { ConnectorManifest, SourceManifest } from '@tenon/connector';
import type { Contract, EventDefinition } from '@tenon/contract';
import type { JsonSchema } from '@tenon/schema';
import { describe, expect, it } from 'vitest';
import { scaffoldIdentity } from './identity.ts';

type Connector = Partial<Pick<ConnectorManifest, 'sources' | 'webhooks'>>;

/** The identity for an event that always has the fields of these names. */
function identityOf(id: string, fields: string, connector: Connector = {}, properties = {}) {
  const required = fields.split(' ');
  const texts = Object.fromEntries(required.map((name): [string, JsonSchema] => [name, { type: 'string' }]));
  const payload: JsonSchema = { type: 'object', required, properties: { ...texts, ...properties } };
  return scaffoldIdentity({
    // What an identity is made of is all that is there.
    contract: { definitions: {} } as Contract,
    event: { id, message: { payload } } as EventDefinition,
    manifests: [{ sources: {}, webhooks: {}, ...connector } as ConnectorManifest],
  });
}

const poll = (key: string, from: string): Connector => ({
  sources: {
    invoiceChanged: {
      poll: { operation: 'listInvoices', with: {}, key, cursor: { in: 'after', from, overlapMs: 0 } },
    } as SourceManifest,
  },
});

describe('the key of a scaffolded pipeline', () => {
  it.each([
    ['orderPaid', 'id orderId occurredAt', '${ event.orderId }'],
    ['order.paid', 'event_id order_id', '${ event.order_id }'],
    ['orderLinePlaced', 'orderLineId', '${ event.orderLineId }'],
    ['ORDER_PAID', 'ORDER_ID', '${ event.ORDER_ID }'],
    ['customerCreated', 'id name', '${ event.id }'],
    ['commentCreated', 'commentId postId', '${ event.commentId }'],
    ['refundIssued', 'orderId refundId', '${ event.refundId }'],
    ['credit_note.issued', 'credit_note_id invoice_id number', '${ event.credit_note_id }'],
    ['orderPlaced', 'id customerId', '${ event.id }'],
  ])('is what the event is about, where it happens to that once: %s', (event, fields, key) => {
    expect(identityOf(event, fields).identity).toEqual({ key, retain: '30d' });
  });

  it.each([
    ['orderUpdated', 'id orderId version updatedAt', '${ event.orderId }:${ event.version }'],
    ['orderUpdated', 'eventId orderId updatedAt', '${ event.orderId }:${ event.updatedAt }'],
    ['subscriptionUpgraded', 'subscriptionId occurredAt', '${ event.subscriptionId }:${ event.occurredAt }'],
    ['customerChanged', 'id lastModified', '${ event.id }:${ event.lastModified }'],
    ['orderUpdated', 'orderId customerId version', '${ event.orderId }:${ event.version }'],
    ['orderStatusChanged', 'orderId version', '${ event.orderId }:${ event.version }'],
    ['orderReplaced', 'orderId version', '${ event.orderId }:${ event.version }'],
    ['invoiceUnpaid', 'invoiceId updatedAt', '${ event.invoiceId }:${ event.updatedAt }'],
    ['cardReissued', 'cardId version', '${ event.cardId }:${ event.version }'],
    ['messageUndelivered', 'id updatedAt', '${ event.id }:${ event.updatedAt }'],
  ])('has what differs beside it, where it may happen again: %s with %s', (event, fields, key) => {
    const { identity } = identityOf(event, fields);
    expect(identity).toEqual({ key, retain: '30d', orderBy: key.split(':')[0] });
  });

  it('goes by the order that the connector declares, and says it to the runtime', () => {
    // The order is all of a webhook that a key is made from.
    const webhooks = { orderUpdated: { order: '/seq' } } as unknown as ConnectorManifest['webhooks'];
    expect(identityOf('orderUpdated', 'orderId seq updatedAt', { webhooks }).identity).toEqual({
      key: '${ event.orderId }:${ event.seq }',
      retain: '30d',
      orderBy: '${ event.orderId }',
      version: '${ event.seq }',
    });
  });

  it('of a polled record has what the poll goes by: a second change of it starts a second run', () => {
    const { identity, because } = identityOf('invoiceChanged', 'id updatedAt', poll('/id', '/updatedAt'));
    expect(identity.key).toBe('${ event.id }:${ event.updatedAt }');
    expect(because).toContain('an item of `listInvoices` comes again');
    const growing = identityOf('invoiceChanged', 'id updatedAt', poll('/id', '/id'));
    expect(growing.identity).toEqual({ key: '${ event.id }', retain: '30d' });
  });

  it('of a schedule is the moment', () => {
    const sources = { monthEnd: { schedule: { cron: '0 0 1 * *' } } as SourceManifest };
    expect(identityOf('monthEnd', 'at date', { sources }).identity.key).toBe('${ event.at }');
  });

  it.each([
    ['paid', 'eventId amount', {}, 'nothing in the contract says which field'],
    ['paid', 'id type data', {}, 'nothing in the contract says which field'],
    ['transferMade', 'id from', { id: { type: 'string', description: 'Of this event.' } }, 'nothing in the'],
    ['paymentMade', 'deliveryId customerId accountId', {}, 'nothing in the contract says which field'],
    ['paymentReceived', 'customerId amount', {}, 'nothing in the contract says which field'],
    ['emailDelivered', 'userId subject', {}, 'nothing in the contract says which field'],
    ['cardinalityChanged', 'cardId version', {}, 'nothing in the contract says which field'],
    ['paymentReceived', 'reference amount', { paid: { type: 'boolean' } }, 'nothing in the contract says'],
    ['paymentReceived', 'reference paid amount', {}, 'nothing in the contract says which field'],
    ['orderUpdated', 'number version valid', {}, 'nothing in the contract says which field'],
    ['bidPlaced', 'bid', {}, 'nothing in the contract says which field'],
    ['orderPaid', 'orderId', { orderId: { type: 'boolean' } }, 'nothing in the contract says which field'],
    ['orderPaid', 'id', { id: { type: 'object' } }, 'nothing in the contract says which field'],
    ['orderShipped', 'orderId shipmentId', {}, 'this may happen to one `orderId` again, with another `ship'],
    ['invoicePaid', 'invoiceId paymentId version', {}, 'again, with another `paymentId`'],
    ['orderShipped', 'id shipment_id', {}, 'this may happen to one `id` again, with another `shipment_id`'],
    ['orderShipped', 'orderId id', {}, 'this may happen to one `orderId` again, with another `id`'],
    ['orderShipped', 'orderId trackingNumber', {}, 'again, with another `trackingNumber`'],
    ['orderShipped', 'orderId', { shipment: { properties: { id: {} } } }, 'again, with another `shipment`'],
    ['orderLineShipped', 'orderId orderLineId', {}, 'again, with another `orderId`'],
    ['couponIssued', 'couponId customerId', {}, 'again, with another `customerId`'],
    ['refundIssued', 'orderId paymentId', {}, 'nothing in the contract says which field'],
    [
      'orderRefundIssued',
      'orderId refundId',
      {},
      'its name does not say one thing that happens to each `orderId`',
    ],
    ['refundPaid', 'refundId orderId', {}, 'again, with another `orderId`'],
    [
      'orderShipped',
      'orderId lines',
      {},
      'no version or time of change in the event tells one from the next',
    ],
    ['orderLineShipped', 'orderId sku', {}, 'its name does not say one thing that happens to each `orderId`'],
    [
      'orderLineUpdated',
      'orderId sku version',
      {},
      'its name does not say one thing that happens to each `orderId`',
    ],
    ['orderPartiallyShipped', 'id', {}, 'its name does not say one thing that happens to each `id`'],
    ['cardReissued', 'cardId', {}, 'this may happen to one `cardId` again, and no version'],
    ['orderUpdated', 'orderId amount', {}, 'this may happen to one `orderId` again, and no version'],
    ['orderUpdated', 'orderId', { updatedAt: {} }, '`updatedAt` of the event may be absent'],
    ['orderUpdated', 'orderId version', { version: { type: ['integer', 'null'] } }, 'may be absent'],
    ['orderUpdated', 'order-id version', {}, '`order-id` of the event cannot be read by its name'],
  ])(
    'is left to the author, with the reason, where nothing tells it: %s with %s',
    (event, fields, more, says) => {
      const { identity, because } = identityOf(event, fields, {}, more);
      expect(identity).toEqual({ key: expect.stringMatching(/^TODO: .*`\w+` has `/), retain: '30d' });
      expect(because).toContain(says);
    },
  );

  it('is left to the author where a poll goes by what may be absent', () => {
    const more = { updatedAt: { type: 'string' } };
    const { identity, because } = identityOf('invoiceChanged', 'id', poll('/id', '/updatedAt'), more);
    expect(identity.key).toMatch(/^TODO/);
    expect(because).toContain('`updatedAt` of the event may be absent');
  });
});
