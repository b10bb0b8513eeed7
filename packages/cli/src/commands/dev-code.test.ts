import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { initFolder } from '../testing/init-folder.ts';

let folder: string;
let dev: ChildProcess;
let said: string;

/** Answers every delivery whose `x-word` is this one; a module of its own, so that what is imported is taken anew too. */
const scheme = (word: string): string => `import { said } from './said.cjs';
export const scheme = {
  parsers: { 'application/json': (body: Uint8Array) => ({ payload: JSON.parse(Buffer.from(body).toString()) }) },
  read: (headers: Record<string, string>) => ({ signatures: [Buffer.from(headers['x-word'] + said)], sentAtMs: Date.now() }),
  matches: ({ signatures }: { signatures: Buffer[] }) => String(signatures[0]) === '${word}!',
  sign: () => ({ 'x-word': '${word}' }),
};
`;
const entry = `import { defineConnector } from '@tenon/connector';
import { scheme } from './scheme.ts';
export default defineConnector({ webhookSchemes: { 'own-word': scheme } });
`;

beforeEach(async () => {
  folder = await initFolder('dev-code');
  await mkdir(join(folder, 'connectors/shop/src'));
  await code('scheme.ts', scheme('one'));
  await code('said.cjs', "exports.said = '!';\n");
  await code('index.ts', entry);
  await manifest('standard-webhooks', 'own-word, id: /orderId');
  said = '';
  dev = spawn(
    process.execPath,
    [
      '--conditions=source',
      join(import.meta.dirname, '../main.ts'),
      '--in',
      folder,
      'dev',
      ...['--port', '0'],
    ],
    {
      env: {
        PATH: process.env['PATH'],
        SHOP_URL: 'http://127.0.0.1:9',
        SHOP_KEY: 'k',
        SHOP_WEBHOOK_SECRET: 'w',
      },
    },
  );
  for (const stream of [dev.stdout!, dev.stderr!])
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
});
afterEach(async () => {
  if (dev.exitCode === null) {
    dev.kill('SIGTERM');
    await once(dev, 'exit');
  }
  await rm(folder, { recursive: true });
});

describe('`tenon dev`, of the code of a connector', { timeout: 120_000 }, () => {
  it('takes every change: of the entry, and of what it imports', async () => {
    const first = await served();
    expect(await delivered(first, 'one')).toBe(202);

    const second = await served(() => code('scheme.ts', scheme('two')));
    expect(await delivered(second, 'one')).toBe(401);
    expect(await delivered(second, 'two')).toBe(202);

    const third = await served(() => code('said.cjs', "exports.said = '?!';\n"));
    expect(await delivered(third, 'two')).toBe(401);
    const fourth = await served(() => code('said.cjs', "exports.said = '!';\n"));
    expect(await delivered(fourth, 'two')).toBe(202);

    // What Node does not strip is loaded in another way.
    const fifth = await served(() => code('scheme.ts', `enum Mode { fast }\n${scheme('three')}void Mode;\n`));
    expect(await delivered(fifth, 'three')).toBe(202);
    const sixth = await served(() => code('scheme.ts', `enum Mode { fast }\n${scheme('four')}void Mode;\n`));
    expect(await delivered(sixth, 'four')).toBe(202);
  });

  it.each([
    [
      'does not parse',
      () => code('scheme.ts', 'export const scheme = {\n'),
      'connectors/shop/src/scheme.ts:1:1: ',
    ],
    ['throws', () => code('index.ts', "throw new Error('boom');\n"), 'connectors/shop/src/index.ts:1:7: '],
    ['lacks a scheme', () => manifest('own-word', 'own-nope'), 'verifies orderPaid by own-nope'],
    [
      'lacks a transport',
      () => manifest('contract: shop', 'contract: shop\ntransport: own'),
      'transport: own',
    ],
  ])('goes on with what ran where it %s', async (_, breaking, message) => {
    const url = await served();
    said = '';
    await breaking();
    await expect
      .poll(() => said, { timeout: 60_000 })
      .toContain('still serving what was there before the edit');
    expect(said).toContain(message);
    expect(said).toContain(`on ${url}:`);
    expect(await delivered(url, 'one')).toBe(202);
    const mended = await served(async () => {
      await code('scheme.ts', scheme('two'));
      await code('index.ts', entry);
      await manifest('own-nope', 'own-word');
      await manifest('contract: shop\ntransport: own', 'contract: shop');
    });
    expect(await delivered(mended, 'two')).toBe(202);
  });

  it('goes back to what ran where only the start itself fails', async () => {
    const url = await served();
    said = '';
    // No database: found out once what ran is closed.
    const config = join(folder, 'tenon.config.yaml');
    const text = await readFile(config, 'utf8');
    await writeFile(config, text.replace('.tenon/tenon.db', 'owners.yaml'));
    await expect
      .poll(() => said, { timeout: 60_000 })
      .toContain('still serving what was there before the edit');
    const [, back] = /before the edit, on (\S+):/.exec(said)!;
    expect(back).not.toBe(url);
    expect(await delivered(back!, 'one')).toBe(202);
  });
});

async function code(name: string, text: string): Promise<void> {
  await writeFile(join(folder, 'connectors/shop/src', name), text);
}

async function manifest(before: string, after: string): Promise<void> {
  const path = join(folder, 'connectors/shop/connector.yaml');
  const text = await readFile(path, 'utf8');
  if (text.includes(before)) await writeFile(path, text.replace(before, after));
}

/** Where it serves after this. */
async function served(change?: () => Promise<void>): Promise<string> {
  if (change) {
    said = '';
    await change();
  }
  await expect.poll(() => said, { timeout: 60_000 }).toMatch(/serving on http:\S+?;/);
  return /serving on (http:\S+?);/.exec(said)![1]!;
}

let delivery = 0;
async function delivered(url: string, word: string): Promise<number> {
  delivery += 1;
  const answer = await fetch(`${url}/hooks/shop/orderPaid`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-word': word },
    body: JSON.stringify({
      id: `evt_${delivery}`,
      orderId: `ord_${delivery}`,
      occurredAt: '2026-11-30T00:00:00Z',
    }),
  });
  return answer.status;
}
