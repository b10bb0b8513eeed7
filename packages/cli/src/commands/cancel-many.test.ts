import { tmpdir } from 'node:os';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { exit } from '../exit.ts';
import { runAgainst } from '../testing/fake-server.ts';
import { HERE, operatedRun as run } from '../testing/operated-run.ts';
import { runsCommands } from './runs.ts';

afterEach(() => vi.unstubAllGlobals());

const asked = (answer: Parameters<typeof runAgainst>[0], ...argv: string[]) =>
  runAgainst(answer, runsCommands, [...argv, ...HERE], { cwd: tmpdir() });

const one = { runId: 'r1', pipeline: 'orders', version: 2, key: 'o-1', state: 'waiting', step: 'gate' };
const report = {
  token: 't1',
  expiresAtMs: Date.parse('2026-12-02T03:00:00Z'),
  runs: [
    { ...one, effectsDone: ['charge'] },
    {
      ...one,
      runId: 'r2',
      key: 'o-2',
      state: 'inDoubt',
      effectsDone: [],
      refused: 'RUN_IN_DOUBT: settle it',
    },
  ],
};

it('runs ls asks for those of a version, of a plan, and those that have not ended', async () => {
  const argv = ['runs', 'ls', '--pipeline', 'orders', '--version', '2', '--plan', 'sha256:a', '--open'];
  const { sent } = await asked({ runs: [run] }, ...argv);
  expect(sent[0]).toBe('GET /v1/runs?pipeline=orders&planHash=sha256%3Aa&version=2&open=true');
});

it.each(['0', 'two', '1.5'])('a version is a whole number: %s is none', async (version) => {
  const { text, code, sent } = await asked({}, 'runs', 'ls', '--version', version);
  expect(text).toContain('--version is a whole number from 1 on');
  expect([code, sent]).toEqual([exit.usage, []]);
});

describe('runs cancel by a filter', () => {
  it('is a dry run, which names the runs with what they have done, and how they are cancelled', async () => {
    const line = ['--pipeline', 'orders', '--version', '2', '--reason', 'v2 charges twice'];
    const { text, sent, code } = await asked(report, 'runs', 'cancel', ...line);
    expect(sent).toEqual([
      `POST /v1/cancellations ${JSON.stringify({ filter: { pipeline: 'orders', version: 2 }, reason: 'v2 charges twice' })}`,
    ]);
    expect(text).toMatch(/^RUN +PIPELINE +VERSION +KEY +STATE +STEP +EFFECTS DONE +REFUSED$/m);
    expect(text).toMatch(/^r1 +orders +2 +o-1 +waiting +gate +charge *$/m);
    expect(text).toMatch(/^r2 +.* – +RUN_IN_DOUBT: settle it$/m);
    expect(text).toContain(
      'dry run: 1 of 2 runs would be cancelled, refused 1; tenon runs cancel --apply t1 --reason … does exactly this, until 2026-12-02 03:00:00Z\n',
    );
    expect(code).toBe(exit.changesPending);
  });

  it('of which there is none is nothing to do', async () => {
    const none = { ...report, runs: [] };
    const { text, code } = await asked(none, 'runs', 'cancel', '--state', 'waiting', '--reason', 'why');
    expect([text, code]).toEqual(['dry run: nothing to do (no run fits)\n', exit.clean]);
    const json = await asked(
      none,
      'runs',
      'cancel',
      '--state',
      'waiting',
      '--reason',
      'w',
      '--format',
      'json',
    );
    expect(JSON.parse(json.out)).toEqual({ runs: [] });
  });

  it('is applied by its token, and says what was not', async () => {
    const answer = {
      runs: [
        { runId: 'r1', pipeline: 'orders', key: 'o-1' },
        { runId: 'r2', pipeline: 'orders', key: 'o-2', refused: 'RUN_IN_DOUBT: settle it' },
      ],
    };
    const { text, sent, code } = await asked(answer, 'runs', 'cancel', '--apply', 't1', '--reason', 'looked');
    expect(sent).toEqual([`POST /v1/cancellations/t1/apply ${JSON.stringify({ reason: 'looked' })}`]);
    expect(text).toMatch(/^r2 +orders +o-2 +RUN_IN_DOUBT: settle it$/m);
    expect(text).not.toMatch(/^r1 /m);
    expect(text).toContain('cancelled: 1 of 2 runs; what they did is undone');
    expect(code).toBe(exit.partlyDone);
    const all = await asked({ runs: [answer.runs[0]] }, 'runs', 'cancel', '--apply', 't1', '--reason', 'l');
    expect([all.out, all.code]).toEqual(['', exit.clean]);
  });

  it.each([
    [
      ['--reason', 'why'],
      'name a run, or those of --pipeline, --version, --plan, --state, --key, --order-key or --connection',
    ],
    [['r1', '--version', '2', '--reason', 'why'], 'name a run, or those of'],
    [
      ['r1', '--apply', 't1', '--reason', 'why'],
      '--apply goes by what the dry run named: give its token alone',
    ],
    [['--version', '2', '--apply', 't1', '--reason', 'why'], '--apply goes by what the dry run named'],
    [['--version', '2'], 'give --reason, in words'],
    [['--apply', 't1'], 'give --reason, in words'],
  ])('%j is a mistake', async (argv, says) => {
    const { text, code, sent } = await asked({}, 'runs', 'cancel', ...argv);
    expect([text.includes(says), code, sent], text).toEqual([true, exit.usage, []]);
  });
});
