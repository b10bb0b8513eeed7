import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { exit } from '../exit.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenon-store-'));
  await tenon('init');
});
afterEach(() => rm(folder, { recursive: true }));

const kept = () => join(folder, '.tenon/cache/check');

async function tenon(...argv: string[]): Promise<{ code: number; said: string }> {
  const main = join(import.meta.dirname, '../main.ts');
  const child = spawn(process.execPath, ['--conditions=source', main, '--in', folder, ...argv]);
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => {
      said += text;
    });
  const [code] = (await once(child, 'close')) as [number];
  return { code, said };
}

it('what is kept is a help and never an answer that cannot be relied on', async () => {
  const pipelines = join(folder, 'pipelines');
  const [pipeline] = (await readdir(pipelines)).filter((name) => name.endsWith('.pipeline.yaml'));
  await appendFile(join(pipelines, pipeline!), 'onFailiure: hold\n');
  const afresh = await tenon('check', '--no-cache');
  expect(afresh.code).toBe(exit.findings);
  await expect(stat(kept())).rejects.toThrow();
  expect(await tenon('check')).toEqual(afresh);
  const whole = await readFile(kept(), 'utf8');
  expect(await tenon('check')).toEqual(afresh);
  expect(await readFile(kept(), 'utf8')).toBe(whole);
  const spoilt = [
    whole.slice(0, whole.length / 2),
    whole.replace('onFailiure', 'onFailure_'),
    whole.replace(/^tenon-check \S+/, 'tenon-check 0123'),
    '',
    'null\n',
    whole + whole,
  ];
  for (const text of spoilt) {
    expect(text).not.toBe(whole);
    await writeFile(kept(), text);
    expect(await tenon('check')).toEqual(afresh);
    expect(await readFile(kept(), 'utf8')).toBe(whole);
  }
});

it('two at once leave a whole file, and nothing else', async () => {
  const runs = await Promise.all([tenon('check'), tenon('check'), tenon('check')]);
  expect(new Set(runs.map(({ said }) => said)).size).toBe(1);
  expect((await readFile(kept(), 'utf8')).split('\n')).toHaveLength(4);
  expect(await readdir(join(folder, '.tenon/cache'))).toEqual(
    expect.not.arrayContaining([expect.stringMatching(/^check\./)]),
  );
});
