import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@tenon/model';
import { openRuntime } from '@tenon/runtime';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runCommand } from '../testing/run-command.ts';
import { auditCommands } from './audit.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'tenon-audit-'));
});
afterEach(() => rm(cwd, { recursive: true }));

const audit = (...words: string[]) => runCommand(auditCommands, ['audit', ...words], { cwd });

it('an export into a file says how much is in it, and where', async () => {
  const runtime = await openRuntime({
    file: join(cwd, 'tenon.db'),
    clock: systemClock,
    random: systemRandom,
    transport: () => {
      throw new Error('nothing is called');
    },
  });
  await runtime.stop();
  const { code, out, err } = await audit('export', '--file', 'tenon.db', '--out', 'all.jsonl');
  const rows = (await readFile(join(cwd, 'all.jsonl'), 'utf8'))
    .split('\n')
    .filter((line) => /"row"/.test(line));
  expect([code, out, err]).toEqual([
    0,
    '',
    `exported ${rows.length} ${rows.length === 1 ? 'row' : 'rows'} to all.jsonl; \`tenon audit verify --export all.jsonl\` checks it\n`,
  ]);
  // Keys of events are in it, as in the database, which is its owner's alone.
  expect(((await stat(join(cwd, 'all.jsonl'))).mode & 0o077).toString(8)).toBe('0');
});

it.each([['verify'], ['export'], ['prove', '1']])(
  'a database that is not there is a mistake of the call: audit %s',
  async (...words) => {
    const { code, err } = await audit(...words, '--file', 'nope.db');
    expect(err).toContain('there is no file nope.db (argument-unknown)\n');
    expect(code).toBe(2);
  },
);
