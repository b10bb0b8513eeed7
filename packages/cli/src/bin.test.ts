import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const bin = join(import.meta.dirname, '../bin/tenon.js');

test('the program of a clone, where nothing is built, is its source', async () => {
  // As a supervisor starts it: by its name, in another folder, with a Node on the PATH.
  const { stdout } = await run(bin, ['explain', 'effect-can-repeat'], { cwd: '/' });
  expect(stdout).toContain('effect-can-repeat');
});
