import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';
import { runCommand } from '../testing/run-command.ts';
import { testCommand } from './test.ts';

let folder: string;
beforeEach(async () => {
  folder = await initFolder('contract-tests');
  await mkdir(join(folder, 'generated/shop'), { recursive: true });
});
afterEach(() => rm(folder, { recursive: true }));

const run = (...argv: string[]) => runCommand([testCommand], ['test', ...argv], { cwd: folder });

/** Where nothing listens: it was given, and is given up. */
async function nowhere(): Promise<string> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}/v1`;
}

async function ownTest(text: string): Promise<void> {
  await writeFile(join(folder, 'generated/shop/own.test.ts'), text);
}

describe('a provider that cannot be reached', () => {
  it.each(['--against', '--provider'])('is said once, and is no finding about it (%s)', async (option) => {
    await ownTest("import { test } from 'vitest';\ntest('is not run', () => { throw new Error('run'); });\n");
    const url = await nowhere();
    const { code, said } = await run('shop', option, url);
    expect(said.match(/provider-unreachable/g)).toHaveLength(2);
    expect(said).toMatch(
      /^error provider-unreachable {2}http:\/\/127\.0\.0\.1:\d+\/v1 cannot be reached: ECONNREFUSED/,
    );
    expect(said).not.toMatch(/contract-drift|own\.test/);
    expect(code).toBe(exit.failed);
  });

  it('is none of these where it answers anything at all', async () => {
    await ownTest("import { test } from 'vitest';\ntest('holds', () => {});\n");
    const server = await serving((_request, response) => response.writeHead(503).end());
    expect(await run('shop', '--against', server.url)).toMatchObject({ code: exit.clean });
    server.close();
  });

  it('is said of one that goes away in the middle, too', async () => {
    const server = await serving((request, response) => {
      response.end();
      if (request.url === '/v1/last') server.close();
    });
    await ownTest(`import { test } from 'vitest';
test('asks', async () => {
  await fetch(process.env.TENON_PROVIDER_URL + '/last', { headers: { connection: 'close' } });
  await fetch(process.env.TENON_PROVIDER_URL);
});
`);
    const { code, said } = await run('shop', '--against', server.url);
    expect(said).toContain('provider-unreachable');
    expect(said).not.toContain('contract-drift');
    expect(code).toBe(exit.failed);
  });
});

async function serving(
  answer: Parameters<typeof createServer>[1] & object,
): Promise<{ readonly url: string; close(): void }> {
  const server: Server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = (): void => {
    server.close();
    server.closeIdleConnections();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, close };
}
