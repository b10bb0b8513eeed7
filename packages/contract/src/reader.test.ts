import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { nodeFileReader } from './reader.ts';

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenon-reader-'));
  await mkdir(join(folder, 'root/sub'), { recursive: true });
  await writeFile(join(folder, 'secret.yaml'), 'secret');
  await writeFile(join(folder, 'root/sub/a.yaml'), 'a');
  await symlink(join(folder, 'secret.yaml'), join(folder, 'root/link.yaml'));
  await symlink('sub/a.yaml', join(folder, 'root/inside.yaml'));
  await symlink('circle.yaml', join(folder, 'root/circle.yaml'));
});

afterAll(() => rm(folder, { recursive: true }));

it('reads below its root, and nothing else', async () => {
  const { read } = nodeFileReader(join(folder, 'root'));
  expect(await read('sub/a.yaml')).toBe('a');
  expect(await read('inside.yaml')).toBe('a');
  for (const outside of [
    '../secret.yaml',
    'sub/../../secret.yaml',
    join(folder, 'secret.yaml'),
    'link.yaml',
    'none.yaml',
    'sub',
    'sub/a.yaml/x',
    'a\0.yaml',
    `${'a'.repeat(300)}.yaml`,
    'circle.yaml',
    '',
  ])
    expect(await read(outside), outside).toBeUndefined();
});
