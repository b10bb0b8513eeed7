import { expect, test } from 'vitest';
import { loadContract } from './load.ts';

const operation = (id: string, more = ''): string =>
  `get: { operationId: ${id}, deprecated: true, responses: { '200': { description: ok } }${more} }`;
const document = `openapi: 3.1.0
info: { title: Case, version: '1' }
paths:
  /ours:
    ${operation('ours')}
  /theirs:
    ${operation('theirs')}
  /others/{a}:
    ${operation('others', ', parameters: [{ name: a, in: path, required: true, schema: { type: string } }]')}
  /others/{b}:
    ${operation('more', ', parameters: [{ name: b, in: path, required: true, schema: { type: string } }]')}
`;

async function told(
  policy: string,
  named?: { readonly operations: readonly string[] },
  text = document,
): Promise<readonly string[]> {
  const { diagnostics } = await loadContract(
    { name: 'case', document: 'openapi.yaml', policy: 'contract.yaml' },
    { read: async (file) => (file === 'openapi.yaml' ? text : `steward: us\n${policy}`) },
    named ? { named: { operations: new Set(named.operations), events: new Set() } } : {},
  );
  return diagnostics.map(({ code, message }) => `${code}: ${message}`);
}

const FROM_ELSEWHERE = "provenance: { source: 'https://x.example', version: '1', fetched: '2026-11-01' }\n";

test('of a document from elsewhere, what is about none of the operations that connectors name is one line', async () => {
  expect(await told(FROM_ELSEWHERE, { operations: ['ours'] })).toEqual([
    'contract-findings-aside: 4 findings in openapi.yaml about what no connector names: contract-deprecated-without-sunset 3, contract-path-ambiguous 1',
    'contract-deprecated-without-sunset: ours is deprecated and does not say until when it works',
  ]);
  expect(await told(FROM_ELSEWHERE, { operations: ['ours', 'more'] }), 'its path is told, too').toHaveLength(
    4,
  );
});

test('all is told of a document of our own, where no connector is, and of what stops something', async () => {
  expect(await told('', { operations: ['ours'] })).toHaveLength(5);
  expect(await told(FROM_ELSEWHERE)).toHaveLength(5);
  const broken = document.replace("'200': { description: ok }", "'200': { $ref: '#/components/nowhere' }");
  const found = await told(FROM_ELSEWHERE, { operations: [] }, broken);
  expect(found.filter((one) => !one.startsWith('contract-findings-aside'))).toHaveLength(1);
});
