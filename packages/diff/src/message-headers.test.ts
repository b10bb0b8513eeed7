import { type ContractUsage, loadContractText } from '@tenon/contract';
import { expect, it } from 'vitest';
import { diffContracts } from './index.ts';

async function contract(headers: unknown) {
  const document = {
    asyncapi: '3.0.0',
    info: { title: 'News', version: '1.0.0' },
    channels: {
      left: {
        address: 'left',
        messages: { parcelLeft: { payload: { type: 'object' }, ...(headers !== undefined && { headers }) } },
      },
      wanted: {
        address: 'wanted',
        messages: { wanted: { payload: { type: 'object' }, ...(headers !== undefined && { headers }) } },
      },
    },
    operations: {
      tell: { action: 'send', channel: { $ref: '#/channels/left' } },
      want: { action: 'receive', channel: { $ref: '#/channels/wanted' } },
    },
  };
  const { value, diagnostics } = await loadContractText('news', 'asyncapi.json', JSON.stringify(document));
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return value!;
}

const at = {
  file: 'p.yaml',
  range: { start: { line: 3, column: 1, offset: 9 }, end: { line: 3, column: 9, offset: 17 } },
};
const use = (target: ContractUsage['target'], path: string): ContractUsage => ({
  pipeline: 'ship',
  step: target.kind,
  contract: 'news',
  target,
  access: target.kind === 'request' ? 'write' : 'read',
  path,
  expression: `headers${path.replaceAll('/', '.')}`,
  at,
  owner: 'team',
});
const usage = [
  use({ kind: 'event', event: 'parcelLeft', part: 'headers' }, '/tenant'),
  // A payload that has a field of that name is another matter.
  use({ kind: 'event', event: 'parcelLeft' }, '/tenant'),
  use({ kind: 'request', operation: 'want' }, '/headers/tenant'),
];

const text = { type: 'string' };
const headers = (properties: object, required: string[] = []) => ({ type: 'object', properties, required });

/** Breaking findings about headers, as `code operation victims`. */
async function breaking(base: unknown, revision: unknown): Promise<string[]> {
  const { findings } = await diffContracts(await contract(base), await contract(revision), {
    usage: { before: usage, after: [] },
  });
  return findings
    .filter(({ severity }) => severity === 'breaking')
    .map(({ rule, operations, usage: used }) =>
      `${rule} ${operations.join()} ${used.map(({ step, expression }) => `${step}:${expression}`).join(' ')}`.trim(),
    )
    .sort();
}

it('is told when headers of messages change in a way that breaks, with who reads or sets them', async () => {
  const before = headers({ tenant: text, attempt: { type: 'integer' } }, ['tenant']);
  expect(await breaking(before, before)).toEqual([]);
  const read = 'parcelLeft event:headers.tenant';
  const set = 'want request:headers.headers.tenant';
  const attempt = { attempt: { type: 'integer' } };
  const changes: [unknown, unknown, string[]][] = [
    [before, headers(attempt), [`required-property-removed ${read}`, `required-property-removed ${set}`]],
    [before, undefined, [`required-property-removed ${read}`, `required-property-removed ${set}`]],
    [
      before,
      headers({ ...attempt, tenant: { type: 'integer' } }, ['tenant']),
      [`type-changed ${read}`, `type-changed ${set}`],
    ],
    // Who sets it may go on; who reads it may find nothing.
    [before, headers({ ...attempt, tenant: text }), [`property-became-optional ${read}`]],
    // Who sends must send it from now on; who reads need not look.
    [
      before,
      headers({ ...attempt, tenant: text, region: text }, ['tenant', 'region']),
      [`required-property-added ${set}`],
    ],
    // Who sends it already is not hit.
    [undefined, before, ['property-added want', 'required-property-added want']],
    [headers(attempt), headers({ ...attempt, tenant: text }), []],
  ];
  for (const [base, revision, told] of changes) expect(await breaking(base, revision)).toEqual(told);
});
