import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@tenon/model';
import { openRuntime } from '@tenon/runtime';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { commands } from './commands/index.ts';
import { exit } from './exit.ts';
import { runAgainst } from './testing/fake-server.ts';
import { initFolder } from './testing/init-folder.ts';
import { HERE, operatedRun } from './testing/operated-run.ts';
import { runCommand } from './testing/run-command.ts';

/** What a command that fails has found, or failed for. */
interface Failed {
  readonly error?: { readonly code?: string };
  readonly findings?: readonly { readonly code?: string }[];
  readonly verdicts?: readonly { readonly verdict: string; readonly code?: string }[];
}

/** A call that succeeds, and one that does not where another is needed for that. */
interface Line {
  readonly line: string;
  /** What a Tenon answers, by the path that is asked; `{}` where it is not said. */
  readonly answers?: Readonly<Record<string, object>>;
  /** Default 0. */
  readonly code?: number;
  readonly fails?: string;
}

const run = { '/v1/runs/r1': operatedRun };
const dryRun = { token: 't1', runs: [], items: [], events: [], expiresAtMs: 0 };
const report = {
  id: 'j1',
  reconciliation: 'orders-agree',
  state: 'complete',
  begunAtMs: 0,
  differences: 0,
  listed: 0,
  totals: [],
};
const switched = { id: 'kill/everything', kind: 'kill', scope: { everything: true }, sinceMs: 0 };
const why = '--reason why';
const RECONCILED = { '/v1/reports/j1': report, '/v1/reconciliations/orders-agree/reports': { report: 'j1' } };

/** Commands that ask a running Tenon. */
const ASKED: Readonly<Record<string, Line>> = {
  'runs ls': { line: '', answers: { '/v1/runs': { runs: [] } } },
  'runs show': { line: 'r1', answers: run },
  'runs trace': { line: '--key k', answers: { '/v1/trace': { entries: [] } } },
  'runs start': {
    line: 'orders',
    answers: { '/v1/pipelines/orders/runs': { duplicateDelivery: false, runs: [] } },
  },
  'runs close': { line: `r1 ${why}`, answers: { '/v1/runs/r1': { ...operatedRun, state: 'cancelled' } } },
  'runs cancel': { line: `r1 ${why}`, answers: { '/v1/runs/r1': { ...operatedRun, state: 'cancelled' } } },
  'runs done': { line: `r1 pay ${why}`, answers: run },
  'runs undone': { line: `r1 pay ${why}`, answers: run },
  'in-doubt': { line: '', answers: { '/v1/in-doubt': { inDoubt: [] } } },
  'in-doubt settle': { line: `r1 pay --verdict redo ${why}`, answers: run },
  fixes: { line: '', answers: { '/v1/forward-fixes': { forwardFixes: [] } } },
  'fixes close': { line: `r1 pay ${why}` },
  approvals: { line: '', answers: { '/v1/approvals': { approvals: [] } } },
  'approvals approve': { line: `r1 go ${why}`, answers: run },
  'approvals reject': { line: `r1 go ${why}`, answers: run },
  'dead-letters': { line: '', answers: { '/v1/dead-letters': { deadLetters: [] } } },
  'dead-letters groups': { line: '', answers: { '/v1/dead-letter-groups': { groups: [] } } },
  'dead-letters resume': { line: `r1 ${why}`, answers: run },
  replay: { line: `--key k ${why}`, answers: { '/v1/replays': dryRun } },
  'replay apply': { line: `t1 ${why}` },
  'replay status': { line: 't1' },
  reconcile: { line: `orders-agree ${why}`, answers: RECONCILED },
  'reconcile list': { line: '', answers: { '/v1/reconciliations': { reconciliations: [] } } },
  'reconcile reports': { line: '', answers: { '/v1/reports': { reports: [] } } },
  'reconcile show': { line: 'j1', answers: RECONCILED },
  'reconcile repair': { line: `j1 ${why}`, answers: { '/v1/reports/j1/repairs': dryRun } },
  'reconcile apply': { line: `t1 ${why}` },
  'reconcile status': { line: 't1' },
  quarantine: { line: '', answers: { '/v1/dead-letters': { deadLetters: [] } } },
  'quarantine recheck': { line: why, answers: { '/v1/quarantine/recheck': dryRun } },
  flow: { line: '' },
  kill: { line: `--all ${why}`, answers: { '/v1/switches': switched } },
  'kill lift': { line: `--all ${why}` },
  pause: { line: `orders ${why}`, answers: { '/v1/switches': switched } },
  resume: { line: `orders ${why}` },
  rollback: {
    line: `orders ${why}`,
    answers: { '/v1/switches': { ...switched, kind: 'rollback', version: 2 } },
  },
  scale: {
    line: `orders --concurrency 5 ${why}`,
    answers: { '/v1/switches': { ...switched, kind: 'scale', concurrency: 5 } },
  },
  switches: { line: '', answers: { '/v1/switches': { switches: [] } } },
  'switches flag': {
    line: `orders --share 10% --until 1d ${why}`,
    answers: {
      '/v1/switches': { ...switched, kind: 'flag', keys: [], events: [], share: 0.1, expiresAtMs: 0 },
    },
  },
  'drill ls': { line: '', answers: { '/v1/drills': { atMs: 0, due: [], results: [] } } },
  'drill live': {
    line: `kill-switch --pipeline orders ${why}`,
    answers: {
      '/v1/drills/live': { id: 'd1' },
      '/v1/drills/d1': {
        id: 'd1',
        kind: 'killSwitch',
        pipeline: 'orders',
        verdict: 'passed',
        figures: {},
        findings: [],
      },
    },
  },
  'drill stop': { line: `d1 ${why}` },
  'drill record': {
    line: `walkthrough --pipeline orders --verdict passed ${why}`,
    answers: { '/v1/drills': { id: 'd1', kind: 'walkthrough', verdict: 'passed', endedAtMs: 0 } },
  },
  'switches lift': { line: `kill/everything ${why}` },
  erase: {
    line: `--subject a ${why}`,
    answers: {
      '/v1/erasures': {
        runs: [],
        kept: [],
        events: 0,
        differences: 0,
        requests: 0,
        unreadable: 0,
        leavesTraces: false,
      },
    },
  },
  data: { line: '' },
  'data rewrap': { line: why, answers: { '/v1/protection/rewrap': { files: 2, current: 'k1' } } },
  secrets: { line: '', answers: { '/v1/secrets': { users: [] } } },
};

