import { tmpdir } from 'node:os';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runAgainst } from '../testing/fake-server.ts';
import { HERE, operatedRun as run } from '../testing/operated-run.ts';
import { operateCommands } from './operate.ts';
import { replayCommands } from './replay.ts';

afterEach(() => vi.unstubAllGlobals());

it('runs ls names the switches that hold a run, and the run that goes before it', async () => {
  const runs = [{ ...run, state: 'accepted', heldBy: ['pause/orders'], behind: 'r0' }, run];
  const argv = ['runs', 'ls', ...HERE];
  const { text } = await runAgainst({ runs }, operateCommands, argv, { cwd: tmpdir() });
  const [header, , held, free] = text.split('\n');
  const at = header!.indexOf('HELD BY');
  expect([held, free].map((line) => line!.slice(at))).toEqual(['pause/orders, run r0 before it', '']);
});

it('runs ls asks for those of one entity, and runs show names it', async () => {
  const { sent } = await runAgainst(
    { runs: [] },
    operateCommands,
    ['runs', 'ls', '--order-key', 'acc-1', ...HERE],
    {
      cwd: tmpdir(),
    },
  );
  expect(sent).toEqual(['GET /v1/runs?orderKey=acc-1']);
  const { text } = await runAgainst(
    { ...run, orderKey: 'acc-1' },
    operateCommands,
    ['runs', 'show', 'r1', ...HERE],
    {
      cwd: tmpdir(),
    },
  );
  expect(text).toContain('order key  acc-1\n');
});

it('runs ls asks for those of one account, and says whose each is', async () => {
  const tenon = (answer: object, ...argv: string[]) =>
    runAgainst(answer, operateCommands, [...argv, ...HERE], { cwd: tmpdir() });
  const runs = [{ ...run, connection: 'shop-us' }, run];
  const { sent, text } = await tenon({ runs }, 'runs', 'ls', '--connection', 'shop-us');
  expect(sent).toEqual(['GET /v1/runs?connection=shop-us']);
  const [header, , first] = text.split('\n');
  expect(first!.slice(header!.indexOf('CONNECTION'))).toMatch(/^shop-us /);
  const { text: shown } = await tenon({ ...run, connection: 'shop-us' }, 'runs', 'show', 'r1');
  expect(shown).toContain('came over  shop-us\n');
  expect((await tenon({ runs: [run] }, 'runs', 'ls')).text).not.toContain('CONNECTION');
});

describe('runs trace', () => {
  const unknown = Response.json({ title: 'No such run', code: 'HTTP_RESOURCE_UNKNOWN' }, { status: 404 });
  const trace = (...argv: string[]) =>
    runAgainst(
      (_, request) => (request.startsWith('GET /v1/trace') ? { entries: [] } : unknown.clone()),
      operateCommands,
      ['runs', ...argv, ...HERE],
      { cwd: tmpdir() },
    );

  it('of an unknown run says what runs show says of it', async () => {
    const { text, code } = await trace('trace', 'r9');
    expect([text, code]).toEqual([
      'No such run (HTTP_RESOURCE_UNKNOWN); a run is named by its id: `tenon runs ls --key r9` lists those of a business key\n',
      1,
    ]);
    const shown = await trace('show', 'r9');
    expect([text, code]).toEqual([shown.text, shown.code]);
  });

  it.each(['--key=k', '--correlation=c', '--system'])(
    'with %s is none where there is nothing',
    async (of) => {
      const { text, code } = await trace('trace', of);
      expect([text, code]).toEqual(['none\n', 0]);
    },
  );
});

describe('of a run that there is not', () => {
  const told = async (asked: string, ...line: string[]) => {
    const problem = { title: 'Not found', detail: `there is no run ${asked}`, code: 'RUN_NOT_FOUND' };
    const { text } = await runAgainst(
      (_before, request) =>
        Response.json(
          request.startsWith('POST') ? problem : { title: 'No such run', code: 'HTTP_RESOURCE_UNKNOWN' },
          { status: 404 },
        ),
      [...operateCommands, ...replayCommands],
      [...line, ...HERE],
      { cwd: tmpdir() },
    );
    return text;
  };
  const says = "; a run is named by its id: `tenon runs ls --key 'order 7'` lists those of a business key\n";

  it.each([
    ['runs', 'show'],
    ['runs', 'cancel', '--reason', 'why'],
    ['dead-letters', 'resume', '--reason', 'why'],
  ])('but a business key it is said how its runs are found: %s %s', async (...line) => {
    expect(await told('order 7', ...line, 'order 7')).toContain(says);
    const id = '01m8px7x8n6zj3rmwzwb6raqv2';
    expect(await told(id, ...line, id)).not.toContain('business key');
  });
});
