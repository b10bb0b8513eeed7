import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@tenon/model';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runCommandLine } from '../command.ts';
import { devCommand, serveCommand } from '../commands/serve.ts';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';

let folder: string;
beforeEach(async () => {
  folder = await initFolder('guessable');
});
afterEach(() => rm(folder, { recursive: true }));

async function started(command: typeof serveCommand): Promise<string> {
  let said = '';
  const { promise, resolve } = Promise.withResolvers<void>();
  const hear = (text: string): void => {
    said += text;
    if (text.includes('http://127.0.0.1:')) resolve();
  };
  const code = await runCommandLine([command], [command.name, '--port', '0'], {
    out: hear,
    err: hear,
    cwd: folder,
    env: {
      SHOP_URL: 'http://127.0.0.1:1',
      SHOP_KEY: 'a key',
      SHOP_WEBHOOK_SECRET: 'a secret',
      ADA: 'cnry-of-ada',
      VERA: 'dzC1Yt0nq3sL8vQx5mRk7hPw2bJf9gTa',
    },
    color: false,
    clock: systemClock,
    random: systemRandom,
    interrupted: () => promise,
  });
  expect(code, said).toBe(exit.clean);
  return said;
}

it.each([serveCommand, devCommand])(
  '$name names whose token could be guessed, and not the token',
  async (command) => {
    expect(await started(command), 'the one that is made could not').not.toContain('can be guessed');
    const file = join(folder, 'tenon.config.yaml');
    const operators =
      '[{ name: ada, role: operator, token: env:ADA }, { name: vera, role: viewer, token: env:VERA }]';
    const config = await readFile(file, 'utf8');
    await writeFile(file, config.replace('server: {', `server: { operators: ${operators},`));
    const said = await started(command);
    expect(said.match(/the token of (\w+) \(server\.operators\) can be guessed/g)).toEqual([
      'the token of ada (server.operators) can be guessed',
    ]);
    expect(said).not.toContain('cnry');
  },
);
