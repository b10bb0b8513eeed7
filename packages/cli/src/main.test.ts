import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exit } from './exit.ts';

const ROOT = join(import.meta.dirname, '../../..');
const ENV = {
  ...process.env,
  SHOP_URL: 'http://127.0.0.1:9',
  SHOP_KEY: 'k',
  SHOP_WEBHOOK_SECRET: 's',
};
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenon-main-'));
});
afterEach(() => rm(folder, { recursive: true }));

function tenon(...argv: string[]) {
  return spawn(
    process.execPath,
    ['--conditions=source', join(import.meta.dirname, 'main.ts'), '--in', folder, ...argv],
    { env: ENV },
  );
}

/** Says it in a line of its log, after those of the pipelines that it activates. */
async function addressOf(log: Readable): Promise<string> {
  let said = '';
  for await (const text of log.iterator({ destroyOnReturn: false })) {
    said += String(text);
    const serving = said.split('\n').find((line) => line.includes('"kind":"serving"') && line.endsWith('}'));
    if (serving !== undefined) return (JSON.parse(serving) as { url: string }).url;
  }
  throw new Error(`it ended without serving: ${said}`);
}

describe('a reader that goes away', () => {
  it('ends a server in order, and as failed, so that a supervisor starts it again', async () => {
    expect((await once(tenon('init'), 'exit'))[0]).toBe(exit.clean);
    const serving = tenon('serve', '--port', '0');
    const url = await addressOf(serving.stdout);
    serving.stdout.destroy();
    const ended = once(serving, 'exit');
    await fetch(`${url}/hooks/nobody/nothing`, { method: 'POST' });
    expect(await ended).toEqual([exit.failed, null]);
  });

  it('is no failure of a command that only prints', async () => {
    const printing = tenon('explain');
    printing.stdout.destroy();
    expect(await once(printing, 'exit')).toEqual([exit.clean, null]);
  });
});

describe('a workspace that cannot be written', () => {
  it('is said with its path, and not as a failure of tenon', async () => {
    expect((await once(tenon('init'), 'exit'))[0]).toBe(exit.clean);
    await rm(join(folder, 'generated'), { recursive: true });
    await writeFile(join(folder, 'generated'), 'a file where a folder is needed');
    const generating = tenon('generate');
    let said = '';
    generating.stderr.on('data', (text) => {
      said += text;
    });
    expect((await once(generating, 'close'))[0]).toBe(exit.failed);
    expect(said).toContain(join(folder, 'generated'));
    expect(said).not.toContain('tenon itself failed');
  });
});

describe('a supervisor', () => {
  it('ends a server by SIGTERM, when it starts it as docs/operate.md says', async () => {
    expect((await once(tenon('init'), 'exit'))[0]).toBe(exit.clean);
    const config = join(folder, 'tenon.config.yaml');
    await writeFile(config, (await readFile(config, 'utf8')).replace('port: 4700', 'port: 0'));
    // The clone that the page speaks of is this one.
    const unit = (await readFile(join(ROOT, 'docs/operate.md'), 'utf8')).replaceAll('/opt/tenon', ROOT);
    const [, path] = /^Environment=PATH=(.*)$/m.exec(unit)!;
    const [command, ...words] = /^ExecStart=(.*)$/m.exec(unit)![1]!.split(' ');
    const serving = spawn(command!, words, { cwd: folder, env: { ...ENV, PATH: path } });
    await addressOf(serving.stdout);
    let logged = '';
    serving.stdout.on('data', (text) => {
      logged += text;
    });
    const ended = once(serving, 'close');
    serving.kill('SIGTERM');
    expect(await ended).toEqual([exit.clean, null]);
    expect(logged).toContain('"kind":"stopping"');
  });
});

describe('a start that fails', () => {
  it('ends the process, also where a store of quotas was being connected to', async () => {
    expect((await once(tenon('init'), 'exit'))[0]).toBe(exit.clean);
    await appendFile(join(folder, 'tenon.config.yaml'), "\nquotas: { redis: 'redis://127.0.0.1:9' }\n");
    // A folder is no database.
    await mkdir(join(folder, 'x.db'));
    const serving = tenon('serve', '--port', '0', '--engine-file', join(folder, 'x.db'));
    expect((await once(serving, 'exit'))[0]).toBe(exit.failed);
  });
});
