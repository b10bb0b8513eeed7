import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import { runCommandLine } from '../command.ts';
import { initFolder } from '../testing/init-folder.ts';
import { runCommand } from '../testing/run-command.ts';
import { withTokensOf } from '../testing/with-tokens-of.ts';
import { healthCommand } from './health.ts';

describe('tenon health', () => {
  it('asks the health call and nothing else, and says which connection does not answer', async () => {
    const folder = await initFolder('health');
    const asked: string[] = [];
    let status = 200;
    const shop = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.writeHead(status, { 'content-type': 'application/json' }).end('{"open":true}');
    });
    await new Promise<void>((listening) => shop.listen(0, '127.0.0.1', listening));
    const { port } = shop.address() as AddressInfo;
    const look = async (): Promise<{ code: number; health: unknown }> => {
      let out = '';
      const code = await runCommandLine([healthCommand], ['health', '--format', 'json'], {
        out: (text) => {
          out += text;
        },
        err: () => {},
        cwd: folder,
        env: { SHOP_URL: `http://127.0.0.1:${port}`, SHOP_KEY: 'a key' },
        color: false,
        clock: systemClock,
        random: systemRandom,
        interrupted: () => new Promise(() => {}),
      });
      return { code, health: JSON.parse(out).health };
    };
    expect(await look()).toMatchObject({
      code: 0,
      health: [{ connection: 'shop', operation: 'getStatus', ok: true }],
    });
    status = 503;
    expect(await look()).toMatchObject({ code: 3, health: [{ ok: false, failure: { class: 'transient' } }] });
    expect(asked).toEqual(['GET /status', 'GET /status']);
    shop.close();
    await rm(folder, { recursive: true });
  });

  it('says of a connection whose token URL is not set which variable that is', async () => {
    const folder = await initFolder('health-tokens');
    await withTokensOf('tokens.shop.example', folder);
    const config = join(folder, 'tenon.config.yaml');
    const text = await readFile(config, 'utf8');
    await writeFile(
      config,
      text.replace('    credentials:', '    tokenUrls: { key: env:SHOP_TOKENS }\n    credentials:'),
    );
    const env = { SHOP_URL: 'http://127.0.0.1:1', SHOP_KEY: 'a key', SHOP_ID: 'id' };
    const { out, code } = await runCommand([healthCommand], ['health', '--format', 'json'], {
      cwd: folder,
      env,
    });
    const message = 'set the environment variable SHOP_TOKENS to the token URL of key';
    expect([JSON.parse(out).health, code]).toMatchObject([
      [{ connection: 'shop', failure: { code: 'CONNECTION_ADDRESS_UNSET', message } }],
      3,
    ]);
    await rm(folder, { recursive: true });
  });
});
