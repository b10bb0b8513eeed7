import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkCommand } from '../commands/check.ts';
import { exit } from '../exit.ts';
import { runCommand } from '../testing/run-command.ts';

const TEMPLATE = join(import.meta.dirname, '../../templates/init');
const LOST = 'pipelines/lost.pipeline.yaml';

let repository: string;
beforeEach(async () => {
  repository = await mkdtemp(join(tmpdir(), 'tenon-session-'));
  await cp(TEMPLATE, join(repository, 'systems/shop'), { recursive: true });
  await writeFile(join(repository, 'systems/shop', LOST), 'apiVersion: tenon/v1\nkind: Pipline\n');
});
afterEach(() => rm(repository, { recursive: true }));

const check = (format: string) =>
  runCommand([checkCommand], ['check', '--format', format], { cwd: join(repository, 'systems/shop') });

it('a workspace that is a folder of a repository names files as the repository does, to what knows them by that', async () => {
  await mkdir(join(repository, '.git'));
  const { code, out } = await check('github');
  expect(code).toBe(exit.findings);
  expect(out).toContain(`file=systems/shop/${LOST},line=2`);
  expect((await check('sarif')).out).toContain(`"uri": "systems/shop/${LOST}"`);
  expect((await check('human')).out, 'people are in the workspace').toContain(`┌─ ${LOST}:2:7`);
});

it('one that is no part of a repository names them by itself', async () => {
  expect((await check('github')).out).toContain(`file=${LOST},line=2`);
});
