import { expect, test } from 'vitest';
import {
  CHILD,
  CONFIG,
  childPipeline,
  type Edits,
  PIPELINE,
  secondPipeline,
  swap,
  testWorkspace,
} from '../../test-workspace.ts';

const operators = (...all: readonly string[]): Edits => ({
  [CONFIG]: swap('kind: Workspace', `kind: Workspace\nserver: { operators: [${all.join(', ')}] }`),
});
const operator = (name: string, more = 'role: operator'): string =>
  `{ name: ${name}, ${more}, token: 'env:TOKEN_${name.toUpperCase()}' }`;
const FINN = operator('finn', 'role: approver, teams: [finance]');
const PAT = operator('pat', 'role: approver, teams: [platform]');
const VERA = operator('vera', 'role: viewer');

async function said(approve: string, config: Edits) {
  const { diagnostics } = await testWorkspace({
    [PIPELINE]: swap('by: finance, within', `${approve}, within`),
    ...config,
  });
  return diagnostics.map(({ code, message }) => `${code}: ${message}`);
}

test('an approval of two is out of reach of fewer, whoever else there is', async () => {
  expect(await said('by: finance, count: 2', operators(operator('ada'), FINN))).toEqual([]);
  expect(await said('by: finance, count: 2', operators(FINN, PAT, VERA))).toEqual([
    'approval-out-of-reach: `approval` needs 2 of finance, and 1 decides for it (finn)',
  ]);
  expect(await said('by: finance, count: 2', operators(PAT))).toEqual([
    'approval-out-of-reach: `approval` needs 2 of finance, and no operator decides for it',
  ]);
  expect(await said('by: finance, count: 2', {})).toEqual([
    'approval-out-of-reach: `approval` needs 2 of finance, and without `server.operators` there is one',
  ]);
});

test('whoever stands in must be as many', async () => {
  const { diagnostics } = await testWorkspace({
    [PIPELINE]: swap(
      'by: finance, within: 4h, onExpiry: reject',
      'by: finance, count: 2, within: 4h, onExpiry: escalate',
    ),
    ...operators(FINN, operator('fay', 'role: approver, teams: [finance]'), PAT),
  });
  expect(diagnostics.map(({ message }) => message)).toEqual([
    '`approval` needs 2 of platform, the backup that it is escalated to, and 1 decides for it (pat)',
  ]);
});

test('one who approves where nobody else can is kept out of nothing else', async () => {
  const second = (by: string): Edits => ({
    [PIPELINE]: swap(
      '  - id: charge\n',
      `  - { id: second, approve: { by: ${by}, within: 4h, onExpiry: reject, show: none, except: [steps.approval] } }\n  - id: charge\n`,
    ),
  });
  const messages = async (by: string, config: Edits) =>
    (await testWorkspace({ ...second(by), ...config })).diagnostics.map(({ message }) => message);
  expect(await messages('platform', operators(FINN, PAT))).toEqual([]);
  expect(await messages('platform', operators(FINN, operator('ada')))).toEqual([
    '`second` needs 1 of platform, and 1 decides for it (ada), of whom 1 may be excepted',
  ]);
});

test('a requester is there where a chain of pipelines leads from one that a person starts', async () => {
  const shipped = (except: string): string =>
    secondPipeline(
      `  - { id: again, approve: { by: finance, within: 4h, onExpiry: reject, show: none, except: [${except}] } }`,
    );
  const excepts = async (edits: Edits) =>
    (
      await testWorkspace({
        'pipelines/parcel-left.pipeline.yaml': shipped('requester'),
        ...operators(FINN, PAT),
        ...edits,
      })
    ).diagnostics
      .filter(({ code }) => code === 'approval-excepts-nobody')
      .map(({ message }) => message);
  expect(await excepts({})).toEqual([
    '`news.orderShipped` starts this pipeline, and nothing that a person starts publishes it, so nobody is the requester',
  ]);
  const told =
    "  - { id: tell, emit: news.orderShipped, with: { orderId: '${ event.reference }', parcelId: p, version: 1 } }\n";
  const byHand = { [CHILD]: childPipeline.replace('steps:\n', `steps:\n${told}`) };
  expect(await excepts(byHand)).toEqual([]);
});

test('of what somebody sends from outside nobody is the requester, which is told also further down the chain', async () => {
  const gate =
    '{ id: again, approve: { by: finance, within: 4h, onExpiry: reject, show: none, except: [requester] } }';
  const told =
    "  - { id: tell, emit: news.orderShipped, with: { orderId: '${ event.reference }', parcelId: p, version: 1 } }\n";
  const comesIn = (text: string): string => `${text}  news: { connector: news, baseUrl: 'env:NEWS_URL' }\n`;
  const avoidable = async (config: (text: string) => string) => {
    const { diagnostics } = await testWorkspace({
      'pipelines/parcel-left.pipeline.yaml': secondPipeline(`  - ${gate}`),
      [CHILD]: childPipeline.replace('steps:\n', `steps:\n${told}`),
      'connectors/news/connector.yaml': NEWS_CONNECTOR,
      [CONFIG]: (text) =>
        config(swap('kind: Workspace', `kind: Workspace\nserver: { operators: [${FINN}, ${PAT}] }`)(text)),
    });
    return diagnostics
      .filter(({ code }) => code.startsWith('approval-'))
      .map(({ code, message }) => `${code}: ${message}`);
  };
  expect(await avoidable((text) => text), 'sent by another pipeline').toEqual([
    'approval-requester-avoidable: `shop.orderPlaced` starts `order-placed`, which leads to this pipeline, and it comes in over `shop` too: of one that comes so nobody is the requester',
  ]);
  expect(await avoidable(comesIn), 'sent as it is').toEqual([
    'approval-requester-avoidable: `news.orderShipped` starts this pipeline, and it comes in over `news` too: of one that comes so nobody is the requester',
  ]);
});

const NEWS_CONNECTOR = `apiVersion: tenon/v1
kind: Connector
metadata: { name: news, version: 1.0.0, owner: sales }
contract: news
transport: bus
sources: { orderShipped: {} }
`;
