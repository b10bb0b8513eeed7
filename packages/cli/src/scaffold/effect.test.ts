import { describe, expect, it } from 'vitest';
import { effectOf } from './effect.ts';

const guess = (id: string, address: string, status = '200') => {
  const [method, path] = address.split(' ') as ['post', string];
  return effectOf({ id, method, path, responses: [{ status, content: [], headers: [] }] }).effect;
};

describe('the effect of a POST that is guessed', () => {
  it.each([
    ['searchOrders', 'post /orders/search'],
    ['postSearch', 'post /search'],
    ['orders-search', 'post /orders/_search'],
    ['readMany', 'post /contacts/batch/read'],
    ['post-/contacts/batch/read', 'post /contacts/batch/read'],
    ['contacts.batchGet', 'post /v1/contacts:batchGet'],
    ['accountsGet', 'post /accounts/get'],
    ['listFolder', 'post /files/list_folder'],
    ['runSomething', 'post /items/query', 'create'],
    ['queryItems', 'post /items/query/{index}'],
    ['fetchIssues', 'post /issue/bulkfetch'],
    ['attestations/list-bulk', 'post /orgs/{org}/attestations/bulk-list'],
    ['post_metadata_execute_read', 'post /metadata_queries/execute_read'],
    ['validateAddress', 'post /addresses/validate'],
    ['estimateShipping', 'post /shipping/estimate'],
  ])('%s (%s)', (id, address, effect = 'read') => {
    expect(guess(id, address)).toBe(effect);
  });

  it.each([
    ['createOrder', 'post /orders'],
    ['createSearch', 'post /search'],
    ['saveSearch', 'post /searches'],
    ['makeEstimate', 'post /estimates'],
    ['invalidateTokens', 'post /tokens/invalidate'],
    ['addResearch', 'post /researches'],
    ['findOrCreateContact', 'post /contacts'],
    ['getOrCreateUser', 'post /users/get'],
    ['refindings', 'post /findings'],
    ['PostValueListsValueList', 'post /value_lists/{value_list}'],
    ['changeSavedSearch', 'post /saved_search/{id}'],
    ['addToList', 'post /list-items'],
    ['PostListItems', 'post /list-items'],
  ])('is never that of a read: %s (%s)', (id, address) => {
    expect(guess(id, address)).toBe('create');
  });

  it('is no read where something is made of it', () => {
    expect(guess('searchOrders', 'post /orders/search', '201')).toBe('create');
    expect(guess('searchOrders', 'post /orders/search', '202')).toBe('create');
    expect(guess('searchOrders', 'post /orders/search', '2XX')).toBe('read');
  });

  it('is left to a person where queries and mutations share an address', () => {
    const guessed = effectOf({ id: 'graphql', method: 'post', path: '/api/graphql', responses: [] });
    expect(guessed).toEqual({ effect: 'update', review: expect.stringContaining('mutations') });
  });

  it('is a change of what is there where it calls something off', () => {
    expect(guess('cancelOrder', 'post /orders/{id}/cancel')).toBe('update');
  });

  it('is a change of what is there where it is done to that, by the verb of its name', () => {
    expect(guess('refundPayment', 'post /payments/{id}/refund')).toBe('update');
    expect(guess('sendInvoice', 'post /invoices/{id}/send')).toBe('update');
    expect(guess('refundPayment', 'post /payments/{id}/refund', '201')).toBe('create');
    expect(guess('createRefund', 'post /payments/{id}/refunds')).toBe('create');
    expect(guess('addItem', 'post /carts/{id}/items')).toBe('create');
    expect(guess('copyFile', 'post /files/{id}/copy')).toBe('create');
  });

  it('is a creation where another thing is answered than the one that it is done to', () => {
    const answering = (name: string) => ({
      status: '200',
      headers: [],
      content: [{ type: 'application/json', examples: {}, schema: { $ref: `#/$defs/${name}` } }],
    });
    const refund = (name: string) =>
      effectOf(
        { id: 'refundPayment', method: 'post', path: '/payments/{id}/refund', responses: [answering(name)] },
        { responses: [answering('Payment')] },
      ).effect;
    expect(refund('Refund')).toBe('create');
    expect(refund('Payment')).toBe('update');
  });
});
