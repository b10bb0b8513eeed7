import { rm, writeFile } from 'node:fs/promises';
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

it('tells an edit from what is older, as far as this clone knows; what an earlier version committed goes', async () => {
  const generate = (...more: string[]) =>
    runCommand([generateCommand], ['generate', ...more], { cwd: folder });
  await generate();
  await writeFile(join(folder, 'generated/shop/types.d.ts'), 'export {};\n');
  expect((await generate('--check')).said).toContain('generated/shop/types.d.ts was edited by hand');
  expect((await generate('--check')).said, 'looking changes nothing').toContain('was edited by hand');
  await rm(join(folder, '.tenon'), { recursive: true });
  const inClone = await generate('--check');
  expect(inClone.said).toContain('generated/shop/types.d.ts is not what would be made now');
  expect(inClone.code).toBe(exit.changesPending);
  await writeFile(join(folder, 'generated/shop/stamp.json'), '{}\n');
  expect((await generate()).said).toContain('- generated/shop/stamp.json\n');
  expect((await generate('--check')).code).toBe(exit.clean);
});
