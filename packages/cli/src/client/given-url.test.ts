import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { controlCommands } from '../commands/control.ts';
import { runsCommands } from '../commands/runs.ts';
import { sandboxCommands } from '../commands/sandbox.ts';
import { testConnectorCommand } from '../commands/test-connector.ts';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';
import { runCommand } from '../testing/run-command.ts';

const COMMANDS = [...controlCommands, ...runsCommands, ...sandboxCommands, testConnectorCommand];
let folder: string;
beforeEach(async () => {
  folder = await initFolder('given-urls');
});
afterEach(() => rm(folder, { recursive: true }));

const CALLS = [
  ['runs', 'ls', '--url'],
  ['pause', 'order-paid', '--reason', 'look', '--url'],
  ['deliver', 'shop.orderPaid', '--url'],
  ['test', 'connector', 'shop', '--target'],
];

it.each(CALLS)('an address with a password is refused, and not quoted: %s %s', async (...call) => {
  for (const address of ['https://ada:cnry-1@127.0.0.1:1', 'https//ada:cnry-1@127.0.0.1:1']) {
    const { code, said } = await runCommand(COMMANDS, [...call, address], {
      cwd: folder,
      env: { SHOP_WEBHOOK_SECRET: 'a secret' },
    });
    expect([code, said]).toEqual([exit.usage, expect.stringContaining('(argument-invalid)')]);
    expect(said).not.toContain('cnry');
  }
});

it('so is that of TENON_URL, which is named', async () => {
  const env = { TENON_URL: 'https://ada:cnry-1@127.0.0.1:1', SHOP_WEBHOOK_SECRET: 'a secret' };
  for (const call of [
    ['runs', 'ls'],
    ['deliver', 'shop.orderPaid'],
  ]) {
    const { code, said } = await runCommand(COMMANDS, call, { cwd: folder, env });
    expect([code, said]).toEqual([
      exit.usage,
      expect.stringMatching(/^TENON_URL holds a user or a password/),
    ]);
    expect(said).not.toContain('cnry');
  }
});

it('one without is called', async () => {
  const { code, said } = await runCommand(COMMANDS, ['runs', 'ls', '--url', 'http://127.0.0.1:1'], {
    cwd: folder,
  });
  expect([code, said]).toEqual([
    exit.failed,
    expect.stringContaining('no Tenon answers at http://127.0.0.1:1'),
  ]);
});
