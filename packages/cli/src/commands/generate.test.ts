import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';
import { runCommand } from '../testing/run-command.ts';
import { generateCommand } from './generate.ts';

let folder: string;
beforeEach(async () => {
  folder = await initFolder('generate');
});
afterEach(() => rm(folder, { recursive: true }));

it('tells a folder with many files in one line, and few of them one by one', async () => {
  await rm(join(folder, 'generated/shop'), { recursive: true, force: true });
  await rm(join(folder, 'generated/schema/pipeline.schema.json'), { force: true });
  const { code, said } = await runCommand([generateCommand], ['generate'], { cwd: folder });
  expect(said).toMatch(/^\+ generated\/shop\/ \(\d+ files\)$/m);
  expect(said).not.toContain('+ generated/shop/adapter.js');
  expect(said).toContain('+ generated/schema/pipeline.schema.json\n');
  expect(code).toBe(exit.clean);
});
