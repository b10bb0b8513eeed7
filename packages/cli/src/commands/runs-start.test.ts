import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret, systemClock } from '@tenon/model';
import { type Bench, call, childPlan, openBench, planFor } from '@tenon/runtime/testing';
import { startServer, type TenonServer } from '@tenon/server';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TOKEN_FILE } from '../client/operations-client.ts';
import { exit } from '../exit.ts';
import { runCommand } from '../testing/run-command.ts';
import { operateCommands } from './operate.ts';

let cwd: string;
let bench: Bench;
let server: TenonServer;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'tenon-start-'));
  await mkdir(join(cwd, '.tenon'));
  await writeFile(join(cwd, TOKEN_FILE), 'ada-token', { mode: 0o600 });
  bench = await openBench(childPlan({ steps: [call('book', 'acme.create')] }));
  await bench.runtime.activate(planFor({ steps: [call('book', 'acme.create')] }));
  server = await startServer({
    runtime: bench.runtime,
    clock: systemClock,
    host: '127.0.0.1',
    port: 0,
    connections: new Map(),
    operators: [{ name: 'ada', role: 'operator', token: new Secret('file:token', 'ada-token') }],
    log: () => {},
  });
});
afterEach(async () => {
  await server.close();
  await bench.close();
  await rm(cwd, { recursive: true });
});

const start = (...argv: string[]) =>
  runCommand(operateCommands, ['runs', 'start', ...argv, '--url', server.url], { cwd });

test('a manual pipeline is started with an input, once for its business key', async () => {
  const first = await start('child', '--input', '{"id":"a"}');
  expect(first).toMatchObject({ code: exit.clean, out: '' });
  expect(first.err).toMatch(/^child: run [0-9a-z]{26} started\n$/);
  await writeFile(join(cwd, 'again.json'), '{ "id": "a" }');
  const again = await start('child', '--input-file', 'again.json');
  expect(again.code).toBe(exit.clean);
  expect(again.err).toMatch(/^child: a duplicate: nothing started\. .* which succeeded\n$/);
  expect(bench.target.count('create')).toBe(1);
  const { out } = await start('child', '--input', '{"id":"b"}', '--format', 'json');
  expect(JSON.parse(out)).toMatchObject({ runs: [{ pipeline: 'child', started: true }] });
});

test('what cannot be started is told, and starts nothing', async () => {
  for (const [argv, says] of [
    [['child'], /must have required property|is required/],
    [['child', '--input', '{"id":'], /--input is not JSON at 1:7/],
    [['child', '--input', '[1]'], /input/],
    [['nothing', '--input', '{"id":"a"}'], /nothing/],
    [['orders', '--input', '{"id":"a"}'], /manual/],
  ] as const) {
    const { code, err } = await start(...argv);
    expect(err, argv.join(' ')).toMatch(says);
    expect(code, argv.join(' ')).not.toBe(exit.clean);
  }
  expect(bench.runtime.runs({})).toEqual([]);
});
