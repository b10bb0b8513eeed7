import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { commands } from './commands/index.ts';
import { exit, exitMeanings } from './exit.ts';
import { runAgainst } from './testing/fake-server.ts';
import { initFolder } from './testing/init-folder.ts';
import { HERE, operatedRun } from './testing/operated-run.ts';
import { runCommand } from './testing/run-command.ts';

let folder: string;
beforeAll(async () => {
  folder = await initFolder('exit');
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => vi.unstubAllGlobals());

const FILE = 'pipelines/order-paid.pipeline.yaml';
const inWorkspace = async (...argv: string[]): Promise<number> =>
  (await runCommand(commands, argv, { cwd: folder, env: { SHOP_KEY: 'k' } })).code;
const answered = async (answer: object, ...argv: string[]): Promise<number> =>
  (await runAgainst(answer, commands, [...argv, ...HERE], { cwd: tmpdir() })).code;
const refused = (status: number) => Response.json({ title: 'No', code: 'X' }, { status });
const told = (state: string) =>
  answered({ ...operatedRun, state }, 'dead-letters', 'resume', 'r1', '--reason', 'w');

/** By code: what commands do that end with it. */
const CASES: Readonly<Record<keyof typeof exit, Readonly<Record<string, () => Promise<number>>>>> = {
  clean: {
    'a workspace in which nothing is wrong': () => inWorkspace('check'),
    'a dry run that has nothing to do': () =>
      answered({ token: 't1', runs: [], expiresAtMs: 0 }, 'replay', '--key', 'k', '--reason', 'w'),
    'a run that goes on by itself': () => told('waiting'),
    help: () => inWorkspace('help'),
  },
  failed: {
    'no Tenon that answers': () => inWorkspace('runs', 'ls', '--url', 'http://127.0.0.1:1'),
    'a word that is refused because of how things stand': () =>
      answered(refused(409), 'runs', 'cancel', 'r1', '--reason', 'w'),
    'a run that there is not': () => answered(refused(404), 'runs', 'show', 'r1'),
  },
  usage: {
    'a mistaken call': () => inWorkspace('runs', 'show'),
    'a command that there is not': () => inWorkspace('runz'),
  },
  findings: {
    'a pipeline that is not sound': async () => {
      const path = join(folder, FILE);
      const text = await readFile(path, 'utf8');
      await writeFile(path, text.replace('deadline: 15m', 'deadline: soon'));
      const code = await inWorkspace('check');
      await writeFile(path, text);
      return code;
    },
    'two systems that do not agree': () =>
      answered(
        {
          report: 'j1',
          id: 'j1',
          state: 'complete',
          differences: 1,
          listed: 0,
          totals: [],
          counts: { missing: 1 },
          records: {},
          begunAtMs: 0,
        },
        'reconcile',
        'orders-agree',
        '--reason',
        'w',
      ),
  },
  notAuthorised: {
    'a token that is not known': () => answered(refused(401), 'runs', 'ls'),
    'a role that may not do it': () => answered(refused(403), 'kill', '--all', '--reason', 'w'),
    'a system that the manifest does not name': () =>
      inWorkspace('test', 'connector', 'shop', '--target', 'https://elsewhere.example'),
  },
  changesPending: {
    'files that are not as they would be generated': () => inWorkspace('generate', '--check'),
    'a dry run that has something to do': () =>
      answered(
        {
          token: 't1',
          runs: [{ runId: 'r1', key: 'k', effectsSkipped: [], effectsToSend: [], goesOn: true }],
          expiresAtMs: 0,
        },
        'replay',
        '--key',
        'k',
        '--reason',
        'w',
      ),
    'grants that nobody has signed off': () => inWorkspace('grants', '--check'),
  },
  partlyDone: {
    'a run that is parked again': () => told('failed'),
    'a run that is in doubt': () => told('inDoubt'),
    'data that was kept': () =>
      answered(
        {
          applied: true,
          runs: [],
          kept: [{ runId: 'r1', pipeline: 'p', state: 'running' }],
          events: 0,
          differences: 0,
          unreadable: 0,
          leavesTraces: false,
        },
        'erase',
        '--subject',
        'a',
        '--apply',
        '--reason',
        'w',
      ),
  },
};

it.each(
  Object.entries(CASES).flatMap(([name, cases]) =>
    Object.entries(cases).map(([what, run]) => [exit[name as keyof typeof exit], what, run] as const),
  ),
)('a command ends with %d for %s', async (code, _what, run) => {
  expect(await run()).toBe(code);
});

it.each([
  'add contract pets --from pets.yaml',
  'add connector store --contract shop',
  'add pipeline order-sent --on shop.orderPaid',
  'add reconciliation orders-agree --source shop.getOrder --target shop.getOrder',
  'generate',
  'check',
  'diff --against .',
  'test',
  'test connector',
  'ci',
  'dev',
  'serve',
  'sandbox',
  'deliver shop.orderPaid',
  'graph',
  'catalog',
  'grants',
  'health',
  'audit verify',
  'backup copy.db',
])('where there is no workspace a command ends with 2: %s', async (line) => {
  expect((await runCommand(commands, line.split(' '), { cwd: tmpdir() })).code).toBe(exit.usage);
});

it('health of a configuration that cannot be read is a finding, not none to ask', async () => {
  const path = join(folder, 'tenon.config.yaml');
  const text = await readFile(path, 'utf8');
  await writeFile(path, `${text}\n  - [`);
  expect([await inWorkspace('check'), await inWorkspace('health')]).toEqual([exit.findings, exit.findings]);
  await writeFile(path, text);
});

it('the help says what each code is', async () => {
  const { out } = await runCommand(commands, ['help'], { cwd: folder });
  for (const [key, { name }] of Object.entries(exitMeanings))
    expect(out).toMatch(new RegExp(`^Exit codes: .*\\b${exit[key as keyof typeof exit]} ${name}(,|$)`, 'm'));
});
