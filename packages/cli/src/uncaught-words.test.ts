import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { exit } from './exit.ts';

const THROWS = `
  const once = setInterval(() => {
    if (process.listenerCount('uncaughtException') === 0) return;
    clearInterval(once);
    throw Object.assign(new Error('duplicate of ada@shop.example'), { detail: 'Key (email)=(ada@shop.example)' });
  }, 5);`;

async function endOf(env: Readonly<Record<string, string>>): Promise<{ code: unknown; said: string }> {
  const main = join(import.meta.dirname, 'process.ts');
  const preload = `data:text/javascript,${encodeURIComponent(THROWS)}`;
  const child = spawn(
    process.execPath,
    ['--conditions=source', '--import', preload, main, 'language-server', '--stdio'],
    { env: { PATH: process.env['PATH'], ...env } },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += String(chunk)));
  const [code] = await once(child, 'close');
  return { code, said };
}

it('an error that nobody caught ends the process without what it says of data, and with where it was', async () => {
  const { code, said } = await endOf({});
  expect(code).toBe(exit.failed);
  expect(said).toMatch(/^tenon itself failed: Error\b/);
  expect(said).toContain('Timeout');
  expect(said).toContain('TENON_DEBUG=1');
  expect(said).not.toContain('ada@shop.example');
});

it('and with its message for whoever asks', async () => {
  const { said } = await endOf({ TENON_DEBUG: '1' });
  expect(said).toContain('duplicate of ada@shop.example');
  expect(said, 'what else it carries is not for a log').not.toContain('Key (email)');
});