/** Commands over a workspace; where they are to fail there is none. */
const WORKSPACE: Readonly<Record<string, Line>> = {
  init: { line: 'new', fails: '../workspace' },
  generate: { line: '' },
  check: { line: '' },
  diff: { line: '--against .' },
  test: { line: 'shop' },
  'test connector': { line: '--list', fails: 'shop' },
  drill: { line: '--only answer', fails: 'none' },
  ci: { line: '' },
  grants: { line: '' },
  // Its variables are not set, and its port is another's as may be.
  doctor: { line: '', code: exit.findings },
  backup: { line: 'copy.db --file tenon.db', fails: 'copy.db --file nowhere.db' },
  // Nothing answers there.
  health: { line: '', code: exit.findings },
  'data rewrite': { line: '--file tenon.db', fails: '--file nowhere.db' },
  'audit verify': { line: '--file tenon.db', fails: '--file nowhere.db' },
  // Last, as what they add is not finished.
  'add contract': { line: 'pets --from pets.yaml --owner platform' },
  'add connector': { line: 'store --contract shop' },
  'add pipeline': { line: 'order-sent --on shop.orderPaid --call shop.getOrder' },
  'add reconciliation': {
    line: 'orders-agree --source shop.getOrder --target shop.getOrder',
    code: exit.findings,
  },
};

const asked = commands.filter(({ options }) => options?.['format']?.choices?.includes('json'));
const answering = asked.filter(({ isLog }) => !isLog).map(({ name }) => name);

let folder: string;
let closedPort: number;
const workspace = (): string => join(folder, 'workspace');
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenon-json-'));
  await mkdir(join(folder, 'empty'));
  const made = await initFolder('json');
  await rename(made, workspace());
  await writeFile(
    join(workspace(), 'pets.yaml'),
    'openapi: 3.1.0\ninfo: { title: Pets, version: 1.0.0 }\npaths: {}\n',
  );
  const runtime = await openRuntime({
    file: join(workspace(), 'tenon.db'),
    clock: systemClock,
    random: systemRandom,
    transport: () => {
      throw new Error('nothing is called');
    },
  });
  await runtime.stop();
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  closedPort = (server.address() as AddressInfo).port;
  await new Promise((closed) => server.close(closed));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => vi.unstubAllGlobals());

const words = (name: string, line: string): string[] => [
  ...`${name} ${line}`.trim().split(' '),
  '--format',
  'json',
];
const env = { SHOP_URL: 'http://127.0.0.1:1', SHOP_KEY: 'k' };

