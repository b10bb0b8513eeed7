import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock, systemRandom } from '@tenon/model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from './command.ts';
import { commands } from './commands/index.ts';
import type { Io } from './io.ts';
import { type CliCase, cliCases } from './rules.cases.ts';

const scratch: string[] = [];
const provider = createServer((_request, response) => response.writeHead(204).end());
beforeAll(() => once(provider.listen(0, '127.0.0.1'), 'listening'));
afterAll(() => {
  provider.close();
  for (const path of scratch) rmSync(path, { recursive: true, force: true });
});

/** All that a command line says, with its findings as JSON where it prints them so. */
async function said({ init, files = {}, run }: CliCase): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-cli-'));
  scratch.push(folder);
  const root = join(folder, 'workspace');
  mkdirSync(root);
  let text = '';
  const keep = (piece: string): void => {
    text += piece;
  };
  const io: Io = {
    out: keep,
    err: keep,
    cwd: root,
    env: {},
    color: false,
    clock: systemClock,
    random: systemRandom,
    interrupted: () => new Promise(() => {}),
  };
  if (init !== false) await runCommandLine(commands, ['init'], io);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  text = '';
  const { port } = provider.address() as AddressInfo;
  await runCommandLine(
    commands,
    run.map((word) => word.replace('<provider>', `http://127.0.0.1:${port}`)),
    io,
  );
  return text;
}

describe.each(Object.entries(cliCases))('%s', (code, { fires, silent }) => {
  // Of a finding before what it says, of a mistaken call after it.
  const is = new RegExp(` ${code}  | \\(${code}\\)$`, 'm');
  it('fires', { timeout: 60_000 }, async () => expect(await said(fires)).toMatch(is));
  it('is silent', { timeout: 60_000 }, async () => expect(await said(silent)).not.toMatch(is));
});
