import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ServedSandbox, serveSandboxes } from './serve.ts';

const root = fileURLToPath(new URL('.', import.meta.url));
const document = 'fixtures/shop.openapi.yaml';

describe('serveSandboxes', () => {
  it('runs several side by side', async () => {
    const { served, close } = await serveSandboxes({
      root,
      sandboxes: { shop: { contract: document, data: { customers: [{ id: 'a' }] } }, mail: { kind: 'smtp' } },
    });
    onTestFinished(close);
    expect(served.map(({ name }) => name)).toEqual(['shop', 'mail']);
    expect((await fetch(`${served[0]!.url}/customers/a`)).status).toBe(200);
    for (const { control } of served)
      expect(await (await fetch(`${control}/_sandbox/effects`)).json()).toEqual([]);
  });

  it('says which contract does not load, and leaves none running', async () => {
    const config = {
      root,
      sandboxes: { mail: { kind: 'smtp' as const }, shop: { contract: 'fixtures/absent.yaml' } },
    };
    await expect(serveSandboxes(config)).rejects.toThrow(
      /cannot start from fixtures\/absent.yaml\n.*contract-file-missing/,
    );
  });
});

describe('sandbox-main', () => {
  it('serves from a process of its own until its parent goes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tenon-sandboxes-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, 'sandboxes.json');
    await writeFile(file, JSON.stringify({ root, sandboxes: { shop: { contract: document } } }));
    const main = fileURLToPath(new URL('./sandbox-main.ts', import.meta.url));
    const child = spawn(process.execPath, ['--conditions=source', main, '--with-parent', file], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const { served } = JSON.parse(line.toString('utf8')) as { served: ServedSandbox[] };
    expect((await fetch(`${served[0]!.url}/settings`)).status).toBe(200);
    const ended = once(child, 'exit');
    child.stdin.end();
    expect((await ended)[0]).toBe(0);
  });
});
