import { tmpdir } from 'node:os';
import { afterEach, expect, it, vi } from 'vitest';
import { exit } from '../exit.ts';
import { runAgainst } from '../testing/fake-server.ts';
import { eraseCommand } from './erase.ts';

afterEach(() => vi.unstubAllGlobals());

const NOTHING = {
  applied: false,
  runs: [],
  kept: [],
  events: 0,
  differences: 0,
  requests: 0,
  unreadable: 0,
  leavesTraces: false,
};
const run = (state: string) => ({ runId: 'r-1', pipeline: 'orders', state });

it.each([
  ['nothing is left', NOTHING, exit.clean, '0 runs'],
  ['a run would go', { ...NOTHING, runs: [run('succeeded')] }, exit.changesPending, 'would go'],
  [
    'a run would go and another is kept',
    { ...NOTHING, runs: [run('succeeded')], kept: [run('waiting')] },
    exit.changesPending,
    'kept: has not ended',
  ],
  [
    'a failed run is kept, which cannot be cancelled where it is parked at undoing',
    { ...NOTHING, kept: [run('failed')] },
    exit.partlyDone,
    'kept: may be resumed; end it first, as `tenon runs show r-1` says',
  ],
  [
    'a run that waits is kept',
    { ...NOTHING, kept: [run('waiting')] },
    exit.partlyDone,
    'kept: has not ended; let it end, or `tenon runs cancel r-1 --reason …`',
  ],
  [
    'a run in doubt, which cannot be cancelled, is kept',
    { ...NOTHING, kept: [run('inDoubt')] },
    exit.partlyDone,
    'kept: has not ended, and is in doubt: `tenon in-doubt`',
  ],
  [
    'a run that is being undone, which cannot be cancelled, is kept',
    { ...NOTHING, kept: [run('compensating')] },
    exit.partlyDone,
    'kept: has not ended, and is being undone: `tenon runs show r-1`',
  ],
  [
    'a run is kept for the one above it',
    { ...NOTHING, kept: [run('succeeded')] },
    exit.partlyDone,
    'a run above it has not ended',
  ],
  [
    'a run would go from a file that is not written anew',
    { ...NOTHING, runs: [run('succeeded')], leavesTraces: true },
    exit.changesPending,
    'too large to be written anew while runs go on: unused parts of it may hold what has gone, until `tenon data rewrite`',
  ],
  ['a value cannot be read', { ...NOTHING, unreadable: 1 }, exit.partlyDone, 'may hold the subject'],
] as const)('a dry run where %s', async (_what, report, code, said) => {
  const argv = ['erase', '--subject', 'a', '--reason', 'request 17', '--url', 'http://127.0.0.1:1'];
  const ended = await runAgainst(report, [eraseCommand], argv, { cwd: tmpdir() });
  expect(ended.code).toBe(code);
  expect(ended.text).toContain(said);
});

it('says that traces may be left where the file was not written anew, and is partly done', async () => {
  const report = { ...NOTHING, applied: true, runs: [run('succeeded')], leavesTraces: true };
  const argv = [
    'erase',
    '--subject',
    'a',
    '--reason',
    'request 17',
    '--apply',
    '--url',
    'http://127.0.0.1:1',
  ];
  const ended = await runAgainst(report, [eraseCommand], argv, { cwd: tmpdir() });
  expect(ended.code).toBe(exit.partlyDone);
  expect(ended.text).toContain('unused parts of it may hold what has gone, until `tenon data rewrite`');
});
