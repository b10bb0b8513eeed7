import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { deploymentOf } from './deployment.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenon-deployment-'));
});
afterEach(() => rm(folder, { recursive: true }));

const git = (...argv: string[]) =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...argv], {
    cwd: folder,
    encoding: 'utf8',
  }).trim();

it('names the commit that is checked out, and whether the workspace differs from it', async () => {
  const root = join(folder, 'workspace');
  await mkdir(root);
  await writeFile(join(root, 'tenon.config.yaml'), 'apiVersion: tenon/v1\n');
  git('init', '-q');
  expect(await deploymentOf(root, undefined), 'before the first commit').toEqual({});
  git('add', '.');
  git('commit', '-qm', 'one');
  const commit = git('rev-parse', 'HEAD');
  expect(await deploymentOf(root, undefined)).toEqual({ commit });
  await writeFile(join(folder, 'elsewhere'), 'not of the workspace');
  expect(await deploymentOf(root, 'release 7')).toEqual({ commit, reason: 'release 7' });
  await writeFile(join(root, 'new.pipeline.yaml'), '');
  expect(await deploymentOf(root, undefined)).toEqual({ commit, isChanged: true });
});

it('has the reason alone where nothing is under version control', async () => {
  expect(await deploymentOf(folder, undefined)).toEqual({});
  expect(await deploymentOf(folder, 'image 4711')).toEqual({ reason: 'image 4711' });
});
