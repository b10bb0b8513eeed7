import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { cliRules } from './cli-rules.ts';

/** A command line in a folder made for it: `init` first unless said otherwise, then the files, then the command. */
export interface CliCase {
  readonly init?: false;
  /** Files written after `init`, by path; `../before/…` stands beside the workspace. */
  readonly files?: Readonly<Record<string, string>>;
  /** `<provider>` is the address of a system that answers everything with 204. */
  readonly run: readonly string[];
}

const petContract = 'openapi: 3.1.0\ninfo: { title: Pets, version: 1.0.0 }\npaths: {}\n';
const failingTest = "import { expect, test } from 'vitest';\ntest('holds', () => expect(1).toBe(2));\n";

/** Code that carries out all that the connector names; `orderField`: what it reads of `getOrder`. */
const carriesOut = (orderField: string): string => {
  const reads = {
    getStatus: [],
    getOrder: [orderField],
    createShipment: ['/body/orderId'],
    cancelShipment: ['/shipmentId'],
  };
  const operations = Object.entries(reads).map(([name, fields]) => [name, { reads: fields }]);
  return `export default { operations: ${JSON.stringify(Object.fromEntries(operations))} };\n`;
};

/** The workspace before an operation of its connector went. */
const before = (version: string): Record<string, string> => {
  const [contract, connector] = ['contracts/shop/openapi.yaml', 'connectors/shop/connector.yaml'];
  const text = (file: string): string =>
    readFileSync(join(import.meta.dirname, '../templates/init', file), 'utf8');
  const held = '  holdShipment: { effect: update, idempotency: { mode: natural } }\n';
  return {
    [`../before/${contract}`]: text(contract),
    [`../before/${connector}`]: text(connector)
      .replace('version: 1.0.0', `version: ${version}`)
      .replace('operations:\n', `operations:\n${held}`),
  };
};

/** The workspace's pipeline before it had a deadline of that length. */
const pipelineBefore = (version: number): Record<string, string> => {
  const file = 'pipelines/order-paid.pipeline.yaml';
  const text = readFileSync(join(import.meta.dirname, '../templates/init', file), 'utf8');
  return {
    [`../before/${file}`]: text
      .replace('deadline: 15m', 'deadline: 20m')
      .replace('version: 1', `version: ${version}`),
  };
};

const nowhere = ['--url', 'http://127.0.0.1:9'];

