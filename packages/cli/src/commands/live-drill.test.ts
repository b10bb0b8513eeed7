import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import type { DrillReport, DrillResult, Switch } from '@tenon/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';
import { runCommand } from '../testing/run-command.ts';
import { type ServeProcess, serveProcess } from '../testing/serve-process.ts';
import { controlCommands } from './control.ts';
import { drillsCommands } from './drills.ts';

const MAIN = join(import.meta.dirname, '../main.ts');
let folder: string;
let served: ServeProcess;
beforeAll(async () => {
  folder = await initFolder('live-drill');
  served = await serveProcess(folder);
}, 60_000);
afterAll(async () => {
  await served.stop();
  await rm(folder, { recursive: true });
});

let orders = 0;
const order = () =>
  JSON.stringify({
    id: `evt_${++orders}`,
    orderId: `ord_${orders}`,
    occurredAt: '2026-11-02T10:15:00Z',
  });
const asked = (...words: string[]) => [
  ...['drill', 'live', 'kill-switch', '--pipeline', 'order-paid', '--url', served.url],
  ...['--reason', 'ticket 1', '--event', order(), ...words],
];
const tenon = (argv: readonly string[]) =>
  runCommand([...drillsCommands, ...controlCommands], argv, {
    cwd: folder,
    env: { TENON_TOKEN: served.token },
  });
const get = async <T>(path: string): Promise<T> => {
  const headers = { authorization: `Bearer ${served.token}` };
  return (await fetch(`${served.url}${path}`, { headers })).json() as Promise<T>;
};
const switches = async () => (await get<{ switches: Switch[] }>('/v1/switches')).switches;
const report = () => get<DrillReport>('/v1/drills');

/** The command as a process of its own, once its switch is thrown. */
async function thrown(...words: string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--conditions=source', MAIN, ...asked(...words)], {
    cwd: folder,
    env: { ...process.env, TENON_TOKEN: served.token },
    stdio: 'ignore',
  });
  while ((await switches()).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  return child;
}

async function over(): Promise<DrillResult> {
  for (;;) {
    const { underWay, results } = await report();
    if (underWay === undefined) return results[0]!;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('a kill switch of a Tenon that runs', () => {
  it('is thrown, held, lifted and judged, and the verdict is the exit code', async () => {
    const { code, out, said } = await tenon(asked('--hold', '3s', '--format', 'json'));
    const made: DrillResult = JSON.parse(out);
    expect(made).toMatchObject({
      kind: 'killSwitch',
      pipeline: 'order-paid',
      verdict: 'passed',
      judgedBy: 'runtime',
      findings: [],
      figures: { late: 0, waited: 1, takenIn: 1 },
    });
    expect([code, said]).toEqual([exit.clean, expect.stringContaining('holds order-paid')]);
    expect(await switches()).toEqual([]);
  });

  it('is lifted at once when the command is interrupted', async () => {
    const child = await thrown('--hold', '5m');
    child.kill('SIGINT');
    const [code] = await once(child, 'exit');
    expect([code, await switches()]).toEqual([exit.partlyDone, []]);
    const { verdict, findings } = await over();
    expect([verdict, findings.at(-1)]).toEqual([
      'inconclusive',
      expect.stringContaining('has stopped it: the command was interrupted'),
    ]);
  });

  it('is lifted by itself when the command is killed', async () => {
    const child = await thrown('--hold', '4s');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect((await tenon(['switches', '--url', served.url])).out).toContain('in a drill that lifts it');
    expect(await over()).toMatchObject({ verdict: 'passed', figures: { takenIn: 1 } });
    expect(await switches()).toEqual([]);
  });

  it('is stopped by another person, and is one at a time', async () => {
    const child = await thrown('--hold', '5m');
    const { underWay } = await report();
    const other = await tenon(asked());
    expect([other.code, other.said]).toEqual([exit.failed, expect.stringContaining('DRILL_UNDER_WAY')]);
    const stop = ['drill', 'stop', underWay!.id, '--url', served.url, '--reason', 'it is noon'];
    expect((await tenon(stop)).code).toBe(exit.clean);
    expect(await once(child, 'exit')).toEqual([exit.partlyDone, null]);
    expect(await switches()).toEqual([]);
  });

  it('is lifted by the next process where its own was killed', async () => {
    const child = await thrown('--hold', '5m');
    await served.stop('SIGKILL');
    expect(await once(child, 'exit')).toEqual([exit.failed, null]);
    served = await serveProcess(folder);
    expect(await switches()).toEqual([]);
    expect((await report()).results[0]).toMatchObject({
      verdict: 'inconclusive',
      findings: ['the process ended while it was held; the next one has lifted its switch'],
    });
  });
});

it.each([
  ['live kill-switch --reason x', 'is of a pipeline: give --pipeline'],
  ['live kill-switch --pipeline p', 'give --reason'],
  ['live kill-switch --pipeline p --hold long --reason x', '--hold is a duration such as 30s or 2m'],
  ['live kill-switch --pipeline p --event { --reason x', '--event is not JSON'],
  ['live walkthrough --pipeline p --reason x', 'there is no live drill walkthrough'],
  ['live flag --pipeline p --reason x', 'give --event or --event-file'],
  ['live rotation --reason x', 'is of a connection: give --connection'],
  ['live replay --pipeline p --from noon --reason x', '--from is no time such as'],
])('%s is refused before anything is sent', async (words, says) => {
  const { said, code } = await tenon(['drill', ...words.split(' ')]);
  expect([said, code]).toEqual([expect.stringContaining(says), exit.usage]);
});

it('one that comes to its end as it is interrupted says what came of it', async () => {
  const [phase, result] = [
    { id: 'd1', phase: 'lifts the switch' },
    { id: 'd1', verdict: 'inconclusive' },
  ];
  let isOver = false;
  const server = createServer((request, response) => {
    isOver ||= request.url === '/v1/drills/d1/stop';
    const isRefused = request.url === '/v1/drills/d1/stop';
    const problem = { title: 'Not found', code: 'DRILL_UNKNOWN' };
    const drill = isOver ? { ...result, kind: 'killSwitch', findings: [], figures: {} } : phase;
    response
      .writeHead(isRefused ? 404 : 200, { 'content-type': 'application/json' })
      .end(JSON.stringify(isRefused ? problem : drill));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  try {
    const { code, said } = await runCommand(
      drillsCommands,
      [
        'drill',
        'live',
        'kill-switch',
        '--pipeline',
        'a',
        '--reason',
        'x',
        '--url',
        `http://127.0.0.1:${port}`,
      ],
      { cwd: folder, env: { TENON_TOKEN: 'token' }, interrupted: async () => {} },
    );
    expect([code, said]).toEqual([exit.partlyDone, expect.stringContaining('inconclusive')]);
  } finally {
    server.close();
  }
});
