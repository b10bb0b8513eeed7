import { rm } from 'node:fs/promises';
import { systemClock } from '@tenon/model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';
import { runCommand } from '../testing/run-command.ts';
import { serveCommand } from './serve.ts';

let folder: string;
beforeAll(async () => {
  folder = await initFolder('stopping');
});
afterAll(() => rm(folder, { recursive: true }));

/** The kinds of the lines that a `serve` logs which is told to stop once a timer is set, or at once. */
async function kinds(when: 'at once' | 'while it starts'): Promise<{ code: number; kinds: string[] }> {
  const { promise: interrupted, resolve: stop } = Promise.withResolvers<void>();
  if (when === 'at once') stop();
  const { code, out } = await runCommand([serveCommand], ['serve', '--port', '0'], {
    cwd: folder,
    env: { SHOP_URL: 'http://127.0.0.1:9', SHOP_KEY: 'k', SHOP_WEBHOOK_SECRET: 'whsec_c2VjcmV0' },
    interrupted: () => interrupted,
    clock: {
      ...systemClock,
      setTimer: (delayMs, fire) => {
        stop();
        return systemClock.setTimer(delayMs, fire);
      },
    },
  });
  const lines = out.trim().split('\n');
  return { code, kinds: lines.map((line) => String((JSON.parse(line) as { kind: unknown }).kind)) };
}

describe('serve that is told to stop before it serves', () => {
  it('opens nothing', async () => {
    expect(await kinds('at once')).toEqual({ code: exit.clean, kinds: ['stopping'] });
  });

  it('closes what it has opened, and can be started again', async () => {
    for (const _ of [1, 2]) {
      const { code, kinds: said } = await kinds('while it starts');
      expect(code).toBe(exit.clean);
      expect(said).toContain('stopping');
      expect(said).not.toContain('serving');
    }
  });
});