export const cliCases = {
  'command-unknown': { fires: { run: ['runz'] }, silent: { run: ['version'] } },
  'option-unknown': {
    fires: { run: ['check', '--fromat', 'json'] },
    silent: { run: ['check', '--format', 'json'] },
  },
  'argument-missing': {
    fires: { run: ['runs', 'show', ...nowhere] },
    silent: { run: ['runs', 'show', 'r1', ...nowhere] },
  },
  'argument-invalid': {
    fires: { run: ['runs', 'ls', '--limit', '0', ...nowhere] },
    silent: { run: ['runs', 'ls', '--limit', '1', ...nowhere] },
  },
  'argument-unexpected': { fires: { run: ['check', 'shop'] }, silent: { run: ['check'] } },
  'arguments-contradict': {
    fires: { run: ['runs', 'trace', 'r1', '--key', 'k', ...nowhere] },
    silent: { run: ['runs', 'trace', '--key', 'k', ...nowhere] },
  },
  'argument-unknown': {
    fires: { run: ['explain', 'no-such-rule'] },
    silent: { run: ['explain', 'effect-can-repeat'] },
  },
  'rows-unfit': {
    fires: { files: { 'rows.yaml': 'shop: 7\n' }, run: ['sandbox', '--rows', 'rows.yaml'] },
    // Of a connection that there is not, so that none is left running.
    silent: { files: { 'rows.yaml': '{}\n' }, run: ['sandbox', 'depot', '--rows', 'rows.yaml'] },
  },
  'provider-unproven': {
    fires: { run: ['test', 'shop', '--provider', '<provider>', '--connection', 'shop'] },
    silent: { run: ['test', 'shop', '--provider', '<provider>'] },
  },
  'target-refused': {
    fires: { run: ['test', 'connector', 'shop', '--target', 'https://api.shop.example'] },
    silent: { run: ['test', 'connector', 'shop', '--only', '101', '--target', '<provider>'] },
  },
  'workspace-not-found': { fires: { init: false, run: ['check'] }, silent: { run: ['check'] } },
  'workspace-file-exists': {
    fires: { run: ['init'] },
    silent: { init: false, run: ['init', '--format', 'human'] },
  },
  'contract-source-unreadable': {
    fires: { run: ['add', 'contract', 'pets', '--from', 'nowhere.yaml'] },
    silent: {
      files: { 'pets.yaml': petContract },
      run: ['add', 'contract', 'pets', '--from', 'pets.yaml', '--owner', 'platform'],
    },
  },
  'connector-code-broken': {
    fires: {
      files: { 'connectors/shop/src/index.ts': "throw new Error('boom');\n" },
      run: ['test', 'connector', 'shop'],
    },
    silent: {
      files: {
        'connectors/shop/src/index.ts': 'export default { connectorApi: 1 };\n',
      },
      run: ['test', 'connector', 'shop', '--only', '101'],
    },
  },
  'connector-code-unfit': {
    fires: { files: { 'connectors/shop/src/index.ts': carriesOut('/orderid') }, run: ['ci'] },
    silent: { files: { 'connectors/shop/src/index.ts': carriesOut('/orderId') }, run: ['ci'] },
  },
  'contract-removed': {
    fires: {
      files: { '../before/contracts/pets/openapi.yaml': petContract },
      run: ['diff', '--against', '../before'],
    },
    silent: { run: ['diff', '--against', '.'] },
  },
  'contract-not-compared': {
    fires: {
      files: { ...before('1.0.0'), 'contracts/shop/openapi.yaml': 'openapi: [' },
      run: ['diff', '--against', '../before'],
    },
    silent: { files: before('0.9.0'), run: ['diff', '--against', '../before'] },
  },
  'contract-test-failed': {
    fires: { files: { 'generated/shop/logs/own.test.ts': failingTest }, run: ['ci'] },
    silent: { run: ['ci'] },
  },
  'connector-version-too-low': {
    fires: { files: before('1.0.0'), run: ['diff', '--against', '../before'] },
    silent: { files: before('0.9.0'), run: ['diff', '--against', '../before'] },
  },
  'pipeline-version-not-raised': {
    fires: { files: pipelineBefore(1), run: ['diff', '--against', '../before'] },
    silent: { files: pipelineBefore(0), run: ['diff', '--against', '../before'] },
  },
  'contract-drift': {
    fires: {
      files: { 'contracts/pets/openapi.yaml': petContract, 'generated/pets/own.test.ts': failingTest },
      run: ['test', 'pets', '--against', '<provider>'],
    },
    silent: {
      files: { 'contracts/pets/openapi.yaml': petContract },
      run: ['test', 'pets', '--against', '<provider>'],
    },
  },
  'provider-unreachable': {
    fires: { run: ['test', 'shop', '--provider', 'http://127.0.0.1:9'] },
    silent: { run: ['test', 'shop', '--provider', '<provider>'] },
  },
  'diff-base-lacks-document': {
    fires: {
      files: { 'contracts/pets/openapi.yaml': petContract, '../before/openapi.yaml': petContract },
      run: ['diff', '--against', '../before', 'contracts/pets/openapi.yaml'],
    },
    silent: {
      files: { 'contracts/pets/openapi.yaml': petContract },
      run: ['diff', '--against', '.', 'contracts/pets/openapi.yaml'],
    },
  },
  'diff-base-unreadable': {
    fires: { run: ['diff', '--against', 'no-such-ref'] },
    silent: { run: ['diff', '--against', '.'] },
  },
} as const satisfies Record<keyof typeof cliRules, { readonly fires: CliCase; readonly silent: CliCase }>;
