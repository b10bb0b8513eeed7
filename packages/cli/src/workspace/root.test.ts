import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CONFIG_FILE, readServerConfig } from './root.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenon-root-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('the address of a workspace’s own Tenon', () => {
  it.each([
    ['server: { host: "::1", port: 4800 }', 'http://[::1]:4800'],
    ['server: { host: localhost }', 'http://localhost:4700'],
    ['', 'http://127.0.0.1:4700'],
  ])('for "%s" is %s', async (text, url) => {
    await writeFile(join(folder, CONFIG_FILE), text);
    expect((await readServerConfig(folder)).url).toBe(url);
    expect(URL.canParse(url)).toBe(true);
  });
});
