import type { cliRules } from './cli-rules.ts';

/** A command line in a folder made for it: `init` first unless said otherwise, then the files, then the command. */
export interface CliCase {
  readonly init?: false;
  /** Files written after `init`, by path; `../before/…` stands beside the workspace. */
  readonly files?: Readonly<Record<string, string>>;
  readonly run: readonly string[];
}

const petContract = 'openapi: 3.1.0\ninfo: { title: Pets, version: 1.0.0 }\npaths: {}\n';
const failingTest = "import { expect, test } from 'vitest';\ntest('holds', () => expect(1).toBe(2));\n";

export const cliCases = {
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
  'contract-removed': {
    fires: {
      files: { '../before/contracts/pets/openapi.yaml': petContract },
      run: ['diff', '--against', '../before'],
    },
    silent: { run: ['diff', '--against', '.'] },
  },
  'contract-test-failed': {
    fires: { files: { 'generated/shop/logs/own.test.ts': failingTest }, run: ['ci'] },
    silent: { run: ['ci'] },
  },
  'contract-drift': {
    fires: {
      files: { 'contracts/pets/openapi.yaml': petContract, 'generated/pets/own.test.ts': failingTest },
      run: ['test', 'pets', '--against', 'http://127.0.0.1:9'],
    },
    silent: {
      files: { 'contracts/pets/openapi.yaml': petContract },
      run: ['test', 'pets', '--against', 'http://127.0.0.1:9'],
    },
  },
  'diff-base-unreadable': {
    fires: { run: ['diff', '--against', 'no-such-ref'] },
    silent: { run: ['diff', '--against', '.'] },
  },
} as const satisfies Record<keyof typeof cliRules, { readonly fires: CliCase; readonly silent: CliCase }>;
