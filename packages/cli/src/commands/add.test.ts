import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@tenon/model';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommandLine } from '../command.ts';
import { exit } from '../exit.ts';
import { addCommands } from './add.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenon-add-'));
  await writeFile(join(folder, 'tenon.config.yaml'), 'apiVersion: tenon/v1\nkind: Workspace\n');
});
afterEach(() => rm(folder, { recursive: true }));

async function addContract(...options: string[]): Promise<{ code: number; said: string }> {
  let said = '';
  const say = (text: string): void => {
    said += text;
  };
  const code = await runCommandLine(addCommands, ['add', 'contract', 'shop', ...options], {
    out: say,
    err: say,
    cwd: folder,
    env: {},
    color: false,
    clock: systemClock,
    random: systemRandom,
    interrupted: () => new Promise(() => {}),
  });
  return { code, said };
}

describe('add contract', () => {
  it.each(['http://%%%', 'http://169.254.169.254/latest', 'http://127.0.0.1.example/a', 'nowhere.yaml'])(
    'takes nothing from %s, and says so',
    async (from) => {
      const { code, said } = await addContract('--from', from);
      expect(code).toBe(exit.findings);
      expect(said).toContain('contract-source-unreadable');
    },
  );

  it('writes a steward that YAML would read otherwise as the text it is', async () => {
    await writeFile(
      join(folder, 'from.yaml'),
      'openapi: 3.1.0\ninfo: { title: Shop, version: 1.0.0 }\npaths: {}\n',
    );
    await addContract('--from', 'from.yaml', '--owner', 'a: b\nkind: Other');
    const text = await readFile(join(folder, 'contracts/shop/contract.yaml'), 'utf8');
    expect(text).toContain('steward: "a: b\\nkind: Other"');
  });
});
