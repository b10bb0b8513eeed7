import { loadManifest } from '@tenon/connector';
import { loadContractText } from '@tenon/contract';
import { expect, onTestFinished as finished, it } from 'vitest';
import { openShop } from './open-shop.testing.ts';

const rows = [
  { id: 't3', number: 3, changedAt: '2026-03-01T00:00:00Z' },
  { id: 't1', number: 1, changedAt: '2026-01-01T00:00:00Z' },
  { id: 't2', number: 2, changedAt: '2026-02-01T01:00:00+01:00' },
  { id: 't10', number: 10 },
];

/** A listing of tickets, polled as `cursor` says, and a way to ask it. */
async function tickets(cursor: string, more: { readonly hint?: object; readonly operation?: string } = {}) {
  const query = ['changedSince', 'changedAt', 'after', 'number', 'page'];
  const { value: contract } = await loadContractText(
    'desk',
    'desk.json',
    JSON.stringify({
      openapi: '3.1.0',
      info: { title: 'Desk', version: '1.0.0' },
      paths: {
        '/tickets': {
          get: {
            operationId: 'listTickets',
            parameters: query.map((name) => ({ name, in: 'query', schema: { type: 'string' } })),
            responses: {
              '200': {
                description: 'Some',
                content: {
                  'application/json': {
                    schema: { type: 'array', items: { $ref: '#/components/schemas/Ticket' } },
                  },
                },
              },
            },
            ...(more.hint && { 'x-tenon-sandbox': more.hint }),
          },
        },
      },
      components: {
        schemas: {
          Ticket: {
            type: 'object',
            required: ['id', 'number'],
            properties: {
              id: { type: 'string' },
              number: { type: 'integer' },
              changedAt: { type: 'string', format: 'date-time' },
            },
          },
        },
      },
    }),
  );
  const { value } = loadManifest(
    'connector.yaml',
    `apiVersion: tenon/v1
kind: Connector
metadata: { name: desk, version: 1.0.0, owner: team }
contract: desk
operations:
  listTickets: { effect: read, ${more.operation ?? ''} }
sources:
  ticketChanged:
    poll: { operation: listTickets, key: /id, cursor: ${cursor} }
`,
  );
  const manifest = value!.manifest;
  const { ask } = await openShop(finished, { contract: contract!, manifest, data: { tickets: rows } });
  return async (asked: string) => {
    const { status, json } = await ask('GET', `/tickets?${asked}`);
    return status === 200 ? json.map(({ id }: { id: string }) => id) : status;
  };
}

const FEBRUARY = '2026-02-01T00:00:00.000Z';

it('goes on from the cursor of a poll, whatever its parameter is called; what has none is always there', async () => {
  const since = await tickets('{ in: changedSince, from: /changedAt }');
  expect(await since('')).toEqual(['t3', 't1', 't2', 't10']);
  expect(await since(`changedSince=${FEBRUARY}`)).toEqual(['t3', 't2', 't10']);
  expect(await since('changedSince=2027-01-01T00:00:00Z')).toEqual(['t10']);
  expect(await since(`changedSince=${FEBRUARY}&number=3`), 'beside what selects otherwise').toEqual(['t3']);
  const named = await tickets('{ in: changedAt, from: /changedAt }');
  expect(await named(`changedAt=${FEBRUARY}`), 'not by equality').toEqual(['t3', 't2', 't10']);
  const paging = await tickets('{ in: after, from: /changedAt }');
  expect(await paging(`after=${FEBRUARY}`), 'not the cursor of a page').toEqual(['t3', 't2', 't10']);
  const numbers = await tickets('{ in: after, from: /number }');
  expect(await numbers('after=3'), 'numbers by what they stand for').toEqual(['t3', 't10']);
});

it('leaves a cursor to the page that goes by it, and to what the contract says that it selects', async () => {
  const page = { operation: 'pagination: { type: after, in: after, id: /id }' };
  const paged = await tickets('{ in: after, from: /id }', page);
  expect(await paged('after=t1')).toEqual(['t2', 't10']);
  const told = { hint: { where: { '/id': '/changedSince' } } };
  const contracts = await tickets('{ in: changedSince, from: /changedAt }', told);
  expect(await contracts('changedSince=t2')).toEqual(['t2']);
  const others = await tickets('{ in: changedSince, from: /changedAt }', { hint: { where: {} } });
  expect(await others(`changedSince=${FEBRUARY}&number=3`)).toEqual(['t3', 't2', 't10']);
});

it('pages from 1 where a hint does not say from where, as a manifest does', async () => {
  const paged = await tickets('{ in: changedSince, from: /changedAt }', {
    hint: { page: { type: 'page', in: 'number' } },
  });
  expect(await paged('number=1')).toEqual(['t3', 't1', 't2', 't10']);
  expect(await paged('number=2')).toEqual([]);
});
