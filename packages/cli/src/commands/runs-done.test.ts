import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret, systemClock } from '@tenon/model';
import type { PlanStep } from '@tenon/pipeline';
import { call, failure, openBench, planFor, step } from '@tenon/runtime/testing';
import { startServer } from '@tenon/server';
import { expect, onTestFinished, test } from 'vitest';
import { TOKEN_FILE } from '../client/operations-client.ts';
import { runCommand } from '../testing/run-command.ts';
import { operateCommands } from './operate.ts';

const book = call('book', 'acme.create');
const each = step('forEach', 'lines', {
  in: 'event.lines',
  as: 'line',
  key: { expression: 'line.sku' },
  max: 9,
  concurrency: 1,
  onItemFailure: 'stop',
  steps: [book],
});

/** What a shell makes of a line. */
function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c!);
}

/** Runs what docs/operate.md shows in a block, against a run that is parked at the effect it names. */
test.each([
  ['of a step', 'done 01j… book', false, [book]],
  ['of an item', "done 01j… 'lines[A-7].book'", true, [each]],
] satisfies readonly (readonly [string, string, boolean, readonly PlanStep[]])[])(
  'what docs/operate.md shows of an effect done by hand lets the run go on: %s',
  async (_name, shown, isWithGuest, steps) => {
    const docs = await readFile(join(import.meta.dirname, '../../../../docs/operate.md'), 'utf8');
    const line = docs.split('\n').find((one) => one.startsWith(`tenon runs ${shown}`))!;
    const cwd = await mkdtemp(join(tmpdir(), 'tenon-done-'));
    onTestFinished(() => rm(cwd, { recursive: true }));
    await mkdir(join(cwd, '.tenon'));
    await writeFile(join(cwd, TOKEN_FILE), 'ada-token', { mode: 0o600 });
    await writeFile(join(cwd, 'booked.json'), JSON.stringify({ id: 'B-7', guest: 'mila' }));
    const bench = await openBench(
      planFor({ onFailure: 'hold', steps, redact: { 'steps.book': ['/guest'] } }),
    );
    const server = await startServer({
      runtime: bench.runtime,
      clock: systemClock,
      host: '127.0.0.1',
      port: 0,
      connections: new Map(),
      operators: [{ name: 'ada', role: 'operator', token: new Secret('file:token', 'ada-token') }],
      log: () => {},
    });
    try {
      bench.target.script = { create: [{ fail: failure('validation', 'HTTP_RESPONSE_STATUS') }] };
      const runId = await bench.order({ id: 'a', lines: [{ sku: 'A-7' }] });
      await bench.runtime.idle();
      expect(bench.state(runId)).toBe('failed');
      const argv = wordsOf(line.replace('01j…', runId)).slice(1);
      const run = (words: readonly string[]) =>
        runCommand(operateCommands, [...words, '--url', server.url], { cwd, clock: systemClock });
      const parked = await run(['runs', 'show', runId]);
      expect(parked.said).toContain(`tenon runs done ${runId} `);
      const { said, code } = await run(argv);
      expect([said, code]).toEqual(['taken as done by hand; it has succeeded\n', 0]);
      expect(bench.target.count('create')).toBe(1);
      const page = (await run(['runs', 'show', runId])).said;
      expect(page).toMatch(/done by hand by ada at .*: booked at their.*; with the result \{"id":"B-7"/);
      const read = await run(['runs', 'show', runId, '--format', 'json']);
      const record = JSON.parse(read.said).steps.find((one: { byHand?: object }) => one.byHand !== undefined);
      expect(record.result).toEqual(isWithGuest ? { id: 'B-7', guest: '[redacted]' } : { id: 'B-7' });
      expect(page + read.said).not.toContain('mila');
    } finally {
      await server.close();
      await bench.close();
    }
  },
);
