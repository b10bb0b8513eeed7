import { execFileSync } from 'node:child_process';
import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ciCommand } from '../commands/ci.ts';
import { diffCommand } from '../commands/diff.ts';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';
import { runCommand } from '../testing/run-command.ts';

const FILE = 'pipelines/order-paid.pipeline.yaml';
let folder: string;
let text: string;
beforeEach(async () => {
  folder = await initFolder('versions');
  text = await readFile(join(folder, FILE), 'utf8');
});
afterEach(() => rm(folder, { recursive: true }));

/** What is said of the pipeline as it is, where it was so before. */
async function against(before: string, command = ['diff']) {
  const file = join(folder, 'before', FILE);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, before);
  return runCommand([diffCommand, ciCommand], [...command, '--against', 'before'], { cwd: folder });
}

it('what a pipeline does is another under the same version: a warning at the version, which blocks nothing', async () => {
  const { code, out } = await against(text.replace('attempts: 5', 'attempts: 3'));
  expect(out).toContain(
    'warning pipeline-version-not-raised  `order-paid` says something else than in before, and its version is still 1',
  );
  expect(out).toContain(`${FILE}:6:12`);
  expect(code).toBe(exit.clean);
});

it('ci says so too', async () => {
  const { out } = await against(text.replace('attempts: 5', 'attempts: 3'), ['ci']);
  expect(out).toContain('pipeline-version-not-raised');
});

it('a version that went back is none that was raised', async () => {
  const before = text.replace('attempts: 5', 'attempts: 3').replace('version: 1', 'version: 4');
  expect((await against(before)).out).toContain('its version was 4 and is 1');
});

it('another owner asks for one: runs are parked with that of their plan', async () => {
  expect((await against(text.replace('respond: 30m', 'respond: 45m'))).out).toContain(
    'pipeline-version-not-raised',
  );
});

it('a contract that it is pinned to asks for none: it has a version of its own', async () => {
  const contract = 'contracts/shop/openapi.yaml';
  const before = await readFile(join(folder, contract), 'utf8');
  await mkdir(join(folder, 'before/contracts/shop'), { recursive: true });
  await writeFile(join(folder, 'before', contract), before.replace('  version: 1.', '  version: 0.'));
  const { out } = await against(text);
  expect(out).not.toContain('pipeline-version-not-raised');
});

it('a reconciliation is told as well', async () => {
  const file = 'pipelines/upgrades-agree.reconciliation.yaml';
  await cp(join(import.meta.dirname, '../../../..', file), join(folder, file));
  const before = await readFile(join(folder, file), 'utf8');
  await mkdir(join(folder, 'before/pipelines'), { recursive: true });
  await writeFile(join(folder, 'before', file), before.replace('respond: 1h', 'respond: 2h'));
  const { out } = await runCommand([diffCommand], ['diff', '--against', 'before'], { cwd: folder });
  expect(out).toContain('warning pipeline-version-not-raised  `upgrades-agree` says something else');
});

describe.each(['folder', 'git ref'])('against a %s', (kind) => {
  const MOVED = FILE.replace('order-paid', 'paid');
  async function moved(change: (text: string) => string) {
    if (kind === 'folder') await cp(join(folder, 'pipelines'), join(folder, 'before/pipelines'), COPY);
    else for (const line of ['init -q', 'add .', 'commit -qm before']) git(...line.split(' '));
    await rename(join(folder, FILE), join(folder, MOVED));
    await writeFile(join(folder, MOVED), change(text));
    const base = kind === 'folder' ? 'before' : 'HEAD';
    return (await runCommand([diffCommand], ['diff', '--against', base], { cwd: folder })).out;
  }
  const COPY = { recursive: true };
  const git = (...argv: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...argv], { cwd: folder });

  it('a pipeline is the same in a file of another name', async () => {
    const out = await moved((it) => it.replace('attempts: 5', 'attempts: 3'));
    expect(out).toContain('warning pipeline-version-not-raised  `order-paid` says something else');
    expect(out).toContain(`${MOVED}:6:12`);
  });

  it('and says the same there', async () => {
    expect(await moved((it) => it)).not.toContain('pipeline-version-not-raised');
  });
});

it.each([
  ['a comment', (it: string) => `# by hand\n${it}`],
  [
    'layout',
    (it: string) =>
      it.replace('retry: { attempts: 5, within: 2m }', 'retry:\n      within: 2m\n      attempts: 5'),
  ],
  ['the description', (it: string) => it.replace('send the goods', 'ship the goods')],
  [
    'the name, which makes it another',
    (it: string) => it.replace('name: order-paid', 'name: paid').replace('attempts: 5', 'attempts: 3'),
  ],
  ['nothing that could be read', () => 'metadata: ['],
])('%s asks for no other version', async (_what, earlier) => {
  expect(earlier(text)).not.toBe(text);
  expect((await against(earlier(text))).out).not.toContain('pipeline-version-not-raised');
});