it('every command that takes --format json is among them, and none that does not', () => {
  expect([...Object.keys(ASKED), ...Object.keys(WORKSPACE)].toSorted()).toEqual(answering.toSorted());
  expect(asked.filter(({ isLog }) => isLog).map(({ name }) => name)).toEqual(['dev', 'serve']);
});

describe.each(answering)('%s', (name) => {
  it('mistaken, answers with one document that says the mistake', async () => {
    const argv = words(name, '--no-such-option');
    const { out, code } = await runCommand(commands, argv, { cwd: workspace() });
    expect(JSON.parse(out)).toMatchObject({ exitCode: 2, error: { code: 'option-unknown' } });
    expect(code).toBe(exit.usage);
  });
});

describe.each(Object.entries(ASKED))('%s', (name, { line, answers = {} }) => {
  it('answers with one document', async () => {
    const answer = (_before: number, request: string): object => {
      const [path] = request.split(' ')[1]!.split('?');
      return answers[path!] ?? {};
    };
    const { out, text, code } = await runAgainst(answer, commands, [...words(name, line), ...HERE], {
      cwd: folder,
    });
    expect(code, text).toBe(exit.clean);
    expect(JSON.parse(out)).not.toHaveProperty('error');
  });

  it('answers with one document where no Tenon does', async () => {
    const argv = [...words(name, line), '--url', `http://127.0.0.1:${closedPort}`];
    const { out, code } = await runCommand(commands, argv, { cwd: folder });
    expect(code).toBe(exit.failed);
    expect(JSON.parse(out)).toEqual({
      exitCode: 1,
      error: { code: 'ECONNREFUSED', message: expect.stringContaining('no Tenon answers at') },
    });
  });

  it('answers with the code of what was refused', async () => {
    const refused = () => Response.json({ title: 'No', detail: 'why', code: 'REFUSED' }, { status: 403 });
    const argv = [...words(name, line), ...HERE];
    const { out, code } = await runAgainst(refused, commands, argv, { cwd: folder });
    expect(code).toBe(exit.notAuthorised);
    expect(JSON.parse(out)).toEqual({
      exitCode: 4,
      error: { code: 'REFUSED', message: 'No: why (REFUSED)' },
    });
  });
});

it('a database that cannot be opened is said by its code', async () => {
  const argv = words('audit verify', '--file empty');
  const { out, err, code } = await runCommand(commands, argv, { cwd: folder });
  const said = { code: 'RUNTIME_FILE_UNREADABLE', message: err.trim() };
  expect([JSON.parse(out), code]).toEqual([{ exitCode: 1, error: said }, exit.failed]);
});

it('a connection that cannot be asked, as its code is broken, is said by the code of that', async () => {
  const broken = await initFolder('json-broken');
  await mkdir(join(broken, 'connectors/shop/src'));
  await writeFile(join(broken, 'connectors/shop/src/index.ts'), 'throw new Error("no");\n');
  const { out, err, code } = await runCommand(commands, words('health', ''), { cwd: broken, env });
  const message = expect.stringContaining('this code cannot be loaded: no');
  expect([JSON.parse(out), code]).toEqual([
    { exitCode: 1, error: { code: 'connector-code-broken', message } },
    exit.failed,
  ]);
  expect(err).toContain('see `tenon explain connector-code-broken`');
  await rm(broken, { recursive: true });
});

it('a system that the kit is not to call is said by a code', async () => {
  const argv = words('test connector', 'shop --target https://api.shop.example');
  const { out, err, code } = await runCommand(commands, argv, { cwd: workspace(), env });
  const error = { code: 'target-refused', message: err.trim() };
  expect([JSON.parse(out), code]).toEqual([{ exitCode: 4, error }, exit.notAuthorised]);
});

describe.each(Object.entries(WORKSPACE))(
  '%s',
  (name, { line, code: expected = exit.clean, fails = line }) => {
    it('answers with one document', { timeout: 60_000 }, async () => {
      const { out, said, code } = await runCommand(commands, words(name, line), { cwd: workspace(), env });
      expect(code, said).toBe(expected);
      expect(JSON.parse(out)).not.toHaveProperty('error');
    });

    it('answers with one document where it fails', async () => {
      const { out, code } = await runCommand(commands, words(name, fails), {
        cwd: join(folder, 'empty'),
        env,
      });
      expect(code).not.toBe(exit.clean);
      const { error, findings, verdicts } = JSON.parse(out) as Failed;
      const found = findings?.[0] ?? verdicts?.find(({ verdict }) => verdict === 'failed') ?? error;
      expect(found?.code).toMatch(/^[a-zA-Z-_]+$/);
    });
  },
);
