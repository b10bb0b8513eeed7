import { loadContractText } from '@tenon/contract';
import { describe, expect, it } from 'vitest';
import { diffContracts } from '../diff.ts';

interface Change {
  readonly before: unknown;
  readonly after: unknown;
}

const FILTERS = (type: string) => ({
  type: 'object',
  properties: { id: { type, nullable: true }, names: { type: 'array', items: { type: 'string' } } },
});

async function severities(operationOf: (schema: unknown) => object, { before, after }: Change) {
  const [base, revision] = await Promise.all(
    [before, after].map(async (schema, i) => {
      const document = {
        openapi: '3.0.3',
        info: { title: 'Wire', version: '1.0.0' },
        paths: {
          '/things': {
            post: { operationId: 'post', responses: { 204: { description: 'ok' } }, ...operationOf(schema) },
          },
        },
        components: { schemas: { Filters: FILTERS(i === 0 ? 'number' : 'string') } },
      };
      return (await loadContractText('wire', 'wire.json', JSON.stringify(document))).value!;
    }),
  );
  const { findings, undecided } = diffContracts(base!, revision!);
  expect(undecided).toEqual([]);
  return findings.map(({ severity }) => severity).filter((severity) => severity === 'breaking');
}

const query = (more: object) => (schema: unknown) => ({
  parameters: [{ name: 'q', in: 'query', schema, ...more }],
});
const body = (type: string) => (schema: unknown) => ({ requestBody: { content: { [type]: { schema } } } });
const answer = (type: string) => (schema: unknown) => ({
  responses: { 200: { description: 'ok', content: { [type]: { schema } } } },
});

describe('what travels as text is compared as text', () => {
  const toText = { before: { type: 'integer' }, after: { type: 'string' } };
  const toNumber = { before: { type: 'string' }, after: { type: 'integer' } };
  const field = ({ before, after }: Change): Change => ({
    before: { type: 'object', properties: { a: before } },
    after: { type: 'object', properties: { a: after } },
  });
  const reference = { $ref: '#/components/schemas/Filters' };
  const rawXml = { before: { type: 'object' }, after: { type: 'string' } };

  it.each<[string, (schema: unknown) => object, Change, number]>([
    ['a query number that may be any text', query({}), toText, 0],
    ['a query text that must be a number', query({}), toNumber, 1],
    [
      'a number in an object of the query, behind a reference',
      query({ style: 'deepObject', explode: true }),
      { before: reference, after: reference },
      0,
    ],
    ['a number in a form', body('application/x-www-form-urlencoded'), field(toText), 0],
    ['a text in a form', body('multipart/form-data'), field(toNumber), 1],
    ['a number in JSON', body('application/json'), field(toText), 1],
    ['a plain text', body('text/plain; charset=utf-8'), toText, 0],
    ['XML that is taken as it comes', body('application/xml'), rawXml, 0],
    ['XML that was taken apart by nobody', answer('application/xml'), rawXml, 1],
    ['JSON of a vendor', body('application/vnd.things+json'), rawXml, 1],
  ])('%s', async (_, operationOf, change, breaks) => {
    expect(await severities(operationOf, change)).toHaveLength(breaks);
  });
});
