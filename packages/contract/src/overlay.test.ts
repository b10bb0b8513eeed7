import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HttpOperation } from './ir.ts';
import { contractOf, openapi } from './load.testing.ts';
import { loadContract } from './load.ts';

const DOCUMENT = openapi(`paths:
  /users:
    get:
      operationId: listUsers
      tags: [a]
      parameters: [{ name: x, in: query, schema: {} }, { name: y, in: query, schema: {} }, { name: z, in: query, schema: {} }]
      responses: { default: { description: ok } }
    delete: { operationId: dropUsers, responses: { default: { description: ok } } }
`);

function overlay(...actions: string[]): string {
  return `overlay: 1.0.0\ninfo: { title: Mend, version: '1' }\nactions:\n${actions.map((action) => `  - ${action}`).join('\n')}\n`;
}

async function withOverlay(...actions: string[]) {
  return contractOf({ 'a.yaml': DOCUMENT, 'o.yaml': overlay(...actions) }, { overlay: 'o.yaml' });
}

describe('an overlay', () => {
  it('merges objects, appends to lists and replaces the rest', async () => {
    const contract = await withOverlay(
      '{ target: $.paths.*.get, update: { tags: [b], summary: all of them, x-sunset: "2027-01-01" } }',
      '{ target: "$.paths[\'/users\'].get.parameters", update: { name: w, in: query, schema: {} } }',
    );
    const get = contract.operations.get('listUsers') as HttpOperation;
    expect(get).toMatchObject({ tags: ['a', 'b'], summary: 'all of them', sunset: '2027-01-01' });
    expect(get.parameters.map(({ name }) => name)).toEqual(['x', 'y', 'z', 'w']);
  });

  it('removes what a filter selects, last first', async () => {
    const contract = await withOverlay(
      '{ target: "$.paths.*.get.parameters[?@.name != \'y\']", remove: true }',
      '{ target: $.paths.*.delete, remove: true }',
    );
    const get = contract.operations.get('listUsers') as HttpOperation;
    expect(get.parameters.map(({ name }) => name)).toEqual(['y']);
    expect([...contract.operations.keys()]).toEqual(['listUsers']);
    // The one that is left still points to where it was written.
    expect(contract.originOf(get.parameters[0]!)?.pointer).toBe('/paths/~1users/get/parameters/1');
  });

  it('keeps the place of what it adds in its own file', async () => {
    const contract = await withOverlay(
      '{ target: $.paths, update: { /new: { get: { operationId: getNew, responses: { default: { description: ok } } } } } }',
    );
    const added = contract.operations.get('getNew')!;
    expect(contract.originOf(added)).toEqual({ file: 'o.yaml', pointer: '/actions/0/update/~1new/get' });
    expect(contract.locate(added)).toMatchObject({ file: 'o.yaml', range: { start: { line: 4 } } });
  });

  it('resolves references of what it adds against the document', async () => {
    const contract = await withOverlay(
      '{ target: $, update: { components: { schemas: { User: { type: object } } } } }',
      "{ target: $.paths.*.get.responses.default, update: { content: { application/json: { schema: { $ref: '#/components/schemas/User' } } } } }",
    );
    const get = contract.operations.get('listUsers') as HttpOperation;
    expect(get.responses[0]?.content[0]?.schema).toEqual({ $ref: '#/$defs/User' });
    expect(contract.definitions['User']).toEqual({ type: 'object' });
  });

  it('changes the digest, and one place only where YAML shares a part', async () => {
    const shared = openapi(
      'paths:\n  /a: { get: &op { responses: { default: { description: ok } } } }\n  /b: { get: *op }\n',
    );
    const files = {
      'a.yaml': shared,
      'o.yaml': overlay('{ target: "$.paths[\'/a\'].get", update: { summary: first } }'),
    };
    const contract = await contractOf(files, { overlay: 'o.yaml' });
    expect([...contract.operations.values()].map(({ summary }) => summary)).toEqual(['first', undefined]);
    expect(contract.digest).not.toBe((await contractOf({ 'a.yaml': shared })).digest);
  });

  it('of objects only gives the same when applied twice', async () => {
    const update = fc.dictionary(
      fc.constantFrom('summary', 'description', 'x-a', 'x-b'),
      fc.oneof(fc.string(), fc.dictionary(fc.constantFrom('k', 'l'), fc.integer())),
    );
    await fc.assert(
      fc.asyncProperty(update, async (members) => {
        const texts = Object.fromEntries(
          Object.entries(members).map(([key, value]) => [
            key,
            key.startsWith('x-') ? value : JSON.stringify(value),
          ]),
        );
        const action = `{ target: $.paths.*.get, update: ${JSON.stringify(texts)} }`;
        const [once, twice] = [await withOverlay(action), await withOverlay(action, action)];
        expect(twice.operations.get('listUsers')).toEqual(once.operations.get('listUsers'));
      }),
      { numRuns: 50 },
    );
  });
});

it('adds webhooks to a document of a version that has none, without a word', async () => {
  const webhooks =
    "webhooks: { paid: { post: { requestBody: { content: { application/json: { schema: { type: object } } } }, responses: { '202': { description: taken } } } } }";
  const load = async (document: string, ...actions: string[]) => {
    const files: Record<string, string> = { 'a.yaml': document, 'o.yaml': overlay(...actions) };
    const { value, diagnostics } = await loadContract(
      { name: 'case', document: 'a.yaml', ...(actions.length > 0 && { overlay: 'o.yaml' }) },
      { read: async (file) => files[file] },
    );
    return { events: [...value!.events.keys()], codes: diagnostics.map(({ code }) => code) };
  };
  const old = DOCUMENT.replace('openapi: 3.1.0', 'openapi: 3.0.3');
  const without = await load(old);
  const withThem = await load(old, `{ target: $, update: { ${webhooks} } }`);
  expect(withThem.events).toEqual(['paid']);
  expect(withThem.codes).toEqual(without.codes);
  // In the document itself the word stands: other tools read it.
  expect((await load(`${old}${webhooks}\n`)).codes).toContain('contract-member-version');
});
